"""What an item of a list is known by: its id, or what the list calls it instead."""

from __future__ import annotations

import re
from typing import Any, cast

import msgspec

_PARAMETER = re.compile(r"\{([^}]*)\}")


class ItemKeys:
    """The keys of one list's items.

    Not every list's items have an `id`: those of `/domains` have a `domainId`. Where there is no such property, the one
    whose name ends in `Id` is taken, if there is one only beside the owners that the path names; else the item is known
    by its content.

    Args:
        path: template of the list's path.
    """

    def __init__(self, path: str) -> None:
        self._owners = frozenset(_PARAMETER.findall(path))
        words = [part for part in path.split("/") if part and not part.startswith("{")]
        self._own = f"{_camel(_singular(words[-1]))}Id" if words else "id"
        self._known: dict[type, str | None] = {}

    def of(self, item: Any) -> object | None:
        """What distinguishes this item from others; `None` if nothing does."""
        if isinstance(item, msgspec.Struct):
            name = self._attribute(type(item))
            return _content(item) if name is None else _text(getattr(item, name))
        if isinstance(item, dict):
            members = cast("dict[str, Any]", item)
            wire = self._wire(list(members))
            return _content(members) if wire is None else _text(members[wire])
        return None

    def _attribute(self, model: type[msgspec.Struct]) -> str | None:
        if model not in self._known:
            names = {field.encode_name: field.name for field in msgspec.structs.fields(model)}
            wire = self._wire(list(names))
            self._known[model] = None if wire is None else names[wire]
        return self._known[model]

    def _wire(self, names: list[str]) -> str | None:
        for name in ("id", self._own):
            if name in names:
                return name
        others = [name for name in names if name.endswith("Id") and name not in self._owners]
        return others[0] if len(others) == 1 else None


def _text(value: Any) -> object | None:
    return value if isinstance(value, str | int) else None


def _content(item: Any) -> bytes | None:
    try:
        return msgspec.msgpack.encode(item)
    except (TypeError, ValueError, OverflowError):
        return None


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word.removesuffix("s")


def _camel(word: str) -> str:
    first, *rest = word.split("-")
    return first + "".join(part.capitalize() for part in rest)


class LastPage:
    """Notices a page that repeats the one before: its server ignores where a page is to start. Keeps no page alive."""

    __slots__ = ("_ends",)

    def __init__(self) -> None:
        self._ends: tuple[object, ...] | None = None

    def is_repeated_by(self, items: list[Any]) -> bool:
        """Whether the items are those of the page before; from now on they are."""
        ends = (len(items), items[0], items[len(items) // 2], items[-1]) if items else None
        repeated = ends is not None and ends == self._ends
        self._ends = ends
        return repeated
