"""The catalogue: apps, system software, and their versions."""

from __future__ import annotations

from typing import Any

import msgspec

from ..handlers import EmulatedCall, handles
from ..listing import Key
from ..replies import Fail, Reply
from ..seeded import SeededAccount, kind
from .base import Test, equal, filtered, located, shown, whole, world_of


class CatalogApp(msgspec.Struct, frozen=True):
    """An app that can be installed."""

    name: str
    tags: tuple[str, ...]
    versions: tuple[str, ...]
    """Oldest first; the last two are recommended."""
    database: bool = True
    doc_root: str = "/"
    software: tuple[str, ...] = ("php", "mysql")
    actions: tuple[str, ...] = ()


APPS = (
    CatalogApp("WordPress", ("cms", "blog"), ("6.4.5", "6.5.5", "6.6.2", "6.7.1", "6.8.0")),
    CatalogApp(
        "TYPO3", ("cms",), ("11.5.41", "12.4.20", "12.4.25", "13.4.2", "13.4.5"), True, "/public", ("php", "composer")
    ),
    CatalogApp("Shopware 6", ("shop",), ("6.5.8.14", "6.6.9.0", "6.6.10.3"), True, "/public", ("php", "composer")),
    CatalogApp("Shopware 5", ("shop",), ("5.7.18", "5.7.19")),
    CatalogApp("Joomla", ("cms",), ("4.4.9", "5.1.4", "5.2.3")),
    CatalogApp("Contao", ("cms",), ("4.13.52", "5.3.24", "5.4.8"), True, "/public"),
    CatalogApp("Drupal", ("cms",), ("10.3.10", "11.0.9", "11.1.1"), True, "/web", ("php", "composer")),
    CatalogApp("Magento 2", ("shop",), ("2.4.6", "2.4.7"), True, "/pub", ("php", "composer")),
    CatalogApp("Matomo", ("analytics",), ("5.1.2", "5.2.1")),
    CatalogApp("Nextcloud", ("cloud",), ("28.0.14", "29.0.11", "30.0.5")),
    CatalogApp("PHP", ("custom",), ("1.0.0",), False, "/", ("php",)),
    CatalogApp("Node.js", ("custom",), ("1.0.0",), False, "/", ("node",), ("start", "stop", "restart")),
    CatalogApp("Python", ("custom",), ("1.0.0",), False, "/", ("python",), ("start", "stop", "restart")),
    CatalogApp("Statische Seite", ("custom",), ("1.0.0",), False, "/", ()),
)
SOFTWARE = (
    ("php", ("7.4.33", "8.0.30", "8.1.31", "8.2.27", "8.3.15", "8.4.2")),
    ("mysql", ("5.7.44", "8.0.40", "8.4.3")),
    ("node", ("18.20.5", "20.18.1", "22.12.0")),
    ("composer", ("1.10.27", "2.2.25", "2.8.4")),
    ("python", ("3.11.11", "3.12.8", "3.13.1")),
    ("imagemagick", ("6.9.13", "7.1.1")),
)
SOFTWARE_NUMBER = {name: number for number, (name, _) in enumerate(SOFTWARE)}


def internal(external: str) -> str:
    """Versions as the catalogue sorts them: three numbers and a build."""
    return ".".join([*external.split("."), "0", "0"][:3]) + "-0"


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.partition("-")[0].split(".") if part.isdigit())


@kind("app", 40, parent=None, count=lambda account, _: len(APPS))
def app(account: SeededAccount, number: int) -> dict[str, Any]:
    known = APPS[number]
    value: dict[str, Any] = {"id": account.id("app", number), "name": known.name, "tags": list(known.tags)}
    if known.actions:
        value["actionCapabilities"] = list(known.actions)
    return value


def _inputs(known: CatalogApp) -> list[dict[str, Any]]:
    text = {"dataType": "text", "lifecycleConstraint": "installation", "required": True, "validationSchema": "{}"}
    if not known.database:
        return []
    return [
        text | {"name": "site_title"},
        text | {"name": "admin_email", "format": "email"},
        text | {"name": "admin_user"},
        text | {"name": "admin_pass", "format": "password"},
    ]


@kind(
    "app_version",
    41,
    parent="app",
    count=lambda account, app: len(APPS[app].versions),
    parameters=("appVersionId", "baseAppVersionId"),
)
def app_version(account: SeededAccount, number: int) -> dict[str, Any]:
    app, index = account.place("app_version", number)
    known = APPS[app]
    external = known.versions[index]
    value: dict[str, Any] = {
        "appId": account.id("app", app),
        "docRoot": known.doc_root,
        "docRootUserEditable": not known.database,
        "externalVersion": external,
        "id": account.id("app_version", number),
        "internalVersion": internal(external),
        "recommended": index >= len(known.versions) - 2,
        "systemSoftwareDependencies": [
            {"systemSoftwareId": account.id("system_software", SOFTWARE_NUMBER[name]), "versionRange": "*"}
            for name in known.software
        ],
        "userInputs": _inputs(known),
    }
    if known.database:
        mysql = account.span("system_software_version", SOFTWARE_NUMBER["mysql"])[-1]
        value["databases"] = [
            {"description": f"{known.name}", "kind": "mysql", "version": account.id("system_software_version", mysql)}
        ]
    return value


@kind("system_software", 42, parent=None, count=lambda account, _: len(SOFTWARE))
def system_software(account: SeededAccount, number: int) -> dict[str, Any]:
    name = SOFTWARE[number][0]
    return {"id": account.id("system_software", number), "name": name, "tags": [name, "runtime"], "meta": {}}


@kind(
    "system_software_version",
    43,
    parent="system_software",
    count=lambda account, software: len(SOFTWARE[software][1]),
)
def system_software_version(account: SeededAccount, number: int) -> dict[str, Any]:
    software, index = account.place("system_software_version", number)
    versions = SOFTWARE[software][1]
    return {
        "externalVersion": versions[index],
        "id": account.id("system_software_version", number),
        "internalVersion": internal(versions[index]),
        "recommended": index >= len(versions) - 2,
        "systemSoftwareDependencies": [],
        "userInputs": [],
    }


def in_range(version: str, wanted: str) -> bool:
    """Whether a version is in a range of the usual operators: `>=8.1 <8.4`, `^12.0`, `~6.6.0`, `8.x`, `*`, `||`."""
    return any(all(_fits(version, part) for part in group.split()) for group in wanted.split("||") or [""])


def _fits(version: str, part: str) -> bool:
    operator = next((sign for sign in (">=", "<=", ">", "<", "^", "~", "=") if part.startswith(sign)), "")
    here, there = _order(version), _order(part[len(operator) :])
    if not there:
        return True
    if operator == "^":
        return here[0] == there[0] and here >= there
    if operator == "~":
        return here[:2] == (*there, 0)[:2] and here >= there
    padded = there + (0,) * (len(here) - len(there))
    if operator in ("", "="):
        return here[: len(there)] == there
    return {">=": here >= padded, "<=": here <= padded, ">": here > padded, "<": here < padded}[operator]


def _range_test(call: EmulatedCall) -> Test | None:
    wanted = call.query.get("versionRange")
    return None if not wanted else lambda value: in_range(value["externalVersion"], wanted)


@handles("app-list-apps")
def list_apps(call: EmulatedCall) -> Reply:
    return whole(call, "app", None)


@handles("app-get-app")
def get_app(call: EmulatedCall) -> Reply:
    return shown(call, "app", located(call, "app", "appId"))


@handles("app-list-appversions")
def list_versions(call: EmulatedCall) -> Reply:
    scope = ("app", located(call, "app", "appId"))
    return filtered(call, "app_version", scope, (_range_test(call), equal(call, "recommended")))


@handles("app-get-appversion")
def get_version(call: EmulatedCall) -> Reply:
    app = located(call, "app", "appId")
    key = located(call, "app_version", "appVersionId")
    if world_of(call).parent("app_version", key) != app:
        raise Fail.not_found("version of this app", call.path["appVersionId"])
    return shown(call, "app_version", key)


@handles("app-list-update-candidates-for-appversion")
def list_candidates(call: EmulatedCall) -> Reply:
    world = world_of(call)
    app = located(call, "app", "appId")
    base = world.find("app_version", call.path["baseAppVersionId"])
    keys: list[Key] = [
        key
        for key in world.keys("app_version", ("app", app))
        if int(key) > int(base)
        and (not call.query.get("onlyRecommended") or world.read("app_version", key)["recommended"])
    ]
    return world.listing("app_version", keys)


@handles("app-list-systemsoftwares")
def list_software(call: EmulatedCall) -> Reply:
    return whole(call, "system_software", None)


@handles("app-get-systemsoftware")
def get_software(call: EmulatedCall) -> Reply:
    return shown(call, "system_software", located(call, "system_software", "systemSoftwareId"))


@handles("app-list-systemsoftwareversions")
def list_software_versions(call: EmulatedCall) -> Reply:
    scope = ("system_software", located(call, "system_software", "systemSoftwareId"))
    return filtered(call, "system_software_version", scope, (_range_test(call), equal(call, "recommended")))


@handles("app-get-systemsoftwareversion")
def get_software_version(call: EmulatedCall) -> Reply:
    located(call, "system_software", "systemSoftwareId")
    return shown(call, "system_software_version", located(call, "system_software_version", "systemSoftwareVersionId"))
