"""What is sent to a worker, and what comes back: names and numbers, never a token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from ..inventory import Account

TaskState = Literal["done", "incomplete", "failed"]


class AccountTask(msgspec.Struct, frozen=True, kw_only=True):
    """One account to sweep, or one part of a large one. It is pickled to other machines."""

    lake: str
    """Folder or URL of the data set."""
    run: str
    account: Account
    resources: tuple[str, ...]
    part: int = 0
    parts: int = 1
    projects: tuple[str, ...] | None = None
    """Only what belongs to these projects; `None`: the whole account."""
    ownerless: bool = True
    """Also deliver what belongs to no project; of several parts one has it."""
    reserve: float = 0.0
    """Share of the request budget that is left to others, 0 to 1."""
    concurrency: int = 8
    """Lists read at once."""
    buffer_bytes: int = 1 << 20
    """JSON of rows that is held in memory before it is written."""
    delta: bool = False
    """Commit to the Delta table as well."""


class AccountResult(msgspec.Struct, frozen=True, kw_only=True):
    """How the sweep of one account, or of one part of it, ended."""

    account: str
    part: int = 0
    state: TaskState
    rows: Mapping[str, int] = {}
    """Rows by resource."""
    failed_lists: int = 0
    failures: tuple[str, ...] = ()
    """The first of them, in words."""
    drifted: int = 0
    """Rows that deviate from the document and were kept as they came."""
    requests: int = 0
    seconds: float = 0.0
    budget: tuple[int, float] | None = None
    """Requests and seconds of one window, as far as was seen."""
    error: str | None = None
    """Why nothing was published."""
    unwritable: bool = False
    """Nothing is published because the data set cannot be read or written from the worker."""
    repeated: bool = False
    """It had been published before: nothing was asked for."""
    worker: str = ""
    """Machine and process."""

    @property
    def published(self) -> bool:
        """Whether the account's rows are in the data set."""
        return self.state != "failed"


class ProjectList(msgspec.Struct, frozen=True, kw_only=True):
    """The projects of an account, for splitting it."""

    account: str
    projects: tuple[str, ...] = ()
    error: str | None = None
