"""The bytes of a serialized predictor: which format they have, how far they expand, what they name.

Nothing here loads anything: formats are told by their first bytes, and a pickle is only read as
a list of instructions.
"""

import bz2
import itertools
import lzma
import pickletools
import re
import zlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import Protocol

from perfpredict.errors import InvalidInputError, StoreUnusableError

MAX_BLOB_BYTES = 256 * 2**20
MAX_EXPANDED_BYTES = 512 * 2**20
"""More than this after decompression is taken for an attack on the memory."""

_CHUNK_BYTES = 2**20
_SUPPORTED = "supported are pickle and joblib files and LightGBM's text format"


class BlobFormat(StrEnum):
    """How a stored predictor is written."""

    PICKLE = "pickle"
    """Pickle or joblib, compressed or not: loading it runs code."""
    LIGHTGBM = "lightgbm"
    """LightGBM's text format: trees as text, no code."""
    RESIDUAL = "residual"
    """Our own: JSON around LightGBM text or ridge coefficients, no code."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = ...) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PickleListing:
    """What a pickle names, read without running it."""

    global_names: tuple[str, ...]
    """`module.name` of every class and function that loading would import."""
    is_complete: bool
    """False where raw arrays lie between the instructions, behind which more could be named."""


def detect_format(blob: bytes, file_name: str = "") -> BlobFormat:
    """Return the format of `blob`; InvalidInputError for one that cannot be used here."""
    suffix = PurePath(file_name).suffix.casefold()
    if suffix in {".onnx", ".skops", ".pt", ".pth", ".h5", ".keras", ".safetensors"}:
        raise InvalidInputError(f"cannot store a {suffix[1:]} file", hint=_SUPPORTED)
    check_size(len(blob))
    if blob.startswith(b"tree\n") or blob.startswith(b"tree\r\n"):
        return BlobFormat.LIGHTGBM
    if blob.startswith(b'{"format": "perfpredict residual'):
        return BlobFormat.RESIDUAL
    if blob.startswith(b"PK\x03\x04"):
        raise InvalidInputError("a zip archive is not a predictor", hint=_SUPPORTED)
    if not _is_pickle(blob):
        raise InvalidInputError("this file is not a serialized predictor", hint=_SUPPORTED)
    return BlobFormat.PICKLE


def check_size(byte_count: int, limit: int = MAX_BLOB_BYTES) -> None:
    """Raise InvalidInputError for a blob that is empty or larger than `limit` bytes."""
    if byte_count == 0:
        raise InvalidInputError("the serialized predictor is empty")
    if byte_count > limit:
        raise InvalidInputError(
            f"the serialized predictor has {byte_count / 2**20:.1f} MiB, "
            f"more than {limit / 2**20:.0f} MiB",
        )


def expand(blob: bytes, limit: int = MAX_EXPANDED_BYTES) -> bytes:
    """Return `blob` decompressed by zlib, gzip, bzip2 or xz, as joblib would; else as it is.

    Raises StoreUnusableError for damage and for more than `limit` bytes.
    """
    opener = _decompressor(blob)
    if opener is None:
        return blob
    parts: list[bytes] = []
    size = 0
    pending = blob
    try:
        while not opener.eof:
            part = opener.decompress(pending, _CHUNK_BYTES)
            # zlib hands the rest of its input back, bz2 and lzma keep it
            pending = getattr(opener, "unconsumed_tail", b"")
            size += len(part)
            _check_expanded(size, limit)
            parts.append(part)
            if not part and not pending and not opener.eof:
                raise StoreUnusableError("the serialized predictor is damaged: cut short")
    except (zlib.error, lzma.LZMAError, OSError) as exc:
        raise StoreUnusableError(f"the serialized predictor is damaged: {exc}") from exc
    return b"".join(parts)


def compressed(blob: bytes, level: int) -> bytes:
    """Return a pickle compressed by zlib, as joblib reads it; what is compressed stays as it is."""
    if level == 0 or _decompressor(blob) is not None or blob[:1] != b"\x80":
        return blob
    return zlib.compress(blob, level)


def list_globals(blob: bytes) -> PickleListing:
    """Return the names that loading the pickle `blob` would import; nothing is loaded."""
    content = expand(blob)
    names: dict[str, None] = {}
    strings: list[str] = []
    memo: dict[int, str] = {}
    is_complete = True
    try:
        for opcode, argument, _ in pickletools.genops(content):
            _note_name(opcode.name, argument, strings, memo, names)
    except (ValueError, UnicodeDecodeError, IndexError):
        is_complete = False
        names.update(dict.fromkeys(_scan_for_names(content)))
    return PickleListing(global_names=tuple(sorted(names)), is_complete=is_complete)


def _check_expanded(size: int, limit: int) -> None:
    if size > limit:
        raise StoreUnusableError(
            f"the serialized predictor expands to more than {limit / 2**20:.0f} MiB"
        )


def _note_name(
    code: str, argument: object, strings: list[str], memo: dict[int, str], names: dict[str, None]
) -> None:
    """Follow one instruction as far as needed to know the names that GLOBAL ones refer to."""
    if code in {"GLOBAL", "INST"}:
        names[str(argument).replace(" ", ".", 1)] = None
    elif code == "STACK_GLOBAL" and len(strings) >= 2:
        names[f"{strings[-2]}.{strings[-1]}"] = None
    elif code == "MEMOIZE" or code in {"PUT", "BINPUT", "LONG_BINPUT"}:
        place = len(memo) if code == "MEMOIZE" else int(str(argument))
        # only strings matter; any other object must still use up its place
        memo[place] = strings[-1] if strings else ""
    elif code in {"GET", "BINGET", "LONG_BINGET"}:
        strings.append(memo.get(int(str(argument)), ""))
    elif isinstance(argument, str):
        strings.append(argument)


_TEXT_GLOBAL = re.compile(rb"c([A-Za-z_][\w.]{0,200})\n([A-Za-z_][\w.]{0,200})\n")
_STACK_GLOBAL = re.compile(
    rb"\x8c.([A-Za-z_][\w.]{0,200})\x94?\x8c.([A-Za-z_][\w.]{0,200})\x94?\x93", re.DOTALL
)


def _scan_for_names(content: bytes) -> list[str]:
    """Return whatever looks like an import instruction, wherever it stands."""
    found = itertools.chain(_TEXT_GLOBAL.finditer(content), _STACK_GLOBAL.finditer(content))
    return [f"{match[1].decode()}.{match[2].decode()}" for match in found]


def _decompressor(blob: bytes) -> _Decompressor | None:
    if blob[:1] == b"\x78":
        return zlib.decompressobj()
    if blob[:2] == b"\x1f\x8b":
        return zlib.decompressobj(wbits=31)
    if blob[:3] == b"BZh":
        return bz2.BZ2Decompressor()
    if blob[:6] == b"\xfd7zXZ\x00" or blob[:3] == b"\x5d\x00\x00":
        return lzma.LZMADecompressor()
    return None


def _is_pickle(blob: bytes) -> bool:
    if blob[:1] == b"\x80" or _decompressor(blob) is not None:
        return True
    try:
        # protocol 0 and 1 have no mark of their own
        return sum(1 for _ in pickletools.genops(blob)) > 1
    except (ValueError, UnicodeDecodeError, IndexError):
        return False
