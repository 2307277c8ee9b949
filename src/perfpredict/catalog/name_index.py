"""Names alone, for shells that wait for them: no architecture, profile or device is read."""

from pathlib import Path

_FOLDER = Path(__file__).parent
MODEL_NAMES = _FOLDER / "model_names.txt"
"""What `models.model_names` returns, one a line; `scripts/write_model_names.py` writes it."""


def indexed_model_names() -> list[str]:
    """Return the canonical names of all models, sorted."""
    return MODEL_NAMES.read_text(encoding="utf-8").splitlines()


def builtin_device_names() -> list[str]:
    """Return the names of the shipped devices, sorted."""
    return sorted(path.stem for path in (_FOLDER / "device_files").glob("*.toml"))
