"""The system software of an app, as its item lists it."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import msgspec


class Software(NamedTuple):
    """PHP, Composer and the like, in the version that an app has."""

    name: str
    version: str
    update_available: bool
    update_policy: str


class _Listed(msgspec.Struct, rename="camel", gc=False):
    name: str | None = None
    external_version: str | None = None
    update_available: bool | None = None
    update_policy: str | None = None


_decode = msgspec.json.Decoder(_Listed).decode
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode


# Most apps of an account have one of a few combinations.
@lru_cache(4096)
def software_of(array: str | None) -> tuple[Software, ...]:
    """The system software in a JSON array as `json_extract` gives it; what is not of the documented form is left
    out."""
    try:
        elements = _elements(array or "[]")
    except msgspec.DecodeError:
        return ()
    found: list[Software] = []
    for element in elements:
        try:
            one = _decode(element)
        except msgspec.DecodeError:
            continue
        found.append(
            Software(one.name or "", one.external_version or "", bool(one.update_available), one.update_policy or "")
        )
    return tuple(found)
