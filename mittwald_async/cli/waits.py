"""`--wait`: which operations begin something that takes a while, and what to wait for then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec

from ..runtime import codec
from ..runtime.errors import InvalidArgumentError
from ..runtime.operation import Operation

if TYPE_CHECKING:
    from ..client import Mittwald


class WaitFor(NamedTuple):
    """A method of `mw.wait`, and where the id it needs is found."""

    method: str
    argument: str | None = None
    """Path argument with the id; `None`: the answer has it."""
    property: str = "id"
    """Of the answer."""


WAITERS = {
    "app-request-appinstallation": WaitFor("app_installation_ready"),
    "app-patch-appinstallation": WaitFor("app_installation_ready", "appInstallationId"),
    "backup-create-project-backup": WaitFor("backup_completed"),
    "backup-create-project-backup-export": WaitFor("backup_export_completed", "projectBackupId"),
    "database-create-mysql-database": WaitFor("mysql_database_ready"),
    "database-patch-mysql-database": WaitFor("mysql_database_ready", "mysqlDatabaseId"),
    "database-copy-mysql-database": WaitFor("mysql_database_ready"),
    "database-create-redis-database": WaitFor("redis_database_ready"),
    "order-create-order": WaitFor("order_executed", property="orderId"),
    "project-create-project": WaitFor("project_ready"),
    "project-delete-project": WaitFor("project_deleted", "projectId"),
    "ssl-create-certificate-request": WaitFor("certificate_issued"),
}


def waiter_of(operation: Operation[Any]) -> WaitFor:
    """What to wait for after an operation.

    Raises:
        InvalidArgumentError: nothing is known to be waited for.
    """
    found = WAITERS.get(operation.operation_id)
    if found is None:
        raise InvalidArgumentError(
            "--wait", f"{operation.operation_id} begins nothing that is waited for; known are {', '.join(WAITERS)}"
        )
    return found


async def wait_for(mw: Mittwald, waiter: WaitFor, path: Mapping[str, Any], answer: Any) -> Any:
    """Wait, and give the object as it is then; where it is gone then, the answer itself."""
    id_ = path[waiter.argument] if waiter.argument is not None else _found(answer, waiter.property)
    if id_ is None:
        raise InvalidArgumentError("--wait", "the answer names nothing that could be waited for")
    ready = await getattr(mw.wait, waiter.method)(id_)
    return answer if ready is None else ready


def _found(answer: Any, name: str) -> Any:
    plain = msgspec.json.decode(codec.encode(answer))
    return cast("dict[str, Any]", plain).get(name) if isinstance(plain, dict) else None
