"""The marketplace: contributors, extensions and their instances."""

from __future__ import annotations

from typing import Any

from ..handlers import EmulatedCall, handles
from ..listing import Key
from ..replies import EmptyReply, Fail, Reply, ValueReply
from ..seeded import SeededAccount, kind, spread
from ..state import World
from .base import Sort, Test, descending, equal, filtered, known, located, search, shown, unfit, world_of
from .webhooks import added_to_context, notify

_EXTENSIONS = (
    ("Uptime-Wächter", "project", ("domain:read", "ingress:read")),
    ("Backup-Kurier", "project", ("backup:read", "backup:write")),
    ("Bildoptimierer", "project", ("app:read",)),
    ("Cookie-Hinweis", "project", ("domain:read",)),
    ("Teamkalender", "customer", ("customer:read",)),
    ("Rechnungsexport", "customer", ("invoice:read",)),
    ("Login-Prüfer", "project", ("user:read",)),
    ("KI-Textassistent", "project", ("app:read", "app:write")),
)
_CONTRIBUTORS = ("Werkbank Software GmbH", "Nordlicht Digital GmbH", "Pixelwerk Labs UG")
_INSTANCES = spread("project", (80, 0), (15, 1), (5, 3))


@kind("contributor", 45, parent=None, count=lambda account, _: len(_CONTRIBUTORS))
def contributor(account: SeededAccount, number: int) -> dict[str, Any]:
    return {
        "customerId": account.ids.uuid(207, number),
        "description": "Erweiterungen für Agenturen",
        "email": f"kontakt{number}@example.org",
        "id": account.id("contributor", number),
        "name": _CONTRIBUTORS[number],
        "state": "enabled",
        "supportInformation": {"email": f"support{number}@example.org", "inherited": False},
    }


@kind("extension", 44, parent=None, count=lambda account, _: len(_EXTENSIONS))
def extension(account: SeededAccount, number: int) -> dict[str, Any]:
    name, context, scopes = _EXTENSIONS[number]
    return {
        "assets": [],
        "blocked": False,
        "context": context,
        "contributorId": account.id("contributor", number % len(_CONTRIBUTORS)),
        "createdAt": account.moment(account.dice("extension", number), 100, 300),
        "description": f"{name} für mStudio",
        "disabled": False,
        "id": account.id("extension", number),
        "logoRefId": account.ids.uuid(208, number),
        "name": name,
        "published": True,
        "scopes": list(scopes),
        "state": "enabled",
        "statistics": {"amountOfInstances": 100 + number},
        "subTitle": {"de": f"{name} im Einsatz", "en": f"{name} at work"},
        "support": {"email": "support@example.org", "inherited": True},
        "tags": ["agentur"],
    }


def _instance(
    account: SeededAccount, id: str, number: int, context: str, context_id: str, created: str
) -> dict[str, Any]:
    about = extension(account, number)
    contributor = number % len(_CONTRIBUTORS)
    return {
        "aggregateReference": {"aggregate": context, "domain": context, "id": context_id},
        "chargeability": {"isChargeable": False, "reasons": {"isNonChargeableCustomer": True, "isOwnExtension": False}},
        "consentedScopes": about["scopes"],
        "contributorId": about["contributorId"],
        "contributorName": _CONTRIBUTORS[contributor],
        "createdAt": created,
        "disabled": False,
        "extensionId": about["id"],
        "extensionName": about["name"],
        "extensionSubTitle": about["subTitle"],
        "id": id,
        "pendingInstallation": False,
        "pendingRemoval": False,
        "webhookExecutionHalted": False,
    }


@kind("extension_instance", 34, parent="project", count=_INSTANCES)
def extension_instance(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("extension_instance", number)
    project, index = account.place("extension_instance", number)
    which = (0, 1, 2, 3, 6, 7)[(dice.below(6) + index) % 6]
    created = account.moment(dice, 20, 300)
    id = account.id("extension_instance", number)
    return _instance(account, id, which, "project", account.id("project", project), created)


# the catalogue


@handles("extension-list-contributors")
def list_contributors(call: EmulatedCall) -> Reply:
    sort: Sort | None = (lambda value: str(value["name"])) if "sort" in call.query else None
    return filtered(call, "contributor", None, (), sort, descending=descending(call))


@handles("extension-get-contributor")
def get_contributor(call: EmulatedCall) -> Reply:
    return shown(call, "contributor", located(call, "contributor", "contributorId"))


@handles("extension-list-extensions")
def list_extensions(call: EmulatedCall) -> Reply:
    tests = (equal(call, "context"), search(call, "searchTerm", "name", "description"))
    sort: Sort | None = (lambda value: str(value["name"])) if call.query.get("sort") == "name" else None
    return filtered(call, "extension", None, tests, sort, descending=descending(call))


@handles("extension-get-extension")
def get_extension(call: EmulatedCall) -> Reply:
    return shown(call, "extension", located(call, "extension", "extensionId"))


@handles("extension-list-scopes")
def list_scopes(call: EmulatedCall) -> Reply:
    names = sorted({scope for _, _, scopes in _EXTENSIONS for scope in scopes})
    return ValueReply([{"name": name} for name in names])


# instances


@handles("extension-list-extension-instances")
def list_instances(call: EmulatedCall) -> Reply:
    """By context (a project or customer), or the whole account."""
    query, world = call.query, world_of(call)
    scope: tuple[str, Key] | None = None
    tests: list[Test | None] = [equal(call, "extensionId"), search(call, "searchTerm", "extensionName", "id")]
    if "contextId" in query:
        context = "customer" if world.key("project", query["contextId"]) is None else "project"
        key = world.find(context, query["contextId"], call.identity)
        if context == "project":
            scope = ("project", key)
        id = world.id(context, key)
        tests.append(lambda value: value["aggregateReference"]["id"] == id)
    elif call.identity.kind == "extension":
        raise Fail.forbidden("this token cannot list the whole account; name a context")
    if "context" in query:
        tests.append(lambda value: value["aggregateReference"]["aggregate"] == query["context"])
    names = query.get("sort") or ()
    wanted = [names] if isinstance(names, str) else names
    sort: Sort | None = (lambda value: tuple(str(value.get(name)) for name in wanted)) if wanted else None
    return filtered(call, "extension_instance", scope, tests, sort, descending=descending(call))


def _key(call: EmulatedCall) -> Key:
    return located(call, "extension_instance", "extensionInstanceId")


@handles("extension-get-extension-instance")
def get_instance(call: EmulatedCall) -> Reply:
    return shown(call, "extension_instance", _key(call))


def _of_context(call: EmulatedCall, context: str, parameter: str) -> Reply:
    world = world_of(call)
    above = located(call, context, parameter)
    id = world.id(context, above)
    scope = ("project", above) if context == "project" else None
    keys = world.keys("extension_instance", scope) if scope else world.created["extension_instance"]
    for key in keys:
        value = world.read("extension_instance", key)
        if value["aggregateReference"]["id"] == id and value["extensionId"] == call.path["extensionId"]:
            return shown(call, "extension_instance", key)
    raise Fail.not_found("instance of extension", call.path["extensionId"])


@handles("extension-get-extension-instance-for-project")
def instance_of_project(call: EmulatedCall) -> Reply:
    return _of_context(call, "project", "projectId")


@handles("extension-get-extension-instance-for-customer")
def instance_of_customer(call: EmulatedCall) -> Reply:
    return _of_context(call, "customer", "customerId")


@handles("extension-create-extension-instance")
def create_instance(call: EmulatedCall) -> Reply:
    body = call.body
    return ValueReply({"id": _created(call, body["extensionId"], body["context"], body["contextId"])})


@handles("extension-order-extension")
def order_instance(call: EmulatedCall) -> Reply:
    context = "project" if "projectId" in call.body else "customer"
    _created(call, call.path["extensionId"], context, call.body[f"{context}Id"])
    return ValueReply({})


def _created(call: EmulatedCall, extension_id: str, context: str, context_id: str) -> str:
    world = world_of(call)
    about = known(call, "extension", extension_id)
    if world.read("extension", about)["context"] != context:
        raise unfit("body.context", "is not the context of the extension")
    above = known(call, context, context_id)
    context_id = world.id(context, above)
    id = world.new_id("extension_instance")
    value = _instance(world.seeded, id, int(about), context, context_id, world.now())
    value["consentedScopes"] = call.body["consentedScopes"]
    world.create("extension_instance", context_id if context == "project" else None, value)
    added_to_context(world, id)
    call.wrote(**{f"{context}_id": context_id}, created=(id,))
    return id


@handles("extension-delete-extension-instance")
def delete_instance(call: EmulatedCall) -> Reply:
    world = world_of(call)
    world.remove("extension_instance", _key(call))
    return EmptyReply(status=204)


def _set(call: EmulatedCall, **changes: Any) -> Reply:
    world = world_of(call)
    key = _key(call)
    world.change("extension_instance", key, **changes)
    notify(world, "InstanceUpdated", key)
    return EmptyReply(status=204)


@handles("extension-disable-extension-instance")
def disable_instance(call: EmulatedCall) -> Reply:
    return _set(call, disabled=True)


@handles("extension-enable-extension-instance")
def enable_instance(call: EmulatedCall) -> Reply:
    return _set(call, disabled=False)


@handles("extension-consent-to-extension-scopes")
def consent(call: EmulatedCall) -> Reply:
    return _set(call, consentedScopes=call.body["consentedScopes"])


def _termination(call: EmulatedCall, pending: bool) -> Reply:
    world: World = world_of(call)
    key = _key(call)
    world.change("extension_instance", key, pendingRemoval=pending)
    return ValueReply({"extensionInstanceId": world.id("extension_instance", key)})


@handles("extension-schedule-extension-termination")
def schedule_termination(call: EmulatedCall) -> Reply:
    if call.body.get("instantTermination"):
        world = world_of(call)
        world.remove("extension_instance", _key(call))
        return ValueReply({"extensionInstanceId": call.path["extensionInstanceId"]})
    return _termination(call, True)


@handles("extension-cancel-extension-termination")
def cancel_termination(call: EmulatedCall) -> Reply:
    return _termination(call, False)
