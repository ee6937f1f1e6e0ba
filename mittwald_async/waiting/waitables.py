"""What can be waited for: how each kind is asked for, what its states mean, and where it can be listed."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, TypeAlias

from ..runtime.errors import NotFoundError
from .poller import Key, Waitable

if TYPE_CHECKING:
    from ..api.groups import Groups
    from ..models.app import AppInstallation
    from ..models.backup import ProjectBackup
    from ..models.container import ServiceResponse, StackResponse
    from ..models.database import MySqlDatabase, RedisDatabase
    from ..models.domainmigration import Migration
    from ..models.ingress import Ingress
    from ..models.order import CustomerOrder
    from ..models.project import Project, ProjectListItem, Server
    from ..models.ssl import CertificateRequest

    AnyProject: TypeAlias = Project | ProjectListItem


def project(mw: Groups) -> Waitable[AnyProject]:
    async def get(key: Key) -> AnyProject:
        return await mw.project.get_project(*key)

    return Waitable(
        "project",
        get,
        state=lambda thing: thing.status,
        done=lambda thing: thing.status == "ready",
        failed=lambda thing: thing.status in ("error", "disabled"),
        id=lambda thing: thing.id,
        list=lambda scope: mw.project.list_projects(),
    )


def server(mw: Groups) -> Waitable[Server]:
    return Waitable(
        "server",
        lambda key: mw.project.get_server(*key),
        state=lambda thing: thing.status,
        done=lambda thing: thing.status == "ready",
        failed=lambda thing: thing.status == "suspended",
        id=lambda thing: thing.id,
        list=lambda scope: mw.project.list_servers(),
    )


def app_installation(mw: Groups) -> Waitable[AppInstallation]:
    """Ready means that the wanted version runs: right after a change the phase still says ready, of the old one."""
    return Waitable(
        "app installation",
        lambda key: mw.app.get_appinstallation(*key),
        state=lambda thing: thing.phase,
        done=lambda thing: thing.phase == "ready" and thing.app_version.current == thing.app_version.desired,
        failed=lambda thing: thing.phase == "disabled",
        id=lambda thing: thing.id,
        list=lambda scope: mw.app.list_appinstallations_for_user(),
    )


def mysql_database(mw: Groups) -> Waitable[MySqlDatabase]:
    """Of no use without its main user, who comes later."""

    def state(thing: MySqlDatabase) -> str:
        if thing.status != "ready":
            return thing.status
        return "ready" if _user(thing) == "ready" else f"ready, main user {_user(thing)}"

    return Waitable(
        "MySQL database",
        lambda key: mw.database.get_mysql_database(*key),
        state=state,
        done=lambda thing: thing.status == "ready" and _user(thing) == "ready",
        failed=lambda thing: thing.status == "error" or _user(thing) in ("error", "terminating", "disabled"),
        id=lambda thing: thing.id,
        list=lambda scope: mw.database.list_mysql_databases(scope),
        scope=lambda thing: thing.project_id if thing is not None else None,
    )


def _user(thing: MySqlDatabase) -> str:
    return thing.main_user.status if thing.main_user else "missing"


def redis_database(mw: Groups) -> Waitable[RedisDatabase]:
    return Waitable(
        "Redis database",
        lambda key: mw.database.get_redis_database(*key),
        state=lambda thing: thing.status,
        done=lambda thing: thing.status == "ready",
        failed=lambda thing: thing.status == "error",
        id=lambda thing: thing.id,
        list=lambda scope: mw.database.list_redis_databases(scope),
        scope=lambda thing: thing.project_id if thing is not None else None,
    )


def backup(mw: Groups) -> Waitable[ProjectBackup]:
    """The document leaves the states open; its examples capitalise them."""
    return Waitable(
        "backup",
        lambda key: mw.backup.get_project_backup(*key),
        state=lambda thing: thing.status,
        done=lambda thing: thing.status.lower() == "completed",
        failed=lambda thing: thing.status.lower() in ("failed", "error"),
        id=lambda thing: thing.id,
        list=lambda scope: mw.backup.list_project_backups(scope),
        scope=lambda thing: thing.project_id if thing is not None else None,
    )


def backup_export(mw: Groups) -> Waitable[ProjectBackup]:
    def phase(thing: ProjectBackup) -> str:
        return (thing.export.phase if thing.export else None) or "none"

    return Waitable(
        "backup export",
        lambda key: mw.backup.get_project_backup(*key),
        state=phase,
        done=lambda thing: phase(thing) == "Completed",
        failed=lambda thing: phase(thing) in ("Failed", "Expired"),
        id=lambda thing: thing.id,
        list=lambda scope: mw.backup.list_project_backups(scope),
        scope=lambda thing: thing.project_id if thing is not None else None,
    )


def order(mw: Groups) -> Waitable[CustomerOrder]:
    return Waitable(
        "order",
        lambda key: mw.contract.order_get_order(*key),
        state=lambda thing: thing.status,
        done=lambda thing: thing.status == "EXECUTED",
        failed=lambda thing: thing.status in ("REJECTED", "ABORTED"),
        id=lambda thing: thing.order_id,
        list=lambda scope: mw.contract.order_list_orders(),
    )


def certificate_request(mw: Groups) -> Waitable[CertificateRequest]:
    return Waitable(
        "certificate request",
        lambda key: mw.domain.ssl_get_certificate_request(*key),
        state=lambda thing: "completed" if thing.is_completed else "pending",
        done=lambda thing: thing.is_completed,
        failed=lambda thing: False,
        id=lambda thing: thing.id,
        list=lambda scope: mw.domain.ssl_list_certificate_requests(project_id=scope),
        scope=lambda thing: thing.project_id if thing is not None else None,
    )


def ingress(mw: Groups) -> Waitable[Ingress]:
    """Either kind of TLS will do: issued on request (`is_created`), or with a certificate of one's own."""

    def issued(thing: Ingress) -> bool:
        created = getattr(thing.tls, "is_created", None)
        return bool(created) if created is not None else bool(getattr(thing.tls, "certificate_id", None))

    return Waitable(
        "certificate of ingress",
        lambda key: mw.domain.ingress_get_ingress(*key),
        state=lambda thing: "issued" if issued(thing) else "pending",
        done=issued,
        failed=lambda thing: False,
        id=lambda thing: thing.id,
        list=lambda scope: mw.domain.ingress_list_ingresses(project_id=scope),
        scope=lambda thing: thing.project_id if thing is not None else None,
    )


def service(mw: Groups) -> Waitable[ServiceResponse]:
    return Waitable(
        "service",
        lambda key: mw.container.get_service(*key),
        state=lambda thing: thing.status,
        done=lambda thing: thing.status == "running",
        failed=lambda thing: thing.status == "error",
        id=lambda thing: thing.id,
        list=lambda scope: mw.container.list_accessible_services(),
    )


def stack(mw: Groups) -> Waitable[StackResponse]:
    """A stack runs when all its services do; one without services has nothing to run."""

    def states(thing: StackResponse) -> set[str]:
        return {service.status for service in thing.services or ()}

    def state(thing: StackResponse) -> str:
        return ", ".join(sorted(states(thing) - {"running"})) or "running"

    return Waitable(
        "stack",
        lambda key: mw.container.get_stack(*key),
        state=state,
        done=lambda thing: states(thing) <= {"running"},
        failed=lambda thing: "error" in states(thing),
        id=lambda thing: thing.id,
        list=lambda scope: mw.container.list_self_stacks(),
    )


def migration(mw: Groups, project_id: str) -> Waitable[Migration]:
    """A migration has no route of its own, so the project's list is all there is."""

    async def get(key: Key) -> Migration:
        async with aclosing(aiter(mw.domain.migration_list_migrations_by_project_id(project_id))) as migrations:
            async for thing in migrations:
                if thing.id == key[-1]:
                    return thing
        raise NotFoundError(f"project {project_id} has no migration {key[-1]}", status=404)

    def failed(thing: Migration) -> bool:
        return any(domain.state == "failed" for domain in thing.domains)

    def finished(thing: Migration) -> bool:
        return bool(thing.finished_at)

    return Waitable(
        "migration",
        get,
        state=lambda thing: "failed" if failed(thing) else "finished" if finished(thing) else "running",
        done=finished,
        failed=failed,
        id=lambda thing: thing.id,
        list=lambda scope: mw.domain.migration_list_migrations_by_project_id(project_id),
    )
