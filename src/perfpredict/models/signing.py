"""The key with which this user vouches for serialized predictors, and the signature it makes."""

import contextlib
import hashlib
import hmac
import os
import secrets
import sys
from pathlib import Path

import platformdirs

from perfpredict.errors import InvalidInputError, UntrustedModelError

KEY_VARIABLE = "PERFPREDICT_SIGNING_KEY"
"""Environment variable with a key that a team shares; at least 16 characters."""

_PURPOSE = b"perfpredict stored predictor 1\0"
_KEY_BYTES = 32
_LEAST_KEY_BYTES = 16


def key_path() -> Path:
    """Return where this user's key lies, whether or not it exists."""
    return Path(platformdirs.user_config_dir("perfpredict", appauthor=False)) / "key"


def signing_key() -> bytes:
    """Return the team's key if one is set, else this user's, which is made if there is none."""
    shared = os.environ.get(KEY_VARIABLE)
    if shared is None:
        return _user_key(key_path())
    if len(shared.encode()) < _LEAST_KEY_BYTES:
        raise InvalidInputError(f"{KEY_VARIABLE} must have at least {_LEAST_KEY_BYTES} characters")
    return shared.encode()


def existing_key() -> bytes | None:
    """Return the key if there is one already; never makes one."""
    if os.environ.get(KEY_VARIABLE) is None and not key_path().exists():
        return None
    return signing_key()


def sha256_of(blob: bytes) -> str:
    """Return the SHA-256 of `blob` in hex digits."""
    return hashlib.sha256(blob).hexdigest()


def sign(sha256: str, key: bytes) -> str:
    """Return the HMAC-SHA-256 under `key`, in hex digits, of the bytes with this SHA-256.

    It is made of the checksum and not of the bytes, so a list can tell what is trusted without
    reading any blob.
    """
    return hmac.new(key, _PURPOSE + sha256.encode(), hashlib.sha256).hexdigest()


def is_signed(sha256: str, signature: str | None, key: bytes) -> bool:
    """Whether `signature` is the one that `key` makes for the bytes with this SHA-256."""
    if not signature:
        return False
    return hmac.compare_digest(sign(sha256, key).encode(), signature.encode())


def _user_key(path: Path) -> bytes:
    if not path.exists():
        try:
            _create_key(path)
        except OSError as exc:
            raise UntrustedModelError(
                f"no signing key can be made at '{path}': {exc.strerror}",
                hint="set PERFPREDICT_SIGNING_KEY, or make the folder writable",
            ) from exc
    if sys.platform != "win32" and path.stat().st_mode & 0o077:
        raise UntrustedModelError(
            f"the signing key '{path}' can be read or written by others",
            hint=f"make it yours alone: chmod 600 '{path}'",
        )
    key = path.read_bytes()
    if len(key) < _LEAST_KEY_BYTES:
        raise UntrustedModelError(
            f"the signing key '{path}' is damaged: {len(key)} bytes",
            hint="remove it; predictors signed with it must be trusted again",
        )
    return key


def _create_key(path: Path) -> None:
    """Write a new key whole or not at all; another process may do the same at this moment."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
        # where the other process was first, its key is the key
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
