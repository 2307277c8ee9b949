"""Results of gates as continuous integration reads them: GitHub annotations and JUnit XML."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree


@dataclass(frozen=True, slots=True, kw_only=True)
class CiResult:
    """One checked thing; `failure` says what is wrong, None where nothing is."""

    group: str
    name: str
    failure: str | None = None
    skipped: str | None = None
    """Why it could not be checked, None where it was."""


def ci_text(suite: str, results: Sequence[CiResult], wanted: str) -> str:
    """Return `results` as `github` (what failed or was skipped) or as `junit`."""
    return _github(results) if wanted == "github" else _junit(suite, results)


def _github(results: Sequence[CiResult]) -> str:
    lines: list[str] = []
    for one in results:
        if one.failure is not None:
            lines.append(f"::error::{_annotation(one.failure)}")
        elif one.skipped is not None:
            lines.append(f"::warning::{_annotation(one.skipped)}")
    return "".join(f"{line}\n" for line in lines)


def _junit(suite: str, results: Sequence[CiResult]) -> str:
    root = ElementTree.Element(
        "testsuite",
        name=suite,
        tests=str(len(results)),
        failures=str(sum(one.failure is not None for one in results)),
        skipped=str(sum(one.skipped is not None for one in results)),
    )
    for one in results:
        case = ElementTree.SubElement(root, "testcase", classname=one.group, name=one.name)
        if one.failure is not None:
            ElementTree.SubElement(case, "failure", message=one.failure)
        elif one.skipped is not None:
            ElementTree.SubElement(case, "skipped", message=one.skipped)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _annotation(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
