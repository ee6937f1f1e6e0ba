"""Servers and projects."""

from __future__ import annotations

from typing import Any

from ..handlers import EmulatedCall, handles
from ..ids import Dice
from ..lifecycle import TransitionStep
from ..listing import Key
from ..replies import EmptyReply, Fail, ListReply, Reply, ValueReply
from ..seeded import SeededAccount, kind
from ..state import World
from ..views import Objects, view
from .base import asked_scope, descending, filtered, located, patch, remove, scope_of, search, shown, world_of
from .containers import add_default_stack
from .domains import add_default_ingress
from .memberships import add_membership
from .storage import projects_on

_MACHINES = (
    ("shared.small", "1", "2Gi"),
    ("shared.medium", "2", "4Gi"),
    ("shared.large", "2", "8Gi"),
    ("shared.xlarge", "4", "16Gi"),
    ("dedicated.large", "8", "32Gi"),
)
_CLUSTERS = ("espelkamp", "fiestel", "isenstedt", "frotheim", "vehlage")
_FEATURES = ["redis", "node", "container"]


def _server_count(account: SeededAccount, customer: int) -> int:
    """Who has few projects hosts them one by one; others have a server for every dozen or so."""
    projects = len(account.span("project", customer))
    return 0 if projects < 3 else 1 + projects // 14


def _project_count(account: SeededAccount, customer: int) -> int:
    """A share by weight: few customers have many projects. The caller's own add up to exactly what was asked for."""
    if customer >= account.customers:
        return account.foreign
    weights = account.weights()
    before, here, total = weights[customer], weights[customer + 1], weights[-1]
    return account.projects * here // total - account.projects * before // total


def _storage(account: SeededAccount, server: int, dice: Dice) -> int:
    """GiB of a server: room for its projects, and little more on one in ten."""
    on, _ = account.hosting(account.parent("server", server))
    projects = len(on[server])
    needed = projects * _MOST_USED * (6 if dice.chance(10) else 9) // 10
    return next((size for size in _SIZES if size >= needed), needed)


_MOST_USED = 12
"""GiB that a project uses of its storage at most."""

_SIZES = (20, 50, 100, 200, 500, 1000, 2000)


@kind("server", 2, parent="customer", count=_server_count, short="s")
def server(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("server", number)
    name, cpu, memory = dice.pick(_MACHINES)
    customer, index = account.place("server", number)
    cluster = dice.pick(_CLUSTERS)
    return {
        "clusterName": cluster,
        "createdAt": account.moment(dice, 400, 1200),
        "customerId": account.id("customer", customer),
        "description": ("Webserver", "proSpace", "Produktion", "Kundenserver")[dice.below(4)] + f" {index + 1}",
        "groupId": account.ids.uuid(200, number),
        "id": account.id("server", number),
        "isReady": True,
        "machineType": {"cpu": cpu, "memory": memory, "name": name},
        "readiness": "ready",
        "shortId": account.ids.short("s", number),
        "statisticsBaseDomain": f"{cluster}.project.host",
        "status": "ready",
        "storage": f"{_storage(account, number, dice)}Gi",
    }


@kind("project", 3, parent="customer", count=_project_count, short="p")
def project(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("project", number)
    customer = account.parent("project", number)
    status = "ready" if dice.below(100) < 97 else dice.pick(("pending", "disabled", "error", "migratingVolume"))
    ready = status == "ready"
    created = account.moment(dice, 30, 1000)
    measured = account.moment(dice, 0, 1)
    server = account.server_of(number)
    short = account.project_short(number)
    cluster = dice.pick(_CLUSTERS)
    value: dict[str, Any] = {
        "backupStorageUsageInBytes": dice.below(20 << 30),
        "backupStorageUsageInBytesSetAt": measured,
        "clusterDomain": "project.host",
        "clusterID": cluster,
        "clusterId": cluster,
        "createdAt": created,
        "customerId": account.id("customer", customer),
        "deletionRequested": False,
        "description": account.project_title(number),
        "directories": {"Home": f"/home/{short}", "Web": f"/home/{short}/html"},
        "enabled": status != "disabled",
        "features": _FEATURES,
        "id": account.id("project", number),
        "isReady": ready,
        "readiness": "ready" if ready else "unready",
        "serverGroupId": account.ids.uuid(201, number),
        "shortId": short,
        "statisticsBaseDomain": f"{cluster}.project.host",
        "status": status,
        "statusSetAt": created,
        "supportedFeatures": _FEATURES,
        "webStorageUsageInBytes": dice.below(_MOST_USED << 30),
        "webStorageUsageInBytesSetAt": measured,
    }
    if server is None:
        value["projectHostingId"] = account.ids.uuid(202, number)
        _, cpu, memory = dice.pick(_MACHINES[:3])
        value["spec"] = {"cpu": cpu, "memory": memory, "storage": f"{dice.pick((20, 20, 50))}Gi"}
    else:
        value["serverId"] = account.id("server", server)
        value["serverShortId"] = account.ids.short("s", server)
    if status == "disabled":
        value["disableReason"] = "suspended"
        value["disabledAt"] = created
    return value


_ONLY_IN_DETAIL = ("clusterDomain", "clusterID", "clusterId", "directories", "spec", "statisticsBaseDomain")


@view("project_item", kind="project")
def project_item(world: Objects, key: Key, stored: dict[str, Any]) -> dict[str, Any]:
    item = {name: value for name, value in stored.items() if name not in _ONLY_IN_DETAIL}
    item["customerMeta"] = {"id": stored["customerId"]}
    return item


def _sorted_projects(call: EmulatedCall, view: str, scope: tuple[str, Key] | None) -> ListReply:
    sort = call.query.get("sort")
    tests = [search(call, "searchTerm", "description", "shortId", "id")]
    if "serverId" in call.query and view == "project_item":
        server_id = call.query["serverId"]
        tests.append(lambda value: value.get("serverId") == server_id)
    return filtered(
        call,
        view,
        scope,
        tests,
        (lambda value: str(value[sort]).lower()) if sort else None,
        kind="server" if view == "server" else "project",
        descending=descending(call),
    )


@handles("project-list-projects")
def list_projects(call: EmulatedCall) -> Reply:
    world = world_of(call)
    if set(call.query) - {"limit", "skip", "page"} == {"serverId"}:
        return world.listing(
            "project_item", projects_on(world, world.find("server", call.query["serverId"], call.identity))
        )
    return _sorted_projects(call, "project_item", asked_scope(call, ("customer", "customerId")))


@handles("project-list-customer-projects")
def list_customer_projects(call: EmulatedCall) -> Reply:
    return _sorted_projects(call, "project_item", scope_of(call, "customer", "customerId"))


@handles("project-list-servers")
def list_servers(call: EmulatedCall) -> Reply:
    return _sorted_projects(call, "server", asked_scope(call, ("customer", "customerId")))


@handles("project-get-project")
def get_project(call: EmulatedCall) -> Reply:
    return shown(call, "project", located(call, "project", "projectId"))


@handles("project-get-server")
def get_server(call: EmulatedCall) -> Reply:
    return shown(call, "server", located(call, "server", "serverId"))


@handles("project-create-project")
def create_project(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = located(call, "server", "serverId")
    server = world.read("server", key)
    if server["status"] != "ready":
        raise Fail.refused(f"server is {server['status']}, expected ready")
    id = add_project(
        world,
        server["customerId"],
        call.body["description"],
        serverId=server["id"],
        serverShortId=server["shortId"],
        clusterId=server["clusterName"],
        clusterID=server["clusterName"],
    )
    call.wrote(customer_id=server["customerId"], created=(id,))
    return ValueReply({"id": id})


def add_project(world: World, customer_id: str, description: str, **more: Any) -> str:
    """A new project, getting ready from now on, with its default ingress and the caller's membership."""
    id, short, now = world.new_id("project"), world.new_short("p"), world.now()
    value: dict[str, Any] = {
        "backupStorageUsageInBytes": 0,
        "backupStorageUsageInBytesSetAt": now,
        "clusterDomain": "project.host",
        "createdAt": now,
        "customerId": customer_id,
        "deletionRequested": False,
        "description": description,
        "directories": {"Home": f"/home/{short}", "Web": f"/home/{short}/html"},
        "enabled": True,
        "features": _FEATURES,
        "id": id,
        "isReady": False,
        "readiness": "creating",
        "serverGroupId": world.new_id("server"),
        "shortId": short,
        "status": "pending",
        "statusSetAt": now,
        "supportedFeatures": _FEATURES,
        "webStorageUsageInBytes": 0,
        "webStorageUsageInBytesSetAt": now,
        **more,
    }
    world.create("project", customer_id, value)
    add_default_ingress(world, id, short)
    add_default_stack(world, id)
    add_membership(world, "project", id, world.main_user, "owner", inherited=True)
    if world.fails("project", id):
        end = TransitionStep(set={"status": "error", "readiness": "unready"}, stamp=("statusSetAt",))
    else:
        end = TransitionStep(set={"status": "ready", "readiness": "ready", "isReady": True}, stamp=("statusSetAt",))
    world.begin("project", id, end)
    return id


@handles("project-update-project", "deprecated-project-update-project-description")
def update_project(call: EmulatedCall) -> Reply:
    return patch(call, "project", "projectId", "description")


@handles("project-update-server", "deprecated-project-update-server-description")
def update_server(call: EmulatedCall) -> Reply:
    return patch(call, "server", "serverId", "description")


@handles("project-delete-project")
def delete_project(call: EmulatedCall) -> Reply:
    return remove(call, "project", "projectId")


@handles("project-request-project-avatar-upload")
def request_avatar(call: EmulatedCall) -> Reply:
    return _avatar(call, "project", "projectId")


@handles("project-request-server-avatar-upload")
def request_server_avatar(call: EmulatedCall) -> Reply:
    return _avatar(call, "server", "serverId")


def _avatar(call: EmulatedCall, kind: str, parameter: str) -> Reply:
    world = world_of(call)
    key = located(call, kind, parameter)
    reference = world.new_id("file")
    world.extras("uploads")[reference] = {"type": "avatar"}
    world.change(kind, key, imageRefId=reference)
    rules = {"maxSizeInKB": 1024, "mimeTypes": ["image/png", "image/jpeg"]}
    return ValueReply({"refId": reference, "rules": rules})


@handles("project-delete-project-avatar")
def delete_avatar(call: EmulatedCall) -> Reply:
    world_of(call).change("project", located(call, "project", "projectId"), ("imageRefId",))
    return EmptyReply()


@handles("project-delete-server-avatar")
def delete_server_avatar(call: EmulatedCall) -> Reply:
    world_of(call).change("server", located(call, "server", "serverId"), ("imageRefId",))
    return EmptyReply()
