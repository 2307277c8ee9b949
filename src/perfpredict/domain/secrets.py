"""Keeps passwords out of whatever is shown, kept or sent on."""

import re

HIDDEN = "***"
_USER_AND_PASSWORD = re.compile(r"([a-z][a-z0-9+.-]*:/{1,2}[^\s:/@?#]*):[^\s]*@", re.IGNORECASE)
"""As in `postgresql://ada:word@host`; a path has lost one of the slashes."""
_PARAMETER = re.compile(r"\b((?:ssl)?password)=[^&\s'\"]*", re.IGNORECASE)


def hide_passwords(text: str) -> str:
    """Return `text` with the passwords of the URLs in it replaced by `***`."""
    return _PARAMETER.sub(rf"\1={HIDDEN}", _USER_AND_PASSWORD.sub(rf"\1:{HIDDEN}@", text))
