"""How stored objects are shown: some answers hold more than the object itself, like the users of a database."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from .listing import Key

if TYPE_CHECKING:
    from .state import World

Present = Callable[["World", Key, dict[str, Any]], dict[str, Any]]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One way to show the objects of a kind."""

    name: str
    kind: str
    present: Present
    needs: tuple[str, ...]
    """Kinds whose changes show here as well."""


VIEWS: dict[str, View] = {}
Farewell = Callable[["World", Key], None]
FAREWELLS: dict[str, Farewell] = {}
"""What happens before an object of a kind is deleted, beside the deletion of everything below it."""


def farewell(kind: str) -> Callable[[Farewell], Farewell]:
    """Register what else a deletion brings about: links elsewhere that must not dangle."""

    def register(function: Farewell) -> Farewell:
        FAREWELLS[kind] = function
        return function

    return register


def view(name: str, *, kind: str | None = None, needs: tuple[str, ...] = ()) -> Callable[[Present], Present]:
    """Register how a kind is shown. A view named like its kind is the normal one; the function gets the stored object
    and must not change it."""

    def register(present: Present) -> Present:
        VIEWS[name] = View(name=name, kind=kind or name, present=present, needs=needs)
        return present

    return register
