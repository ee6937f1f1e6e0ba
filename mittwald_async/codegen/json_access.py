"""Reading JSON of an expected shape: what is not there is empty, what has the wrong type is an error with its
pointer."""

from __future__ import annotations

from typing import Any, TypeGuard

from .errors import DocumentError, escaped

Json = dict[str, Any]


def is_object(value: object) -> TypeGuard[Json]:
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def mapping(value: object, pointer: str) -> Json:
    """The value as an object."""
    if not is_object(value):
        raise DocumentError("an object is needed here", pointer)
    return value


def sequence(value: object, pointer: str) -> list[Any]:
    """The value as an array."""
    if not is_array(value):
        raise DocumentError("an array is needed here", pointer)
    return value


def child(node: Json, key: str, pointer: str) -> Json:
    """An object inside an object; empty where there is none."""
    return mapping(node.get(key, {}), f"{pointer}/{escaped(key)}")


def children(node: Json, key: str, pointer: str) -> list[Any]:
    """An array inside an object; empty where there is none."""
    return sequence(node.get(key, []), f"{pointer}/{escaped(key)}")


def objects(node: Json, key: str, pointer: str) -> dict[str, Json]:
    """An object of objects, like `properties`."""
    found = child(node, key, pointer)
    return {name: mapping(part, f"{pointer}/{escaped(key)}/{escaped(name)}") for name, part in found.items()}


def names(node: Json, key: str, pointer: str) -> list[str]:
    """An array of texts, like `required`."""
    found = children(node, key, pointer)
    for number, name in enumerate(found):
        if not isinstance(name, str):
            raise DocumentError("a text is needed here", f"{pointer}/{escaped(key)}/{number}")
    return found


def number(node: Json, key: str, pointer: str) -> int | float | None:
    """A number inside an object, `None` where there is none."""
    found = node.get(key)
    if found is None or (isinstance(found, int | float) and not isinstance(found, bool)):
        return found
    raise DocumentError("a number is needed here", f"{pointer}/{escaped(key)}")


def size(node: Json, keys: tuple[str, str], pointer: str) -> int | None:
    """The first of two lengths that is there."""
    key = keys[0] if node.get(keys[0]) is not None else keys[1]
    found = number(node, key, pointer)
    return None if found is None else int(found)


def text(node: Json, key: str, pointer: str) -> str | None:
    """A text inside an object, `None` where there is none."""
    found = node.get(key)
    if found is None or isinstance(found, str):
        return found
    raise DocumentError("a text is needed here", f"{pointer}/{escaped(key)}")
