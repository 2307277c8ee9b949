"""What a shell completes the values of options with; nothing here opens the database."""

from collections.abc import Iterable

from perfpredict.domain.device import Platform
from perfpredict.domain.precision import Precision
from perfpredict.domain.workload import Mode, Phase


def precisions(incomplete: str) -> list[str]:
    """Return the precisions that begin so."""
    return _beginning(Precision, incomplete)


def modes(incomplete: str) -> list[str]:
    """Return the modes that begin so."""
    return _beginning(Mode, incomplete)


def phases(incomplete: str) -> list[str]:
    """Return the phases that begin so."""
    return _beginning(Phase, incomplete)


def platforms(incomplete: str) -> list[str]:
    """Return the platforms that begin so."""
    return _beginning(Platform, incomplete)


def hardware(incomplete: str) -> list[str]:
    """Return the lists of devices and platforms whose last item begins so."""
    from perfpredict.catalog.devices import load_builtin

    done, comma, last = incomplete.rpartition(",")
    names = [*Platform, *load_builtin()]
    return [f"{done}{comma}{name}" for name in _beginning(names, last)]


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [str(name) for name in names if str(name).startswith(incomplete.casefold())]
