"""How stored objects are shown: some answers hold more than the object itself, like the users of a database."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

import msgspec

from .listing import Key, Keys
from .seeded import SeededAccount
from .webhooks import Webhook


class Objects(Protocol):
    """What a view or a clean-up needs of the world: its objects, and how they hang together."""

    @property
    def seeded(self) -> SeededAccount:
        """The account as it was generated."""
        ...

    @property
    def outbox(self) -> list[Webhook]:
        """Webhooks to be sent."""
        ...

    def now(self) -> str: ...

    def id(self, kind: str, key: Key) -> str: ...

    def is_deleted(self, kind: str, number: int) -> bool: ...

    def parent(self, kind: str, key: Key) -> Key | None: ...

    def above(self, kind: str, key: Key, ancestor: str) -> Key | None: ...

    def read(self, kind: str, key: Key) -> dict[str, Any]:
        """The object as stored: not to be changed in place."""
        ...

    def changed_objects(self, kind: str) -> dict[Key, dict[str, Any]]:
        """The stored objects of a kind: those that are not as they were generated."""
        ...

    def keys(self, kind: str, scope: tuple[str, Key] | None = None) -> Keys: ...

    def change(self, kind: str, key: Key, drop: Iterable[str] = (), /, **changes: Any) -> dict[str, Any]: ...

    def remove(self, kind: str, key: Key) -> None: ...

    def new_id(self, kind: str) -> str: ...

    def create(self, kind: str, parent_id: str | None, value: dict[str, Any]) -> str: ...


Present = Callable[[Objects, Key, dict[str, Any]], dict[str, Any]]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One way to show the objects of a kind."""

    name: str
    kind: str
    present: Present
    needs: tuple[str, ...]
    """Kinds whose changes show here as well."""


VIEWS: dict[str, View] = {}
BeforeDelete = Callable[[Objects, Key], None]
BEFORE_DELETE: dict[str, BeforeDelete] = {}
"""What happens before an object of a kind is deleted, beside the deletion of everything below it."""


AfterStep = Callable[[Objects, Key], object]
AFTER_STEP: dict[str, AfterStep] = {}
"""What the end of a phase can bring about beside changed properties."""


T = TypeVar("T")


def after_step(name: str) -> Callable[[Callable[[Objects, Key], T]], Callable[[Objects, Key], T]]:
    """Register something for `TransitionStep(then=name)`."""

    def register(function: Callable[[Objects, Key], T]) -> Callable[[Objects, Key], T]:
        AFTER_STEP[name] = function
        return function

    return register


def before_delete(kind: str) -> Callable[[BeforeDelete], BeforeDelete]:
    """Register what else a deletion brings about: links elsewhere that must not dangle."""

    def register(function: BeforeDelete) -> BeforeDelete:
        BEFORE_DELETE[kind] = function
        return function

    return register


def view(name: str, *, kind: str | None = None, needs: tuple[str, ...] = ()) -> Callable[[Present], Present]:
    """Register how a kind is shown. A view named like its kind is the normal one; the function gets the stored object
    and must not change it."""

    def register(present: Present) -> Present:
        VIEWS[name] = View(name=name, kind=kind or name, present=present, needs=needs)
        return present

    return register
