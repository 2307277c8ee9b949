"""The name of a team store, which never shows its password; importable without DuckDB."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from perfpredict.errors import InvalidInputError

SCHEMES = ("postgresql", "postgres")
_SECRET_PARAMETERS = ("password", "sslpassword")


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """One PostgreSQL database that a team shares; as text its password is `***`."""

    url: str = field(repr=False)

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
        except ValueError:
            # its text may hold the password
            raise InvalidInputError("db: this postgresql:// URL cannot be read") from None
        if not parts.path.strip("/"):
            raise InvalidInputError(
                f"db: '{self}' names no database",
                hint="a team store is named like postgresql://USER@HOST:5432/DATABASE",
            )

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        user, at, host = parts.netloc.rpartition("@")
        if ":" in user:
            user = f"{user.partition(':')[0]}:***"
        query = "&".join(
            f"{name}={'***' if name in _SECRET_PARAMETERS else value}"
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
        )
        address = f"{parts.scheme}://{user}{at}{host}{parts.path}"
        return f"{address}?{query}" if query else address

    @property
    def name(self) -> str:
        """The name of the database on its server, as a file has a name in its folder."""
        return unquote(urlsplit(self.url).path.strip("/"))

    def with_parameters(self, parameters: Mapping[str, str]) -> str:
        """Return the whole URL, secrets and all, with those of `parameters` it does not set."""
        parts = urlsplit(self.url)
        given = parse_qsl(parts.query, keep_blank_values=True)
        names = {name for name, _ in given}
        added = [(name, value) for name, value in parameters.items() if name not in names]
        # PostgreSQL takes a plus sign for itself, not for a space
        query = urlencode(given + added, quote_via=quote)
        return f"{parts.scheme}://{parts.netloc}{parts.path}?{query}"

    def without_secrets(self, text: str) -> str:
        """Return `text`, which a server or DuckDB wrote, without what must stay secret."""
        parts = urlsplit(self.url)
        password = parts.netloc.rpartition("@")[0].partition(":")[2]
        secrets = [value for name, value in parse_qsl(parts.query) if name in _SECRET_PARAMETERS]
        for secret in (password, unquote(password), *secrets):
            if secret:
                text = text.replace(secret, "***")
        return text
