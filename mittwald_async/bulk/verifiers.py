"""Verifiers: reading back whether a write was executed, for the operations where the API allows it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import msgspec

from ..client import Mittwald
from ..operations import OPERATIONS
from ..runtime import codec
from ..runtime.errors import InvalidArgumentError, NotFoundError
from ..runtime.operation import Operation
from ..runtime.paging import Pages
from ..runtime.structs import UNSET
from ..runtime.transport.encoding import arguments
from .records import CANNOT_TELL, DONE, NOT_DONE, Verified
from .verifier_table import READ_BACK, ReadBack

_MISSING: Any = object()


class WriteVerifier:
    """Reads back one operation. Called like `Mittwald.call`, with what the write was sent with.

    Attributes:
        operation_id: of the write.
        how: what it does, in words.
    """

    def __init__(self, operation_id: str, spec: ReadBack, marker: str | None) -> None:
        self.operation_id: str = operation_id
        self.how: str = spec.how
        self._spec = spec
        self._match = spec.unique or (spec.marker if marker is not None else None)
        self._read: Operation[Any] = OPERATIONS[spec.read]

    def __repr__(self) -> str:
        return f"<Verifier of {self.operation_id}: {self.how}>"

    async def __call__(
        self,
        mw: Mittwald,
        *,
        path: Mapping[str, object] | None = None,
        body: object = UNSET,
        **ignored: object,
    ) -> Verified:
        """Whether the write was executed.

        Args:
            mw: a client of the account.
            path, body: what was sent, by wire name.

        Returns:
            `DONE`, for a create `(DONE, {"id": …})`; `NOT_DONE`; `CANNOT_TELL`, where nothing of what was sent can be
            read, or several things fit.

        Raises:
            ApiClientError: it could not be read.
        """
        sent: Any = {} if body is UNSET or body is None else msgspec.json.decode(codec.encode(body))
        if self._spec.kind == "create":
            return await self._listed(mw, path or {}, sent)
        named = {parameter.wire for parameter in self._read.parameters if parameter.where == "path"}
        try:
            found = await mw.call(self._read.operation_id, path={k: v for k, v in (path or {}).items() if k in named})
        except NotFoundError:
            if self._spec.kind == "delete":
                return DONE
            raise
        if self._spec.kind == "delete":
            return NOT_DONE
        return self._compared(sent, msgspec.json.decode(codec.encode(found)))

    def _compared(self, sent: Any, found: Any) -> Verified:
        elsewhere = dict(self._spec.compare)
        if "" in elsewhere:
            return DONE if same(sent, _at(found, elsewhere[""])) else NOT_DONE
        readable = {name: value for name, value in sent.items() if name not in self._spec.unreadable}
        if not all(same(value, _at(found, str(elsewhere.get(name, name)))) for name, value in readable.items()):
            return NOT_DONE
        # Equality alone proves nothing if the request also sent something that cannot be read.
        return DONE if readable and len(readable) == len(sent) else CANNOT_TELL

    async def _listed(self, mw: Mittwald, path: Mapping[str, object], sent: Any) -> Verified:
        assert self._match is not None
        wanted = _at(sent, self._match[0])
        if wanted is _MISSING or wanted in (None, ""):
            return CANNOT_TELL
        own = {parameter.wire: parameter.where for parameter in self._read.parameters}
        query = {name: _at(sent, source) for name, source in self._spec.narrow}
        query = {name: value for name, value in query.items() if value is not _MISSING}
        query |= {name: value for name, value in path.items() if own.get(name) == "query"}
        place = {name: value for name, value in path.items() if own.get(name) == "path"}
        values = arguments(self._read, place, query, {})
        unique = self._spec.unique is not None  # an address or a hostname: the server has a spelling of its own
        ids: list[Any] = []
        async for item in Pages[Any](mw.sender, self._read, values, query):
            listed = msgspec.json.decode(codec.encode(item))
            there = _at(listed, self._match[1])
            if same(wanted, there) or (unique and _domain(str(wanted)) == _domain(str(there))):
                ids.append(listed.get("id", listed.get("apiTokenId")))
        if len(ids) > 1:
            return CANNOT_TELL
        return (DONE, {"id": ids[0]}) if ids else NOT_DONE


def verifier_for(operation_id: str, *, marker: str | None = None) -> WriteVerifier | None:
    """The function that verifies a write of an operation.

        check = bulk.verifier_for("project-update-project")
        journal.run(rows, rename, verify=lambda row: check(mw, path={"projectId": row["id"]}, body={…}))

    Args:
        operation_id: of the write.
        marker: for creates of things that have nothing unique: the property that you give a value of its own for each,
            which nothing else in the account has. `mittwald-async operations NAME` shows which one can be.

    Returns:
        `None` where the API has no way to tell, or only with a marker.

    Raises:
        InvalidArgumentError: the operation does not exist, or has no such marker.
    """
    Mittwald.find(operation_id)
    spec = READ_BACK.get(operation_id)
    if marker is not None and (spec is None or spec.marker is None or spec.marker[0] != marker):
        has = f"; it has {spec.marker[0]}" if spec is not None and spec.marker is not None else ""
        raise InvalidArgumentError("marker", f"{operation_id} cannot be found again by {marker!r}{has}")
    if spec is None or (spec.marker is not None and marker is None):
        return None
    return WriteVerifier(operation_id, spec, marker)


def _at(value: Any, place: str) -> Any:
    for name in place.split("."):
        if not isinstance(value, dict) or name not in value:
            return _MISSING
        value = cast("dict[str, Any]", value)[name]
    return value


def same(sent: Any, found: Any) -> bool:
    """Whether what is read is what was sent. The server may add properties, spell times differently, and leave out what
    is empty."""
    if found is _MISSING:
        return sent in (None, "", [], {}) and not isinstance(sent, bool)
    if isinstance(sent, dict) and isinstance(found, dict):
        pairs = cast("dict[str, Any]", sent)
        return all(same(value, _at(found, name)) for name, value in pairs.items())
    if isinstance(sent, list) and isinstance(found, list):
        left, right = cast("list[Any]", sent), cast("list[Any]", found)  # type: ignore[redundant-cast]
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(sent, str) and isinstance(found, str):
        return sent == found or _same_instant(sent, found)
    return bool(isinstance(sent, bool) == isinstance(found, bool) and sent == found)


def _domain(text: str) -> str:
    """An address or hostname in the one form it has; other text as it is."""
    local, at, domain = text.rpartition("@")
    if " " in text or "." not in domain or len(domain) > 253:
        return text
    try:
        return f"{local.casefold()}{at}{domain.encode('idna').decode().casefold()}"
    except UnicodeError:
        return text


def _same_instant(one: str, other: str) -> bool:
    try:
        left, right = datetime.fromisoformat(one), datetime.fromisoformat(other)
    except ValueError:
        return False
    return left.tzinfo is not None and right.tzinfo is not None and left == right
