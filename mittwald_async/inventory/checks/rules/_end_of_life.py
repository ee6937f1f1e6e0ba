"""What checks of old software share: apps with what they run on, and databases, held against the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

import msgspec

from ..check import InventoryReader, Judge, OfDetail
from ..end_of_life import EndOfLife, branches, end_of_life, products
from ..software import Software, software_of

SOON = timedelta(days=180)
"""How far ahead an end of support is reported: half a year, about what moving a site to a new version takes an
agency."""

_RUNTIMES = frozenset({"php", "node", "python", "ruby"})
_BETWEEN = "\x1d"

APP_NAME = "coalesce(r.description, r.short_id)"
APP = " || char(29) || ".join(
    f"coalesce({part}, '')"
    for part in ("r.app_name", "r.app_external_version", "json_extract(r.data, '$.systemSoftware')")
)
"""What `installed` takes apart."""
KEPT = "coalesce(r.deletion_requested, 0) = 0"
"""Of apps that are about to be deleted nothing is said."""

DATABASE_NAME = "r.name || coalesce(' ' || r.description, '')"


class Installed(NamedTuple):
    """An app, and what it runs on."""

    name: str
    version: str
    software: tuple[Software, ...]


# Most apps of an account are one of a few combinations.
@lru_cache(4096)
def installed(app: str) -> Installed:
    """An app from what SQL says of it as `APP`."""
    name, version, listed = app.split(_BETWEEN, 2)
    return Installed(name, version, software_of(listed))


Versions = Callable[[str], Iterable[tuple[str, str]]]
"""From the detail of a row to products and their versions."""


def runtimes(app: str) -> Iterable[tuple[str, str]]:
    """PHP and the like."""
    return ((one.name, one.version) for one in installed(app).software if one.name.lower() in _RUNTIMES)


def apps(app: str) -> Iterable[tuple[str, str]]:
    """The app itself, if it is of a kind the table knows."""
    found = installed(app)
    return [(found.name, found.version)] if found.name.lower() in products() - _RUNTIMES else []


def mysql(version: str) -> Iterable[tuple[str, str]]:
    return [("MySQL", version)]


def redis(version: str) -> Iterable[tuple[str, str]]:
    return [("Redis", version)]


class _Supported(NamedTuple):
    """A version, and the branch that says until when it is supported."""

    name: str
    version: str
    life: EndOfLife


@lru_cache(8192)
def _supported(versions: Versions, detail: str) -> Sequence[_Supported]:
    """Of the versions in a row those that the table knows."""
    found = ((name, version, end_of_life(name, version)) for name, version in versions(detail))
    return [_Supported(name, version, life) for name, version, life in found if life is not None]


class _Ending(msgspec.Struct, frozen=True):
    """Names versions of some branches. From one day to the next, the branches are mostly the same."""

    versions: Versions
    branches: Set[EndOfLife]
    ends: str

    def __call__(self, detail: str) -> Sequence[str]:
        return [
            f"{one.name} {one.version}: support of {one.life.branch} {self.ends} on {one.life.last_day}"
            for one in _supported(self.versions, detail)
            if one.life in self.branches
        ]


def ended(versions: Versions) -> Callable[[InventoryReader], Judge]:
    """Judges what no longer gets support."""
    return lambda state: OfDetail(_Ending(versions, branches(date.min, _today(state) - timedelta(days=1)), "ended"))


def ending(versions: Versions) -> Callable[[InventoryReader], Judge]:
    """Judges what gets support for another half a year at most."""
    return lambda state: OfDetail(_Ending(versions, branches(_today(state), _today(state) + SOON), "ends"))


def _today(state: InventoryReader) -> date:
    return date.fromisoformat(state.now[:10])
