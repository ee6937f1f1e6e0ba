"""Mail addresses, delivery boxes and a project's mail settings."""

from __future__ import annotations

from typing import Any

from ..handlers import EmulatedCall, handles
from ..ids import Dice
from ..listing import Key
from ..replies import EmptyReply, Fail, ListReply, Reply, ValueReply
from ..seeded import SeededAccount, kind, spread
from ..vocabulary import FIRST_NAMES, MAILBOXES, SURNAMES, slug
from .base import (
    Sort,
    Test,
    asked_scope,
    descending,
    filtered,
    located,
    patch,
    remove,
    scope_of,
    search,
    shown,
    world_of,
)

_COUNT = spread("project", (25, 0), (10, 1), (20, 3), (25, 6), (15, 12), (5, 40))
_BOXES = spread("project", (70, 0), (25, 1), (5, 2))
_RATE_LIMITS = (100, 500, 2000)
_SPAM = {"active": True, "autoDeleteSpam": False, "folder": "spam", "relocationMinSpamScore": 4}


def _local_part(account: SeededAccount, number: int, index: int) -> str:
    """Unique within the project: role names first, then persons."""
    if index < 3:
        return MAILBOXES[index]
    dice = account.dice("mail_address", number, 2)
    if index < len(MAILBOXES) and dice.chance(50):
        return MAILBOXES[index]
    return f"{slug(dice.pick(FIRST_NAMES))}.{slug(dice.pick(SURNAMES))}{index}"


def _used(dice: Dice, limit: int) -> int:
    """Bytes in a mailbox: most are far from their limit, a few are close to it or full."""
    if dice.chance(3):
        return limit * (90 + dice.below(11)) // 100
    return dice.below(limit) * dice.below(85) // 100


@kind("mail_address", 18, parent="project", count=_COUNT)
def mail_address(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("mail_address", number)
    project, index = account.place("mail_address", number)
    domains = account.span("domain", project)
    host = account.domain_name(domains[0]) if domains else f"{account.project_short(project)}.project.space"
    updated = account.moment(dice, 0, 700)
    archived = dice.chance(6)
    value: dict[str, Any] = {
        "address": f"{_local_part(account, number, index)}@{host}",
        "archive": {"active": archived, "quota": 10 << 30, "usedBytes": dice.below(1 << 30) if archived else 0},
        "autoResponder": {"active": False},
        "forwardAddresses": [],
        "id": account.id("mail_address", number),
        "isArchived": archived,
        "isBackupInProgress": False,
        "isCatchAll": index == 0 and dice.chance(20),
        "projectId": account.id("project", project),
        "receivingDisabled": False,
        "updatedAt": updated,
    }
    if dice.chance(8):
        value["autoResponder"] = {"active": True, "message": "Vielen Dank, ich bin bald zurück.", "startsAt": updated}
    if dice.chance(20):
        away = dice.chance(30)
        value["forwardAddresses"] = [f"{slug(dice.pick(FIRST_NAMES))}@{'example.org' if away else host}"]
    else:
        limit = dice.pick((1, 2, 5, 10, 25)) << 30
        value["mailbox"] = {
            "mailsystemSettings": {"rateLimitId": account.ids.uuid(204, 0)},
            "name": account.ids.short("m", number),
            "passwordUpdatedAt": updated,
            "sendingEnabled": True,
            "spamProtection": _SPAM,
            "storageInBytes": {"current": {"updatedAt": updated, "value": _used(dice, limit)}, "limit": limit},
        }
    return value


@kind("delivery_box", 19, parent="project", count=_BOXES)
def delivery_box(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("delivery_box", number)
    project = account.parent("delivery_box", number)
    updated = account.moment(dice, 0, 700)
    return {
        "authenticationEnabled": True,
        "description": dice.pick(("Shopversand", "Kontaktformular", "Newsletter", "Rechnungen")),
        "id": account.id("delivery_box", number),
        "name": account.ids.short("d", number),
        "passwordUpdatedAt": updated,
        "projectId": account.id("project", project),
        "sendingEnabled": True,
        "updatedAt": updated,
    }


# mail addresses


def _dug(value: dict[str, Any], path: str) -> Any:
    """A nested property as something that sorts, missing ones first."""
    found: Any = value
    for name in path.split("."):
        found = found.get(name) if found else None
    return found


def _sort_key(name: str) -> Sort:
    if name == "address.domain":
        return lambda value: value["address"].rpartition("@")[2]
    if name == "address.local":
        return lambda value: value["address"].rpartition("@")[0]
    if name in ("mailbox.storageInBytes.current", "mailbox.storageInBytes.limit", "mailbox.quota"):
        path = "mailbox.storageInBytes.current.value" if name.endswith("current") else "mailbox.storageInBytes.limit"
        return lambda value: _dug(value, path) or 0
    return lambda value: str(_dug(value, name) or "")


def _addresses(call: EmulatedCall, scope: tuple[str, Key] | None) -> ListReply:
    tests: list[Test | None] = [search(call, "search", "address")]
    flags: tuple[tuple[str, Test], ...] = (
        ("forwardAddress", lambda value: bool(value["forwardAddresses"])),
        ("catchAll", lambda value: value["isCatchAll"]),
        ("autoResponder", lambda value: value["autoResponder"]["active"]),
        ("mailArchive", lambda value: value["isArchived"]),
    )
    for parameter, flag in flags:
        if parameter in call.query:
            tests.append(_is(flag, call.query[parameter]))
    sort = call.query.get("sort")
    keys = [_sort_key(name) for name in ([sort] if isinstance(sort, str) else sort or ())]
    order: Sort | None = (lambda value: tuple(key(value) for key in keys)) if keys else None
    return filtered(call, "mail_address", scope, tests, order, descending=descending(call))


def _is(flag: Test, wanted: bool) -> Test:
    return lambda value: bool(flag(value)) is wanted


@handles("mail-list-mail-addresses")
def list_addresses_of_project(call: EmulatedCall) -> Reply:
    return _addresses(call, scope_of(call, "project", "projectId"))


@handles("mail-list-mail-addresses-for-user")
def list_addresses(call: EmulatedCall) -> Reply:
    return _addresses(call, asked_scope(call, ("project", "projectId")))


def _address(call: EmulatedCall) -> Key:
    return located(call, "mail_address", "id" if "id" in call.path else "mailAddressId")


@handles("mail-get-mail-address")
def get_address(call: EmulatedCall) -> Reply:
    return shown(call, "mail_address", _address(call))


def _refuse_taken(call: EmulatedCall, scope: tuple[str, Key], address: str) -> None:
    world = world_of(call)
    if any(world.read("mail_address", key)["address"] == address for key in world.keys("mail_address", scope)):
        raise Fail.conflict(f"the address {address} exists already")


@handles("mail-create-mail-address")
def create_address(call: EmulatedCall) -> Reply:
    world = world_of(call)
    scope = scope_of(call, "project", "projectId")
    project_id = world.id(*scope)
    body = call.body
    _refuse_taken(call, scope, body["address"])
    now = world.now()
    value: dict[str, Any] = {
        "address": body["address"],
        "archive": {"active": False, "quota": 0, "usedBytes": 0},
        "autoResponder": {"active": False},
        "forwardAddresses": body.get("forwardAddresses", []),
        "id": world.new_id("mail_address"),
        "isArchived": False,
        "isBackupInProgress": False,
        "isCatchAll": body.get("isCatchAll", False),
        "projectId": project_id,
        "receivingDisabled": False,
        "updatedAt": now,
    }
    if "mailbox" in body:
        wanted = body["mailbox"]
        value["mailbox"] = {
            "mailsystemSettings": {"rateLimitId": world.seeded.ids.uuid(204, 0)},
            "name": world.new_short("m"),
            "passwordUpdatedAt": now,
            "sendingEnabled": True,
            "spamProtection": _SPAM | {"active": wanted["enableSpamProtection"]},
            "storageInBytes": {"current": {"updatedAt": now, "value": 0}, "limit": wanted["quotaInBytes"]},
        }
    return ValueReply({"id": world.create("mail_address", project_id, value)})


@handles("mail-delete-mail-address")
def delete_address(call: EmulatedCall) -> Reply:
    return remove(call, "mail_address", "mailAddressId")


def _changed(call: EmulatedCall, **changes: Any) -> EmptyReply:
    world = world_of(call)
    world.change("mail_address", _address(call), updatedAt=world.now(), **changes)
    return EmptyReply()


def _changed_mailbox(call: EmulatedCall, **changes: Any) -> EmptyReply:
    value = world_of(call).read("mail_address", _address(call))
    if "mailbox" not in value:
        raise Fail.refused("a forwarding address has no mailbox")
    return _changed(call, mailbox=value["mailbox"] | changes)


@handles("mail-update-mail-address-address", "deprecated-mail-mailaddress-update-address")
def update_address(call: EmulatedCall) -> Reply:
    world = world_of(call)
    value = world.read("mail_address", _address(call))
    project = world.parent("mail_address", _address(call))
    if value["address"] != call.body["address"] and project is not None:
        _refuse_taken(call, ("project", project), call.body["address"])
    return _changed(call, address=call.body["address"])


@handles("mail-update-mail-address-autoresponder", "deprecated-mail-update-mail-address-autoresponder")
def update_autoresponder(call: EmulatedCall) -> Reply:
    return _changed(call, autoResponder=call.body["autoResponder"] or {"active": False})


@handles("mail-update-mail-address-catch-all", "deprecated-mail-update-mail-address-catchall")
def update_catch_all(call: EmulatedCall) -> Reply:
    return _changed(call, isCatchAll=call.body["active"])


@handles("mail-update-mail-address-forward-addresses", "deprecated-mail-update-mail-address-forward-addresses")
def update_forwards(call: EmulatedCall) -> Reply:
    return _changed(call, forwardAddresses=call.body["forwardAddresses"])


@handles("mail-update-mail-address-password", "deprecated-mail-update-mail-address-password")
def update_password(call: EmulatedCall) -> Reply:
    return _changed_mailbox(call, passwordUpdatedAt=world_of(call).now())


@handles("mail-update-mail-address-quota", "deprecated-mail-update-mail-address-quota")
def update_quota(call: EmulatedCall) -> Reply:
    value = world_of(call).read("mail_address", _address(call))
    current = value.get("mailbox", {}).get("storageInBytes", {})
    return _changed_mailbox(call, storageInBytes=current | {"limit": call.body["quotaInBytes"]})


@handles("mail-update-mail-address-spam-protection", "deprecated-mail-update-mail-address-spam-protection")
def update_spam_protection(call: EmulatedCall) -> Reply:
    return _changed_mailbox(call, spamProtection=call.body["spamProtection"])


@handles("mail-disable-mail-archive")
def disable_archive(call: EmulatedCall) -> Reply:
    return _changed(call, isArchived=False, archive={"active": False, "quota": 0, "usedBytes": 0})


@handles("mail-request-mail-address-rate-limit-change")
def request_rate_limit(call: EmulatedCall) -> Reply:
    return _changed(call, rateLimitChangeRequest={"rateLimitId": call.body["rateLimitId"]})


@handles("mail-list-mail-rate-limits")
def list_rate_limits(call: EmulatedCall) -> Reply:
    ids = world_of(call).seeded.ids
    return ValueReply([{"id": ids.uuid(204, n), "rateLimit": limit} for n, limit in enumerate(_RATE_LIMITS)])


@handles("mail-get-mail-rate-limit")
def get_rate_limit(call: EmulatedCall) -> Reply:
    ids = world_of(call).seeded.ids
    for n, limit in enumerate(_RATE_LIMITS):
        if ids.uuid(204, n) == call.path["mailRateLimitId"]:
            return ValueReply({"id": call.path["mailRateLimitId"], "rateLimit": limit})
    raise Fail.not_found("rate limit", call.path["mailRateLimitId"])


_BACKUPS = ("20251231", "20251230", "20251224")


@handles("mail-list-backups-for-mail-address")
def list_backups(call: EmulatedCall) -> Reply:
    _address(call)
    return ValueReply([{"name": name} for name in _BACKUPS])


@handles("mail-recover-mail-address-emails")
def recover(call: EmulatedCall) -> Reply:
    _address(call)
    if call.path["backupId"] not in _BACKUPS:
        raise Fail.not_found("backup", call.path["backupId"])
    return EmptyReply()


# delivery boxes


@handles("mail-list-delivery-boxes")
def list_boxes(call: EmulatedCall) -> Reply:
    scope = scope_of(call, "project", "projectId")
    return filtered(call, "delivery_box", scope, (search(call, "search", "description", "name"),))


def _box_parameter(call: EmulatedCall) -> str:
    return "id" if "id" in call.path else "deliveryBoxId"


@handles("mail-get-delivery-box")
def get_box(call: EmulatedCall) -> Reply:
    return shown(call, "delivery_box", located(call, "delivery_box", "deliveryBoxId"))


@handles("mail-create-deliverybox")
def create_box(call: EmulatedCall) -> Reply:
    world = world_of(call)
    project_id = world.id("project", located(call, "project", "projectId"))
    now = world.now()
    value: dict[str, Any] = {
        "authenticationEnabled": True,
        "description": call.body["description"],
        "id": world.new_id("delivery_box"),
        "name": world.new_short("d"),
        "passwordUpdatedAt": now,
        "projectId": project_id,
        "sendingEnabled": True,
        "updatedAt": now,
    }
    return ValueReply({"id": world.create("delivery_box", project_id, value)})


@handles("mail-update-delivery-box-description", "deprecated-mail-deliverybox-update-description")
def update_box(call: EmulatedCall) -> Reply:
    return patch(call, "delivery_box", _box_parameter(call), "description", updatedAt=world_of(call).now())


@handles("mail-update-delivery-box-password", "deprecated-mail-deliverybox-update-password")
def update_box_password(call: EmulatedCall) -> Reply:
    now = world_of(call).now()
    return patch(call, "delivery_box", _box_parameter(call), updatedAt=now, passwordUpdatedAt=now)


@handles("mail-delete-delivery-box")
def delete_box(call: EmulatedCall) -> Reply:
    return remove(call, "delivery_box", "deliveryBoxId")


# settings


def _settings(call: EmulatedCall) -> dict[str, Any]:
    world = world_of(call)
    id = world.id("project", located(call, "project", "projectId"))
    empty: dict[str, Any] = {"blacklist": [], "projectId": id, "whitelist": []}
    found: dict[str, Any] = world.extras("mail_settings").setdefault(id, empty)
    return found


@handles("mail-list-project-mail-settings")
def list_settings(call: EmulatedCall) -> Reply:
    return ValueReply(_settings(call))


@handles(
    "mail-update-project-mail-setting",
    "deprecated-mail-update-project-mail-setting",
    "deprecated-mail-projectsetting-update-blacklist",
    "deprecated-mail-projectsetting-update-whitelist",
)
def update_settings(call: EmulatedCall) -> Reply:
    _settings(call).update({name: call.body[name] for name in ("blacklist", "whitelist") if name in call.body})
    return EmptyReply()
