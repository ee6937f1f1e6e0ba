"""How much space servers and projects take, added up from what is in them."""

from __future__ import annotations

from typing import Any

from ..handlers import EmulatedCall, handles
from ..listing import Key
from ..replies import EmptyReply, Reply, ValueReply
from ..state import World
from .base import located, world_of

_LIMIT = 50 << 30


def _usage(kind: str, value: dict[str, Any]) -> tuple[int, str]:
    """Bytes of an object, and when they were counted."""
    if kind == "mail_address":
        current = value.get("mailbox", {}).get("storageInBytes", {}).get("current", {})
        return current.get("value", 0), current.get("updatedAt", value["updatedAt"])
    return value["storageUsageInBytes"], value["storageUsageInBytesSetAt"]


_SUMMED = {
    "mailAddress": ("mail_address", "address"),
    "mysqlDatabase": ("mysql_database", "name"),
    "redisDatabase": ("redis_database", "name"),
    "containerVolume": ("volume", "name"),
}


def _categories(world: World, project: Key) -> list[dict[str, Any]]:
    facts = world.read("project", project)
    categories: list[dict[str, Any]] = [
        {"kind": "webspace", "resources": [], "totalUsageInBytes": facts["webStorageUsageInBytes"]},
        {"kind": "projectBackup", "resources": [], "totalUsageInBytes": facts["backupStorageUsageInBytes"]},
    ]
    for category, (kind, name) in _SUMMED.items():
        resources: list[dict[str, Any]] = []
        for key in world.keys(kind, ("project", project)):
            value = world.read(kind, key)
            used, at = _usage(kind, value)
            resources.append({"id": value["id"], "name": value[name], "usageInBytes": used, "usageInBytesSetAt": at})
        total = sum(resource["usageInBytes"] for resource in resources)
        categories.append({"kind": category, "resources": resources, "totalUsageInBytes": total})
    return categories


def _statistics(world: World, kind: str, key: Key) -> dict[str, Any]:
    """Of a project by what is in it, of a server by its projects."""
    value = world.read(kind, key)
    below: list[dict[str, Any]] = []
    categories: list[dict[str, Any]] = []
    if kind == "project":
        categories = _categories(world, key)
        used = sum(category["totalUsageInBytes"] for category in categories)
    else:
        below = [_statistics(world, "project", project) for project in projects_on(world, key)]
        used = sum(child["meta"]["totalUsageInBytes"] for child in below)
    limit = _LIMIT if kind == "project" else int(value["storage"].removesuffix("Gi")) << 30
    statistics: dict[str, Any] = {
        "childStatistics": below,
        "description": value["description"],
        "id": value["id"],
        "kind": kind,
        "meta": {
            "isExceeding": used > limit,
            "limitInBytes": limit,
            "totalFreeInBytes": max(0, limit - used),
            "totalFreeInPercentage": round(max(0, limit - used) * 100 / limit, 2),
            "totalUsageInBytes": used,
            "totalUsageInPercentage": round(used * 100 / limit, 2),
        },
        "name": value["shortId"],
        "statisticCategories": categories,
    }
    threshold = world.extras("storage_thresholds").get(value["id"])
    return statistics if threshold is None else statistics | {"notificationThresholdInBytes": threshold}


def projects_on(world: World, server: Key) -> list[Key]:
    """A server's projects, without looking at each of the customer's."""
    id = world.id("server", server)
    found: list[Key] = []
    if isinstance(server, int):
        on, _ = world.seeded.hosting(world.seeded.parent("server", server))
        found += [project for project in on[server] if not world.is_deleted("project", project)]
    return found + [key for key in world.created["project"] if world.read("project", key).get("serverId") == id]


@handles("storagespace-get-project-statistics")
def project_statistics(call: EmulatedCall) -> Reply:
    return ValueReply(_statistics(world_of(call), "project", located(call, "project", "projectId")))


@handles("storagespace-get-server-statistics")
def server_statistics(call: EmulatedCall) -> Reply:
    return ValueReply(_statistics(world_of(call), "server", located(call, "server", "serverId")))


def _threshold(call: EmulatedCall, kind: str, parameter: str) -> Reply:
    """`null` takes the threshold away."""
    world = world_of(call)
    id = world.id(kind, located(call, kind, parameter))
    wanted = call.body.get("notificationThresholdInBytes")
    if wanted is None:
        world.extras("storage_thresholds").pop(id, None)
    else:
        world.extras("storage_thresholds")[id] = wanted
    return EmptyReply()


@handles(
    "storagespace-update-project-statistics",
    "deprecated-storagespace-replace-project-notification-threshold",
)
def update_project_threshold(call: EmulatedCall) -> Reply:
    return _threshold(call, "project", "projectId")


@handles(
    "storagespace-update-server-statistics",
    "deprecated-storagespace-replace-server-notification-threshold",
)
def update_server_threshold(call: EmulatedCall) -> Reply:
    return _threshold(call, "server", "serverId")
