"""The name of a team store, which never shows its password; importable without DuckDB."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from perfpredict.errors import InvalidInputError

SCHEMES = ("postgresql", "postgres")
_SECRET_PARAMETERS = ("password", "sslpassword")
_HOST = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(:[0-9]*)?")


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """One PostgreSQL database that a team shares; as text its password is `***`."""

    url: str = field(repr=False)

    def __post_init__(self) -> None:
        if not _is_readable(self.url):
            # its text may show a part of the password
            raise InvalidInputError(
                "db: this postgresql:// URL cannot be read",
                hint="of a name or password write / as %2F, ? as %3F, # as %23, @ as %40, "
                "a space as %20",
            )
        if not urlsplit(self.url).path.strip("/"):
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

    @property
    def names(self) -> tuple[str, ...]:
        """User, hosts and database, which `doctor --redact` does not tell."""
        parts = urlsplit(self.url)
        users, _, addresses = parts.netloc.rpartition("@")
        user = users.partition(":")[0]
        hosts = [found[1] for one in addresses.split(",") if (found := _HOST.fullmatch(one))]
        return (user, unquote(user), *hosts, self.name)

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


def _is_readable(url: str) -> bool:
    """Return whether `url` has its parts where they seem to be, so that its password is known."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    user, _, hosts = parts.netloc.rpartition("@")
    beyond = parts.path if parts.path.strip("/") else parts.path + parts.query
    is_whole = "@" not in user + beyond and "#" not in url and not any(map(str.isspace, url))
    return is_whole and all(_HOST.fullmatch(host) for host in hosts.split(","))
