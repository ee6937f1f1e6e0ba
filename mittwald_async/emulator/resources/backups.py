"""Backups, their schedules, exports and restores."""

from __future__ import annotations

import io
import tarfile
import zipfile
from hashlib import sha256
from typing import Any

from ..handlers import EmulatedCall, handles, serves
from ..lifecycle import TransitionStep
from ..listing import Key
from ..replies import ContentReply, EmptyReply, Fail, Reply, ValueReply
from ..seeded import DAY, SeededAccount, iso, kind, spread
from ..state import World
from .base import Sort, Test, filtered, given, located, patch, remove, scope_of, search, shown, unfit, whole, world_of
from .filesystem import entry, tree

_COUNT = spread("project", (10, 0), (60, 7), (25, 14), (5, 30))
_SCHEDULES = spread("project", (80, 1), (15, 2), (5, 0))


@kind("backup", 25, parent="project", count=_COUNT, parameters=("projectBackupId",))
def backup(account: SeededAccount, number: int) -> dict[str, Any]:
    """One a night, newest last: the last one in the hours before the account's day."""
    dice = account.dice("backup", number)
    project, index = account.place("backup", number)
    age = len(account.span("backup", project)) - index
    at = account.epoch - (age - 1) * DAY - 4 * 3600 + dice.below(3600)
    schedules = account.span("backup_schedule", project)
    value: dict[str, Any] = {
        "createdAt": iso(at + 60),
        "deletable": dice.chance(30),
        "description": "Systembackup",
        "expiresAt": iso(at + 60 * DAY),
        "id": account.id("backup", number),
        "projectId": account.id("project", project),
        "requestedAt": iso(at),
        "status": "Completed" if dice.chance(98) else "Failed",
    }
    if schedules:
        value["parentId"] = account.id("backup_schedule", schedules[0])
    return value


@kind("backup_schedule", 26, parent="project", count=_SCHEDULES, parameters=("projectBackupScheduleId",))
def backup_schedule(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("backup_schedule", number)
    project, index = account.place("backup_schedule", number)
    created = account.moment(dice, 100, 800)
    return {
        "createdAt": created,
        "description": "Systembackup" if index == 0 else "Wöchentliche Sicherung",
        "id": account.id("backup_schedule", number),
        "isSystemBackup": index == 0,
        "projectId": account.id("project", project),
        "schedule": f"{dice.below(60)} {dice.between(1, 5)} * * *" if index == 0 else "0 4 * * 0",
        "ttl": "7d" if index == 0 else "30d",
        "updatedAt": created,
    }


def _backup(call: EmulatedCall) -> Key:
    return located(call, "backup", "projectBackupId")


@handles("backup-list-project-backups")
def list_backups(call: EmulatedCall) -> Reply:
    query = call.query
    tests: list[Test | None] = [search(call, "searchTerm", "description", "id")]
    if query.get("withExportsOnly"):
        tests.append(lambda value: "export" in value)
    if query.get("runningRestoresOnly"):
        tests.append(lambda value: value.get("restore", {}).get("phase") == "running")
    if query.get("runningBackupsOnly"):
        tests.append(lambda value: value["status"] in ("Pending", "Running"))
    order = query.get("sortOrder")
    sort: Sort | None = (lambda value: str(value["requestedAt"])) if order else None
    scope = scope_of(call, "project", "projectId")
    return filtered(call, "backup", scope, tests, sort, descending=order == "newestFirst")


@handles("backup-get-project-backup")
def get_backup(call: EmulatedCall) -> Reply:
    return shown(call, "backup", _backup(call))


@handles("backup-create-project-backup")
def create_backup(call: EmulatedCall) -> Reply:
    """Pending, running, completed; a share fails."""
    world = world_of(call)
    project_id = world.id("project", located(call, "project", "projectId"))
    value: dict[str, Any] = {
        "deletable": True,
        "expiresAt": call.body["expirationTime"],
        "id": world.new_id("backup"),
        "projectId": project_id,
        "requestedAt": world.now(),
        "status": "Pending",
        **given(call.body, "description"),
    }
    id = world.create("backup", project_id, value)
    end = TransitionStep(
        set={"status": "Failed"} if world.fails("backup", id) else {"status": "Completed"}, stamp=("createdAt",)
    )
    world.begin("backup", id, TransitionStep(set={"status": "Running"}), end)
    return ValueReply(world.value("backup", id))


@handles(
    "backup-update-project-backup",
    "deprecated-backup-update-project-backup-description",
    "deprecated-backup-replace-project-backup-expiration-time",
)
def update_backup(call: EmulatedCall) -> Reply:
    more = {"expiresAt": call.body["expirationTime"]} if "expirationTime" in call.body else {}
    return patch(call, "backup", "projectBackupId", "description", **more)


@handles("backup-delete-project-backup")
def delete_backup(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = _backup(call)
    if not world.read("backup", key)["deletable"]:
        raise Fail.refused("system backups cannot be deleted")
    _drop_export(world, key)
    world.remove("backup", key)
    return EmptyReply()


# exports


def _archive(world: World, key: Key, format: str) -> bytes:
    """A small real archive, the same for the same backup."""
    backup = world.read("backup", key)
    files = {
        "html/index.html": f"<h1>{backup['projectId']}</h1>\n".encode(),
        "databases/main.sql": b"-- dump\nCREATE TABLE pages (uid INT);\n" * 400,
        "README.txt": f"Backup {backup['id']}\n".encode(),
    }
    buffer = io.BytesIO()
    if format == "zip":
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, data in files.items():
                archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    else:
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, data in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _drop_export(world: World, key: Key) -> None:
    world.blobs.pop(f"export/{world.id('backup', key)}", None)


@handles("backup-create-project-backup-export")
def create_export(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = _backup(call)
    if world.read("backup", key)["status"] != "Completed":
        raise Fail.refused("only a completed backup can be exported")
    id, format = world.id("backup", key), call.body["format"]
    data = _archive(world, key, format)
    world.blobs[f"export/{id}"] = data
    export: dict[str, Any] = {"format": format, "phase": "Pending", "withPassword": "password" in call.body}
    world.change("backup", key, export=export)
    done: dict[str, Any] = {"phase": "Failed"}
    if not world.fails("backup", world.new_id("backup")):
        done = {
            "phase": "Completed",
            "downloadURL": f"{call.base_url}/__emulator/downloads/{id}",
            "expiresAt": world.clock.iso(world.clock.now() + 7 * DAY),
            "sha256Checksum": sha256(data).hexdigest(),
        }
    world.begin(
        "backup",
        key,
        TransitionStep(set={"export": export | {"phase": "Exporting"}}),
        TransitionStep(set={"export": export | done}),
    )
    return EmptyReply()


@serves("GET", "/__emulator/downloads/{projectBackupId}")
def download_export(call: EmulatedCall) -> Reply:
    """The bytes behind an export's download URL, once the export is complete."""
    world, id = world_of(call), call.path["projectBackupId"]
    data = world.blobs.get(f"export/{id}")
    key = world.key("backup", id)
    if data is None or key is None or world.read("backup", key).get("export", {}).get("phase") != "Completed":
        raise Fail.not_found("export of backup", id)
    return ContentReply(data, headers={"etag": f'"{sha256(data).hexdigest()}"'})


@handles("backup-delete-project-backup-export")
def delete_export(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = _backup(call)
    if "export" not in world.read("backup", key):
        raise Fail.not_found("export of backup", world.id("backup", key))
    _drop_export(world, key)
    world.transitions.stop(("backup", key))
    world.change("backup", key, ("export",))
    return EmptyReply()


# restores


@handles("backup-request-project-backup-restore")
def restore(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = _backup(call)
    restore: dict[str, Any] = {"phase": "running"}
    if "databaseRestores" in call.body:
        restore["databaseRestores"] = call.body["databaseRestores"]
    if "pathRestore" in call.body:
        wanted = call.body["pathRestore"]
        restore["pathRestore"] = {
            "clearTargetPath": wanted.get("clearTargetPath", False),
            "determinedTargetPath": wanted.get("targetRestorePath", "/html"),
            "sourcePaths": wanted["sourcePaths"],
            **given(wanted, "targetRestorePath"),
        }
    world.change("backup", key, restore=restore)
    world.begin("backup", key, TransitionStep(set={"restore": restore | {"phase": "completed"}}))
    return EmptyReply()


@handles("backup-request-project-backup-restore-path-deprecated")
def restore_path(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = _backup(call)
    body = call.body
    restore: dict[str, Any] = {
        "clearTargetPath": body.get("clearTargetPath", False),
        "determinedTargetPath": body.get("targetPath", "/html"),
        "phase": "running",
        "sourcePath": body["sourcePath"],
        **given(body, "targetPath"),
    }
    world.change("backup", key, restorePath=restore)
    world.begin("backup", key, TransitionStep(set={"restorePath": restore | {"phase": "completed"}}))
    return EmptyReply()


@handles("backup-get-project-backup-database-dumps")
def database_dumps(call: EmulatedCall) -> Reply:
    world = world_of(call)
    project = world.parent("backup", _backup(call))
    scope = None if project is None else ("project", project)
    return ValueReply(
        {"databases": [world.read("mysql_database", key)["name"] for key in world.keys("mysql_database", scope)]}
    )


@handles("backup-get-project-backup-directories")
def directories(call: EmulatedCall) -> Reply:
    _backup(call)
    return ValueReply(entry(call.query.get("directory", "/"), tree()))


# schedules


@handles("backup-list-project-backup-schedules")
def list_schedules(call: EmulatedCall) -> Reply:
    return whole(call, "backup_schedule", scope_of(call, "project", "projectId"))


@handles("backup-get-project-backup-schedule")
def get_schedule(call: EmulatedCall) -> Reply:
    return shown(call, "backup_schedule", located(call, "backup_schedule", "projectBackupScheduleId"))


@handles("backup-create-project-backup-schedule")
def create_schedule(call: EmulatedCall) -> Reply:
    world = world_of(call)
    project_id = world.id("project", located(call, "project", "projectId"))
    _check_schedule(call.body)
    now = world.now()
    value: dict[str, Any] = {
        "createdAt": now,
        "id": world.new_id("backup_schedule"),
        "isSystemBackup": False,
        "projectId": project_id,
        "updatedAt": now,
        **given(call.body, "description", "schedule", "ttl"),
    }
    world.create("backup_schedule", project_id, value)
    return ValueReply(value)


def _check_schedule(body: dict[str, Any]) -> None:
    if "schedule" in body and len(body["schedule"].split()) != 5:
        raise unfit("body.schedule", "is not a cron expression of five fields")


@handles("backup-update-project-backup-schedule")
def update_schedule(call: EmulatedCall) -> Reply:
    _check_schedule(call.body)
    now = world_of(call).now()
    names = ("description", "schedule", "ttl")
    return patch(call, "backup_schedule", "projectBackupScheduleId", *names, updatedAt=now)


@handles("backup-delete-project-backup-schedule")
def delete_schedule(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = located(call, "backup_schedule", "projectBackupScheduleId")
    if world.read("backup_schedule", key)["isSystemBackup"]:
        raise Fail.refused("the system backup's schedule cannot be deleted")
    return remove(call, "backup_schedule", "projectBackupScheduleId")
