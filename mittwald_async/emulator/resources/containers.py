"""Container stacks with their services and volumes, and image registries."""

from __future__ import annotations

from typing import Any

from ..handlers import EmulatedCall, handles, serves
from ..lifecycle import TransitionStep
from ..listing import Key
from ..replies import ContentReply, EmptyReply, Fail, Reply, ValueReply
from ..seeded import SeededAccount, kind, spread
from ..state import World
from ..views import Objects, before_delete, view
from ..vocabulary import IMAGES
from .base import (
    Sort,
    Test,
    asked_scope,
    equal,
    filtered,
    given,
    located,
    remove,
    scope_of,
    search,
    shown,
    unfit,
    world_of,
)
from .domains import lead_elsewhere

_STACKS = spread("project", (9, 1), (1, 2))
_SERVICES = spread("stack", (50, 0), (25, 1), (15, 2), (10, 4))
_REGISTRIES = spread("project", (85, 0), (13, 1), (2, 2))


@kind("stack", 29, parent="project", count=_STACKS, first_has_parents_id=True)
def stack(account: SeededAccount, number: int) -> dict[str, Any]:
    project, index = account.place("stack", number)
    return {
        "description": "default" if index == 0 else account.brand(project),
        "disabled": False,
        "id": account.id("stack", number),
        "prefix": account.ids.short("st", number)[3:],
        "projectId": account.id("project", project),
    }


@kind("service", 30, parent="stack", count=_SERVICES, short="c")
def service(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("service", number)
    stack, index = account.place("service", number)
    name, image, port, mount = IMAGES[(dice.below(len(IMAGES)) + index) % len(IMAGES)]
    volumes = account.span("volume", stack)
    status = "running" if dice.chance(92) else dice.pick(("stopped", "error", "starting"))
    state = {
        "command": [],
        "entrypoint": [],
        "envs": {"TZ": "Europe/Berlin"},
        "image": image,
        "imageDigest": f"sha256:{number:064x}",
        "ports": [port],
        "volumes": [f"{_volume_name(index)}:{mount}"] if index < len(volumes) else [],
    }
    return {
        "deployedState": state,
        "description": name,
        "id": account.id("service", number),
        "pendingState": state,
        "projectId": account.id("project", account.parent("stack", stack)),
        "requiresRecreate": False,
        "restartPolicy": "unless-stopped",
        "serviceName": f"{name}-{index + 1}",
        "shortId": account.ids.short("c", number),
        "stackId": account.id("stack", stack),
        "status": status,
        "statusSetAt": account.moment(dice, 0, 200),
    }


def _volume_name(index: int) -> str:
    return f"data-{index + 1}"


def _volumes(account: SeededAccount, stack: int) -> int:
    """A volume for most services."""
    services = len(account.span("service", stack))
    return services if account.dice("stack", stack, 2).chance(80) else max(0, services - 1)


@kind("volume", 31, parent="stack", count=_volumes)
def volume(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("volume", number)
    stack, index = account.place("volume", number)
    return {
        "id": account.id("volume", number),
        "linkedServices": [account.id("service", account.span("service", stack)[index])],
        "name": _volume_name(index),
        "orphaned": False,
        "stackId": account.id("stack", stack),
        "storageUsageInBytes": dice.below(5 << 30),
        "storageUsageInBytesSetAt": account.moment(dice, 0, 1),
    }


@kind("registry", 32, parent="project", count=_REGISTRIES)
def registry(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("registry", number)
    project = account.parent("registry", number)
    value: dict[str, Any] = {
        "description": dice.pick(("GitLab", "GitHub", "Eigene Registry")),
        "id": account.id("registry", number),
        "projectId": account.id("project", project),
        "uri": dice.pick(("registry.gitlab.com", "ghcr.io", "registry.example.org")),
    }
    if dice.chance(80):
        value["credentials"] = {"username": "deploy", "valid": True}
    return value


@view("stack", needs=("service", "volume"))
def present_stack(world: Objects, key: Key, stored: dict[str, Any]) -> dict[str, Any]:
    """With its services and volumes."""
    scope = ("stack", key)
    return stored | {
        "services": [world.read("service", one) for one in world.keys("service", scope)],
        "volumes": [world.read("volume", one) for one in world.keys("volume", scope)],
    }


def add_default_stack(world: World, project_id: str) -> None:
    """What every project gets: a stack with the project's id."""
    value = {
        "description": "default",
        "disabled": False,
        "id": project_id,
        "prefix": world.new_short("st")[3:],
        "projectId": project_id,
    }
    world.create("stack", project_id, value)


# reading


def _stacks(call: EmulatedCall, scope: tuple[str, Key] | None) -> Reply:
    return filtered(call, "stack", scope, (search(call, "searchTerm", "description", "id"),))


@handles("container-list-stacks")
def list_stacks(call: EmulatedCall) -> Reply:
    return _stacks(call, scope_of(call, "project", "projectId"))


@handles("container-list-self-stacks")
def list_all_stacks(call: EmulatedCall) -> Reply:
    return _stacks(call, asked_scope(call))


def _stack(call: EmulatedCall) -> Key:
    return located(call, "stack", "stackId")


@handles("container-get-stack")
def get_stack(call: EmulatedCall) -> Reply:
    return shown(call, "stack", _stack(call))


def _services(call: EmulatedCall, scope: tuple[str, Key] | None) -> Reply:
    tests = (
        search(call, "searchTerm", "description", "serviceName", "shortId"),
        equal(call, "status"),
        equal(call, "requiresRecreate"),
    )
    order = call.query.get("sortOrder")
    sort: Sort | None = (lambda value: str(value["description"]).lower()) if order else None
    return filtered(call, "service", scope, tests, sort, descending=order == "descriptionDesc")


@handles("container-list-accessible-services")
def list_all_services(call: EmulatedCall) -> Reply:
    return _services(call, asked_scope(call))


@handles("container-list-services")
def list_services(call: EmulatedCall) -> Reply:
    return _services(call, _narrowed(call))


def _narrowed(call: EmulatedCall) -> tuple[str, Key]:
    """The project, or the one stack of it that the query names."""
    project = scope_of(call, "project", "projectId")
    if "stackId" not in call.query:
        return project
    world = world_of(call)
    stack = world.find("stack", call.query["stackId"], call.identity)
    if world.parent("stack", stack) != project[1]:
        raise Fail.not_found("stack of this project", call.query["stackId"])
    return "stack", stack


def _below_stack(call: EmulatedCall, kind: str, parameter: str) -> Key:
    """A service or volume: by id, short id or name within its stack."""
    world = world_of(call)
    stack, id = _stack(call), call.path[parameter]
    key = world.key(kind, id)
    if key is not None and world.parent(kind, key) == stack:
        return key
    name = "serviceName" if kind == "service" else "name"
    for key in world.keys(kind, ("stack", stack)):
        if world.read(kind, key)[name] == id:
            return key
    raise Fail.not_found(kind, id)


def _service(call: EmulatedCall) -> Key:
    return _below_stack(call, "service", "serviceId")


@handles("container-get-service")
def get_service(call: EmulatedCall) -> Reply:
    return shown(call, "service", _service(call))


@handles("container-get-service-logs")
def service_logs(call: EmulatedCall) -> Reply:
    """With stray NUL bytes, and a connection that breaks where it should end, as the real ones."""
    value = world_of(call).read("service", _service(call))
    lines = [f"{value['statusSetAt']} {value['serviceName']} line {number}" for number in range(100)]
    lines[50] += "\0\0"
    tail = call.query.get("tail")
    return ContentReply(("\n".join(lines[-tail:] if tail else lines) + "\n").encode(), "text/plain", breaks=True)


def _volume_list(call: EmulatedCall, scope: tuple[str, Key]) -> Reply:
    order = call.query.get("sortOrder", "")
    property = "storageUsageInBytes" if order.startswith("storage") else "name"
    sort: Sort | None = (lambda value: value[property]) if order else None
    tests = (search(call, "searchTerm", "name", "id"),)
    return filtered(call, "volume", scope, tests, sort, descending=order.endswith("Desc"))


@handles("container-list-stack-volumes")
def list_stack_volumes(call: EmulatedCall) -> Reply:
    return _volume_list(call, scope_of(call, "stack", "stackId"))


@handles("container-list-volumes")
def list_volumes(call: EmulatedCall) -> Reply:
    return _volume_list(call, _narrowed(call))


@handles("container-get-volume")
def get_volume(call: EmulatedCall) -> Reply:
    return shown(call, "volume", _below_stack(call, "volume", "volumeId"))


# writing stacks


@handles("container-create-stack")
def create_stack(call: EmulatedCall) -> Reply:
    world = world_of(call)
    project_id = world.id("project", located(call, "project", "projectId"))
    value: dict[str, Any] = {
        "description": call.body["description"],
        "disabled": False,
        "id": world.new_id("stack"),
        "prefix": world.new_short("st")[3:],
        "projectId": project_id,
    }
    if "templateConfig" in call.body:
        value["templateId"] = call.body["templateConfig"]["templateId"]
    id = world.create("stack", project_id, value)
    return ValueReply(world.value("stack", id))


def _state(declared: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    state = before | given(declared, "command", "entrypoint", "image", "ports", "volumes")
    if "envs" in declared or "environment" in declared:
        state["envs"] = declared.get("envs") or declared.get("environment")
    return state


def _put_service(world: World, stack: dict[str, Any], name: str, declared: dict[str, Any], key: Key | None) -> None:
    """Create a service or give an existing one a new pending state."""
    if key is not None:
        value = world.read("service", key)
        pending = _state(declared, value["pendingState"])
        requires = pending != value["deployedState"]
        changes = given(declared, "deploy", "description", "restartPolicy")
        world.change("service", key, pendingState=pending, requiresRecreate=requires, **changes)
        return
    if "image" not in declared:
        raise unfit(f"body.services.{name}.image", "is missing")
    state = _state(declared, {})
    value = {
        "deployedState": state,
        "description": declared.get("description", name),
        "id": world.new_id("service"),
        "pendingState": state,
        "projectId": stack["projectId"],
        "requiresRecreate": False,
        "restartPolicy": declared.get("restartPolicy", "unless-stopped"),
        "serviceName": name,
        "shortId": world.new_short("c"),
        "stackId": stack["id"],
        "status": "creating",
        "statusSetAt": world.now(),
        **given(declared, "deploy"),
    }
    id = world.create("service", stack["id"], value)
    _reach(world, id, "running")


def _reach(world: World, key: Key, status: str, *steps: TransitionStep) -> None:
    if status == "running" and world.fails("service", world.id("service", key)):
        end = TransitionStep(set={"status": "error", "message": "container exited with code 1"}, stamp=("statusSetAt",))
    else:
        end = TransitionStep(set={"status": status}, drop=("message",), stamp=("statusSetAt",))
    world.begin("service", key, *steps, end)


def _declared(call: EmulatedCall, *, whole: bool) -> Reply:
    """PUT says what the stack is (what is not named goes), PATCH what is new in it; an empty declaration deletes."""
    world = world_of(call)
    key = _stack(call)
    stack = world.read("stack", key)
    services = {world.read("service", one)["serviceName"]: one for one in world.keys("service", ("stack", key))}
    for name, declared in call.body.get("services", {}).items():
        if not declared and name in services:
            world.remove("service", services.pop(name))
        elif declared:
            _put_service(world, stack, name, declared, services.pop(name, None))
    volumes = {world.read("volume", one)["name"]: one for one in world.keys("volume", ("stack", key))}
    for wire, declared in call.body.get("volumes", {}).items():
        name = declared.get("name", wire)
        if name in volumes:
            volumes.pop(name)
        else:
            _add_volume(world, stack["id"], name)
    if whole:
        for service in services.values():
            world.remove("service", service)
        for volume in volumes.values():
            world.remove("volume", volume)
    _link_volumes(world, key)
    call.wrote(project_id=stack["projectId"])
    return ValueReply(world.value("stack", key))


def _add_volume(world: World, stack_id: str, name: str) -> None:
    value: dict[str, Any] = {
        "id": world.new_id("volume"),
        "linkedServices": [],
        "name": name,
        "orphaned": True,
        "stackId": stack_id,
        "storageUsageInBytes": 0,
        "storageUsageInBytesSetAt": world.now(),
    }
    world.create("volume", stack_id, value)


def _link_volumes(world: World, stack: Key) -> None:
    """Volumes say which services use them."""
    services = [world.read("service", one) for one in world.keys("service", ("stack", stack))]
    for key in world.keys("volume", ("stack", stack)):
        value = world.read("volume", key)
        users = [
            service["id"]
            for service in services
            if any(mount.startswith(f"{value['name']}:") for mount in service["pendingState"].get("volumes", ()))
        ]
        if users != value.get("linkedServices"):
            world.change("volume", key, linkedServices=users, orphaned=not users)


@before_delete("service")
def leave(world: Objects, key: Key) -> None:
    """Host names that led to a service show the default page; cronjobs of its stack stay."""
    project = world.above("service", key, "project")
    lead_elsewhere(world, None if project is None else ("project", project), world.id("service", key))


@handles("container-declare-stack")
def declare_stack(call: EmulatedCall) -> Reply:
    return _declared(call, whole=True)


@handles("container-update-stack")
def update_stack(call: EmulatedCall) -> Reply:
    world = world_of(call)
    changes = given(call.body, "description", "updateSchedule")
    if changes:
        world.change("stack", _stack(call), **changes)
    reply = _declared(call, whole=False)
    if call.query.get("recreate"):
        for service in world.keys("service", ("stack", _stack(call))):
            if world.read("service", service)["requiresRecreate"]:
                _recreated(world, service)
        return ValueReply(world.value("stack", _stack(call)))
    return reply


@handles("deprecated-container-set-stack-update-schedule")
def set_schedule(call: EmulatedCall) -> Reply:
    world_of(call).change("stack", _stack(call), updateSchedule=call.body.get("updateSchedule"))
    return EmptyReply()


@handles("container-delete-stack")
def delete_stack(call: EmulatedCall) -> Reply:
    return remove(call, "stack", "stackId")


@handles("container-delete-volume")
def delete_volume(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = _below_stack(call, "volume", "volumeId")
    if world.read("volume", key).get("linkedServices"):
        raise Fail.refused("the volume is in use by a service")
    world.remove("volume", key)
    return EmptyReply()


# service actions


def _recreated(world: World, key: Key) -> None:
    pending = world.read("service", key)["pendingState"]
    now = world.now()
    world.change("service", key, deployedState=pending, requiresRecreate=False, status="creating", statusSetAt=now)
    _reach(world, key, "running")


@handles("container-recreate-service", "container-pull-image-for-service")
def recreate(call: EmulatedCall) -> Reply:
    _recreated(world_of(call), _service(call))
    return EmptyReply()


def _switched(call: EmulatedCall, through: str, to: str) -> Reply:
    world = world_of(call)
    key = _service(call)
    world.change("service", key, status=through, statusSetAt=world.now())
    _reach(world, key, to)
    return EmptyReply()


@handles("container-start-service", "container-restart-service")
def start(call: EmulatedCall) -> Reply:
    return _switched(call, "starting", "running")


@handles("container-stop-service")
def stop(call: EmulatedCall) -> Reply:
    return _switched(call, "stopping", "stopped")


@handles("container-rotate-pull-image-webhook-for-service")
def rotate_webhook(call: EmulatedCall) -> Reply:
    world = world_of(call)
    id = world.id("service", _service(call))
    token = f"webhook-token-{world.new_short('t')}"
    world.extras("webhook_tokens")[id] = token
    url = f"{call.base_url}/v2/stacks/{call.path['stackId']}/services/{id}/actions/pull-image?token={token}"
    return ValueReply({"token": token, "webhookUrl": url})


def _pulled(call: EmulatedCall) -> Reply:
    """The webhook of a service: who knows its token needs no other. It acts on GET as well, every time."""
    world = world_of(call)
    key = world.key("service", call.path["serviceId"])
    if key is None or world.extras("webhook_tokens").get(call.path["serviceId"]) != call.query.get("token"):
        raise Fail.forbidden("the token of the webhook is wrong")
    call.pure, call.acted = False, True
    _recreated(world, key)
    call.wrote(project_id=world.read("service", key)["projectId"])
    return EmptyReply(204)


@serves("GET", "/v2/stacks/{stackId}/services/{serviceId}/actions/pull-image?token")
def pull_image_by_get(call: EmulatedCall) -> Reply:
    return _pulled(call)


@serves("POST", "/v2/stacks/{stackId}/services/{serviceId}/actions/pull-image?token")
def pull_image_by_post(call: EmulatedCall) -> Reply:
    return _pulled(call)


# registries


@handles("container-list-registries")
def list_registries(call: EmulatedCall) -> Reply:
    test = None
    if "hasCredentials" in call.query:
        wanted: bool = call.query["hasCredentials"]
        test = _has_credentials(wanted)
    return filtered(call, "registry", scope_of(call, "project", "projectId"), (test,))


def _has_credentials(wanted: bool) -> Test:
    return lambda value: ("credentials" in value) is wanted


@handles("container-get-registry")
def get_registry(call: EmulatedCall) -> Reply:
    return shown(call, "registry", located(call, "registry", "registryId"))


def _credentials(body: dict[str, Any]) -> dict[str, Any]:
    if not body.get("credentials"):
        return {}
    return {"credentials": {"username": body["credentials"]["username"], "valid": True}}


@handles("container-create-registry")
def create_registry(call: EmulatedCall) -> Reply:
    world = world_of(call)
    project_id = world.id("project", located(call, "project", "projectId"))
    value: dict[str, Any] = {
        "id": world.new_id("registry"),
        "projectId": project_id,
        **given(call.body, "description", "uri"),
        **_credentials(call.body),
    }
    world.create("registry", project_id, value)
    return ValueReply(value)


@handles("container-update-registry")
def update_registry(call: EmulatedCall) -> Reply:
    changes = given(call.body, "description", "uri") | _credentials(call.body)
    world_of(call).change("registry", located(call, "registry", "registryId"), **changes)
    return EmptyReply()


@handles("container-delete-registry")
def delete_registry(call: EmulatedCall) -> Reply:
    return remove(call, "registry", "registryId")


@handles("deprecated-container-validate-registry-credentials")
def validate_credentials(call: EmulatedCall) -> Reply:
    call.pure = True
    value = world_of(call).read("registry", located(call, "registry", "registryId"))
    return ValueReply({"valid": value.get("credentials", {}).get("valid", False)})
