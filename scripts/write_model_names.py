"""Writes the names that shells complete: run it after a model is added to the catalog."""

from perfpredict.catalog.models import model_names
from perfpredict.catalog.name_index import MODEL_NAMES


def main() -> None:
    """Write one canonical name a line."""
    MODEL_NAMES.write_text("".join(f"{name}\n" for name in model_names()), encoding="utf-8")


if __name__ == "__main__":
    main()
