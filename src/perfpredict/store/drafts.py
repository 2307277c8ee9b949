"""Files made under another name first: what stands under the final name is always whole."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from perfpredict.store.file_checks import sync_folder, wal_path


@contextmanager
def drafted(target: Path, suffix: str) -> Iterator[Path]:
    """Yield a free path in the folder of `target`; what is left there afterwards is removed."""
    draft = target.with_name(f"{target.name}{suffix}")
    leftovers = (draft, wal_path(draft))
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    try:
        yield draft
    finally:
        for leftover in leftovers:
            # an error that brought us here is the one to tell
            with suppress(OSError):
                leftover.unlink(missing_ok=True)


def put_in_place(draft: Path, target: Path) -> None:
    """Give `draft` its final name, for good; what was there is replaced."""
    draft.replace(target)
    sync_folder(target.parent)


def copy_whole(source: Path, target: Path) -> None:
    """Copy `source` to `target`, which appears complete or not at all."""
    with drafted(target, ".part") as draft:
        shutil.copy2(source, draft)
        sync_file(draft)
        put_in_place(draft, target)


def write_whole(target: Path, data: bytes) -> None:
    """Write `data` to `target`, which appears complete or not at all."""
    with drafted(target, ".part") as draft:
        draft.write_bytes(data)
        sync_file(draft)
        put_in_place(draft, target)


def sync_file(path: Path) -> None:
    """Make the content of `path` last through a power failure."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
