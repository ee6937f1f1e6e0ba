"""An account in memory whose objects change state over time, read through the generated methods."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any, TypeVar, cast

from mittwald_async.api.app import AppGroup
from mittwald_async.api.backup import BackupGroup
from mittwald_async.api.container import ContainerGroup
from mittwald_async.api.contract import ContractGroup
from mittwald_async.api.cronjob import CronjobGroup
from mittwald_async.api.database import DatabaseGroup
from mittwald_async.api.domain import DomainGroup
from mittwald_async.api.groups import Groups
from mittwald_async.api.mail import MailGroup
from mittwald_async.api.project import ProjectGroup
from mittwald_async.errors import ClientStateError, NotFoundError
from mittwald_async.runtime.operation import Operation, Response, Sender
from mittwald_async.runtime.structs import UNSET
from mittwald_async.waiting import Waiters
from tests.support.clock import VirtualClock

T = TypeVar("T")


class Account(Sender):
    """Sender and client in one.

    Attributes:
        things: what exists, by id: a function from seconds since the start to an object or `None` (not there yet).
        trouble: called with the operation id before every response; may raise.
        asked: `(seconds, operation id, path)` of every request.
        page: maximum of items per page.
        writes: changes made by this client: seconds since the start, and the moment by the server's clock.
    """

    def __init__(self) -> None:
        self.things: dict[str, Callable[[float], Any]] = {}
        self.trouble: Callable[[str], object] = lambda operation_id: None
        self.asked: list[tuple[float, str, tuple[object, ...]]] = []
        self.latency = 0.0
        self.page = 1000
        self.began = asyncio.get_running_loop().time()
        self.budget: tuple[int | None, float | None] | None = None
        self.project = ProjectGroup(self)
        self.app = AppGroup(self)
        self.backup = BackupGroup(self)
        self.container = ContainerGroup(self)
        self.contract = ContractGroup(self)
        self.cronjob = CronjobGroup(self)
        self.mail = MailGroup(self)
        self.writes: dict[str, tuple[float, datetime]] = {}
        self.sender = self
        self.database = DatabaseGroup(self)
        self.domain = DomainGroup(self)

    @property
    def rate_limit(self) -> SimpleNamespace:
        if self.budget is None:
            raise ClientStateError("not open")
        return SimpleNamespace(remaining=self.budget[0], resets_in=self.budget[1])

    @property
    def now(self) -> float:
        # To the microsecond, since a turn of the virtual loop takes a nanosecond.
        return round(asyncio.get_running_loop().time() - self.began, 6)

    def waiters(self, chance: float = 0.5) -> Waiters:
        return Waiters(cast("Groups", self), clock=VirtualClock(), chance=lambda: chance)

    def last_write(self, id: str) -> tuple[float, datetime] | None:
        found = self.writes.get(id)
        return None if found is None else (self.now - found[0], found[1])

    def asked_for(self, operation_id: str) -> list[float]:
        return [at for at, asked, _ in self.asked if asked == operation_id]

    async def response(
        self,
        operation: Operation[T],
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = UNSET,
    ) -> Response[T]:
        now = self.now
        self.asked.append((now, operation.operation_id, tuple(path)))
        await asyncio.sleep(self.latency)
        self.trouble(operation.operation_id)
        there = {name: thing for name, make in self.things.items() if (thing := make(now)) is not None}
        reported: dict[str, str] = {}
        data: Any
        if operation.paging is not None:
            query = query or {}
            scope = path[0] if path else query.get("projectId")
            listed = [thing for thing in there.values() if scope is None or scope in (thing.project_id, thing.within)]
            limit, skip = query.get("limit"), query.get("skip") or 0
            assert isinstance(skip, int)
            size = min(limit, self.page) if isinstance(limit, int) else len(listed)
            if isinstance(limit, int):
                reported = {"X-Pagination-TotalCount": str(len(listed)), "X-Pagination-Limit": str(size)}
            data = listed[skip : skip + size]
        else:
            data = there.get(str(path[-1]))
            if data is None:
                raise NotFoundError("not there", status=404)
        return Response(
            data=data, status=200, headers=reported, method="GET", url="/", operation_id=operation.operation_id
        )


def thing(id: str = "x", **values: Any) -> SimpleNamespace:
    return SimpleNamespace(id=id, **{"project_id": "p", "within": None, **values})


def states(
    *steps: tuple[float, str | None], make: Callable[[str], Any] = lambda state: thing(status=state)
) -> Callable[[float], Any]:
    """An object that enters each state at its second; `None` means that it does not exist."""

    def at(now: float) -> Any:
        current = None
        for second, state in steps:
            if now >= second:
                current = state
        return None if current is None else make(current)

    return at
