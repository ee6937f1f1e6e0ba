"""What a handler answers with: a list, a value, nothing, bytes, or a refusal.

A handler works with plain JSON values; a value that is already JSON is a `msgspec.Raw`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeAlias

import msgspec


class Lazy(Protocol):
    """A list that may be generated while it is read. `list` and `range`-like classes qualify."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> Iterable[Any]: ...


class ListReply(msgspec.Struct, frozen=True):
    """A list, whole, filtered and ordered; paging cuts the page out and writes the headers. Wrapped lists
    (`{"leads": […]}`) are wrapped by the core as the facts say; further properties go to `extra`."""

    items: Lazy
    extra: dict[str, Any] = {}


class ValueReply(msgspec.Struct, frozen=True):
    """One JSON value. Without a status, the operation's first documented success."""

    data: Any
    status: int | None = None
    headers: dict[str, str] = {}


class EmptyReply(msgspec.Struct, frozen=True):
    """Success without a body."""

    status: int | None = None
    headers: dict[str, str] = {}


class ContentReply(msgspec.Struct, frozen=True):
    """Bytes, as they are; the core answers `Range` requests for them."""

    data: bytes
    content_type: str = "application/octet-stream"
    headers: dict[str, str] = {}
    status: int = 200
    breaks: bool = False
    """The connection breaks after the last byte, if the emulator's options say so."""


class Issue(msgspec.Struct, frozen=True):
    """One complaint of a ValidationError: `path` is where (`body.description`, `limit`), `type` the rule."""

    path: str
    message: str
    type: str = "format"


class Fail(Exception):
    """An error answer; raise it or return it. `refused` is the 412 that is final, recognised by its type."""

    def __init__(self, status: int, type: str, message: str, issues: Iterable[Issue] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.type = type
        self.message = message
        self.issues: tuple[Issue, ...] = tuple(issues)

    @classmethod
    def not_found(cls, what: str = "resource", id: str = "") -> Fail:
        return cls(404, "NotFound", f"{what} {id} not found".replace("  ", " "))

    @classmethod
    def forbidden(cls, message: str = "access denied; verify the permissions of your token") -> Fail:
        return cls(403, "PermissionDenied", message)

    @classmethod
    def invalid(cls, path: str, message: str, type: str = "format") -> Fail:
        return cls(400, "ValidationError", "request validation failed", (Issue(path, message, type),))

    @classmethod
    def refused(cls, message: str) -> Fail:
        return cls(412, "VError", message)

    @classmethod
    def conflict(cls, message: str) -> Fail:
        return cls(409, "Conflict", message)


Reply: TypeAlias = ListReply | ValueReply | EmptyReply | ContentReply | Fail
