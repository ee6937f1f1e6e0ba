"""What a sweep yields: rows and failures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from hashlib import blake2b
from struct import Struct
from typing import Any

import msgspec

from .. import codec
from ..errors import ResponseDecodeError
from .catalog import item_type, models_of


class Row(msgspec.Struct, frozen=True, gc=False):
    """One thing of the account: who it is, whose it is, and the item as the server sent it."""

    resource: str
    id: str | None
    """The item's own id; `None` for things that have none, such as log entries."""
    key: str
    """Unique among the rows of a resource in one sweep; the id where that is enough."""
    customer_id: str | None
    project_id: str | None
    fetched_at: datetime
    """When this version of the item was seen first."""
    operation: str
    """Operation id of the list it came in."""
    raw: bytes
    """The item's JSON, with every property the server sent."""
    drifted: bool = False
    """The item deviates from the document; it is kept as it came."""
    parent_id: str | None = None
    """Id of the thing the list hangs below, such as the database of a user; `None` for lists of the account, a customer
    or a project."""

    @property
    def data(self) -> Any:
        """The item as its model. Decoded at each use; deviations from the document are kept as received."""
        return _loads(self.operation, self.raw)


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A list that could not be fetched. The sweep continues with the others."""

    resource: str
    operation: str
    owner: str | None
    """Whose list: the id of the customer, project or parent; `None` for the account's."""
    customer_id: str | None
    project_id: str | None
    status: int | None
    error: str
    at: datetime

    def __str__(self) -> str:
        whose = f" of {self.owner}" if self.owner else ""
        return f"{self.resource}{whose}: {self.error}"


_unpack = Struct("<q").unpack
_EMPTY = blake2b(digest_size=8)


def content_hash(raw: bytes) -> int:
    """64 bits that stand for an item's JSON, signed as SQLite's integers are."""
    digest = _EMPTY.copy()  # Making one by its parameters takes longer than hashing an item.
    digest.update(raw)
    return _unpack(digest.digest())[0]  # type: ignore[no-any-return]


def _loads(operation_id: str, raw: bytes, *, strict: bool = False) -> Any:
    expected, models = _type_of(operation_id)
    return codec.loads(expected, raw, models=models, operation_id=operation_id, strict=strict)


@cache
def _type_of(operation_id: str) -> tuple[str, str]:
    """Type expression of an item, and the package whose modules it names."""
    return item_type(operation_id), models_of(operation_id)


@cache
def fits(operation_id: str) -> Callable[[bytes], bool]:
    """A test whether an item of this operation is what the document says."""

    def test(raw: bytes) -> bool:
        try:
            _loads(operation_id, raw, strict=True)
        except ResponseDecodeError:
            return False
        return True

    return test


@cache
def all_fit(operation_id: str) -> Callable[[bytes], bool]:
    """A test whether a JSON array of this operation's items is what the document says throughout. False where that
    takes a closer look at each: `fits` decides."""
    expected, models = _type_of(operation_id)
    decode = codec.strict_decoder(f"list[{expected}]", models=models)

    def test(page: bytes) -> bool:
        try:
            decode(page)
        except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError):
            return False
        return True

    return test
