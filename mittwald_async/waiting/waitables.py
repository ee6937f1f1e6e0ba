"""What can be waited for: how each kind is asked for, what its states mean, and where it can be listed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeAlias

from ..api.groups import Groups
from ..runtime.errors import NotFoundError
from .services import lag_of, stack_failed, stack_reason, stack_state
from .since import stamps_of
from .waitable import Key, Waitable

if TYPE_CHECKING:
    from ..models.app import AppInstallation
    from ..models.backup import ProjectBackup
    from ..models.container import ServiceResponse, StackResponse
    from ..models.cronjob import CronjobExecution
    from ..models.database import MySqlDatabase, RedisDatabase
    from ..models.domain import Domain
    from ..models.domainmigration import Migration
    from ..models.ingress import Ingress
    from ..models.mail import MailAddress
    from ..models.order import CustomerOrder
    from ..models.project import Project, ProjectListItem, Server
    from ..models.ssl import CertificateRequest

    AnyProject: TypeAlias = Project | ProjectListItem

_STATUS_SET = stamps_of("status_set_at")


def _own_project(key: Key, thing: Any) -> str | None:
    """Listed in a project that only the thing itself names."""
    return None if thing is None else thing.project_id


def project(mw: Groups) -> Waitable[AnyProject]:
    async def get(key: Key) -> AnyProject:
        return await mw.project.get_project(*key)

    return Waitable(
        "project",
        get,
        state=lambda thing: thing.status,
        done=lambda thing: thing.status == "ready",
        failures=("error", "disabled"),
        id=lambda thing: thing.id,
        list=lambda scope: mw.project.list_projects(),
        stamps=_STATUS_SET,
    )


def deleted_project(mw: Groups) -> Waitable[AnyProject]:
    async def get(key: Key) -> AnyProject:
        return await mw.project.get_project(*key)

    return Waitable(
        "project",
        get,
        state=lambda thing: thing.status,
        done=lambda thing: False,
        id=lambda thing: thing.id,
        list=lambda scope: mw.project.list_projects(),
        gone=True,
    )


def server(mw: Groups) -> Waitable[Server]:
    return Waitable(
        "server",
        lambda key: mw.project.get_server(*key),
        state=lambda thing: thing.status,
        done=lambda thing: thing.status == "ready",
        failures=("suspended",),
        id=lambda thing: thing.id,
        list=lambda scope: mw.project.list_servers(),
    )


def app_installation(mw: Groups) -> Waitable[AppInstallation]:
    """Ready means that the wanted versions run, of the app and of its system software: right after a change the phase
    still says ready, of the old ones."""

    def lagging(thing: AppInstallation) -> list[str]:
        found = [] if thing.app_version.current == thing.app_version.desired else ["app"]
        for software in getattr(thing, "system_software", None) or ():
            version = software.system_software_version
            if version.current != version.desired:
                found.append(software.name)
        return found

    def state(thing: AppInstallation) -> str:
        names = lagging(thing)
        return (
            f"ready, not yet in the desired version: {', '.join(names)}"
            if thing.phase == "ready" and names
            else thing.phase
        )

    return Waitable(
        "app installation",
        lambda key: mw.app.get_appinstallation(*key),
        state=state,
        done=lambda thing: thing.phase == "ready" and not lagging(thing),
        failures=("disabled",),
        reason=lambda thing: getattr(thing, "last_error", None),
        id=lambda thing: thing.id,
        list=lambda scope: mw.app.list_appinstallations_for_user(),
    )


def mysql_database(mw: Groups) -> Waitable[MySqlDatabase]:
    """Of no use without its main user, who comes later."""

    def user(thing: MySqlDatabase) -> str:
        return thing.main_user.status if thing.main_user else "missing"

    def state(thing: MySqlDatabase) -> str:
        if thing.status != "ready":
            return thing.status
        return "ready" if user(thing) == "ready" else f"ready, main user {user(thing)}"

    failing_users = ("error", "terminating", "disabled")
    return Waitable(
        "MySQL database",
        lambda key: mw.database.get_mysql_database(*key),
        state=state,
        done=lambda thing: thing.status == "ready" and user(thing) == "ready",
        failures=("error", *(f"main user {status}" for status in failing_users)),
        failed=lambda thing: thing.status == "error" or user(thing) in failing_users,
        id=lambda thing: thing.id,
        list=lambda scope: mw.database.list_mysql_databases(scope),
        scope=_own_project,
        stamps=stamps_of("status_set_at", "main_user.status_set_at"),
    )


def redis_database(mw: Groups) -> Waitable[RedisDatabase]:
    return Waitable(
        "Redis database",
        lambda key: mw.database.get_redis_database(*key),
        state=lambda thing: thing.status,
        done=lambda thing: thing.status == "ready",
        failures=("error",),
        id=lambda thing: thing.id,
        list=lambda scope: mw.database.list_redis_databases(scope),
        scope=_own_project,
        stamps=_STATUS_SET,
    )


def _backups(
    mw: Groups,
    name: str,
    state: Callable[[ProjectBackup], str],
    done: str,
    failures: tuple[str, ...],
) -> Waitable[ProjectBackup]:
    """The document leaves most states open, and its examples capitalise some of them."""
    failed = tuple(word.lower() for word in failures)
    return Waitable(
        name,
        lambda key: mw.backup.get_project_backup(*key),
        state=state,
        done=lambda thing: state(thing).lower() == done.lower(),
        failures=failures,
        failed=lambda thing: state(thing).lower() in failed,
        id=lambda thing: thing.id,
        list=lambda scope: mw.backup.list_project_backups(scope),
        scope=_own_project,
    )


def backup(mw: Groups) -> Waitable[ProjectBackup]:
    return _backups(mw, "backup", lambda thing: thing.status, "Completed", ("Failed", "Error"))


def backup_export(mw: Groups) -> Waitable[ProjectBackup]:
    def phase(thing: ProjectBackup) -> str:
        return (thing.export.phase if thing.export else None) or "none"

    return _backups(mw, "backup export", phase, "Completed", ("Failed", "Expired"))


def backup_restore(mw: Groups) -> Waitable[ProjectBackup]:
    """Of paths and databases at once, or of a path the older way."""

    def phase(thing: ProjectBackup) -> str:
        restores = [part for part in (thing.restore, getattr(thing, "restore_path", None)) if part]
        phases = [part.phase for part in restores]
        return next((phase for phase in phases if phase != "completed"), phases[0] if phases else "none")

    return _backups(mw, "restore of backup", phase, "completed", ("failed", "error"))


def order(mw: Groups) -> Waitable[CustomerOrder]:
    return Waitable(
        "order",
        lambda key: mw.contract.order_get_order(*key),
        state=lambda thing: thing.status,
        done=lambda thing: thing.status == "EXECUTED",
        failures=("REJECTED", "ABORTED"),
        id=lambda thing: thing.order_id,
        list=lambda scope: mw.contract.order_list_orders(),
    )


def certificate_request(mw: Groups) -> Waitable[CertificateRequest]:
    """A request shows no failed state."""
    return Waitable(
        "certificate request",
        lambda key: mw.domain.ssl_get_certificate_request(*key),
        state=lambda thing: "completed" if thing.is_completed else "pending",
        done=lambda thing: thing.is_completed,
        id=lambda thing: thing.id,
        list=lambda scope: mw.domain.ssl_list_certificate_requests(project_id=scope),
        scope=_own_project,
    )


def ingress(mw: Groups) -> Waitable[Ingress]:
    """Either kind of TLS counts: issued on request (`is_created`), or with a custom certificate."""

    def issued(thing: Ingress) -> bool:
        created = getattr(thing.tls, "is_created", None)
        return bool(created) if created is not None else bool(getattr(thing.tls, "certificate_id", None))

    def errors(thing: Ingress) -> list[str]:
        return list(getattr(thing, "dns_validation_errors", None) or ())

    def state(thing: Ingress) -> str:
        if issued(thing):
            return "issued"
        if found := errors(thing):
            return f"DNS validation failed: {', '.join(found)}"
        ownership = getattr(thing, "ownership", None)
        return "pending" if ownership is None or ownership.verified else "ownership not verified"

    def reason(thing: Ingress) -> str | None:
        ownership = getattr(thing, "ownership", None)
        if ownership is None or ownership.verified:
            return None
        record = f" by the TXT record {ownership.txt_record}" if ownership.txt_record else ""
        return f"ownership is not verified yet{record}"

    return Waitable(
        "certificate of ingress",
        lambda key: mw.domain.ingress_get_ingress(*key),
        state=state,
        done=issued,
        failures=("DNS validation failed",),
        failed=lambda thing: not issued(thing) and bool(errors(thing)),
        reason=reason,
        id=lambda thing: thing.id,
        list=lambda scope: mw.domain.ingress_list_ingresses(project_id=scope),
        scope=_own_project,
    )


def service(mw: Groups) -> Waitable[ServiceResponse]:
    """A service runs when it runs what was asked for: one that has to be recreated still runs the state before."""
    return Waitable(
        "service",
        lambda key: mw.container.get_service(*key),
        state=lambda thing: lag_of(thing) or thing.status,
        done=lambda thing: thing.status == "running" and not lag_of(thing),
        failures=("error",),
        failed=lambda thing: thing.status == "error",
        reason=lambda thing: getattr(thing, "message", None),
        id=lambda thing: thing.id,
        list=lambda scope: mw.container.list_accessible_services(),
        stamps=_STATUS_SET,
    )


def pulled_image(mw: Groups) -> Waitable[ServiceResponse]:
    """A pulled image either runs, or waits for the service to be recreated (`skip_recreate=True`)."""
    kind = service(mw)
    return Waitable(
        "image of service",
        kind.get,
        state=lambda thing: lag_of(thing) or thing.status,
        done=lambda thing: thing.status in ("running", "stopped"),
        failures=kind.failures,
        failed=kind.failed,
        reason=kind.reason,
        id=kind.id,
        list=kind.list,
        stamps=_STATUS_SET,
    )


def stack(mw: Groups) -> Waitable[StackResponse]:
    """A stack runs when all its services do; one without services has nothing to run."""
    return declared_stack(mw, {})


def declared_stack(mw: Groups, images: Mapping[str, str | None]) -> Waitable[StackResponse]:
    """All services run what was asked for, and these are among them, with these images."""

    def state(thing: StackResponse) -> str:
        services = {service.service_name: service for service in thing.services or ()} if images else {}
        for name, image in images.items():
            if name not in services:
                return f"service {name} is missing"
            wanted = services[name].pending_state.image
            if image is not None and wanted != image:
                return f"service {name} is declared with {wanted}"
        return stack_state(thing)

    return Waitable(
        "stack",
        lambda key: mw.container.get_stack(*key),
        state=state,
        done=lambda thing: state(thing) == "running",
        failures=("error",),
        failed=stack_failed,
        reason=stack_reason,
        id=lambda thing: thing.id,
        list=lambda scope: mw.container.list_self_stacks(),
        stamps=lambda thing: tuple(stamp for service in thing.services or () for stamp in _STATUS_SET(service)),
    )


def named_images(services: Mapping[str, str] | Iterable[str]) -> dict[str, str | None]:
    """Images by service name; a service named without one may have any."""
    if isinstance(services, Mapping):
        return {name: services[name] for name in services}
    return dict.fromkeys(services)


def cronjob_execution(mw: Groups) -> Waitable[CronjobExecution]:
    def failed(thing: CronjobExecution) -> bool:
        exit_code = getattr(thing, "exit_code", None)
        unsuccessful = bool(exit_code) or getattr(thing, "successful", True) is False
        return thing.status in failures or (thing.status == "Complete" and unsuccessful)

    def state(thing: CronjobExecution) -> str:
        exit_code = getattr(thing, "exit_code", None)
        return thing.status if not exit_code else f"{thing.status}, exit code {exit_code}"

    failures = ("Failed", "TimedOut", "AbortedByUser", "AbortedBySystem")
    return Waitable(
        "cronjob execution",
        lambda key: mw.cronjob.get_execution(*key),
        state=state,
        done=lambda thing: thing.status == "Complete",
        failures=(*failures, "Complete with an exit code other than 0"),
        failed=failed,
        reason=lambda thing: f"log: {path}" if (path := getattr(thing, "log_path", None)) else None,
        id=lambda thing: thing.id,
        list=lambda scope: mw.cronjob.list_executions(scope),
        scope=lambda key, thing: key[0],
    )


def domain(mw: Groups, process: str) -> Waitable[Domain]:
    """A domain is ready once it is connected and no process of this kind is in progress."""

    def of_kind(thing: Domain) -> list[Any]:
        return [found for found in thing.processes or () if found.process_type == process]

    def state(thing: Domain) -> str:
        processes = of_kind(thing)
        if any(found.state == "FAILED" for found in processes):
            return "FAILED"
        if any(found.state == "REQUESTED" for found in processes):
            return "REQUESTED"
        return "connected" if thing.connected else "not connected"

    def reason(thing: Domain) -> str | None:
        failed = next((found for found in of_kind(thing) if found.state == "FAILED"), None)
        return None if failed is None else failed.error or failed.status

    return Waitable(
        f"domain {process.lower()}",
        lambda key: mw.domain.get_domain(*key),
        state=state,
        done=lambda thing: state(thing) == "connected",
        failures=("FAILED",),
        reason=reason,
        id=lambda thing: thing.domain_id,
        list=lambda scope: mw.domain.list_domains(),
        stamps=lambda thing: tuple(found.last_update for found in of_kind(thing)),
    )


def mailbox(mw: Groups) -> Waitable[MailAddress]:
    """A new address comes without its mailbox at first."""

    def state(thing: MailAddress) -> str:
        if thing.mailbox is None:
            return "without a mailbox"
        return "backup in progress" if getattr(thing, "is_backup_in_progress", False) else "ready"

    return Waitable(
        "mailbox of",
        lambda key: mw.mail.get_mail_address(*key),
        state=state,
        done=lambda thing: state(thing) == "ready",
        id=lambda thing: thing.id,
        list=lambda scope: mw.mail.list_mail_addresses_for_user(),
        stamps=stamps_of("updated_at"),
    )


def migration(mw: Groups) -> Waitable[Migration]:
    """A migration has no route of its own, so the project's list is all there is."""

    async def get(key: Key) -> Migration:
        project_id, migration_id = key
        async with aclosing(aiter(mw.domain.migration_list_migrations_by_project_id(project_id))) as migrations:
            async for thing in migrations:
                if getattr(thing, "id", None) == migration_id:  # an item may be another thing than documented
                    return thing
        raise NotFoundError(f"project {project_id} has no migration {migration_id}", status=404)

    def failed(thing: Migration) -> bool:
        return any(domain.state == "failed" for domain in thing.domains)

    def finished(thing: Migration) -> bool:
        return bool(thing.finished_at)

    return Waitable(
        "migration",
        get,
        state=lambda thing: "failed" if failed(thing) else "finished" if finished(thing) else "running",
        done=finished,
        failures=("failed",),
        id=lambda thing: thing.id,
        list=lambda scope: mw.domain.migration_list_migrations_by_project_id(scope),
        scope=lambda key, thing: key[0],
    )
