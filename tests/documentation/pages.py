"""The fenced blocks of the documentation, and what a page says about each."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
RUN_PAGES = ("tutorial.md", *sorted(f"how-to/{p.name}" for p in (DOCS / "how-to").glob("*.md")))
"""Pages whose shell blocks run one after another, as a reader would run them."""
_BLOCK = re.compile(
    r"(?:^<!-- (?P<note>[^>]*) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block."""

    line: int
    language: str
    text: str
    note: str
    """What the comment above it says, such as `exits with 4` or `not run: why`."""

    @property
    def exit_code(self) -> int:
        """What its last command ends with."""
        said = re.fullmatch(r"exits with (\d+)", self.note)
        return int(said[1]) if said else 0

    @property
    def is_run(self) -> bool:
        """Whether the block runs; one that does not says why."""
        return self.language == "sh" and not self.note.startswith("not run: ")


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            line=text.count("\n", 0, found.start("text")),
            language=found["language"],
            text=found["text"],
            note=found["note"] or "",
        )
        for found in _BLOCK.finditer(text)
    ]


def script(page: Path) -> str:
    """Return the page as one Bash script that stops at the first block that does not hold."""
    return "".join(_checked(block) for block in blocks(page) if block.is_run)


def _checked(block: Block) -> str:
    if not block.exit_code:
        return f"{block.text}\n"
    wrong = f'echo "line {block.line}: ended with $ended" >&2; exit 99'
    return (
        f"set +e\n{block.text}\nended=$?\nset -e\n"
        f"[ $ended -eq {block.exit_code} ] || {{ {wrong}; }}\n"
    )
