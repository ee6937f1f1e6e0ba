"""What type checkers infer of models, unions, options and errors. Never run; mypy and pyright read it."""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from datetime import datetime
from typing import assert_never, assert_type

from mittwald_async import (
    UNSET,
    AttemptEnded,
    CallEnded,
    CallStarted,
    Event,
    Mittwald,
    Operation,
    PasswordLogin,
    RateLimitStatus,
    RetryScheduled,
    Unknown,
    UnsetType,
    WaitedForBudget,
    WaitingForBudget,
    inventory,
)
from mittwald_async.errors import BadRequestError, Issue, OperationFailed, PagingError, RateLimitError, StatusError
from mittwald_async.models import activitylog, dns, ingress, project
from mittwald_async.operations import OPERATIONS


def properties(found: project.ProjectListItem) -> None:
    assert_type(found.id, str)
    assert_type(found.created_at, datetime)
    assert_type(found.customer_meta, project.ProjectListItemCustomerMeta)
    assert_type(found.status, project.ProjectStatus)
    found.description = "other"  # type: ignore[misc]


def open_enums(status: project.ProjectStatus) -> str:
    if status == "ready":
        return status
    return status


def absent_is_not_null(found: activitylog.AppInstallationAppVersionSetChangesBefore) -> str:
    value = found.version
    assert_type(value, str | UnsetType | None)
    if value is UNSET:
        return "absent"
    if value is None:
        return "null"
    assert_type(value, str)
    return value


def unions(zone: dns.Zone) -> list[str]:
    txt = zone.record_set.txt
    if isinstance(txt, dns.RecordTXTComponent):
        assert_type(txt.entries, list[str])
        return txt.entries
    if isinstance(txt, dns.RecordUnset):
        return []
    assert_type(txt, Unknown)
    return []


def unions_are_exhaustive(target: ingress.PathTarget) -> str:
    match target:
        case ingress.TargetUrl():
            return target.url
        case ingress.TargetInstallation():
            return target.installation_id
        case ingress.TargetUseDefaultPage() | ingress.TargetContainer() | Unknown():
            return ""
        case _:
            assert_never(target)


def options() -> None:
    mw = Mittwald("token-for-tests", timeout=None, pace="smooth", reserve=0.2)
    assert_type(mw.with_options(max_retries=8, headers={"X-Trace": "1"}), Mittwald)
    assert_type(mw.rate_limit, RateLimitStatus)
    Mittwald(credentials=PasswordLogin("kim@example.org", "password-for-tests"))
    Mittwald("token-for-tests", pace="slow")  # type: ignore[arg-type]
    Mittwald("token-for-tests", timout=3)  # type: ignore[call-arg]
    mw.with_options(max_retrys=8)  # type: ignore[call-arg]
    mw.with_options(timeout="3")  # type: ignore[arg-type]


def errors(error: Exception) -> None:
    match error:
        case BadRequestError():
            assert_type(error.issues, tuple[Issue, ...])
        case RateLimitError():
            assert_type(error.retry_after, float | None)
        case StatusError():
            assert_type(error.status, int | None)
            assert_type(error.trace_id, str | None)
        case PagingError():
            assert_type(error.resume, str)
        case OperationFailed():
            assert_type(error.state, str)
        case _:
            pass


def events(event: Event) -> str:
    match event:
        case CallStarted():
            return event.url
        case WaitingForBudget():
            return event.reason
        case WaitedForBudget():
            return str(event.seconds)
        case AttemptEnded():
            assert_type(event.status, int | None)
            return event.error or ""
        case RetryScheduled():
            return event.reason
        case CallEnded():
            return str(event.attempts)
        case _:
            assert_never(event)


def observed(event: Event) -> None:
    Mittwald("token-for-tests", observers=[observed])


def facts() -> None:
    operation = OPERATIONS["project-list-projects"]
    assert_type(operation.paged, bool)
    typed: Operation[object] = operation
    assert_type(typed.path, str)


async def rows(mw: Mittwald) -> None:
    sweep = inventory.sweep(mw, resources=["project"])
    async for row in sweep:
        assert_type(row, inventory.Row)
        assert_type(row.project_id, str | None)
    assert_type(sweep.failures, list[inventory.Failure])
    assert_type(await inventory.sweep_to(mw, "inventory.sqlite"), inventory.Summary)
