"""Waiting after a change: the state before the change never counts as the state after it, whoever made the change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from mittwald_async.errors import (
    InvalidArgumentError,
    NotFoundError,
    OperationFailed,
    PermissionDeniedError,
    WaitTimeout,
)
from mittwald_async.waiting import Waiters
from tests.support.clock import virtual

from ..support.account_in_motion import Account, thing

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def always(found: Any) -> Callable[[float], Any]:
    return lambda now: found


def numbered(make: Callable[[float, int], Any], number: int) -> Callable[[float], Any]:
    return lambda now: make(now, number)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def database(status: str, since: float, id: str = "x", **values: Any) -> Any:
    user = SimpleNamespace(status="ready", status_set_at=at(-9999))
    return thing(id, status=status, status_set_at=at(since), main_user=user, **values)


def upgraded(now: float, begins: float = 3, ends: float = 20, id: str = "x") -> Any:
    """A database whose version was patched at 0: it reads ready for a moment, then migrates, then is ready again."""
    if now < begins:
        return database("ready", -500, id)
    return database("migrating", begins, id) if now < ends else database("ready", ends, id)


def version(current: str, desired: str) -> SimpleNamespace:
    return SimpleNamespace(current=current, desired=desired)


def app(php: str, phase: str = "ready", **values: Any) -> SimpleNamespace:
    software = SimpleNamespace(name="php", system_software_version=version(php, "8.4"))
    return thing(phase=phase, app_version=version("6", "6"), system_software=[software], **values)


def service(image: str, wanted: str, status: str = "running", recreate: bool = False, **values: Any) -> SimpleNamespace:
    parts: dict[str, Any] = {
        "status": status,
        "service_name": "web",
        "requires_recreate": recreate,
        "deployed_state": SimpleNamespace(image=image),
        "pending_state": SimpleNamespace(image=wanted),
        "status_set_at": at(-500),
        **values,
    }
    return thing(**parts)


class TestDesiredAgainstCurrent:
    @virtual
    async def test_a_php_version_not_yet_installed(self) -> None:
        """Reported for comparable waiters in mittwald/cli: an update of PHP counted as done immediately."""
        account = Account()
        account.things["x"] = lambda now: app("8.3" if now < 20 else "8.4")
        states: list[str] = []
        await account.waiters().app_installation_ready("x", on_change=lambda state, app: states.append(state))
        assert account.now >= 20
        assert states == ["ready, not yet in the desired version: php", "ready"]

    @pytest.mark.parametrize(
        "before",
        [service("nginx:1", "nginx:2"), service("nginx:2", "nginx:2", recreate=True)],
        ids=["another image is pending", "has to be recreated"],
    )
    @pytest.mark.parametrize("whole", [False, True], ids=["service", "stack"])
    @virtual
    async def test_a_container_that_still_runs_the_previous_state(self, before: Any, whole: bool) -> None:
        account = Account()
        after = service("nginx:2", "nginx:2")
        found = {0: before, 1: after}
        stack = {number: thing(services=[state]) for number, state in found.items()}
        account.things["x"] = lambda now: (stack if whole else found)[now >= 20]
        wait = account.waiters()
        await (wait.stack_running("x") if whole else wait.service_running("s", "x"))
        assert account.now >= 20

    @virtual
    async def test_a_declared_stack_has_the_requested_services(self) -> None:
        account = Account()
        old, new = service("nginx:1", "nginx:1"), service("nginx:2", "nginx:2")
        account.things["x"] = lambda now: thing(services=[] if now < 5 else [old if now < 20 else new])
        states: list[str] = []
        wait = account.waiters()
        await wait.stack_as_declared("x", {"web": "nginx:2"}, on_change=lambda state, stack: states.append(state))
        assert account.now >= 20
        assert states == ["service web is missing", "service web is declared with nginx:1", "running"]
        assert await wait.stack_as_declared("x", ["web"]) == await wait.stack_as_declared("x")
        with pytest.raises(InvalidArgumentError, match="services"):
            await wait.stack_as_declared("x", "web")


def transfer(updated: float) -> SimpleNamespace:
    return SimpleNamespace(process_type="TRANSFER", state="UNSPECIFIED", last_update=at(updated))


Call = Callable[[Waiters, Any], Awaitable[Any]]
LATER: list[tuple[str, Call, Any, Any]] = [
    (
        "project",
        lambda w, since: w.project_ready("x", since=since),
        thing(status="ready", status_set_at=at(-50)),
        thing(status="ready", status_set_at=at(5)),
    ),
    (
        "server",
        lambda w, since: w.server_ready("x", since=since),
        thing(status="ready", description="old"),
        thing(status="ready", description="new"),
    ),
    ("app", lambda w, since: w.app_installation_ready("x", since=since), app("8.4", note=1), app("8.4", note=2)),
    (
        "mysql",
        lambda w, since: w.mysql_database_ready("x", since=since),
        database("ready", -50),
        database("ready", 5),
    ),
    (
        "redis",
        lambda w, since: w.redis_database_ready("x", since=since),
        database("ready", -50),
        database("ready", 5),
    ),
    (
        "backup",
        lambda w, since: w.backup_completed("x", since=since),
        thing(status="Completed", number=1),
        thing(status="Completed", number=2),
    ),
    (
        "export",
        lambda w, since: w.backup_export_completed("x", since=since),
        thing(export=SimpleNamespace(phase="Completed", format="tar")),
        thing(export=SimpleNamespace(phase="Completed", format="zip")),
    ),
    (
        "restore",
        lambda w, since: w.backup_restored("x", since=since),
        thing(restore=SimpleNamespace(phase="completed", number=1)),
        thing(restore=SimpleNamespace(phase="completed", number=2)),
    ),
    (
        "order",
        lambda w, since: w.order_executed("x", since=since),
        thing(order_id="x", status="EXECUTED", number=1),
        thing(order_id="x", status="EXECUTED", number=2),
    ),
    (
        "certificate",
        lambda w, since: w.certificate_issued("x", since=since),
        thing(is_completed=True, number=1),
        thing(is_completed=True, number=2),
    ),
    (
        "ingress",
        lambda w, since: w.ingress_certificate_issued("x", since=since),
        thing(tls=SimpleNamespace(certificate_id="a")),
        thing(tls=SimpleNamespace(certificate_id="b")),
    ),
    (
        "mailbox",
        lambda w, since: w.mailbox_ready("x", since=since),
        thing(mailbox="m", updated_at=at(-50)),
        thing(mailbox="m", updated_at=at(5)),
    ),
    (
        "service",
        lambda w, since: w.service_running("s", "x", since=since),
        service("a", "a"),
        service("a", "a", status_set_at=at(5)),
    ),
    (
        "image",
        lambda w, since: w.image_pulled("s", "x", since=since),
        service("a", "a"),
        service("a", "a", status_set_at=at(5), recreate=True),
    ),
    (
        "stack",
        lambda w, since: w.stack_running("x", since=since),
        thing(services=[service("a", "a")]),
        thing(services=[service("a", "a", status_set_at=at(5))]),
    ),
    (
        "execution",
        lambda w, since: w.cronjob_execution_finished("job", "x", since=since),
        thing(status="Complete", within="job", number=1),
        thing(status="Complete", within="job", number=2),
    ),
    (
        "migration",
        lambda w, since: w.migration_finished("p", "x", since=since),
        thing(domains=[], finished_at=at(-50)),
        thing(domains=[], finished_at=at(5)),
    ),
    (
        "domain",
        lambda w, since: w.domain_transferred("x", since=since),
        thing(domain_id="x", connected=True, processes=[transfer(-50)]),
        thing(domain_id="x", connected=True, processes=[transfer(5)]),
    ),
]


class TestSince:
    @pytest.mark.parametrize(("call", "before", "after"), [case[1:] for case in LATER], ids=[case[0] for case in LATER])
    @virtual
    async def test_the_object_read_before_requires_a_later_state(self, call: Call, before: Any, after: Any) -> None:
        account = Account()
        account.things["x"] = lambda now: before if now < 20 else after
        wait = account.waiters()
        assert await call(wait, None) is before
        for several in (1, 2):
            account.began = asyncio.get_running_loop().time()
            found = await asyncio.gather(*(call(wait, before) for _ in range(several)))
            assert found == [after] * several
            assert 20 <= account.now < 36
        assert await call(wait, before) is after

    @virtual
    async def test_a_moment_requires_a_later_state_where_the_object_has_a_time(self) -> None:
        account = Account()
        account.things["x"] = upgraded
        wait = account.waiters()
        assert (await wait.mysql_database_ready("x", since=at(0))).status_set_at == at(20)
        with pytest.raises(WaitTimeout, match="still the one before the change"):
            await wait.mysql_database_ready("x", since=at(21), timeout=30)
        for moment, problem in ((datetime(2026, 5, 1), "time zone"), ("yesterday", "not str"), (5, "not int")):
            with pytest.raises(InvalidArgumentError, match=f"since: .*{problem}"):
                await wait.mysql_database_ready("x", since=moment)  # type: ignore[arg-type]
        with pytest.raises(InvalidArgumentError, match="does not say when its state was set"):
            await wait.server_ready("x", since=at(0))

    @virtual
    async def test_an_earlier_failure_does_not_count_either(self) -> None:
        account = Account()
        failed = database("error", -50)
        account.things["x"] = lambda now: failed if now < 20 else database("ready", 20)
        wait = account.waiters()
        with pytest.raises(OperationFailed):
            await wait.redis_database_ready("x")
        assert (await wait.redis_database_ready("x", since=failed)).status == "ready"

    @virtual
    async def test_the_object_of_another_resource_is_refused(self) -> None:
        account = Account()
        with pytest.raises(InvalidArgumentError, match="since: is MySQL database y, but x is waited for"):
            await account.waiters().mysql_database_ready("x", since=database("ready", 0, "y"))


class TestOwnWrites:
    """The client remembers its own changes; here the change was made at second 0."""

    @virtual
    async def test_a_version_patched_moments_ago(self) -> None:
        """mittwald/cli#2005: ready immediately, with the old version."""
        account = Account()
        account.writes["x"] = (0, at(0))
        account.things["x"] = upgraded
        assert (await account.waiters().mysql_database_ready("x")).status_set_at == at(20)

    @virtual
    async def test_an_instant_change_costs_ten_seconds(self) -> None:
        account = Account()
        account.writes["x"] = (0, at(0))
        account.things["x"] = lambda now: database("ready", -500)
        await account.waiters().mysql_database_ready("x")
        assert account.now == 10
        account.began = asyncio.get_running_loop().time()
        account.writes["x"] = (-11, at(-11))
        await account.waiters().mysql_database_ready("x")
        assert account.now == 0

    @virtual
    async def test_a_completed_change_costs_nothing(self) -> None:
        account = Account()
        account.writes["x"] = (0, at(0))
        account.things["x"] = lambda now: database("ready", 2)
        await account.waiters().mysql_database_ready("x")
        assert account.now == 0

    @virtual
    async def test_a_failure_before_the_change_is_not_one_after_it(self) -> None:
        account = Account()
        account.writes["x"] = (0, at(0))
        account.things["x"] = lambda now: service("a", "a", "error" if now < 4 else "running")
        assert (await account.waiters().service_running("s", "x")).status == "running"

    @virtual
    async def test_changing_a_stack_changes_its_services(self) -> None:
        account = Account()
        account.writes["s"] = (0, at(0))
        account.things["x"] = lambda now: service("a", "a", "creating" if 3 < now < 20 else "running")
        await account.waiters().service_running("s", "x")
        assert account.now >= 20


class TestNewKinds:
    @virtual
    async def test_an_execution_with_its_exit_code(self) -> None:
        account = Account()
        account.things["x"] = lambda now: thing(
            status="Running" if now < 9 else "Complete", exit_code=None if now < 9 else 0, successful=now >= 9
        )
        assert (await account.waiters().cronjob_execution_finished("job", "x")).exit_code == 0
        for found, said in (
            (thing(status="Failed", exit_code=3, log_path="/log"), "'Failed, exit code 3' .log: /log."),
            (thing(status="Complete", exit_code=2), "exit code 2"),
            (thing(status="Complete", exit_code=None, successful=False), "Complete"),
            (thing(status="TimedOut"), "failed states are Failed, TimedOut, AbortedByUser"),
        ):
            account.things["x"] = always(found)
            with pytest.raises(OperationFailed, match=said):
                await account.waiters().cronjob_execution_finished("job", "x")

    @virtual
    async def test_a_restore_of_paths_and_databases(self) -> None:
        account = Account()
        account.things["x"] = lambda now: thing(
            restore=None if now < 5 else SimpleNamespace(phase="running" if now < 20 else "completed"),
            restore_path=None,
        )
        states: list[str] = []
        await account.waiters().backup_restored("x", on_change=lambda state, backup: states.append(state))
        assert states == ["none", "running", "completed"]

    @virtual
    async def test_an_ingress_whose_validation_failed(self) -> None:
        account = Account()

        def ingress(now: float) -> Any:
            return thing(
                tls=SimpleNamespace(is_created=False),
                ownership=SimpleNamespace(verified=False, txt_record="mittwald-verify=1"),
                dns_validation_errors=[] if now < 20 else ["ERROR_NO_A_RECORD", "ERROR_QUAD_A"],
            )

        account.things["x"] = ingress
        states: list[str] = []
        with pytest.raises(OperationFailed, match="mittwald-verify=1") as caught:
            await account.waiters().ingress_certificate_issued("x", on_change=lambda state, one: states.append(state))
        assert caught.value.state == "DNS validation failed: ERROR_NO_A_RECORD, ERROR_QUAD_A"
        assert states[0] == "ownership not verified"
        assert account.now < 40

    @virtual
    async def test_a_failed_registration_says_why(self) -> None:
        account = Account()

        def domain(now: float) -> Any:
            state = "REQUESTED" if now < 20 else "FAILED"
            register = SimpleNamespace(
                process_type="REGISTER", state=state, error="handle refused", status=None, last_update=at(now)
            )
            return thing(domain_id="x", connected=False, processes=[register])

        account.things["x"] = domain
        with pytest.raises(OperationFailed, match="handle refused"):
            await account.waiters().domain_registered("x")

    @virtual
    async def test_a_mailbox_that_appears_after_its_address(self) -> None:
        account = Account()
        account.things["x"] = lambda now: thing(mailbox=None if now < 20 else "box", updated_at=NOON)
        await account.waiters().mailbox_ready("x")
        assert account.now >= 20

    @virtual
    async def test_a_failure_names_the_failed_states(self) -> None:
        account = Account()
        account.things["x"] = lambda now: thing(status="disabled")
        with pytest.raises(OperationFailed, match="'disabled'; failed states are error, disabled"):
            await account.waiters().project_ready("x")


class TestGone:
    @pytest.mark.parametrize("several", [1, 50])
    @virtual
    async def test_deleted_projects_share_their_polls(self, several: int) -> None:
        account = Account()
        for number in range(several):
            account.things[f"p-{number}"] = numbered(
                lambda now, number: thing(f"p-{number}", status="ready") if now < 20 else None, number
            )
        wait = account.waiters()
        await asyncio.gather(*(wait.project_deleted(f"p-{number}") for number in range(several)))
        assert 20 <= account.now < 36
        assert len(account.asked) < 12

    @virtual
    async def test_anything_is_gone_by_its_get_method(self) -> None:
        account = Account()
        account.things["x"] = lambda now: thing(status="ready") if now < 20 else None
        wait = account.waiters()
        await asyncio.gather(*(wait.gone(account.mail.get_mail_address, "x") for _ in range(9)))
        assert 20 <= account.now < 36
        assert len(account.asked) < 12
        account.things["x"] = lambda now: thing(status="ready")
        with pytest.raises(WaitTimeout, match="mail address x was not gone within 5 s: it is still there, as 'ready'"):
            await wait.gone(account.mail.get_mail_address, "x", timeout=5)

    @virtual
    async def test_an_object_that_becomes_forbidden_is_gone_but_not_one_that_always_was(self) -> None:
        async def get(id: str) -> Any:
            loop = asyncio.get_running_loop()
            if loop.time() - began >= 5 or id == "secret":
                raise PermissionDeniedError("no", status=403)
            return "there"

        began = asyncio.get_running_loop().time()
        wait = Account().waiters()
        await wait.gone(get, "x")
        with pytest.raises(PermissionDeniedError):
            await wait.gone(get, "secret")

    @virtual
    async def test_an_object_that_never_existed_is_gone(self) -> None:
        async def get() -> Any:
            raise NotFoundError("no", status=404)

        await Account().waiters().gone(get)


@virtual
async def test_on_change_follows_the_selected_state() -> None:
    async def poll() -> Any:
        now = asyncio.get_running_loop().time() - began
        return SimpleNamespace(status="busy", done=int(now // 4))

    began = asyncio.get_running_loop().time()
    states: list[str] = []
    await (
        Account()
        .waiters()
        .until(
            poll,
            done=lambda job: job.done >= 3,
            state=lambda job: job.done,
            on_change=lambda state, job: states.append(state),
        )
    )
    assert states == ["0", "1", "2", "3"]


class TestThousands:
    """Waiting for a thousand changes at once costs one list per poll."""

    @virtual
    async def test_objects_of_one_list(self) -> None:
        def lagging(now: float, number: int) -> Any:
            recreate = now < 20 + number / 10
            return thing(f"s-{number}", status="running", requires_recreate=recreate, status_set_at=at(-500))

        account = Account()
        for number in range(1000):
            account.things[f"s-{number}"] = numbered(lagging, number)
        wait = account.waiters()
        await asyncio.gather(*(wait.service_running("s", f"s-{number}") for number in range(1000)))
        polls = len(set(account.asked_for("container-list-accessible-services")))
        assert polls > 10
        assert len(account.asked) <= 1.02 * polls

    @pytest.mark.parametrize(("known", "beyond"), [(True, 0), (False, 2)], ids=["since the object before", "by id"])
    @virtual
    async def test_objects_whose_list_only_they_themselves_name(self, known: bool, beyond: int) -> None:
        account = Account()
        for number in range(1000):
            account.things[f"d-{number}"] = numbered(
                lambda now, number: upgraded(now, 3, 20 + number / 10, f"d-{number}"), number
            )
        before = [account.things[f"d-{number}"](0) if known else None for number in range(1000)]
        for number in range(1000):
            account.writes[f"d-{number}"] = (0, at(0))
        wait = account.waiters()
        found = await asyncio.gather(
            *(wait.mysql_database_ready(f"d-{number}", since=before[number]) for number in range(1000))
        )
        assert all(one.status_set_at >= at(20) for one in found)
        polls = len(set(account.asked_for("database-list-mysql-databases")))
        assert polls > 10
        assert len(account.asked) <= 1.02 * polls + beyond
