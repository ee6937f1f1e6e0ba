"""Orders: the ordered server, project, domain or certificate exists once the order is executed."""

from __future__ import annotations

from typing import Any

from ..handlers import EmulatedCall, handles
from ..lifecycle import TransitionStep
from ..listing import Key
from ..replies import Fail, Reply, ValueReply
from ..seeded import SeededAccount, kind, spread
from ..state import World
from .articles import MACHINES
from .base import Test, filtered, known, located, needed, scope_of, shown, unfit, world_of
from .billing import add_contract, schedule_tariff_change
from .certificates import complete_request
from .domains import add_domain, taken
from .licenses import add_license
from .memberships import member
from .projects import add_project

_COUNT = spread("customer", (30, 1), (40, 3), (30, 8))
_NEEDED = {
    "domain": ("domain", "projectId"),
    "externalCertificate": ("certificateRequestId", "projectId"),
    "license": ("projectId",),
    "mailArchive": ("mailAddressId",),
    "projectHosting": ("customerId", "description", "diskspaceInGiB", "spec"),
    "server": ("customerId", "description", "diskspaceInGiB", "machineType"),
}
"""Properties of an order's data by its type, which must fit each other."""


def _summary(cents: int) -> dict[str, Any]:
    return {"nonRecurring": 0, "recurring": cents, "summary": cents}


@kind("order", 9, parent="customer", count=_COUNT, id_name="orderId")
def order(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("order", number)
    customer = account.parent("order", number)
    at = account.moment(dice, 10, 900)
    cents = dice.pick((500, 1500, 4900, 9900))
    user = member(account, account.span("customer_membership", customer)[0])
    first, last, email = account.person("user", user)
    name = dice.pick(("Space", "proSpace", "Domain"))
    return {
        "customerId": account.id("customer", customer),
        "invoicingPeriod": 1,
        "items": [
            {
                "articleId": f"article-{name.lower()}",
                "articleName": name,
                "articleTemplateName": name,
                "isInclusive": False,
                "orderItemId": account.ids.uuid(230, number),
                "price": cents,
            }
        ],
        "orderDate": at,
        "orderId": account.id("order", number),
        "orderNumber": f"A{500_000 + number}",
        "profile": {"email": email, "firstName": first, "lastName": last, "userId": account.id("user", user)},
        "status": "EXECUTED" if dice.chance(95) else dice.pick(("REJECTED", "ABORTED")),
        "summary": _summary(cents),
        "type": "NEW_ORDER" if dice.chance(85) else "CONTRACT_CHANGE",
    }


def _orders(call: EmulatedCall, scope: tuple[str, Key] | None, extra: Any = None) -> Reply:
    query = call.query
    tests: list[Test | None] = [extra]
    if "includesStatus" in query:
        tests.append(lambda value: value["status"] in query["includesStatus"])
    if "excludesStatus" in query:
        tests.append(lambda value: value["status"] not in query["excludesStatus"])
    if "types" in query:
        tests.append(lambda value: value["type"] in query["types"])
    if "templateNames" in query:
        tests.append(
            lambda value: any(entry.get("articleTemplateName") in query["templateNames"] for entry in value["items"])
        )
    return filtered(call, "order", scope, tests)


@handles("order-list-orders")
def list_orders(call: EmulatedCall) -> Reply:
    if call.identity.kind == "extension":
        raise Fail.forbidden("this token cannot list orders")
    return _orders(call, None)


@handles("order-list-customer-orders")
def list_orders_of_customer(call: EmulatedCall) -> Reply:
    return _orders(call, scope_of(call, "customer", "customerId"))


@handles("order-list-project-orders")
def list_orders_of_project(call: EmulatedCall) -> Reply:
    """Orders that were made for a project; seeded ones are kept by customer only."""
    world = world_of(call)
    project = located(call, "project", "projectId")
    id = world.id("project", project)
    made = world.extras("order_projects")
    keys: list[Key] = [key for key in world.created["order"] if made.get(str(key)) == id]
    return world.listing("order", keys)


@handles("order-get-order")
def get_order(call: EmulatedCall) -> Reply:
    return shown(call, "order", located(call, "order", "orderId"))


class _Wish:
    """What an order's data asks for."""

    def __init__(self, call: EmulatedCall, kind: str, data: dict[str, Any]) -> None:
        self.kind = kind
        self.data = data
        self.world = world_of(call)
        needed(data, *_NEEDED.get(kind, ()), path="body.orderData")
        self.project_id: str | None = None
        self.name, self.cents = _priced(kind, data)
        if "projectId" in data:
            key = known(call, "project", data["projectId"])
            self.project_id = self.world.id("project", key)
            customer = self.world.parent("project", key)
        elif "mailAddressId" in data:
            key = known(call, "mail_address", data["mailAddressId"])
            customer = self.world.above("mail_address", key, "customer")
        elif "customerId" in data:
            customer = known(call, "customer", data["customerId"])
        else:
            raise unfit("body.orderData", "names neither customer nor project")
        if customer is None:
            raise unfit("body.orderData", "belongs to no customer")
        self.customer_id = self.world.id("customer", customer)


def _storage(data: dict[str, Any]) -> int:
    return int(data.get("diskspaceInGiB", 20))


def _priced(kind: str, data: dict[str, Any]) -> tuple[str, int]:
    if kind in ("server", "projectHosting"):
        machine = data.get("machineType") or data.get("spec", {}).get("machineType", "shared.small")
        if machine not in MACHINES:
            raise unfit("body.orderData.machineType", "no such machine type")
        return ("proSpace" if kind == "server" else "Space"), MACHINES[machine][2] + _storage(data) * 10
    if kind == "domain":
        return "Domain", 90
    return kind, {"externalCertificate": 5900, "license": 1900, "mailArchive": 500}.get(kind, 2900)


def _add_order(call: EmulatedCall, customer_id: str, kind: str, name: str, cents: int, type: str, **more: Any) -> str:
    """A new order with one item."""
    world = world_of(call)
    user = world.get("user", call.identity.user_id or world.main_user)
    value: dict[str, Any] = {
        "customerId": customer_id,
        "invoicingPeriod": 1,
        "items": [
            {
                "articleId": f"article-{kind}",
                "articleName": name,
                "articleTemplateName": name,
                "isInclusive": False,
                "orderItemId": world.new_id("order"),
                "price": cents,
            }
        ],
        "orderDate": world.now(),
        "orderId": world.new_id("order"),
        "orderNumber": f"A{900_000 + world.serial}",
        "profile": {
            "email": user["email"],
            "firstName": user["person"]["firstName"],
            "lastName": user["person"]["lastName"],
            "userId": user["userId"],
        },
        "status": "NEW",
        "summary": _summary(cents),
        "type": type,
        **more,
    }
    return world.create("order", customer_id, value)


@handles("order-create-order")
def create_order(call: EmulatedCall) -> Reply:
    """New, confirmed, executed; a share is rejected. What was ordered exists as soon as the order is taken, and
    becomes ready on its own."""
    world = world_of(call)
    kind: str = call.body.get("orderType", "projectHosting")
    wish = _Wish(call, kind, call.body.get("orderData", {}))
    if kind == "domain" and taken(world, wish.data["domain"]):
        raise unfit("body.orderData.domain", "is registered already")
    id = _add_order(call, wish.customer_id, kind, wish.name, wish.cents, "NEW_ORDER")
    if wish.project_id is not None:
        world.extras("order_projects")[id] = wish.project_id
    if world.fails("order", id):
        world.begin("order", id, TransitionStep(set={"status": "REJECTED"}))
    else:
        made = _deliver(world, wish, id)
        world.begin(
            "order", id, TransitionStep(set={"status": "CONFIRMED"}), TransitionStep(set={"status": "EXECUTED"})
        )
        call.wrote(customer_id=wish.customer_id, project_id=wish.project_id, created=(id, *made))
    return ValueReply({"orderId": id})


def _deliver(world: World, wish: _Wish, order_id: str) -> tuple[str, ...]:
    """Make what was ordered, and the contract for it."""
    data = wish.data
    made: str
    if wish.kind == "server":
        made, aggregate = _add_server(world, wish), "project/placementgroup"
    elif wish.kind == "projectHosting":
        spec = _hosting_spec(data)
        hosting = world.new_id("project")
        made = add_project(world, wish.customer_id, data["description"], spec=spec, projectHostingId=hosting)
        aggregate = "project/project"
    elif wish.kind == "domain":
        process = "TRANSFER" if data.get("authCode") else "REGISTER"
        owner = data.get("handleData", {}).get("ownerC", [])
        made, aggregate = add_domain(world, wish.project_id or "", data["domain"], owner, process), "domain/domain"
    elif wish.kind == "externalCertificate":
        key = world.find("certificate_request", data["certificateRequestId"])
        made, aggregate = complete_request(world, key), "ssl/certificate"
    elif wish.kind == "license":
        made, aggregate = add_license(world, wish.project_id or "", data.get("description", "")), "license/license"
    elif wish.kind == "mailArchive":
        made, aggregate = data["mailAddressId"], "mail/mailaddress"
        archive = {"active": True, "quota": 10 << 30, "usedBytes": 0}
        world.change("mail_address", world.find("mail_address", made), isArchived=True, archive=archive)
    else:
        made, aggregate = wish.customer_id, f"{wish.kind.lower()}/{wish.kind.lower()}"
    contract = add_contract(world, wish.customer_id, order_id, (aggregate, made), wish.name, wish.cents)
    return made, contract


def _hosting_spec(data: dict[str, Any]) -> dict[str, Any]:
    cpu, memory, _ = MACHINES[data["spec"].get("machineType", "shared.small")]
    return {"cpu": cpu, "memory": memory, "storage": f"{_storage(data)}Gi"}


def _add_server(world: World, wish: _Wish) -> str:
    machine: str = wish.data["machineType"]
    cpu, memory, _ = MACHINES[machine]
    value: dict[str, Any] = {
        "clusterName": "espelkamp",
        "createdAt": world.now(),
        "customerId": wish.customer_id,
        "description": wish.data["description"],
        "groupId": world.new_id("server"),
        "id": world.new_id("server"),
        "isReady": False,
        "machineType": {"cpu": cpu, "memory": memory, "name": machine},
        "readiness": "creating",
        "shortId": world.new_short("s"),
        "status": "pending",
        "storage": f"{_storage(wish.data)}Gi",
    }
    id = world.create("server", wish.customer_id, value)
    end: dict[str, Any] = {"status": "ready", "readiness": "ready", "isReady": True}
    if world.fails("server", id):
        end = {"status": "unready", "readiness": "unready"}
    world.begin("server", id, TransitionStep(set=end))
    return id


@handles("order-preview-order")
def preview_order(call: EmulatedCall) -> Reply:
    call.pure = True
    kind: str = call.body.get("orderType", "projectHosting")
    data: dict[str, Any] = call.body.get("orderData", {})
    _, cents = _priced(kind, data)
    if kind in ("server", "projectHosting"):
        storage = _storage(data) * 10
        return ValueReply({"machineTypePrice": cents - storage, "storagePrice": storage, "totalPrice": cents})
    if kind == "domain":
        return ValueReply({"domainContractDuration": 12, "domainPrice": cents, "feePrice": 0, "totalPrice": cents})
    if kind in ("externalCertificate", "mailArchive"):
        return ValueReply({"feePrice": 0, "recurringPrice": cents, "totalPrice": cents})
    return ValueReply({"totalPrice": cents})


@handles("order-preview-tariff-change")
def preview_change(call: EmulatedCall) -> Reply:
    call.pure = True
    data: dict[str, Any] = call.body.get("tariffChangeData", {})
    kind: str = call.body.get("tariffChangeType", "server")
    _, cents = _priced(kind, data)
    storage = _storage(data) * 10
    return ValueReply({"machineTypePrice": cents - storage, "storagePrice": storage, "totalPrice": cents})


@handles("order-create-tariff-change")
def change_tariff(call: EmulatedCall) -> Reply:
    """An order that changes a contract's base item, at its next possible date."""
    world = world_of(call)
    data: dict[str, Any] = call.body.get("tariffChangeData", {})
    kind: str = call.body.get("tariffChangeType", "server")
    needed(data, "contractId", path="body.tariffChangeData")
    key = known(call, "contract", data["contractId"])
    name, cents = _priced(kind, data)
    customer_id: str = world.read("contract", key)["customerId"]
    id = _add_order(
        call, customer_id, kind, name, cents, "CONTRACT_CHANGE", contractChangeContractId=data["contractId"]
    )
    schedule_tariff_change(world, key, name, cents)
    world.begin("order", id, TransitionStep(set={"status": "CONFIRMED"}), TransitionStep(set={"status": "EXECUTED"}))
    call.wrote(customer_id=customer_id, created=(id,))
    return ValueReply({"orderId": id})
