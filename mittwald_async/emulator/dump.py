"""A world's changes as JSON values, and back."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import msgspec

from .lifecycle import Transition
from .listing import Key
from .seeded import KINDS
from .state import World

_VERSION = 2

Rows = list[tuple[Key, dict[str, Any]]]


class Dump(msgspec.Struct, kw_only=True):
    """What a dump holds. Keys are numbers for generated objects, ids for created ones."""

    version: int
    epoch: float
    mfa: bool
    serial: int
    objects: dict[str, Rows]
    created: dict[str, list[Key]]
    below: list[tuple[str, str, list[Key]]]
    parents: list[tuple[str, Key, str]]
    deleted: dict[str, list[int]]
    moved: dict[str, list[int]]
    opened: list[int]
    extras: dict[str, dict[str, Any]]
    blobs: dict[str, str]
    transitions: list[tuple[str, Key, Transition]]


def dumped(world: World) -> Any:
    """The day it is dated by and everything that is not generated; seed and sizes are those of its account."""
    account = world.seeded
    dump = Dump(
        version=_VERSION,
        epoch=account.epoch,
        mfa=account.mfa,
        serial=world.serial,
        objects={kind: list(rows.items()) for kind, rows in world.objects.items() if rows},
        created={kind: keys for kind, keys in world.created.items() if keys},
        below=[(kind, parent, keys) for (kind, parent), keys in world.created_below.items() if keys],
        parents=[(kind, key, parent) for (kind, key), parent in world.parents.items()],
        deleted={kind: numbers for kind, numbers in world.deleted.items() if numbers},
        moved={kind: numbers for kind, numbers in world.moved.items() if numbers},
        opened=sorted(world.opened),
        extras=world.topics,
        blobs={name: b64encode(data).decode() for name, data in world.blobs.items()},
        transitions=[(kind, key, transition) for (kind, key), transition in world.transitions.running.items()],
    )
    return msgspec.json.decode(msgspec.json.encode(dump))


def restored(world: World, dumped: Any) -> None:
    """Replace the state of a world of the same seed and sizes. Raises ValueError, LookupError or TypeError if it cannot
    be read."""
    dump = msgspec.convert(dumped, Dump)
    if dump.version != _VERSION:
        raise ValueError(f"a state of version {dump.version}; this is version {_VERSION}")
    unknown = {*dump.objects, *dump.created, *dump.deleted, *dump.moved} - set(KINDS)
    if unknown:
        raise LookupError(f"unknown kinds: {', '.join(sorted(unknown))}")
    blobs = {name: b64decode(text, validate=True) for name, text in dump.blobs.items()}
    world.restart(epoch=dump.epoch, mfa=dump.mfa)
    world.serial = dump.serial
    for kind, rows in dump.objects.items():
        world.objects[kind] = dict(rows)
    world.created.update(dump.created)
    world.deleted.update(dump.deleted)
    world.moved.update(dump.moved)
    world.created_below = {(kind, parent): keys for kind, parent, keys in dump.below}
    world.parents = {(kind, key): parent for kind, key, parent in dump.parents}
    world.opened = set(dump.opened)
    world.topics = dump.extras
    world.blobs = blobs
    for kind, key, transition in dump.transitions:
        world.transitions.start((kind, key), transition)
