"""The key that vouches for serialized predictors."""

import os

import pytest

from perfpredict.errors import UntrustedModelError
from perfpredict.models import signing


def test_a_key_that_cannot_be_made_is_told_and_not_a_crash(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.delenv("PERFPREDICT_SIGNING_KEY", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", os.fspath(blocked))

    with pytest.raises(UntrustedModelError, match="no signing key can be made"):
        signing.signing_key()
