"""What a caller is about to do with a database; importable without DuckDB."""

from enum import StrEnum


class Access(StrEnum):
    """A read never changes the file, not even its schema."""

    READ = "read"
    WRITE = "write"
