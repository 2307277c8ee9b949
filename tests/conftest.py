"""Options of the whole suite, known whatever part of it is selected."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("trials", "how often the trials repeat themselves")
    group.addoption(
        "--trials",
        choices=("reduced", "full"),
        default="reduced",
        help="counts of the repeated trials in tests/trials: reduced (default) or full",
    )
    group.addoption(
        "--trial-results",
        metavar="FILE",
        default=None,
        help="append one JSON line per trial to FILE, for scripts/write_reliability.py",
    )
