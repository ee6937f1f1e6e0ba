"""MySQL databases with their users, and Redis databases."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from ..handlers import EmulatedCall, handles
from ..lifecycle import TransitionStep
from ..listing import Key
from ..replies import EmptyReply, Fail, Reply, ValueReply
from ..seeded import SeededAccount, kind, same_as, spread
from ..state import World
from ..views import Objects, before_delete, view
from .activities import database_parameters, note_activity
from .base import given, located, patch, remove, scope_of, shown, unfit, whole, world_of

_MYSQL = ("8.0", "8.0", "8.4", "8.4", "5.7")
_REDIS = ("7.0", "7.2", "6.2")
_CHARACTERS = {"characterSet": "utf8mb4", "collation": "utf8mb4_unicode_ci"}
_REDIS_COUNT = spread("project", (75, 0), (22, 1), (3, 2))
_USERS = spread("mysql_database", (85, 1), (12, 2), (3, 3))


@kind("mysql_database", 20, parent="project", count=same_as("app_installation"))
def mysql_database(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("mysql_database", number)
    project, index = account.place("mysql_database", number)
    name = account.ids.short("mysql", number).replace("-", "_")
    version = dice.pick(_MYSQL)
    status = "ready" if dice.below(100) < 98 else dice.pick(("pending", "error", "migrating", "importing"))
    created = account.moment(dice, 10, 900)
    return {
        "characterSettings": _CHARACTERS,
        "createdAt": created,
        "description": f"Datenbank {index + 1} {account.brand(project)}",
        "externalHostname": "mysql.espelkamp.project.host",
        "hostname": f"mysql-{name[6:]}.pg-s-{account.project_short(project)[2:]}.db.project.host",
        "id": account.id("mysql_database", number),
        "isReady": status == "ready",
        "isShared": True,
        "name": name,
        "projectId": account.id("project", project),
        "status": status,
        "statusSetAt": created,
        "storageUsageInBytes": dice.below(2 << 30),
        "storageUsageInBytesSetAt": account.moment(dice, 0, 1),
        "updatedAt": created,
        "version": version,
    }


@kind("mysql_user", 21, parent="mysql_database", count=_USERS)
def mysql_user(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("mysql_user", number)
    database, index = account.place("mysql_user", number)
    created = account.moment(dice, 10, 900)
    return {
        "accessLevel": "full" if index == 0 else dice.pick(("full", "readonly")),
        "createdAt": created,
        "databaseId": account.id("mysql_database", database),
        "description": "Hauptbenutzer" if index == 0 else dice.pick(("Reporting", "Backup", "Dienstleister")),
        "disabled": False,
        "externalAccess": index > 0 and dice.chance(50),
        "id": account.id("mysql_user", number),
        "mainUser": index == 0,
        "name": account.ids.short("dbu", number).replace("-", "_"),
        "passwordUpdatedAt": created,
        "status": "ready",
        "statusSetAt": created,
        "updatedAt": created,
    }


@kind("redis_database", 22, parent="project", count=_REDIS_COUNT)
def redis_database(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("redis_database", number)
    project = account.parent("redis_database", number)
    created = account.moment(dice, 10, 900)
    name = account.ids.short("redis", number)
    return {
        "configuration": {
            "additionalFlags": [],
            "maxMemory": dice.pick(("128Mi", "256Mi", "512Mi")),
            "maxMemoryPolicy": dice.pick(("allkeys-lru", "noeviction", "volatile-lru")),
            "persistent": dice.chance(50),
        },
        "createdAt": created,
        "description": f"Redis {account.brand(project)}",
        "hostname": f"{name}.pg-s-{account.project_short(project)[2:]}.db.project.host",
        "id": account.id("redis_database", number),
        "name": name.replace("-", "_"),
        "port": 6379,
        "projectId": account.id("project", project),
        "status": "ready" if dice.below(100) < 98 else "error",
        "statusSetAt": created,
        "storageUsageInBytes": dice.below(200 << 20),
        "storageUsageInBytesSetAt": account.moment(dice, 0, 1),
        "updatedAt": created,
        "version": dice.pick(_REDIS),
    }


@view("mysql_database", needs=("mysql_user",))
def present(world: Objects, key: Key, stored: dict[str, Any]) -> dict[str, Any]:
    """With its main user."""
    if isinstance(key, int):
        main = world.seeded.span("mysql_user", key)[0]
        if not world.is_deleted("mysql_user", main):
            return stored | {"mainUser": world.read("mysql_user", main)}
        return stored
    for user in world.keys("mysql_user", ("mysql_database", key)):
        value = world.read("mysql_user", user)
        if value["mainUser"]:
            return stored | {"mainUser": value}
    return stored


# MySQL databases


@handles("database-list-mysql-databases")
def list_mysql(call: EmulatedCall) -> Reply:
    return whole(call, "mysql_database", scope_of(call, "project", "projectId"))


@handles("database-get-mysql-database")
def get_mysql(call: EmulatedCall) -> Reply:
    return shown(call, "mysql_database", located(call, "mysql_database", "mysqlDatabaseId"))


def add_mysql_database(
    world: World,
    project_id: str,
    description: str,
    version: str,
    access: str,
    settings: dict[str, Any] | None = None,
    **user: Any,
) -> tuple[str, str]:
    """A new database and its main user, both getting ready: their ids."""
    id, now = world.new_id("mysql_database"), world.now()
    name = world.new_short("mysql").replace("-", "_")
    value: dict[str, Any] = {
        "characterSettings": settings or _CHARACTERS,
        "createdAt": now,
        "description": description,
        "externalHostname": "mysql.espelkamp.project.host",
        "hostname": f"mysql-{name[6:]}.pg-s-{world.serial:06d}.db.project.host",
        "id": id,
        "isReady": False,
        "isShared": True,
        "name": name,
        "projectId": project_id,
        "status": "pending",
        "statusSetAt": now,
        "storageUsageInBytes": 0,
        "storageUsageInBytesSetAt": now,
        "updatedAt": now,
        "version": version,
    }
    world.create("mysql_database", project_id, value)
    user_id = _add_user(world, id, {"accessLevel": access, "description": description, **user}, main=True)
    _get_ready(world, "mysql_database", id, {"isReady": True})
    return id, user_id


def _add_user(world: World, database_id: str, facts: dict[str, Any], *, main: bool = False) -> str:
    id, now = world.new_id("mysql_user"), world.now()
    value: dict[str, Any] = {
        "accessLevel": facts["accessLevel"],
        "createdAt": now,
        "databaseId": database_id,
        "disabled": False,
        "externalAccess": facts.get("externalAccess", False),
        "id": id,
        "mainUser": main,
        "name": world.new_short("dbu").replace("-", "_"),
        "passwordUpdatedAt": now,
        "status": "pending",
        "statusSetAt": now,
        "updatedAt": now,
        **given(facts, "description", "accessIpMask"),
    }
    world.create("mysql_user", database_id, value)
    _get_ready(world, "mysql_user", id, {})
    return id


def _get_ready(world: World, kind: str, id: str, also: dict[str, Any]) -> None:
    end = {"status": "error"} if world.fails(kind, id) else {"status": "ready", **also}
    world.begin(kind, id, TransitionStep(set=end, stamp=("statusSetAt",)))


@handles("database-create-mysql-database")
def create_mysql(call: EmulatedCall) -> Reply:
    world = world_of(call)
    project_id = world.id("project", located(call, "project", "projectId"))
    facts, user = call.body["database"], call.body["user"]
    if facts["version"] not in _MYSQL:
        raise unfit("body.database.version", "no such MySQL version")
    id, user_id = add_mysql_database(
        world,
        project_id,
        facts["description"],
        facts["version"],
        user["accessLevel"],
        facts.get("characterSettings"),
        **given(user, "accessIpMask", "externalAccess"),
    )
    call.wrote(project_id=project_id, created=(id, user_id))
    return ValueReply({"id": id, "userId": user_id})


@handles("database-copy-mysql-database")
def copy_mysql(call: EmulatedCall) -> Reply:
    world = world_of(call)
    source = world.read("mysql_database", located(call, "mysql_database", "mysqlDatabaseId"))
    if source["status"] != "ready":
        raise Fail.refused(f"database is {source['status']}, expected ready")
    user = call.body["user"]
    id, user_id = add_mysql_database(
        world,
        source["projectId"],
        call.body["description"],
        source["version"],
        user["accessLevel"],
        source["characterSettings"],
        **given(user, "accessIpMask", "externalAccess"),
    )
    call.wrote(project_id=source["projectId"], created=(id, user_id))
    return ValueReply({"id": id, "userId": user_id})


@handles(
    "database-patch-mysql-database",
    "deprecated-database-update-mysql-database-description",
    "deprecated-database-update-mysql-database-default-charset",
)
def patch_mysql(call: EmulatedCall) -> Reply:
    """A new version reads as such at once, while the status stays `ready` for a moment before the change begins."""
    names = ("characterSettings", "description", "version")
    return _patch_version(call, "mysql", "MySQL", names, _MYSQL, {"isReady": False}, {"isReady": True})


def _patch_version(
    call: EmulatedCall,
    product: str,
    product_name: str,
    names: Sequence[str],
    versions: Container[str],
    during: dict[str, Any],
    after: dict[str, Any],
) -> Reply:
    """Change properties of a database. `during` and `after` are its properties while a new version is installed."""
    world, kind = world_of(call), f"{product}_database"
    parameter = f"{product}DatabaseId"
    key = located(call, kind, parameter)
    before = world.read(kind, key)
    version = call.body.get("version", before["version"])
    if version not in versions:
        raise unfit("body.version", f"no such {product_name} version")
    changes = version != before["version"]
    reply = patch(call, kind, parameter, *names, updatedAt=world.now())
    if changes:
        _note_version(call, product, before, version)
        _change_version(world, kind, key, during, after)
    return reply


def _note_version(call: EmulatedCall, kind: str, before: dict[str, Any], version: str) -> None:
    action = {
        "name": f"database.{kind}-version-set",
        "parameters": database_parameters(before),
        "changes": {"before": {"version": before["version"]}, "after": {"version": version}},
    }
    world = world_of(call)
    aggregate = ("database", f"{kind}database", before["id"])
    note_activity(world, before["projectId"], world.now(), aggregate, action, call.identity.user_id)


def _change_version(world: World, kind: str, key: Key, during: dict[str, Any], after: dict[str, Any]) -> None:
    world.follow_up(
        kind,
        key,
        TransitionStep(set={"status": "migrating", **during}, stamp=("statusSetAt",)),
        TransitionStep(set={"status": "ready", **after}, stamp=("statusSetAt",)),
    )


@handles("database-delete-mysql-database")
def delete_mysql(call: EmulatedCall) -> Reply:
    return remove(call, "mysql_database", "mysqlDatabaseId")


@before_delete("mysql_database")
def leave_mysql(world: Objects, key: Key) -> None:
    _unlink(world, "mysql_database", key)


@before_delete("redis_database")
def leave_redis(world: Objects, key: Key) -> None:
    _unlink(world, "redis_database", key)


def _unlink(world: Objects, kind: str, key: Key) -> None:
    """No installation keeps a reference to a deleted database."""
    id, project = world.id(kind, key), world.parent(kind, key)
    scope = None if project is None else ("project", project)
    for installation in list(world.keys("app_installation", scope)):
        links = world.read("app_installation", installation)["linkedDatabases"]
        rest = [link for link in links if link["databaseId"] != id]
        if len(rest) < len(links):
            world.change("app_installation", installation, linkedDatabases=rest)


@handles("database-list-mysql-versions")
def list_mysql_versions(call: EmulatedCall) -> Reply:
    return _versions(call, "MySQL", 210, sorted(set(_MYSQL)))


@handles("database-list-redis-versions")
def list_redis_versions(call: EmulatedCall) -> Reply:
    return _versions(call, "Redis", 211, sorted(_REDIS))


def _versions(call: EmulatedCall, name: str, number: int, versions: list[str]) -> Reply:
    ids = world_of(call).seeded.ids
    return ValueReply(
        [
            {"disabled": False, "id": ids.uuid(number, n), "name": f"{name} {version}", "number": version}
            for n, version in enumerate(versions)
        ]
    )


@handles("database-list-mysql-charsets")
def list_charsets(call: EmulatedCall) -> Reply:
    ids = world_of(call).seeded.ids
    wanted = call.query.get("version")
    sets = {"utf8mb4": ["utf8mb4_unicode_ci", "utf8mb4_general_ci", "utf8mb4_bin"], "latin1": ["latin1_swedish_ci"]}
    return ValueReply(
        [
            {"collations": collations, "name": name, "versionId": ids.uuid(210, n)}
            for n, version in enumerate(sorted(set(_MYSQL)))
            if wanted in (None, version)
            for name, collations in sets.items()
        ]
    )


# MySQL users


def _user(call: EmulatedCall) -> Key:
    return located(call, "mysql_user", "mysqlUserId")


@handles("database-list-mysql-users")
def list_users(call: EmulatedCall) -> Reply:
    return whole(call, "mysql_user", scope_of(call, "mysql_database", "mysqlDatabaseId"))


@handles("database-get-mysql-user")
def get_user(call: EmulatedCall) -> Reply:
    return shown(call, "mysql_user", _user(call))


@handles("database-create-mysql-user")
def create_user(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = located(call, "mysql_database", "mysqlDatabaseId")
    database = world.read("mysql_database", key)
    if call.body["databaseId"] != database["id"]:
        raise unfit("body.databaseId", "differs from the database in the path")
    id = _add_user(world, database["id"], call.body)
    call.wrote(project_id=database["projectId"], created=(id,))
    return ValueReply({"id": id})


@handles(
    "database-update-mysql-user",
    "deprecated-database-replace-mysql-user",
    "deprecated-database-update-mysql-user-password",
)
def update_user(call: EmulatedCall) -> Reply:
    now = world_of(call).now()
    more = {"passwordUpdatedAt": now} if "password" in call.body else {}
    names = ("accessIpMask", "accessLevel", "description", "externalAccess")
    return patch(call, "mysql_user", "mysqlUserId", *names, updatedAt=now, **more)


@handles("database-delete-mysql-user")
def delete_user(call: EmulatedCall) -> Reply:
    if world_of(call).read("mysql_user", _user(call))["mainUser"]:
        raise Fail.refused("the main user goes with its database")
    return remove(call, "mysql_user", "mysqlUserId")


@handles("database-disable-mysql-user")
def disable_user(call: EmulatedCall) -> Reply:
    world = world_of(call)
    world.change("mysql_user", _user(call), disabled=True, status="disabled", statusSetAt=world.now())
    return EmptyReply()


@handles("database-enable-mysql-user")
def enable_user(call: EmulatedCall) -> Reply:
    world = world_of(call)
    world.change("mysql_user", _user(call), disabled=False, status="ready", statusSetAt=world.now())
    return EmptyReply()


@handles("database-get-mysql-user-php-my-admin-url")
def php_my_admin(call: EmulatedCall) -> Reply:
    user = world_of(call).read("mysql_user", _user(call))
    return ValueReply({"url": f"https://mysql.project.host/index.php?user={user['name']}"})


# Redis databases


@handles("database-list-redis-databases")
def list_redis(call: EmulatedCall) -> Reply:
    return whole(call, "redis_database", scope_of(call, "project", "projectId"))


@handles("database-get-redis-database")
def get_redis(call: EmulatedCall) -> Reply:
    return shown(call, "redis_database", located(call, "redis_database", "redisDatabaseId"))


@handles("database-create-redis-database")
def create_redis(call: EmulatedCall) -> Reply:
    world = world_of(call)
    project_id = world.id("project", located(call, "project", "projectId"))
    body = call.body
    if body["version"] not in _REDIS:
        raise unfit("body.version", "no such Redis version")
    id, now, name = world.new_id("redis_database"), world.now(), world.new_short("redis")
    value: dict[str, Any] = {
        "createdAt": now,
        "hostname": f"{name}.pg-s-{world.serial:06d}.db.project.host",
        "id": id,
        "name": name.replace("-", "_"),
        "port": 6379,
        "projectId": project_id,
        "status": "pending",
        "statusSetAt": now,
        "storageUsageInBytes": 0,
        "storageUsageInBytesSetAt": now,
        "updatedAt": now,
        **given(body, "configuration", "description", "version"),
    }
    world.create("redis_database", project_id, value)
    _get_ready(world, "redis_database", id, {})
    return ValueReply({"id": id})


@handles(
    "database-patch-redis-database",
    "deprecated-database-update-redis-database-configuration",
    "deprecated-database-update-redis-database-description",
)
def patch_redis(call: EmulatedCall) -> Reply:
    return _patch_version(call, "redis", "Redis", ("configuration", "description", "version"), _REDIS, {}, {})


@handles("database-delete-redis-database")
def delete_redis(call: EmulatedCall) -> Reply:
    return remove(call, "redis_database", "redisDatabaseId")
