"""What checks of old software share: one row per installed version, held against the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from ..check import Hit, InventoryReader
from ..end_of_life import end_of_life, products
from ..software import Software, software_of

SOON = timedelta(days=180)
"""How far ahead an end of support is reported: half a year, about what moving a site to a new version takes an agency."""

_RUNTIMES = frozenset({"php", "node", "python", "ruby"})


class Installed(NamedTuple):
    """An app, and what it runs on."""

    app: Hit
    name: str
    version: str
    software: tuple[Software, ...]


def installed(state: InventoryReader) -> list[Installed]:
    """All apps that are not about to be deleted, read once for all checks: their items are the largest of an inventory."""
    parts = ("r.app_name", "r.app_external_version", "json_extract(r.data, '$.systemSoftware')")
    detail = " || char(29) || ".join(f"coalesce({part}, '')" for part in parts)
    found = state.hits("app_installation", "coalesce(r.description, r.short_id)", detail, _KEPT)
    made: list[Installed] = []
    for hit in found:
        name, version, listed = hit.detail.split("\x1d", 2)
        made.append(Installed(hit, name, version, software_of(listed)))
    return made


_KEPT = "coalesce(r.deletion_requested, 0) = 0"


def runtimes(state: InventoryReader) -> Iterator[tuple[str, str, Hit]]:
    """PHP and the like of every app: name, version, and the app as a hit."""
    for one in state.once(installed):
        for software in one.software:
            if software.name.lower() in _RUNTIMES:
                yield software.name, software.version, one.app


def apps(state: InventoryReader) -> Iterator[tuple[str, str, Hit]]:
    """Every installed app of a kind the table knows: name, version, hit."""
    known = products() - _RUNTIMES
    for one in state.once(installed):
        if one.name.lower() in known:
            yield one.name, one.version, one.app


def databases(state: InventoryReader, table: str, product: str) -> Iterator[tuple[str, str, Hit]]:
    """Every database of a kind: product, version, hit."""
    for hit in state.hits(table, "r.name || coalesce(' ' || r.description, '')", "r.version", "r.version IS NOT NULL"):
        yield product, hit.detail, hit


def ended(state: InventoryReader, found: Iterable[tuple[str, str, Hit]]) -> Iterator[Hit]:
    """Those whose support is over."""
    today = date.fromisoformat(state.now[:10])
    for name, version, hit in found:
        life = end_of_life(name, version)
        if life is not None and life.last_day < today:
            yield replace(hit, detail=f"{name} {version}: support of {life.branch} ended on {life.last_day}")


def ending(state: InventoryReader, found: Iterable[tuple[str, str, Hit]]) -> Iterator[Hit]:
    """Those whose support ends within half a year."""
    today = date.fromisoformat(state.now[:10])
    for name, version, hit in found:
        life = end_of_life(name, version)
        if life is not None and today <= life.last_day <= today + SOON:
            yield replace(hit, detail=f"{name} {version}: support of {life.branch} ends on {life.last_day}")
