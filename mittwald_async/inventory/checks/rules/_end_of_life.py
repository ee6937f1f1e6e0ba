"""What checks of old software share: one row per installed version, held against the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from msgspec.structs import replace

from ..check import Hit, InventoryReader
from ..end_of_life import end_of_life, products

SOON = timedelta(days=180)
"""How far ahead an end of support is reported: half a year, about what moving a site to a new version takes an agency."""

_RUNTIMES = frozenset({"php", "node", "python", "ruby"})


def system_software(state: InventoryReader) -> Iterator[tuple[str, str, Hit]]:
    """PHP and the like of every app: name, version, and the app as a hit."""
    subject = "coalesce(r.description, r.short_id)"
    software = (
        "(SELECT group_concat(json_extract(s.value, '$.name') || char(31) || json_extract(s.value, '$.externalVersion'), "
        "char(30)) FROM json_each(r.data, '$.systemSoftware') s)"
    )
    for hit in state.hits("app_installation", subject, software, "json_array_length(r.data, '$.systemSoftware') > 0"):
        for installed in hit.detail.split("\x1e"):
            name, _, version = installed.partition("\x1f")
            if name.lower() in _RUNTIMES:
                yield name, version, hit


def apps(state: InventoryReader) -> Iterator[tuple[str, str, Hit]]:
    """Every installed app of a kind the table knows: name, version, hit."""
    names = ", ".join(f"'{name}'" for name in sorted(products() - _RUNTIMES))
    detail = "r.app_name || char(31) || r.app_external_version"
    where = f"lower(r.app_name) IN ({names})"
    for hit in state.hits("app_installation", "coalesce(r.description, r.short_id)", detail, where):
        name, _, version = hit.detail.partition("\x1f")
        yield name, version, hit


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
