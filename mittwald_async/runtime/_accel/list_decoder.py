"""Lists of unions at the top of a body: look at one property of the bytes, then decode them as the right variant.

Inside a struct msgspec parses a union value to builtins before anyone can ask what it is, and converts those after.
The items of the outermost list can be had as bytes instead. Reading the constant property that names the variant and
then decoding the bytes a second time takes about half as long as builtins and conversion.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args, get_origin

import msgspec

from ..schema.typing_utils import is_stand_in
from ..structs import UnionStandIn, Unknown
from .compiled_unions import by_constant, by_key, hook_for

Read = Callable[[Any], Any]


def decoder_of(expected: Any) -> Read:
    """The fastest strict decoder of a type: from JSON bytes to a value, raising what msgspec raises."""
    inner: Any = (get_args(expected) or (None,))[0]
    if get_origin(expected) is list and is_stand_in(inner) and by_constant(inner)[1]:
        return _list_of(inner)
    return msgspec.json.Decoder(expected, dec_hook=hook_for(expected)).decode


def _list_of(stand_in: type[UnionStandIn]) -> Read:
    split = msgspec.json.Decoder(list[msgspec.Raw]).decode
    read = _reader(stand_in)
    return lambda body: [read(item) for item in split(body)]


def _reader(stand_in: type[UnionStandIn]) -> Read:
    """From the bytes of one union value to the value."""
    plain = msgspec.json.Decoder(stand_in, dec_hook=hook_for(stand_in)).decode
    name, table, steps = by_constant(stand_in)
    if not table:
        return plain
    rest = by_key(stand_in, steps)
    other = decoder_of(rest[0][1]) if len(rest) == 1 and steps + 1 == len(stand_in.plan) else plain
    shape: Any = msgspec.defstruct("Probe", [("constant", str, msgspec.field(name=name))], gc=False)
    probe: Read = msgspec.json.Decoder(shape).decode
    readers = {text: _variant_reader(variant, plain) for text, variant in table.items()}

    def read(item: Any) -> Any:
        try:
            reader = readers.get(probe(item).constant, other)
        except msgspec.ValidationError:
            reader = plain
        return reader(item)

    return read


def _variant_reader(variant: Any, plain: Read) -> Read:
    if not is_stand_in(variant):
        return decoder_of(variant)
    inner = _reader(variant)

    def read(item: Any) -> Any:
        made = inner(item)
        return plain(item) if made.__class__ is Unknown else made

    return read
