"""Invented values: they conform to the schema and are the same for the same seed and key, whenever they are asked
for."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from ..runtime.structs import Constraints
from .shapes import Choice, Fixed, FreeObject, Many, Record, Scalar, Shape, Shapes, Words

_DEEP = 4
"""Levels below which nothing optional is invented."""
_WORDS = [
    "altona",
    "barmbek",
    "chemnitz",
    "dortmund",
    "espelkamp",
    "flensburg",
    "goslar",
    "husum",
    "ilmenau",
    "jena",
    "kassel",
    "lemgo",
    "minden",
    "norden",
    "oldenburg",
    "potsdam",
    "quedlinburg",
    "rahden",
    "soest",
    "trier",
    "uelzen",
    "verden",
    "worms",
    "xanten",
    "zwickau",
]


class ValueDice:
    """Numbers that follow from a text."""

    __slots__ = ("_count", "_pool", "_text", "epoch")

    def __init__(self, text: str, epoch: float = 0.0) -> None:
        self.epoch: float = epoch
        """Unix seconds before which invented moments lie."""
        self._text = text
        self._count = 0
        self._pool = b""

    def number(self, below: int) -> int:
        """0 to below - 1; below is at most 2**32."""
        if len(self._pool) < 8:
            self._count += 1
            self._pool += hashlib.blake2b(f"{self._text}#{self._count}".encode()).digest()
        taken, self._pool = self._pool[:8], self._pool[8:]
        return int.from_bytes(taken, "big") % below

    def word(self) -> str:
        return _WORDS[self.number(len(_WORDS))]

    def hex(self, length: int) -> str:
        return "".join("0123456789abcdef"[self.number(16)] for _ in range(length))


class Generator:
    """Makes values for one seed, dated before the epoch (Unix seconds)."""

    def __init__(self, shapes: Shapes, seed: int, epoch: float) -> None:
        self.epoch: float = epoch
        self._shapes = shapes
        self.seed = seed

    def value(self, type: str, *key: object, known: dict[str, Any] | None = None, **more: Any) -> Any:
        """A JSON value of that type expression.

        Args:
            key: what it belongs to; same key, same value.
            known: top-level properties by wire name that are not to be invented; keyword arguments are added to them.
        """
        return self.make(self._shapes.expression(type), f"{type} {'/'.join(map(str, key))}", {**(known or {}), **more})

    def make(self, shape: Shape, key: str, known: dict[str, Any] | None = None) -> Any:
        """As `value`, for a shape."""
        made = _make(shape, ValueDice(f"{self.seed} {key}", self.epoch), "", 0)
        if not known or not isinstance(made, dict):
            return made
        values: dict[str, Any] = made  # pyright: ignore[reportUnknownVariableType]
        fields = fields_of(shape)
        return values | {name: item for name, item in known.items() if fields is None or name in fields}


def fields_of(shape: Shape) -> Any:
    """Field names of a record-like shape, `None` for anything else."""
    return shape.fields if isinstance(shape, Record | Fixed) else None


_BY_NAME: dict[str, Callable[[ValueDice], Any]] = {
    "certificateType": lambda dice: dice.number(4),
    "published": lambda dice: True,
    "restartPolicy": lambda dice: "unless-stopped",
    "recoveryCodesList": lambda dice: dice.hex(16),
    "blacklist": lambda dice: _formatted("email", dice),
    "whitelist": lambda dice: _formatted("email", dice),
}
"""What the document says of these properties and the models do not carry: numbers as words, constants, limits of
items."""


def _make(shape: Shape, dice: ValueDice, name: str, depth: int) -> Any:
    if name in _BY_NAME and isinstance(shape, Scalar):
        return _BY_NAME[name](dice)
    if isinstance(shape, Words):
        return shape.values[dice.number(len(shape.values))]
    if isinstance(shape, Scalar):
        return _scalar(shape, dice, name)
    if isinstance(shape, Many):
        least = shape.limits.min_length or 0
        most = min(least + 2, shape.limits.max_length if shape.limits.max_length is not None else least + 2)
        count = least if depth > _DEEP else least + dice.number(most - least + 1)
        return _distinct([_make(shape.item, dice, name, depth + 1) for _ in range(max(count, least))], least)
    if isinstance(shape, FreeObject):
        return {} if depth > _DEEP else {dice.word(): _make(shape.value, dice, name, depth + 1)}
    if isinstance(shape, Choice):
        return _make(_chosen(shape, dice, depth), dice, name, depth)
    made: dict[str, Any] = {}
    for wire, field in shape.fields.items():
        if field.required or (depth <= _DEEP and dice.number(10) < 7):
            made[wire] = _make(field.shape, dice, wire, depth + 1)
    return made


def _chosen(shape: Choice, dice: ValueDice, depth: int) -> Shape:
    """Deep down the simplest option, so that recursion ends."""
    if depth > _DEEP:
        simple = [option for option in shape.options if isinstance(option, Scalar | Words)]
        if simple:
            return simple[0]
    return shape.options[dice.number(len(shape.options))]


def _distinct(items: list[Any], least: int) -> list[Any]:
    """Arrays are often sets."""
    kept: list[Any] = []
    for item in items:
        if item not in kept or len(items) <= least:
            kept.append(item)
    return kept


def _scalar(shape: Scalar, dice: ValueDice, name: str) -> Any:
    limits = shape.limits
    match shape.kind:
        case "str":
            return _text(limits, dice, name)
        case "int":
            return int(_between(limits, dice))
        case "float":
            return float(_between(limits, dice))
        case "bool":
            return dice.number(2) == 1
        case "null":
            return None
        case "bytes":
            return dice.hex(16)
        case "any":
            return {}


def _between(limits: Constraints, dice: ValueDice) -> float:
    low = limits.minimum if limits.minimum is not None else min(0.0, limits.maximum or 0.0)
    high = limits.maximum if limits.maximum is not None else low + 100
    span = max(int(high - low), 0)
    return low + dice.number(min(span, 2**31) + 1)


def _text(limits: Constraints, dice: ValueDice, name: str) -> str:
    text = (
        _patterned(limits.pattern, dice)
        if limits.pattern
        else _formatted(limits.format or _FORMAT_BY_NAME.get(name, ""), dice)
    )
    if limits.min_length and len(text) < limits.min_length:
        text += dice.hex(limits.min_length - len(text))
    return text if limits.max_length is None else text[: limits.max_length]


_FORMAT_BY_NAME = {"id": "uuid", "email": "email", "url": "uri", "domain": "hostname", "hostname": "hostname"}
"""What a name says where the document says nothing."""


def _formatted(format: str, dice: ValueDice) -> str:
    match format:
        case "uuid":
            return str(uuid.UUID(hex=dice.hex(32), version=4))
        case "date-time":
            return _moment(dice).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        case "date":
            return _moment(dice).strftime("%Y-%m-%d")
        case "email" | "idn-email":
            return f"{dice.word()}@{dice.word()}.example"
        case "uri" | "url":
            return f"https://{dice.word()}.example/{dice.word()}"
        case "hostname" | "idn-hostname" | "idn-dnsname" | "naked-domain":
            return f"{dice.word()}-{dice.word()}.example"
        case "ipv4":
            return f"192.0.2.{dice.number(256)}"
        case "ipv6":
            return f"2001:db8::{dice.hex(4)}"
        case "byte" | "base64":
            return dice.hex(16)
        case _:
            return f"{dice.word()}-{dice.word()}"


def _moment(dice: ValueDice) -> datetime:
    return datetime.fromtimestamp(dice.epoch, UTC) - timedelta(seconds=dice.number(3 * 365 * 86400))


_PATTERNED = (
    "info@altona.example",
    "DE",
    "12345678",
    "p100000",
    "+49-571-1234567",
    "altona",
    "Altona",
    "ALTONA",
    "1",
    "10",
    "a1",
    "/altona",
    "altona.example",
)


def _patterned(pattern: str, dice: ValueDice) -> str:
    """A text that matches. The document's few patterns are simple; the candidates cover their kinds."""
    fitting = [text for text in _PATTERNED if re.search(pattern, text)]
    return fitting[dice.number(len(fitting))] if fitting else dice.word()
