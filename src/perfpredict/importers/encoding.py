"""Turns the bytes of a text file into text, refusing what would have to be guessed."""

import codecs

from perfpredict.errors import InvalidInputError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    # the mark of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode(name: str, data: bytes, encoding: str | None = None) -> str:
    """Return the text of `data`: by its byte-order mark, else `encoding`, else UTF-8.

    Raises InvalidInputError naming file and line where the bytes are no such text.
    """
    for mark, marked in _MARKS:
        if data.startswith(mark):
            return _decode(name, data[len(mark) :], marked)
    text = _decode(name, data, encoding or "utf-8")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InvalidInputError(
            f"{name}:{line}: not a text file (it has zero bytes)",
            hint="--encoding utf-16, if that is what wrote it",
        )
    return text


def _decode(name: str, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        byte = f"byte 0x{data[exc.start]:02x}" if exc.start < len(data) else "cut off"
        hint = "--encoding latin-1, if that is what wrote it" if encoding == "utf-8" else None
        raise InvalidInputError(f"{name}:{line}: not {encoding} text ({byte})", hint=hint) from exc
    except LookupError as exc:
        raise InvalidInputError(
            f"no text encoding named '{encoding}'", hint="utf-8, utf-16, latin-1, cp1252 …"
        ) from exc
