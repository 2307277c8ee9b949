"""The only room that speaks SQL; its modules are imported one by one, as DuckDB takes time."""

from perfpredict.store.access import Access

__all__ = ["Access"]
