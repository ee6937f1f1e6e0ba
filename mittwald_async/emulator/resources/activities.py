"""The activity log of a project: what happened to its apps, databases and DNS; not a complete log, as the real one."""

from __future__ import annotations

from typing import Any

from ..handlers import EmulatedCall, handles
from ..listing import Key
from ..replies import ListReply, Reply
from ..state import World
from ..timestamps import seconds_of
from ..views import Objects
from .base import located, world_of


def note_activity(
    world: World, project_id: str, at: str, aggregate: tuple[str, str, str], action: dict[str, Any], user: str | None
) -> None:
    """Put something into the log. `aggregate` is its domain, its kind and its id."""
    entries: list[Any] = world.extras("activities").setdefault(project_id, [])
    entries.append(_entry(at, aggregate, action, user or world.main_user))


def _entry(at: str, aggregate: tuple[str, str, str], action: dict[str, Any], user: str) -> dict[str, Any]:
    domain, kind, id = aggregate
    return {
        "action": action,
        "aggregate": {"aggregate": kind, "domain": domain, "id": id},
        "dateTime": at,
        "user": {"id": user, "type": "user"},
    }


def database_parameters(value: dict[str, Any]) -> dict[str, Any]:
    """What the log says of every database."""
    return {name: {"name": str(value.get(name, ""))} for name in ("description", "name", "version")}


def _database_created(value: dict[str, Any]) -> dict[str, Any]:
    after = {name: value[name] for name in ("description", "name", "version")}
    return {
        "name": "database.mysql-created",
        "parameters": database_parameters(value),
        "changes": {"after": after},
    }


def _app_requested(value: dict[str, Any]) -> dict[str, Any]:
    reference = {"aggregate": "appinstallation", "domain": "app", "id": value["id"]}
    parameters = {
        "appInstallation": {"aggregate": reference, "name": value["description"]},
        "version": {"name": value["appExternalVersion"]},
    }
    return {"name": "app.installation-requested", "parameters": parameters}


def _of_objects(world: Objects, project: Key, user: str) -> list[dict[str, Any]]:
    """What there is was once made."""
    scope = ("project", project)
    entries: list[dict[str, Any]] = []
    for key in world.keys("mysql_database", scope):
        value = world.read("mysql_database", key)
        aggregate = ("database", "mysqldatabase", value["id"])
        entries.append(_entry(value["createdAt"], aggregate, _database_created(value), user))
    for key in world.keys("app_installation", scope):
        value = world.read("app_installation", key)
        entries.append(_entry(value["createdAt"], ("app", "appinstallation", value["id"]), _app_requested(value), user))
    return entries


@handles("project-list-project-activities")
def list_activities(call: EmulatedCall) -> Reply:
    world, query = world_of(call), call.query
    project = located(call, "project", "projectId")
    entries = _of_objects(world, project, world.main_user)
    noted: list[dict[str, Any]] = world.extras("activities").get(world.id("project", project), [])
    entries += noted
    for parameter, name in (("aggregateName", "aggregate"), ("aggregateDomain", "domain"), ("aggregateId", "id")):
        if parameter in query:
            entries = [entry for entry in entries if entry["aggregate"][name] == query[parameter]]
    if "startTime" in query:
        since = seconds_of(query["startTime"])
        entries = [entry for entry in entries if seconds_of(entry["dateTime"]) >= since]
    if "endTime" in query:
        until = seconds_of(query["endTime"])
        entries = [entry for entry in entries if seconds_of(entry["dateTime"]) <= until]
    if "fulltextSearch" in query:
        wanted = str(query["fulltextSearch"]).lower()
        entries = [entry for entry in entries if wanted in str(entry).lower()]
    entries.sort(key=lambda entry: str(entry["dateTime"]), reverse=query.get("order", "desc") == "desc")
    return ListReply(entries)
