"""Options of the whole suite, known whatever part of it is selected."""

import re

import pytest
from hypothesis import settings

# a busy machine is no failure: nothing here is timed
settings.register_profile("untimed", settings.get_profile("default"), deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("trials", "how often the trials repeat themselves")
    group.addoption(
        "--trials",
        metavar="HOW",
        type=_trial_counts,
        default="reduced",
        help="counts of the trials in tests/trials: reduced (default), full, or 10%% of that",
    )
    group.addoption(
        "--trial-results",
        metavar="FILE",
        default=None,
        help="append one JSON line per trial to FILE, for scripts/write_reliability.py",
    )
    stores = parser.getgroup("stores", "what the tests of the store run on")
    stores.addoption(
        "--store",
        choices=("file", "postgres"),
        default="file",
        help="run tests/store on database files (default) or on a PostgreSQL server of their own",
    )


def _trial_counts(text: str) -> str:
    if text in {"reduced", "full"} or re.fullmatch(r"[1-9][0-9]?%", text):
        return text
    raise pytest.UsageError(f"--trials must be reduced, full or a share like 10%, got '{text}'")
