"""Installed apps: install, change, copy, link with databases, uninstall."""

from __future__ import annotations

from typing import Any

from ..handlers import EmulatedCall, handles
from ..ids import Dice
from ..lifecycle import TransitionStep
from ..listing import Key
from ..replies import EmptyReply, Fail, Reply, ValueReply
from ..seeded import SeededAccount, kind, spread
from ..views import Objects, after_step, before_delete, view
from .apps import APPS, SOFTWARE, SOFTWARE_NUMBER, in_range
from .base import asked_scope, equal, filtered, given, known, located, scope_of, search, shown, unfit, world_of
from .databases import add_mysql_database
from .domains import lead_elsewhere

_COUNT = spread("project", (10, 0), (60, 1), (20, 2), (8, 3), (2, 6))
_POPULAR = (0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 11, 12, 13)
"""Indexes of the catalogue: WordPress and TYPO3 lead."""


def installed_app(account: SeededAccount, number: int) -> int:
    """Number of the app that an installation is of."""
    return account.dice("app_installation", number, 2).pick(_POPULAR)


def _software(account: SeededAccount, dice: Dice, name: str) -> dict[str, Any]:
    number = SOFTWARE_NUMBER[name]
    versions = account.span("system_software_version", number)
    version = dice.pick(versions)
    id = account.id("system_software_version", version)
    return {
        "externalVersion": SOFTWARE[number][1][version - versions.start],
        "name": name,
        "systemSoftwareId": account.id("system_software", number),
        "systemSoftwareVersion": {"current": id, "desired": id},
        "updateAvailable": version != versions[-1],
        "updatePolicy": "patchLevel",
    }


@kind("app_installation", 12, parent="project", count=_COUNT, short="a")
def app_installation(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("app_installation", number)
    project, index = account.place("app_installation", number)
    app = installed_app(account, number)
    facts = APPS[app]
    versions = account.span("app_version", app)
    version = dice.pick(versions)
    version_id = account.id("app_version", version)
    short = account.ids.short("a", number)
    phase = "ready" if dice.below(100) < 97 else dice.pick(("installing", "upgrading", "reconfiguring", "disabled"))
    current = {} if phase in ("installing", "upgrading") else {"current": version_id}
    title = account.project_title(project)
    value: dict[str, Any] = {
        "appExternalVersion": facts.versions[version - versions.start],
        "appId": account.id("app", app),
        "appName": facts.name,
        "appVersion": {"desired": version_id, **current},
        "createdAt": account.moment(dice, 10, 900),
        "customDocumentRoot": facts.doc_root,
        "deletionRequested": False,
        "description": f"{facts.name} {account.brand(project)}" if index else title,
        "disabled": phase == "disabled",
        "id": account.id("app_installation", number),
        "installationPath": f"/{short}",
        "linkedDatabases": [],
        "phase": phase,
        "projectDescription": title,
        "projectId": account.id("project", project),
        "shortId": short,
        "systemSoftware": [_software(account, dice, name) for name in facts.software],
        "updateAvailable": version != versions[-1],
        "updatePolicy": dice.pick(("none", "patchLevel", "patchLevel", "all")),
        "userInputs": [],
    }
    if facts.database:
        database = account.span("mysql_database", project)[index]
        user = account.span("mysql_user", database)[0]
        value["linkedDatabases"] = [
            {
                "databaseId": account.id("mysql_database", database),
                "databaseUserIds": {"admin": account.id("mysql_user", user)},
                "kind": "mysql",
                "purpose": "primary",
            }
        ]
        value["userInputs"] = [{"name": "site_title", "value": title}]
    return value


@view("app_installation", needs=("project",))
def present(world: Objects, key: Key, stored: dict[str, Any]) -> dict[str, Any]:
    """Shown with the description its project has now."""
    project = world.changed_objects("project").get(world.parent("app_installation", key) or 0)
    return stored if project is None else stored | {"projectDescription": project["description"]}


# reading


def _php(value: dict[str, Any]) -> tuple[int, ...]:
    for software in value["systemSoftware"]:
        if software["name"] == "php":
            return tuple(int(part) for part in software["externalVersion"].split("."))
    return ()


def _installations(call: EmulatedCall, scope: tuple[str, Key] | None) -> Reply:
    order = call.query.get("sortOrder", "")
    sort: Any = None
    if order in ("newestFirst", "oldestFirst"):
        sort = _created
    elif order.startswith("sortByPhpVersion"):
        sort = _php
    tests = (equal(call, "appIds", "appId"), search(call, "searchTerm", "description", "shortId", "appName", "id"))
    return filtered(
        call, "app_installation", scope, tests, sort, descending=order in ("newestFirst", "sortByPhpVersionDesc")
    )


def _created(value: dict[str, Any]) -> str:
    return str(value["createdAt"])


@handles("app-list-appinstallations-for-user")
def list_installations(call: EmulatedCall) -> Reply:
    return _installations(call, asked_scope(call))


@handles("app-list-appinstallations")
def list_installations_of_project(call: EmulatedCall) -> Reply:
    return _installations(call, scope_of(call, "project", "projectId"))


def _key(call: EmulatedCall) -> Key:
    return located(call, "app_installation", "appInstallationId")


@handles("app-get-appinstallation")
def get_installation(call: EmulatedCall) -> Reply:
    return shown(call, "app_installation", _key(call))


@handles("app-retrieve-status")
def get_status(call: EmulatedCall) -> Reply:
    value = world_of(call).read("app_installation", _key(call))
    state = world_of(call).extras("app_states").get(value["id"], "stopped" if value["disabled"] else "running")
    return ValueReply({"logFileLocation": f"/var/log/{value['shortId']}.log", "state": state, "uptimeSeconds": 86400.5})


def _installed_software(call: EmulatedCall) -> Reply:
    world = world_of(call)
    wanted = call.query.get("tagFilter")
    keys: list[Key] = []
    for software in world.read("app_installation", _key(call))["systemSoftware"]:
        key = world.find("system_software", software["systemSoftwareId"])
        if not wanted or wanted in world.read("system_software", key)["tags"]:
            keys.append(key)
    return world.listing("system_software", keys)


@handles("app-get-installed-systemsoftware-for-appinstallation", "app-get-app-installation-system-software")
def list_installed_software(call: EmulatedCall) -> Reply:
    return _installed_software(call)


@handles("app-get-missing-dependencies-for-appinstallation")
def missing_dependencies(call: EmulatedCall) -> Reply:
    world = world_of(call)
    value = world.read("app_installation", _key(call))
    target = world.get("app_version", call.query["targetAppVersionID"])
    installed = {software["systemSoftwareId"]: software["externalVersion"] for software in value["systemSoftware"]}
    missing = [
        dependency
        for dependency in target["systemSoftwareDependencies"]
        if not in_range(installed.get(dependency["systemSoftwareId"], ""), dependency["versionRange"])
        or dependency["systemSoftwareId"] not in installed
    ]
    return ValueReply({"missingSystemSoftwareDependencies": missing, "missingUserInputs": []})


# writing


@handles("app-request-appinstallation")
def install(call: EmulatedCall) -> Reply:
    world = world_of(call)
    project = world.read("project", located(call, "project", "projectId"))
    if project["status"] != "ready":
        raise Fail.refused(f"project is {project['status']}, expected ready")
    body = call.body
    version = world.read("app_version", known(call, "app_version", body["appVersionId"]))
    id = _installed(call, project, version, body["description"], body.get("installationPath"))
    world.change(
        "app_installation", id, updatePolicy=body["updatePolicy"], userInputs=_without_secrets(body["userInputs"])
    )
    if body.get("systemSoftware"):
        value = world.read("app_installation", id)
        world.change("app_installation", id, systemSoftware=_chosen_software(call, value, body["systemSoftware"]))
    return ValueReply({"id": id})


def _without_secrets(inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [entry for entry in inputs if "pass" not in entry["name"]]


def _installed(
    call: EmulatedCall, project: dict[str, Any], version: dict[str, Any], description: str, path: str | None
) -> str:
    """A new installation with its database, ready a while from now: pending, installing, ready."""
    world = world_of(call)
    id, short, now = world.new_id("app_installation"), world.new_short("a"), world.now()
    app = world.find("app", version["appId"])
    facts = APPS[int(app)]
    linked: list[dict[str, Any]] = []
    if facts.database:
        database, user = add_mysql_database(world, project["id"], f"{facts.name} {description}", "8.4", "full")
        linked = [{"databaseId": database, "databaseUserIds": {"admin": user}, "kind": "mysql", "purpose": "primary"}]
    dice = world.seeded.ids.dice(12, world.serial, 7)
    value: dict[str, Any] = {
        "appExternalVersion": version["externalVersion"],
        "appId": version["appId"],
        "appName": facts.name,
        "appVersion": {"desired": version["id"]},
        "createdAt": now,
        "customDocumentRoot": facts.doc_root,
        "deletionRequested": False,
        "description": description,
        "disabled": False,
        "id": id,
        "installationPath": path or f"/{short}",
        "linkedDatabases": linked,
        "phase": "pending",
        "projectDescription": project["description"],
        "projectId": project["id"],
        "shortId": short,
        "systemSoftware": [_software(world.seeded, dice, name) for name in facts.software],
        "updateAvailable": False,
        "updatePolicy": "none",
        "userInputs": [],
    }
    world.create("app_installation", project["id"], value)
    done = TransitionStep(set={"phase": "ready", "appVersion": _reached(version["id"])})
    if world.fails("app_installation", id):
        done = TransitionStep(
            set={"phase": "disabled", "disabled": True, "lastError": "installation failed: setup job exited 1"}
        )
    world.begin("app_installation", id, TransitionStep(set={"phase": "installing"}), done)
    call.wrote(project_id=project["id"], created=(id,))
    return id


def _reached(version_id: str) -> dict[str, Any]:
    return {"current": version_id, "desired": version_id}


@handles("app-request-appinstallation-copy")
def copy(call: EmulatedCall) -> Reply:
    world = world_of(call)
    source = world.read("app_installation", _key(call))
    body = call.body
    project_id = body.get("targetProjectId", source["projectId"])
    project = world.read("project", known(call, "project", project_id))
    version = world.get("app_version", source["appVersion"]["desired"])
    id = _installed(call, project, version, body["description"], body.get("installationPath"))
    world.change("app_installation", id, **given(source, "systemSoftware", "updatePolicy", "userInputs"))
    return ValueReply({"id": id})


def _chosen_software(
    call: EmulatedCall, value: dict[str, Any], wanted: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """Installed software after a request: by id of the software, its version and policy."""
    world = world_of(call)
    installed = {software["systemSoftwareId"]: software for software in value["systemSoftware"]}
    for id, choice in wanted.items():
        software = world.read("system_software", known(call, "system_software", id))
        version_id = choice.get("systemSoftwareVersion") or installed.get(id, {}).get("systemSoftwareVersion", {}).get(
            "desired"
        )
        version = world.read(
            "system_software_version",
            known(call, "system_software_version", version_id or ""),
        )
        installed[id] = {
            "externalVersion": version["externalVersion"],
            "name": software["name"],
            "systemSoftwareId": software["id"],
            "systemSoftwareVersion": _reached(version["id"]),
            "updateAvailable": not version["recommended"],
            "updatePolicy": choice.get("updatePolicy", "patchLevel"),
        }
    return list(installed.values())


@handles("app-patch-appinstallation")
def update(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = _key(call)
    value = world.read("app_installation", key)
    body = call.body
    changes = given(body, "customDocumentRoot", "description", "updatePolicy")
    if "userInputs" in body:
        changes["userInputs"] = _without_secrets(body["userInputs"])
    software: list[dict[str, Any]] = []
    if "systemSoftware" in body:
        software = _chosen_software(call, value, body["systemSoftware"])
        changes["systemSoftware"] = [_lagging(value, chosen) for chosen in software]
    if "databases" in body:
        changes["linkedDatabases"] = _relinked(call, value, body["databases"])
    if "appVersionId" in body and body["appVersionId"] != value["appVersion"]["desired"]:
        phase = value["phase"]
        if phase == "ready" and world.is_changing("app_installation", key):
            phase = "reconfiguring"  # a phase that reads do not show yet
        if phase != "ready":
            raise Fail.refused(f"expected phase APP_PHASE_READY, current phase is APP_PHASE_{phase.upper()}")
        version = world.read("app_version", known(call, "app_version", body["appVersionId"]))
        if version["appId"] != value["appId"]:
            raise unfit("body.appVersionId", "is a version of another app")
        changes |= {"phase": "upgrading", "appVersion": value["appVersion"] | {"desired": version["id"]}}
        world.change("app_installation", key, **changes)
        end = {
            "phase": "ready",
            "appVersion": _reached(version["id"]),
            "appExternalVersion": version["externalVersion"],
        }
        world.begin("app_installation", key, TransitionStep(set=end))
    else:
        world.change("app_installation", key, **changes)
    if changes.get("systemSoftware", software) != software:
        world.follow_up(
            "app_installation",
            key,
            TransitionStep(set={"phase": "reconfiguring"}),
            TransitionStep(then="reach desired software"),
        )
    return EmptyReply()


@after_step("reach desired software")
def reach_software(world: Objects, key: Key) -> None:
    """The desired system software runs now."""
    software: list[dict[str, Any]] = []
    for entry in world.read("app_installation", key)["systemSoftware"]:
        desired = entry["systemSoftwareVersion"]["desired"]
        number = world.seeded.number("system_software_version", desired)
        external = entry["externalVersion"]
        if number is not None:
            external = world.read("system_software_version", number)["externalVersion"]
        software.append({**entry, "externalVersion": external, "systemSoftwareVersion": _reached(desired)})
    world.change("app_installation", key, phase="ready", systemSoftware=software)


def _lagging(value: dict[str, Any], chosen: dict[str, Any]) -> dict[str, Any]:
    """Chosen software while the installation still runs the previous one: desired, and not yet current."""
    for before in value["systemSoftware"]:
        if before["systemSoftwareId"] == chosen["systemSoftwareId"]:
            wanted = {
                **before["systemSoftwareVersion"],
                "desired": chosen["systemSoftwareVersion"]["desired"],
            }
            return {**chosen, "externalVersion": before["externalVersion"], "systemSoftwareVersion": wanted}
    return {**chosen, "systemSoftwareVersion": {"desired": chosen["systemSoftwareVersion"]["desired"]}}


def _relinked(call: EmulatedCall, value: dict[str, Any], wanted: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    linked = {link["databaseId"]: link for link in value["linkedDatabases"]}
    for id, choice in wanted.items():
        linked.pop(choice.get("replacesDatabaseId", ""), None)
        linked[id] = _link(call, id, linked.get(id, {}) | choice)
    return list(linked.values())


def _link(call: EmulatedCall, id: str, choice: dict[str, Any]) -> dict[str, Any]:
    world = world_of(call)
    kind = "redis" if world.key("redis_database", id) is not None else "mysql"
    known(call, f"{kind}_database", id)
    return {
        "databaseId": id,
        "databaseUserIds": choice.get("databaseUserIds", {}),
        "kind": kind,
        "purpose": choice.get("purpose", "custom"),
    }


@handles("app-link-database", "deprecated-app-link-database")
def link_database(call: EmulatedCall) -> Reply:
    world = world_of(call)
    if "appInstallationId" not in call.path:
        return EmptyReply()
    key = _key(call)
    value = world.read("app_installation", key)
    rest = [link for link in value["linkedDatabases"] if link["databaseId"] != call.body["databaseId"]]
    world.change("app_installation", key, linkedDatabases=[*rest, _link(call, call.body["databaseId"], call.body)])
    return EmptyReply()


@handles("deprecated-app-replace-database")
def replace_database(call: EmulatedCall) -> Reply:
    key = _key(call)
    value = world_of(call).read("app_installation", key)
    choice = call.body | {"replacesDatabaseId": call.body["oldDatabaseId"]}
    links = _relinked(call, value, {call.body["newDatabaseId"]: choice})
    world_of(call).change("app_installation", key, linkedDatabases=links)
    return EmptyReply()


@handles("app-unlink-database")
def unlink_database(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = _key(call)
    links = world.read("app_installation", key)["linkedDatabases"]
    rest = [link for link in links if link["databaseId"] != call.path["databaseId"]]
    if len(rest) == len(links):
        raise Fail.not_found("linked database", call.path["databaseId"])
    world.change("app_installation", key, linkedDatabases=rest)
    return EmptyReply()


@handles("app-set-database-users")
def set_database_users(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = _key(call)
    links = [
        link | {"databaseUserIds": call.body["databaseUserIds"]}
        if link["databaseId"] == call.path["databaseId"]
        else link
        for link in world.read("app_installation", key)["linkedDatabases"]
    ]
    world.change("app_installation", key, linkedDatabases=links)
    return EmptyReply()


@handles("deprecated-app-installation-execute-action")
def execute_action(call: EmulatedCall) -> Reply:
    world = world_of(call)
    value = world.read("app_installation", _key(call))
    actions = APPS[int(world.find("app", value["appId"]))].actions
    if call.path["action"] not in actions:
        raise Fail.refused(f"app {value['appName']} has no action {call.path['action']}")
    world.extras("app_states")[value["id"]] = "stopped" if call.path["action"] == "stop" else "running"
    return EmptyReply()


@before_delete("app_installation")
def leave(world: Objects, key: Key) -> None:
    """Its cronjobs go with an installation, and its host names show the default page."""
    id, project = world.id("app_installation", key), world.parent("app_installation", key)
    scope = None if project is None else ("project", project)
    for cronjob in list(world.keys("cronjob", scope)):
        if world.read("cronjob", cronjob).get("appInstallationId") == id:
            world.remove("cronjob", cronjob)
    lead_elsewhere(world, scope, id)


@handles("app-uninstall-appinstallation")
def uninstall(call: EmulatedCall) -> Reply:
    """The installation says that it goes, then it is gone."""
    world = world_of(call)
    key = _key(call)
    world.change("app_installation", key, deletionRequested=True)
    world.begin("app_installation", key, TransitionStep(remove=True))
    return EmptyReply()
