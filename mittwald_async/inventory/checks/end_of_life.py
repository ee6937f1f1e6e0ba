"""Until when versions of software get security fixes: a dated table with its sources."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple


class EndOfLife(NamedTuple):
    """The branch of a product that a version belongs to, and the last day of its support."""

    product: str
    branch: str
    last_day: date
    source: str


@cache
def _table() -> Mapping[str, Mapping[str, object]]:
    text = files("mittwald_async.inventory.checks").joinpath("end_of_life.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def products() -> frozenset[str]:
    """Software the table knows, in lower case."""
    return frozenset(_table())


@lru_cache(4096)
def end_of_life(product: str, version: str) -> EndOfLife | None:
    """When support of a version ends.

    Args:
        product: name in any case, such as `PHP` or `TYPO3`.
        version: such as `8.2.27`; the longest branch that it begins with counts.

    Returns:
        `None` where the table does not know the product or the branch.
    """
    product = product.strip().lower()
    known = _table().get(product)
    if known is None:
        return None
    parts = version.strip().removeprefix("v").split(".")
    for length in range(len(parts), 0, -1):
        branch = ".".join(parts[:length])
        last_day = known.get(branch)
        if isinstance(last_day, date):
            return EndOfLife(product, branch, last_day, str(known["source"]))
    return None


@lru_cache(8)
def branches(first: date, last: date) -> frozenset[EndOfLife]:
    """Those whose support ends on one of these days, both included."""
    return frozenset(
        EndOfLife(product, branch, last_day, str(known["source"]))
        for product, known in _table().items()
        for branch, last_day in known.items()
        if isinstance(last_day, date) and first <= last_day <= last
    )
