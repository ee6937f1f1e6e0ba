"""Contracts and invoices."""

from __future__ import annotations

from typing import Any

from ..handlers import EmulatedCall, handles
from ..listing import Key
from ..replies import Fail, Reply, ValueReply
from ..seeded import DAY, SeededAccount, iso, kind, spread
from ..state import World
from .base import Sort, descending, equal, filtered, given, located, scope_of, search, shown, whole, world_of
from .customers import contact

_INVOICES = spread("customer", (10, 0), (30, 6), (30, 12), (30, 30))
_ITEMS = 210
"""Kind numbers of contract items' ids from here on."""
_ITEM_SPACE = 1000
_MOST_ITEMS = 20


def _contract_count(account: SeededAccount, customer: int) -> int:
    """One for each server, then one for each project that is hosted on its own."""
    on, alone = account.hosting(customer)
    return len(on) + len(alone)


def _price(cents: int) -> dict[str, Any]:
    return {"currency": "EUR", "value": cents}


def item(
    ids: tuple[str, str],
    aggregate: tuple[str, str],
    description: str,
    cents: int,
    at: str,
    base: bool,
    until: float,
) -> dict[str, Any]:
    """One item of a contract: (item id, order id), (domain and aggregate, id of the thing). `until`: Unix seconds, 30
    days before it can be terminated."""
    domain, _, name = aggregate[0].partition("/")
    return {
        "activationDate": at,
        "aggregateReference": {"aggregate": name, "domain": domain, "id": aggregate[1]},
        "articles": [
            {
                "amount": 1,
                "articleTemplateId": f"template-{name}",
                "id": f"article-{name}",
                "name": description,
                "unitPrice": _price(cents),
            }
        ],
        "contractPeriod": 1,
        "description": description,
        "invoicingPeriod": 1,
        "isActivated": True,
        "isBaseItem": base,
        "isInFreeTrial": False,
        "isInclusive": False,
        "itemId": ids[0],
        "nextPossibleTerminationDate": iso(until + 30 * DAY),
        "orderDate": at,
        "orderId": ids[1],
        "totalPrice": _price(cents),
    }


def _item_ids(account: SeededAccount, contract: int, index: int) -> tuple[str, str]:
    number = contract * _ITEM_SPACE + index
    return account.ids.uuid(_ITEMS + 10, number), account.ids.uuid(_ITEMS + 11, number)


def _domains(account: SeededAccount, customer: int, what: tuple[str, int]) -> list[int]:
    """Domains of what a contract is for, the first few of a server's."""
    if what[0] == "project":
        return list(account.span("domain", what[1]))
    found: list[int] = []
    for project in account.hosting(customer)[0][what[1]]:
        found.extend(account.span("domain", project))
        if len(found) >= _MOST_ITEMS:
            break
    return found[:_MOST_ITEMS]


@kind("contract", 7, parent="customer", count=_contract_count, id_name="contractId")
def contract(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("contract", number)
    customer, index = account.place("contract", number)
    on, alone = account.hosting(customer)
    first = account.span("server", customer).start
    what = ("server", first + index) if index < len(on) else ("project", alone[index - len(on)])
    at = account.moment(dice, 200, 900)
    name = "proSpace" if what[0] == "server" else "Space"
    aggregate = ("project/placementgroup" if what[0] == "server" else "project/project", account.id(*what))
    base = item(
        _item_ids(account, number, 0), aggregate, name, dice.pick((500, 1500, 4900, 9900)), at, True, account.epoch
    )
    additional = [
        item(
            _item_ids(account, number, position + 1),
            ("domain/domain", account.id("domain", domain)),
            account.domain_name(domain),
            dice.pick((60, 90, 150)),
            at,
            False,
            account.epoch,
        )
        for position, domain in enumerate(_domains(account, customer, what))
    ]
    return {
        "additionalItems": additional,
        "baseItem": base,
        "contractId": account.id("contract", number),
        "contractNumber": f"V{100_000 + number}",
        "customerId": account.id("customer", customer),
    }


@kind("invoice", 8, parent="customer", count=_INVOICES)
def invoice(account: SeededAccount, number: int) -> dict[str, Any]:
    """One a month, newest last."""
    dice = account.dice("invoice", number)
    customer, index = account.place("invoice", number)
    months = len(account.span("invoice", customer)) - index
    date = account.epoch - months * 30 * DAY
    net = dice.between(500, 200_000)
    paid = months > 1 or dice.chance(50)
    gross = net * 119 // 100
    contracts = account.span("contract", customer)
    contract_number = contracts[0] if contracts else number
    line: dict[str, Any] = {
        "contractItemId": _item_ids(account, contract_number, 0)[0],
        "description": "Hosting",
        "itemId": account.ids.uuid(_ITEMS + 12, number),
        "price": _price(net),
        "servicePeriod": {"start": iso(date - 30 * DAY), "end": iso(date)},
        "vatRate": 19,
    }
    group: dict[str, Any] = {"description": "Hosting", "items": [line]}
    if contracts:
        group["contractId"] = account.id("contract", contract_number)
    return {
        "amountPaid": gross if paid else 0,
        "currency": "EUR",
        "customerId": account.id("customer", customer),
        "date": iso(date),
        "groups": [group],
        "id": account.id("invoice", number),
        "invoiceNumber": f"R{700_000 + number}",
        "invoiceType": "REGULAR" if dice.chance(97) else "CORRECTION",
        "paymentSettings": {"method": "invoice"},
        "pdfId": account.ids.uuid(_ITEMS + 13, number),
        "recipient": contact(account.dice("customer", customer), account.customer_name(customer)),
        "status": "PAID" if paid else "CONFIRMED",
        "totalGross": gross,
        "totalNet": net,
    }


# contracts


def _contract(call: EmulatedCall) -> Key:
    return located(call, "contract", "contractId")


@handles("contract-list-contracts")
def list_contracts(call: EmulatedCall) -> Reply:
    return whole(call, "contract", scope_of(call, "customer", "customerId"))


@handles("contract-get-detail-of-contract")
def get_contract(call: EmulatedCall) -> Reply:
    return shown(call, "contract", _contract(call))


@handles("contract-get-base-item-of-contract")
def get_base_item(call: EmulatedCall) -> Reply:
    return ValueReply(world_of(call).read("contract", _contract(call))["baseItem"])


def _items(value: dict[str, Any]) -> list[dict[str, Any]]:
    return [value["baseItem"], *value.get("additionalItems", ())]


@handles("contract-get-detail-of-contract-item")
def get_item(call: EmulatedCall) -> Reply:
    id = call.path["contractItemId"]
    for entry in _items(world_of(call).read("contract", _contract(call))):
        if entry["itemId"] == id:
            return ValueReply(entry)
    raise Fail.not_found("contract item", id)


def _of_customer(world: World, customer: Key | None, id: str) -> Key | None:
    """The contract of a customer with an item for the thing of this id."""
    if customer is None:
        return None
    for key in world.keys("contract", ("customer", customer)):
        if any(entry.get("aggregateReference", {}).get("id") == id for entry in _items(world.read("contract", key))):
            return key
    return None


def _by_thing(call: EmulatedCall, kind: str, parameter: str) -> Reply:
    """Things without an item of their own are part of their project's contract, or of its server's."""
    world = world_of(call)
    key = located(call, kind, parameter)
    customer = world.above(kind, key, "customer")
    candidates = [world.id(kind, key)]
    project = key if kind == "project" else world.above(kind, key, "project") if kind != "server" else None
    if project is not None:
        value = world.read("project", project)
        candidates += [value["id"], *([value["serverId"]] if "serverId" in value else [])]
    for id in candidates:
        found = _of_customer(world, customer, id)
        if found is not None:
            return shown(call, "contract", found)
    raise Fail.not_found("contract for", candidates[0])


@handles("contract-get-detail-of-contract-by-project")
def contract_of_project(call: EmulatedCall) -> Reply:
    return _by_thing(call, "project", "projectId")


@handles("contract-get-detail-of-contract-by-server")
def contract_of_server(call: EmulatedCall) -> Reply:
    return _by_thing(call, "server", "serverId")


@handles("contract-get-detail-of-contract-by-domain")
def contract_of_domain(call: EmulatedCall) -> Reply:
    return _by_thing(call, "domain", "domainId")


@handles("contract-get-detail-of-contract-by-certificate")
def contract_of_certificate(call: EmulatedCall) -> Reply:
    return _by_thing(call, "certificate", "certificateId")


@handles("contract-get-detail-of-contract-by-mail-address")
def contract_of_mail_address(call: EmulatedCall) -> Reply:
    return _by_thing(call, "mail_address", "mailAddressId")


@handles("contract-get-detail-of-contract-by-license")
def contract_of_license(call: EmulatedCall) -> Reply:
    return _by_thing(call, "license", "licenseId")


def add_contract(
    world: World, customer_id: str, order_id: str, aggregate: tuple[str, str], description: str, cents: int
) -> str:
    """What an executed order leads to."""
    base = item(
        (world.new_id("contract"), order_id), aggregate, description, cents, world.now(), True, world.clock.now()
    )
    value: dict[str, Any] = {
        "additionalItems": [],
        "baseItem": base,
        "contractId": world.new_id("contract"),
        "contractNumber": f"V{900_000 + world.serial}",
        "customerId": customer_id,
    }
    return world.create("contract", customer_id, value)


def _terminated(call: EmulatedCall, *, cancel: bool) -> Reply:
    world = world_of(call)
    key = _contract(call)
    value = world.read("contract", key)
    id: str = value["contractId"]
    if cancel:
        if "termination" not in value:
            raise Fail.refused("no termination is scheduled")
        world.change("contract", key, ("termination",))
        return ValueReply({"contractId": id, "isCancelled": True})
    if "termination" in value:
        raise Fail.refused("a termination is scheduled already")
    body: dict[str, Any] = call.body
    target = body.get("terminationTargetDate", value["baseItem"]["nextPossibleTerminationDate"])
    termination: dict[str, Any] = {
        "scheduledAtDate": world.now(),
        "targetDate": target,
        **given(body, "explanation", "reason"),
    }
    world.change("contract", key, termination=termination)
    items = [entry["itemId"] for entry in _items(value)]
    answer = {"contractId": id, "itemsScheduledForTermination": items, "terminationTargetDate": target}
    return ValueReply(answer | given(body, "explanation", "reason"))


@handles("contract-terminate-contract")
def terminate(call: EmulatedCall) -> Reply:
    return _terminated(call, cancel=False)


@handles("contract-cancel-contract-termination")
def cancel_termination(call: EmulatedCall) -> Reply:
    return _terminated(call, cancel=True)


def _put_item(call: EmulatedCall, change: Any) -> dict[str, Any]:
    """Replace the item that the path names by the result of `change`."""
    world = world_of(call)
    key = _contract(call)
    value = world.read("contract", key)
    id = call.path["contractItemId"]
    if id not in [entry["itemId"] for entry in _items(value)]:
        raise Fail.not_found("contract item", id)
    base, *additional = [change(dict(entry)) if entry["itemId"] == id else entry for entry in _items(value)]
    world.change("contract", key, baseItem=base, additionalItems=additional)
    return {"contractId": value["contractId"], "contractItemId": id}


@handles("contract-terminate-contract-item")
def terminate_item(call: EmulatedCall) -> Reply:
    world = world_of(call)
    body: dict[str, Any] = call.body
    target: list[str] = []

    def change(entry: dict[str, Any]) -> dict[str, Any]:
        if entry["isBaseItem"]:
            raise Fail.refused("the base item ends with its contract")
        if "termination" in entry:
            raise Fail.refused("a termination is scheduled already")
        target.append(body.get("terminationTargetDate", entry["nextPossibleTerminationDate"]))
        termination = {"scheduledAtDate": world.now(), "targetDate": target[0], **given(body, "reason")}
        return entry | {"termination": termination}

    answer = _put_item(call, change)
    return ValueReply(answer | {"terminationTargetDate": target[0]} | given(body, "reason"))


def _without(property: str) -> Any:
    def change(entry: dict[str, Any]) -> dict[str, Any]:
        if property not in entry:
            raise Fail.refused(f"no {property} is scheduled")
        del entry[property]
        return entry

    return change


@handles("contract-cancel-contract-item-termination")
def cancel_item_termination(call: EmulatedCall) -> Reply:
    return ValueReply(_put_item(call, _without("termination")) | {"isCancelled": True})


@handles("contract-cancel-contract-tariff-change")
def cancel_tariff_change(call: EmulatedCall) -> Reply:
    return ValueReply(_put_item(call, _without("tariffChange")) | {"isCancelled": True})


def schedule_tariff_change(world: World, key: Key, name: str, cents: int) -> None:
    """The base item gets another price at its next possible date."""
    base: dict[str, Any] = world.read("contract", key)["baseItem"]
    articles = [base["articles"][0] | {"name": name, "unitPrice": _price(cents)}]
    change = {
        "newArticles": articles,
        "scheduledAtDate": world.now(),
        "targetDate": base["nextPossibleTerminationDate"],
    }
    world.change("contract", key, baseItem=base | {"tariffChange": change})


# invoices


@handles("invoice-list-customer-invoices")
def list_invoices(call: EmulatedCall) -> Reply:
    tests = (
        equal(call, "invoiceTypes", "invoiceType"),
        equal(call, "status"),
        search(call, "search", "invoiceNumber"),
    )
    sort: Sort | None = (lambda value: str(value["invoiceNumber"])) if call.query.get("sort") else None
    scope = scope_of(call, "customer", "customerId")
    return filtered(call, "invoice", scope, tests, sort, descending=descending(call))


@handles("invoice-detail", "deprecated-invoice-detail-of-invoice")
def get_invoice(call: EmulatedCall) -> Reply:
    return shown(call, "invoice", located(call, "invoice", "invoiceId"))


@handles("invoice-get-file-access-token")
def invoice_file_token(call: EmulatedCall) -> Reply:
    value = world_of(call).read("invoice", located(call, "invoice", "invoiceId"))
    expires = call.clock.iso(call.clock.now() + 600)
    return ValueReply({"accessToken": f"file-access-{value['pdfId']}", "expiresAt": expires})


def _settings(call: EmulatedCall) -> dict[str, Any]:
    world = world_of(call)
    key = located(call, "customer", "customerId")
    id = world.id("customer", key)
    plain: dict[str, Any] = {
        "id": id,
        "invoicePeriod": 1,
        "paymentSettings": {"method": "invoice"},
        "printedInvoices": False,
        "recipientSameAsOwner": True,
        "status": [],
        "targetDay": 1,
    }
    found: dict[str, Any] = world.extras("invoice_settings").get(id, plain)
    return found


@handles("invoice-get-detail-of-invoice-settings")
def get_settings(call: EmulatedCall) -> Reply:
    return ValueReply(_settings(call))


@handles("invoice-update-invoice-settings")
def update_settings(call: EmulatedCall) -> Reply:
    value = _settings(call) | call.body
    world_of(call).extras("invoice_settings")[value["id"]] = value
    return ValueReply(value)
