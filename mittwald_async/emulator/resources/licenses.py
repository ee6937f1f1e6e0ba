"""Licenses of projects."""

from __future__ import annotations

from typing import Any

from ..handlers import EmulatedCall, handles
from ..replies import Reply, ValueReply
from ..seeded import DAY, SeededAccount, iso, kind, spread
from ..state import World
from .base import located, scope_of, shown, whole, world_of

_COUNT = spread("project", (95, 0), (5, 1))


def _license(id: str, project_id: str, description: str, key: str, expires: str) -> dict[str, Any]:
    return {
        "description": description,
        "expiryDate": expires,
        "id": id,
        "keyReference": {"key": key},
        "kind": "typo3-elts",
        "meta": {"appVersion": {"description": "11"}},
        "reference": {"aggregate": "project", "domain": "project", "id": project_id},
    }


@kind("license", 33, parent="project", count=_COUNT)
def license(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("license", number)
    project = account.id("project", account.parent("license", number))
    expires = iso(account.epoch + dice.between(30, 700) * DAY)
    return _license(account.id("license", number), project, "TYPO3 ELTS 11", f"elts-key-{number:06d}", expires)


def add_license(world: World, project_id: str, description: str) -> str:
    """A new license for a year."""
    id = world.new_id("license")
    expires = world.clock.iso(world.clock.now() + 365 * DAY)
    value = _license(id, project_id, description or "TYPO3 ELTS", f"elts-key-new-{world.serial}", expires)
    return world.create("license", project_id, value)


@handles("license-list-licenses-for-project")
def list_licenses(call: EmulatedCall) -> Reply:
    return whole(call, "license", scope_of(call, "project", "projectId"))


@handles("license-get-license")
def get_license(call: EmulatedCall) -> Reply:
    return shown(call, "license", located(call, "license", "licenseId"))


@handles("license-rotate-license-key")
def rotate_key(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = located(call, "license", "licenseId")
    external = call.body.get("externalKey")
    world.serial += 1
    reference = {"externalKey": external} if external else {"key": f"elts-key-new-{world.serial}"}
    world.change("license", key, keyReference=reference)
    return ValueReply({"keyReference": reference})


@handles("license-validate-license-key-for-project")
def validate_key(call: EmulatedCall) -> Reply:
    call.pure = True
    world = world_of(call)
    wanted = {"key": call.body["key"]}
    keys = world.keys("license", scope_of(call, "project", "projectId"))
    return ValueReply({"valid": any(world.read("license", key).get("keyReference") == wanted for key in keys)})
