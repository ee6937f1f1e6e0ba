"""Waiters: until ready or failed, with few requests for many objects."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from mittwald_async.errors import (
    AuthenticationError,
    BadRequestError,
    InvalidArgumentError,
    NotFoundError,
    OperationFailed,
    PermissionDeniedError,
    RateLimitError,
    ResponseDecodeError,
    ServerError,
    WaitTimeout,
)
from mittwald_async.waiting import Waiters
from tests.support.clock import close_to, virtual

from ..support.account_in_motion import Account, states, thing


def others() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


def user(status: str) -> SimpleNamespace:
    return SimpleNamespace(status=status)


def version(current: str | None, desired: str = "2") -> SimpleNamespace:
    return SimpleNamespace(current=current, desired=desired)


def services(*found: str) -> list[SimpleNamespace]:
    return [user(status) for status in found]


Call = Callable[[Waiters], Awaitable[Any]]

READY: list[tuple[str, Call, Any, Any]] = [
    ("project", lambda w: w.project_ready("x"), thing(status="pending"), thing(status="ready")),
    ("server", lambda w: w.server_ready("x"), thing(status="unready"), thing(status="ready")),
    (
        "app installed",
        lambda w: w.app_installation_ready("x"),
        thing(phase="installing", app_version=version(None)),
        thing(phase="ready", app_version=version("2")),
    ),
    (
        "app of the desired version",
        lambda w: w.app_installation_ready("x"),
        thing(phase="ready", app_version=version("1")),
        thing(phase="ready", app_version=version("2")),
    ),
    (
        "mysql",
        lambda w: w.mysql_database_ready("x"),
        thing(status="pending", main_user=user("ready")),
        thing(status="ready", main_user=user("ready")),
    ),
    (
        "mysql user",
        lambda w: w.mysql_database_ready("x"),
        thing(status="ready", main_user=None),
        thing(status="ready", main_user=user("ready")),
    ),
    ("redis", lambda w: w.redis_database_ready("x"), thing(status="pending"), thing(status="ready")),
    ("backup", lambda w: w.backup_completed("x"), thing(status="Running"), thing(status="Completed")),
    (
        "export",
        lambda w: w.backup_export_completed("x"),
        thing(export=None),
        thing(export=SimpleNamespace(phase="Completed")),
    ),
    (
        "order",
        lambda w: w.order_executed("x"),
        thing(order_id="x", status="CONFIRMED"),
        thing(order_id="x", status="EXECUTED"),
    ),
    ("certificate", lambda w: w.certificate_issued("x"), thing(is_completed=False), thing(is_completed=True)),
    (
        "ingress with a certificate on request",
        lambda w: w.ingress_certificate_issued("x"),
        thing(tls=SimpleNamespace(is_created=False)),
        thing(tls=SimpleNamespace(is_created=True)),
    ),
    (
        "ingress with its own certificate",
        lambda w: w.ingress_certificate_issued("x"),
        thing(tls=None),
        thing(tls=SimpleNamespace(certificate_id="c")),
    ),
    ("service", lambda w: w.service_running("s", "x"), thing(status="starting"), thing(status="running")),
    (
        "stack",
        lambda w: w.stack_running("x"),
        thing(services=services("running", "creating")),
        thing(services=services("running", "running")),
    ),
    (
        "migration",
        lambda w: w.migration_finished("p", "x"),
        thing(domains=[SimpleNamespace(state="pending")], finished_at=None),
        thing(domains=[SimpleNamespace(state="succeeded")], finished_at="now"),
    ),
]

FAILED: list[tuple[str, Call, Any]] = [
    ("error", lambda w: w.project_ready("x"), thing(status="error")),
    ("suspended", lambda w: w.server_ready("x"), thing(status="suspended")),
    ("disabled", lambda w: w.app_installation_ready("x"), thing(phase="disabled", app_version=version("2"))),
    ("error", lambda w: w.mysql_database_ready("x"), thing(status="error", main_user=None)),
    (
        "ready, main user disabled",
        lambda w: w.mysql_database_ready("x"),
        thing(status="ready", main_user=user("disabled")),
    ),
    ("error", lambda w: w.redis_database_ready("x"), thing(status="error")),
    ("Failed", lambda w: w.backup_completed("x"), thing(status="Failed")),
    ("Expired", lambda w: w.backup_export_completed("x"), thing(export=SimpleNamespace(phase="Expired"))),
    ("REJECTED", lambda w: w.order_executed("x"), thing(status="REJECTED")),
    ("error", lambda w: w.service_running("s", "x"), thing(status="error")),
    ("error", lambda w: w.stack_running("x"), thing(services=services("running", "error"))),
    (
        "failed",
        lambda w: w.migration_finished("p", "x"),
        thing(domains=[SimpleNamespace(state="failed")], finished_at=None),
    ),
]


@pytest.mark.parametrize(("call", "before", "after"), [case[1:] for case in READY], ids=[case[0] for case in READY])
@virtual
async def test_every_kind_is_awaited_until_ready(call: Call, before: Any, after: Any) -> None:
    for several in (1, 2):
        account = Account()
        account.things["x"] = lambda now: before if now < 20 else after
        waiters = account.waiters()
        results = await asyncio.gather(*(call(waiters) for _ in range(several)))
        assert results == [after] * several
        assert 20 <= account.now < 36
        assert len(account.asked) < 9
        assert others() == []


@pytest.mark.parametrize(("state", "call", "found"), FAILED)
@virtual
async def test_a_failed_state_raises_at_once(state: str, call: Call, found: Any) -> None:
    account = Account()
    account.things["x"] = lambda now: found
    with pytest.raises(OperationFailed) as caught:
        await call(account.waiters())
    assert (caught.value.state, caught.value.last) == (state, found)
    assert account.now == 0
    assert others() == []


@pytest.mark.parametrize("call", [case[1] for case in READY], ids=[case[0] for case in READY])
@virtual
async def test_an_object_of_another_form_is_an_error_of_the_response(call: Call) -> None:
    """An attribute error would read as a fault of the caller's."""
    account = Account()
    account.things["x"] = lambda now: thing()
    with pytest.raises(ResponseDecodeError, match="x is not as documented"):
        await call(account.waiters())
    assert others() == []


@virtual
async def test_polls_become_less_frequent() -> None:
    account = Account()
    account.things["x"] = states((0, "pending"), (100, "ready"))
    await account.waiters().project_ready("x")
    asked = account.asked_for("project-get-project")
    gaps = [later - earlier for earlier, later in pairwise(asked)]
    assert gaps[:4] == [1.0, 1.5, 2.25, 3.375]
    assert gaps[-1] == 15.0
    assert len(asked) < 15


@virtual
async def test_polls_are_jittered() -> None:
    firsts: list[float] = []
    for chance in (0.0, 0.5, 1.0):
        account = Account()
        account.things["x"] = states((0, "pending"), (10, "ready"))
        await account.waiters(chance).project_ready("x")
        firsts.append(account.asked[4][0] - account.asked[3][0])
    assert close_to(firsts[0], 3.375 * 0.8)
    assert close_to(firsts[2], 3.375 * 1.2)


@virtual
async def test_a_timeout_reports_the_last_state() -> None:
    account = Account()
    account.things["x"] = states((0, "pending"))
    with pytest.raises(WaitTimeout, match="'pending'") as caught:
        await account.waiters().project_ready("x", timeout=42)
    assert close_to(account.now, 42)
    assert caught.value.last.status == "pending"
    assert isinstance(caught.value, TimeoutError)
    assert others() == []


@virtual
async def test_a_timeout_ends_a_hanging_poll() -> None:
    account = Account()
    account.latency = 1000
    with pytest.raises(WaitTimeout, match="never seen") as caught:
        await account.waiters().project_ready("x", timeout=5)
    assert close_to(account.now, 5)
    assert caught.value.last is None
    assert others() == []


@virtual
async def test_each_change_is_reported_once() -> None:
    account = Account()
    account.things["x"] = states((0, "pending"), (30, "migrating"), (60, "ready"))
    reported: list[str] = []
    await account.waiters().server_ready("x", on_change=lambda state, server: reported.append(f"{state} {server.id}"))
    assert reported == ["pending x", "migrating x", "ready x"]

    def stop(state: str, server: object) -> None:
        raise KeyError(state)

    with pytest.raises(KeyError):
        await account.waiters().server_ready("x", on_change=stop)


@virtual
async def test_without_a_timeout_waiting_is_unlimited() -> None:
    account = Account()
    account.things["x"] = states((0, "pending"), (4000, "ready"))
    assert (await account.waiters().project_ready("x", timeout=None)).status == "ready"


@virtual
async def test_a_missing_migration() -> None:
    account = Account()
    account.things["other"] = lambda now: thing("other", domains=[], finished_at="now")
    with pytest.raises(NotFoundError, match="has no migration x"):
        await account.waiters().migration_finished("p", "x")


class TestTrouble:
    @virtual
    async def test_an_object_that_does_not_exist_yet_is_waited_for(self) -> None:
        account = Account()
        account.things["x"] = states((20, "pending"), (40, "ready"))
        assert (await account.waiters().project_ready("x")).status == "ready"

    @pytest.mark.parametrize("kind", [NotFoundError, PermissionDeniedError])
    @virtual
    async def test_the_wait_for_its_appearance_is_bounded(self, kind: type[Exception]) -> None:
        account = Account()

        def refuse(operation_id: str) -> None:
            raise kind("no")

        account.trouble = refuse
        with pytest.raises(kind):
            await account.waiters().project_ready("x")
        assert 30 <= account.now < 46
        assert others() == []

    @virtual
    async def test_an_object_that_disappears_gets_the_same_time(self) -> None:
        account = Account()
        account.things["x"] = states((0, "pending"), (100, None))
        with pytest.raises(NotFoundError):
            await account.waiters().project_ready("x")
        assert 130 <= account.now < 162
        account = Account()
        account.things["x"] = states((0, "pending"), (100, None), (115, "ready"))
        await account.waiters().project_ready("x")

    @virtual
    async def test_transient_errors_are_tolerated(self) -> None:
        account = Account()
        account.things["x"] = states((0, "ready"))

        def fail(operation_id: str) -> None:
            if account.now < 20:
                raise ServerError("bad gateway", status=502)

        account.trouble = fail
        await account.waiters().project_ready("x")
        assert 20 <= account.now < 36

    @virtual
    async def test_the_last_error_explains_a_timeout(self) -> None:
        account = Account()

        def fail(operation_id: str) -> None:
            raise ServerError("bad gateway", status=502)

        account.trouble = fail
        with pytest.raises(WaitTimeout) as caught:
            await account.waiters().project_ready("x", timeout=50)
        assert isinstance(caught.value.__cause__, ServerError)

    @virtual
    async def test_retry_after_is_respected(self) -> None:
        account = Account()
        account.things["x"] = states((0, "ready"))

        def fail(operation_id: str) -> None:
            if len(account.asked) == 1:
                raise RateLimitError("wait", retry_after=100)

        account.trouble = fail
        await account.waiters().project_ready("x")
        assert [at for at, _, _ in account.asked] == [0, 100]

    @pytest.mark.parametrize("kind", [AuthenticationError, BadRequestError, ValueError])
    @virtual
    async def test_other_errors_end_the_wait_at_once(self, kind: type[Exception]) -> None:
        account = Account()

        def fail(operation_id: str) -> None:
            raise kind("no")

        account.trouble = fail
        with pytest.raises(kind):
            await account.waiters().project_ready("x")
        assert len(account.asked) == 1

    @virtual
    async def test_cancelling_a_waiter_leaves_nothing_and_does_not_affect_others(self) -> None:
        account = Account()
        account.latency = 0.5
        account.things["x"] = states((0, "pending"), (20, "ready"))
        waiters = account.waiters()
        first = asyncio.create_task(waiters.project_ready("x"))
        second = asyncio.create_task(waiters.project_ready("x"))
        await asyncio.sleep(0.25)
        first.cancel()
        assert (await second).status == "ready"
        assert first.cancelled()
        assert others() == []
        third = asyncio.create_task(waiters.project_ready("y"))
        await asyncio.sleep(0.25)
        third.cancel()
        await asyncio.gather(third, return_exceptions=True)
        assert others() == []

    @virtual
    async def test_a_cancellation_inside_a_poll_is_not_swallowed(self) -> None:
        account = Account()

        def cancelled(operation_id: str) -> None:
            raise asyncio.CancelledError

        account.trouble = cancelled
        waiters = account.waiters()
        results = await asyncio.gather(
            waiters.project_ready("x"), waiters.server_ready("x"), waiters.project_ready("y"), return_exceptions=True
        )
        assert [type(result) for result in results] == [asyncio.CancelledError] * 3
        assert others() == []

    @pytest.mark.parametrize("timeout", [-1, float("nan")])
    @virtual
    async def test_invalid_arguments(self, timeout: float) -> None:
        with pytest.raises(InvalidArgumentError, match="timeout"):
            await Account().waiters().project_ready("x", timeout=timeout)
        with pytest.raises(InvalidArgumentError, match="empty"):
            await Account().waiters().project_ready("")


def installation(id: str, ready_at: float) -> Callable[[float], Any]:
    def at(now: float) -> Any:
        done = now >= ready_at
        phase, current = ("ready", "2") if done else ("installing", None)
        return thing(id, phase=phase, app_version=version(current))

    return at


class TestManyWaiters:
    LIST = "app-list-appinstallations-for-user"
    GET = "app-get-appinstallation"

    @virtual
    async def test_two_hundred_waiters_share_a_list(self) -> None:
        account = Account()
        account.things = {f"a-{n}": installation(f"a-{n}", 20 + n / 4) for n in range(200)}
        waiters = account.waiters()
        found = await asyncio.gather(*(waiters.app_installation_ready(f"a-{n}") for n in range(200)))
        assert [thing.id for thing in found] == [f"a-{n}" for n in range(200)]
        assert account.now < 20 + 50 + 16
        assert len(account.asked) < 20
        assert len(account.asked_for(self.GET)) <= 2
        assert others() == []

    @virtual
    async def test_an_odd_item_of_a_list_does_not_hide_the_others(self) -> None:
        account = Account()
        account.things = {f"a-{n}": installation(f"a-{n}", 20) for n in range(40)}
        account.things |= {
            "odd": lambda now: SimpleNamespace(project_id="p", within=None),
            "list": lambda now: SimpleNamespace(id=["a-1"], project_id="p", within=None),
        }
        waiters = account.waiters()
        found = await asyncio.gather(*(waiters.app_installation_ready(f"a-{n}") for n in range(40)))
        assert len(found) == 40
        assert account.asked_for(self.LIST)

    @virtual
    async def test_a_long_list_is_not_read_for_a_few_objects(self) -> None:
        account = Account()
        account.page = 100
        account.things = {f"a-{n}": installation(f"a-{n}", 0) for n in range(2000)}
        account.things |= {name: installation(name, 60) for name in ("x", "y", "z")}
        waiters = account.waiters()
        await asyncio.gather(*(waiters.app_installation_ready(name) for name in ("x", "y", "z")))
        assert len(account.asked_for(self.LIST)) == 21
        assert len(account.asked_for(self.GET)) > 3

    @virtual
    async def test_waiters_that_join_one_by_one_do_not_speed_up_polls(self) -> None:
        account = Account()
        account.things = {f"a-{n}": installation(f"a-{n}", 30) for n in range(100)}
        waiters = account.waiters()
        tasks: list[asyncio.Task[Any]] = []
        for n in range(100):
            tasks.append(asyncio.create_task(waiters.app_installation_ready(f"a-{n}")))
            await asyncio.sleep(0.1)
        await asyncio.gather(*tasks)
        times = [at for at, _, _ in account.asked]
        assert len(times) < 25
        assert all(later - earlier >= 0.99 for earlier, later in pairwise(times))

    @virtual
    async def test_without_permission_for_the_list_objects_are_requested_one_by_one(self) -> None:
        account = Account()
        account.things = {f"a-{n}": installation(f"a-{n}", 5) for n in range(10)}

        def refuse(operation_id: str) -> None:
            if operation_id == self.LIST:
                raise PermissionDeniedError("no", status=403)

        account.trouble = refuse
        waiters = account.waiters()
        await asyncio.gather(*(waiters.app_installation_ready(f"a-{n}") for n in range(10)))
        assert len(account.asked_for(self.LIST)) == 1

    @virtual
    async def test_a_temporarily_failing_list_is_requested_again(self) -> None:
        account = Account()
        account.things = {f"a-{n}": installation(f"a-{n}", 0) for n in range(10)}

        def fail(operation_id: str) -> None:
            if account.now < 10:
                raise ServerError("bad gateway", status=502)

        account.trouble = fail
        waiters = account.waiters()
        await asyncio.gather(*(waiters.app_installation_ready(f"a-{n}") for n in range(10)))
        assert account.asked_for(self.GET) == []

    @virtual
    async def test_an_object_missing_from_its_list_is_finally_requested_itself(self) -> None:
        account = Account()
        account.things = {f"a-{n}": installation(f"a-{n}", 90) for n in range(10)}
        waiters = account.waiters()
        results = await asyncio.gather(
            *(waiters.app_installation_ready(f"a-{n}") for n in range(10)),
            waiters.app_installation_ready("missing"),
            return_exceptions=True,
        )
        assert isinstance(results[-1], NotFoundError)
        assert all(not isinstance(result, BaseException) for result in results[:-1])
        assert [path for _, asked, path in account.asked if asked == self.GET] == [("missing",)]

    @virtual
    async def test_an_object_that_disappears_from_the_list_is_requested_itself(self) -> None:
        account = Account()
        account.things = {f"a-{n}": installation(f"a-{n}", 150) for n in range(3)}
        account.things["gone"] = lambda now: installation("gone", 1000)(now) if now < 40 else None
        waiters = account.waiters()
        results = await asyncio.gather(
            *(waiters.app_installation_ready(name) for name in account.things), return_exceptions=True
        )
        assert isinstance(results[-1], NotFoundError)
        assert not any(isinstance(result, BaseException) for result in results[:-1])
        assert others() == []

    @virtual
    async def test_objects_of_a_project_are_listed_together_once_the_project_is_known(self) -> None:
        account = Account()

        def make(name: str, project: str) -> Callable[[float], Any]:
            return states((0, "pending"), (60, "ready"), make=lambda s: thing(name, status=s, project_id=project))

        account.things = {f"r-{n}": make(f"r-{n}", f"p-{n % 2}") for n in range(20)}
        waiters = account.waiters()
        await asyncio.gather(*(waiters.redis_database_ready(f"r-{n}") for n in range(20)))
        assert len(account.asked_for("database-get-redis-database")) == 20
        assert 4 < len(account.asked_for("database-list-redis-databases")) < 24

    @virtual
    async def test_many_waiters_for_one_object_share_its_requests(self) -> None:
        account = Account()
        account.things["x"] = states((0, "pending"), (20, "ready"))
        waiters = account.waiters()
        await asyncio.gather(*(waiters.project_ready("x") for _ in range(50)))
        assert len(account.asked) < 9

    @virtual
    async def test_a_tight_budget_makes_polls_less_frequent(self) -> None:
        account = Account()
        account.budget = (10, 300.0)
        account.things["x"] = states((0, "pending"), (100, "ready"))
        await account.waiters().project_ready("x")
        assert [at for at, _, _ in account.asked] == [0, 30, 60, 90, 120]
        account = Account()
        account.budget = (None, None)
        account.things["x"] = states((0, "pending"), (5, "ready"))
        await account.waiters().project_ready("x")
        assert account.now < 10

    @virtual
    async def test_slow_responses_make_polls_less_frequent(self) -> None:
        account = Account()
        account.latency = 8
        account.things["x"] = states((0, "pending"), (60, "ready"))
        await account.waiters().project_ready("x")
        assert len(account.asked) < 9
