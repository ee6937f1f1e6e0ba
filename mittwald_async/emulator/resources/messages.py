"""Conversations with the support, and notifications."""

from __future__ import annotations

from typing import Any

from ..handlers import EmulatedCall, handles
from ..listing import Key
from ..replies import Fail, ListReply, Reply, ValueReply
from ..seeded import SeededAccount, kind, spread
from ..state import World
from ..views import Objects, view
from ..vocabulary import CONVERSATIONS
from .base import Sort, Test, descending, equal, filtered, given, located, scope_of, search, shown, whole, world_of

_CATEGORIES = ("Hosting", "Domain", "E-Mail", "Rechnung", "Umzug", "Sonstiges")
_MESSAGES = spread("conversation", (20, 1), (40, 2), (30, 4), (10, 9))
_SEVERITIES = ("success", "info", "info", "warning", "error")
_TYPES = ("project.ready", "backup.completed", "backup.failed", "domain.renewed", "certificate.expiring")


def _category(account: SeededAccount, number: int) -> dict[str, Any]:
    references = ["project", "server", "organisation"]
    return {"categoryId": account.ids.uuid(240, number), "name": _CATEGORIES[number], "referenceType": references}


def _writer(account: SeededAccount) -> dict[str, Any]:
    first, last, _ = account.person("user", 0)
    return {"active": True, "clearName": f"{first} {last}", "isEmployee": False, "userId": account.id("user", 0)}


def _support(account: SeededAccount) -> dict[str, Any]:
    return {"active": True, "clearName": "Kundenservice", "isEmployee": True, "userId": account.ids.uuid(241, 0)}


@kind(
    "conversation",
    35,
    parent=None,
    count=lambda account, _: 3 + account.projects // 4,
    id_name="conversationId",
)
def conversation(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("conversation", number)
    created = account.moment(dice, 5, 700)
    value: dict[str, Any] = {
        "category": _category(account, dice.below(len(_CATEGORIES))),
        "conversationId": account.id("conversation", number),
        "createdAt": created,
        "createdBy": _writer(account),
        "mainUser": _writer(account),
        "shortId": account.ids.short("con", number)[4:].upper(),
        "status": dice.pick(("open", "answered", "closed", "closed", "closed", "inProgress")),
        "title": dice.pick(CONVERSATIONS),
        "visibility": dice.pick(("shared", "private")),
    }
    if account.projects and dice.chance(60):
        project = account.id("project", dice.below(account.projects))
        value["relatedTo"] = {"aggregate": "project", "domain": "project", "id": project}
    return value


@kind("message", 36, parent="conversation", count=_MESSAGES, id_name="messageId")
def message(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("message", number)
    conversation, index = account.place("message", number)
    return {
        "conversationId": account.id("conversation", conversation),
        "createdAt": account.moment(account.dice("conversation", conversation), 5, 700),
        "createdBy": _writer(account) if index % 2 == 0 else _support(account),
        "messageContent": dice.pick(("Guten Tag, ", "Hallo, ")) + dice.pick(CONVERSATIONS) + ".",
        "messageId": account.id("message", number),
        "type": "MESSAGE",
    }


@kind("notification", 37, parent=None, count=lambda account, _: 5 + 2 * account.projects)
def notification(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("notification", number)
    about = account.id("project", dice.below(account.projects)) if account.projects else account.id("customer", 0)
    name = "project" if account.projects else "customer"
    return {
        "createdAt": account.moment(dice, 0, 90),
        "id": account.id("notification", number),
        "read": dice.chance(70),
        "reference": {"aggregate": name, "domain": name, "id": about},
        "severity": dice.pick(_SEVERITIES),
        "type": dice.pick(_TYPES),
    }


@view("conversation", needs=("message",))
def present(world: Objects, key: Key, stored: dict[str, Any]) -> dict[str, Any]:
    """With its last message."""
    messages = world.keys("message", ("conversation", key))
    if not len(messages):
        return stored
    last = world.read("message", messages[len(messages) - 1 :][0])
    by = last["createdBy"]
    return stored | {
        "lastMessage": {"createdAt": last["createdAt"], "createdBy": by},
        "lastMessageAt": last["createdAt"],
        "lastMessageBy": by,
    }


# conversations


def _conversation(call: EmulatedCall) -> Key:
    return located(call, "conversation", "conversationId")


@handles("conversation-list-conversations")
def list_conversations(call: EmulatedCall) -> Reply:
    names = call.query.get("sort") or ()
    wanted = [names] if isinstance(names, str) else list(names)
    paths = {"lastMessage.createdAt": "lastMessageAt"}
    sort: Sort | None = (lambda value: tuple(str(value.get(paths.get(n, n), "")) for n in wanted)) if wanted else None
    tests = (equal(call, "status"), search(call, "fullTextSearch", "title", "shortId"))
    return filtered(call, "conversation", None, tests, sort, descending=descending(call))


@handles("conversation-get-conversation")
def get_conversation(call: EmulatedCall) -> Reply:
    return shown(call, "conversation", _conversation(call))


def _known_category(call: EmulatedCall, id: str) -> dict[str, Any]:
    account = world_of(call).seeded
    for number in range(len(_CATEGORIES)):
        category = _category(account, number)
        if category["categoryId"] == id:
            return category
    raise Fail.not_found("category", id)


@handles("conversation-list-categories")
def list_categories(call: EmulatedCall) -> Reply:
    account = world_of(call).seeded
    return ListReply([_category(account, number) for number in range(len(_CATEGORIES))])


@handles("conversation-get-category")
def get_category(call: EmulatedCall) -> Reply:
    return ValueReply(_known_category(call, call.path["categoryId"]))


def _me(call: EmulatedCall) -> dict[str, Any]:
    world = world_of(call)
    user = world.get("user", call.identity.user_id or world.main_user)
    name = f"{user['person']['firstName']} {user['person']['lastName']}"
    return {"active": True, "clearName": name, "isEmployee": False, "userId": user["userId"]}


@handles("conversation-create-conversation")
def create_conversation(call: EmulatedCall) -> Reply:
    world = world_of(call)
    body: dict[str, Any] = call.body
    id = world.new_id("conversation")
    value: dict[str, Any] = {
        "conversationId": id,
        "createdAt": world.now(),
        "createdBy": _me(call),
        "mainUser": _me(call),
        "shortId": world.new_short("con")[4:].upper(),
        "status": "open",
        "title": body.get("title", "Anfrage"),
        "visibility": "shared" if "sharedWith" in body else "private",
        **given(body, "notificationRoles", "relatedTo", "sharedWith"),
    }
    if "categoryId" in body:
        value["category"] = _known_category(call, body["categoryId"])
    world.create("conversation", None, value)
    if body.get("messageContent"):
        _add_message(call, world, id, body["messageContent"], [])
    return ValueReply({"conversationId": id})


@handles("conversation-update-conversation")
def update_conversation(call: EmulatedCall) -> Reply:
    changes = given(call.body, "relatedTo", "title")
    if "categoryId" in call.body:
        changes["category"] = _known_category(call, call.body["categoryId"])
    value = world_of(call).change("conversation", _conversation(call), **changes)
    return ValueReply({"conversationId": value["conversationId"]})


@handles("conversation-set-conversation-status")
def set_status(call: EmulatedCall) -> Reply:
    value = world_of(call).change("conversation", _conversation(call), status=call.body["status"])
    return ValueReply({"conversationId": value["conversationId"]})


@handles("conversation-get-conversation-members")
def get_members(call: EmulatedCall) -> Reply:
    value = world_of(call).read("conversation", _conversation(call))
    return ValueReply([value["mainUser"] | {"active": True}])


@handles("conversation-list-messages-by-conversation")
def list_messages(call: EmulatedCall) -> Reply:
    return whole(call, "message", scope_of(call, "conversation", "conversationId"))


def _add_message(call: EmulatedCall, world: World, conversation_id: str, content: str, files: list[str]) -> str:
    value: dict[str, Any] = {
        "conversationId": conversation_id,
        "createdAt": world.now(),
        "createdBy": _me(call),
        "messageContent": content,
        "messageId": world.new_id("message"),
        "type": "MESSAGE",
    }
    if files:
        value["files"] = [{"id": id, "status": "requested"} for id in files]
    return world.create("message", conversation_id, value)


@handles("conversation-create-message")
def create_message(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = _conversation(call)
    if world.read("conversation", key)["status"] == "closed":
        raise Fail.refused("the conversation is closed")
    id = world.id("conversation", key)
    body = call.body
    made = _add_message(call, world, id, body.get("messageContent", ""), body.get("fileIds", []))
    call.wrote(created=(made,))
    return ValueReply({"conversationId": id, "messageId": made})


@handles("conversation-update-message")
def update_message(call: EmulatedCall) -> Reply:
    world = world_of(call)
    conversation = _conversation(call)
    key = world.key("message", call.path["messageId"])
    if key is None or world.parent("message", key) != conversation:
        raise Fail.not_found("message", call.path["messageId"])
    if world.read("message", key)["createdBy"]["userId"] != _me(call)["userId"]:
        raise Fail.forbidden("only who wrote a message may change it")
    value = world.change("message", key, **given(call.body, "messageContent"))
    return ValueReply({"messageId": value["messageId"]})


# notifications


def _severity(call: EmulatedCall, parameter: str) -> Test | None:
    return equal(call, parameter, "severity")


@handles("notifications-list-notifications")
def list_notifications(call: EmulatedCall) -> Reply:
    tests: list[Test | None] = [_severity(call, "severity"), equal(call, "type")]
    if "status" in call.query:
        read = call.query["status"] == "read"
        tests.append(lambda value: value["read"] is read)
    if "type-not" in call.query:
        unwanted = call.query["type-not"]
        tests.append(lambda value: value["type"] not in unwanted)
    return filtered(call, "notification", None, tests)


@handles("notifications-count-unread-notifications")
def count_unread(call: EmulatedCall) -> Reply:
    world = world_of(call)
    counts = {"error": 0, "info": 0, "success": 0, "total": 0, "warning": 0}
    for key in world.keys("notification"):
        value = world.read("notification", key)
        if not value["read"]:
            counts[value["severity"]] += 1
            counts["total"] += 1
    return ValueReply(counts)


@handles("notifications-read-notification")
def read_one(call: EmulatedCall) -> Reply:
    key = located(call, "notification", "notificationId")
    world_of(call).change("notification", key, read=call.body["status"] == "read")
    return ValueReply({"status": call.body["status"]})


@handles("notifications-read-all-notifications", "notifications-read-all-notifications-deprecated")
def read_all(call: EmulatedCall) -> Reply:
    world = world_of(call)
    tests: list[Test | None] = [_severity(call, "severities")]
    if "referenceId" in call.query:
        wanted = call.query["referenceId"]
        tests.append(lambda value: value["reference"]["id"] == wanted)
    chosen: list[Key] = []
    for key in world.keys("notification"):
        value = world.read("notification", key)
        if not value["read"] and all(test(value) for test in tests if test):
            chosen.append(key)
    for key in chosen:
        world.change("notification", key, read=True)
    answer: dict[str, Any] = {"status": "read"}
    if call.operation.operation_id == "notifications-read-all-notifications":
        answer["updatedCount"] = len(chosen)
    return ValueReply(answer)
