"""Lists of unions at the top of a body: look at one property of each item, then decode its bytes as the right variant.

Inside a struct msgspec parses a union value to builtins before its hook is asked what it is, and converts those after.
The items of the outermost list are available as bytes instead. One pass over the body reads the constants that name the
variants, one splits it into items, and each item is decoded as what it is. Measured by `python -m benchmarks accel`: 21
% of decoding conversation messages, beyond what compiled unions gain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args, get_origin

import msgspec

from ..schema.typing_utils import is_stand_in
from ..structs import UnionStandIn, Unknown
from . import compiled_unions, tagged_lists
from .compiled_unions import by_constant, by_key, hook_for

Read = Callable[[Any], Any]


def decoder_of(expected: Any) -> Read:
    """The fastest strict decoder of a type: from JSON bytes to a value, raising what msgspec raises."""
    inner: Any = (get_args(expected) or (None,))[0]
    if get_origin(expected) is list and is_stand_in(inner) and by_constant(inner)[1]:
        tagged, split = tagged_lists.decoder_of(inner), list_of(inner)
        return split if tagged is None else _first(tagged, split)
    return compiled_unions.decoder_of(expected)


def _first(tagged: Read, split: Read) -> Read:
    """As twins where every item is as documented, else item by item."""

    def read(body: Any) -> Any:
        try:
            return tagged(body)
        except msgspec.ValidationError:
            return split(body)

    return read


def list_of(stand_in: type[UnionStandIn]) -> Read:
    """The decoder of a list of a union that reads each item's constant before it decodes the item."""
    plain = _plain(list[stand_in], stand_in)  # type: ignore[valid-type]
    choices = _Choices(stand_in)
    split = msgspec.json.Decoder(list[msgspec.Raw]).decode
    probes = msgspec.json.Decoder(list[choices.probe]).decode  # type: ignore[name-defined]
    reader_for, other = choices.readers.get, choices.other

    def read(body: Any) -> Any:
        try:
            found = probes(body)
        except msgspec.ValidationError:  # an item without the constant, or with one that is not text
            return plain(body)
        return [reader_for(probe.constant, other)(item) for probe, item in zip(found, split(body), strict=True)]

    return read


class _Choices:
    """The readers of a union's variants, by the constant that names them."""

    def __init__(self, stand_in: type[UnionStandIn]) -> None:
        plain = _plain(stand_in, stand_in)
        name, table, steps = by_constant(stand_in)
        rest = by_key(stand_in, steps)
        self.probe: Any = msgspec.defstruct("Probe", [("constant", str, msgspec.field(name=name))], gc=False)
        self.readers = {text: _variant_reader(variant, plain) for text, variant in table.items()}
        self.other = decoder_of(rest[0][1]) if len(rest) == 1 and steps + 1 == len(stand_in.plan) else plain


def _plain(expected: Any, stand_in: type[UnionStandIn]) -> Read:
    return msgspec.json.Decoder(expected, dec_hook=hook_for(stand_in)).decode


def _variant_reader(variant: Any, plain: Read) -> Read:
    """From the bytes of one union value, known to name this variant, to the value."""
    if not is_stand_in(variant):
        return decoder_of(variant)
    if not by_constant(variant)[1]:
        return _or_plain(_plain(variant, variant), plain)
    choices = _Choices(variant)
    probe = msgspec.json.Decoder(choices.probe).decode
    reader_for, other = choices.readers.get, choices.other

    def read(item: Any) -> Any:
        try:
            reader = reader_for(probe(item).constant, other)
        except msgspec.ValidationError:
            reader = plain
        return reader(item)

    return _or_plain(read, plain)


def _or_plain(read: Read, plain: Read) -> Read:
    """What the inner union cannot place, the outer one may."""

    def read_or_plain(item: Any) -> Any:
        made = read(item)
        return plain(item) if made.__class__ is Unknown else made

    return read_or_plain
