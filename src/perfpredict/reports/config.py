"""Reports of the `config` group."""

from collections.abc import Sequence

from perfpredict.reports.report import Column, ColumnKind, Report

_KEY = Column("key", kind=ColumnKind.ID, priority=0)
_VALUE = Column("value", kind=ColumnKind.ID, priority=0)
_ORIGIN = Column("origin", kind=ColumnKind.ID, priority=1)

SHOW_COLUMNS = (_KEY, _VALUE, _ORIGIN)


def shown_settings(settings: Sequence[tuple[str, str | None, str]], *, with_origin: bool) -> Report:
    """Return one row for each setting: key, value and, where asked for, its origin."""
    rows = [{"key": key, "value": value, "origin": origin} for key, value, origin in settings]
    return Report("config-show", SHOW_COLUMNS if with_origin else SHOW_COLUMNS[:2], rows)


SET_COLUMNS = (_KEY, _VALUE, Column("file", kind=ColumnKind.ID))


def written_setting(key: str, value: str, file: str) -> Report:
    """Return what was written, and where."""
    row = {"key": key, "value": value, "file": file}
    return Report("config-set", SET_COLUMNS, [row], is_single=True)


PATH_COLUMNS = (Column("path", kind=ColumnKind.ID),)


def config_path(path: str) -> Report:
    """Return where this user's settings file is."""
    return Report("config-path", PATH_COLUMNS, [{"path": path}], is_single=True)
