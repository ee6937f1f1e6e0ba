"""A world's changes as JSON values, and back."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

import msgspec

from .account import KINDS, Account
from .lifecycle import Course
from .listing import Key

if TYPE_CHECKING:
    from .state import World

_VERSION = 1

Rows = list[tuple[Key, dict[str, Any]]]


class Dump(msgspec.Struct, kw_only=True):
    """What a dump holds. Keys are numbers for generated objects, ids for created ones."""

    version: int
    seed: int
    customers: int
    projects: int
    foreign: int
    mfa: bool
    created: int
    objects: dict[str, Rows]
    born: dict[str, list[Key]]
    below: list[tuple[str, str, list[Key]]]
    parents: list[tuple[str, Key, str]]
    gone: dict[str, list[int]]
    moved: dict[str, list[int]]
    opened: list[int]
    extra: dict[str, dict[str, Any]]
    blobs: dict[str, str]
    courses: list[tuple[str, Key, Course]]


def dumped(world: World) -> Any:
    """Seed, sizes and everything that is not generated."""
    account = world.seeded
    dump = Dump(
        version=_VERSION,
        seed=account.seed,
        customers=account.customers,
        projects=account.projects,
        foreign=account.foreign,
        mfa=account.mfa,
        created=world.created,
        objects={kind: list(rows.items()) for kind, rows in world.objects.items() if rows},
        born={kind: keys for kind, keys in world.born.items() if keys},
        below=[(kind, parent, keys) for (kind, parent), keys in world.born_below.items() if keys],
        parents=[(kind, key, parent) for (kind, key), parent in world.parents.items()],
        gone={kind: numbers for kind, numbers in world.gone.items() if numbers},
        moved={kind: numbers for kind, numbers in world.moved.items() if numbers},
        opened=sorted(world.opened),
        extra=world.extra,
        blobs={name: b64encode(data).decode() for name, data in world.blobs.items()},
        courses=[(kind, key, course) for (kind, key), course in world.courses.running.items()],
    )
    return msgspec.json.decode(msgspec.json.encode(dump))


def restored(world: World, dumped: Any) -> None:
    """Replace a world's state. Raises ValueError, LookupError or TypeError if it cannot be read."""
    dump = msgspec.convert(dumped, Dump)
    if dump.version != _VERSION:
        raise ValueError(f"a state of version {dump.version}; this is version {_VERSION}")
    unknown = {*dump.objects, *dump.born, *dump.gone, *dump.moved} - set(KINDS)
    if unknown:
        raise LookupError(f"unknown kinds: {', '.join(sorted(unknown))}")
    blobs = {name: b64decode(text, validate=True) for name, text in dump.blobs.items()}
    world.reset(Account(dump.seed, dump.customers, dump.projects, dump.foreign, dump.mfa))
    world.created = dump.created
    for kind, rows in dump.objects.items():
        world.objects[kind] = dict(rows)
    world.born.update(dump.born)
    world.gone.update(dump.gone)
    world.moved.update(dump.moved)
    world.born_below = {(kind, parent): keys for kind, parent, keys in dump.below}
    world.parents = {(kind, key): parent for kind, key, parent in dump.parents}
    world.opened = set(dump.opened)
    world.extra = dump.extra
    world.blobs = blobs
    for kind, key, course in dump.courses:
        world.courses.start((kind, key), course)
