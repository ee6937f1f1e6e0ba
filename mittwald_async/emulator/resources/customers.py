"""Customers."""

from __future__ import annotations

from typing import Any

from ..handlers import EmulatedCall, handles
from ..ids import Dice
from ..listing import Key
from ..replies import EmptyReply, Fail, Reply, ValueReply
from ..seeded import SeededAccount, kind
from ..views import Objects, view
from ..vocabulary import CITIES, FIRST_NAMES, STREETS, SURNAMES, slug
from .base import Test, filtered, located, remove, search, shown, unfit, world_of
from .memberships import add_membership

_IMAGE_RULES = {
    "maxSizeInKB": 1024,
    "mimeTypes": ["image/png", "image/jpeg"],
    "properties": {"imageDimensions": {"min": {"height": 64, "width": 64}, "max": {"height": 2048, "width": 2048}}},
}


def _count(account: SeededAccount, _: int) -> int:
    return account.customers + (1 if account.foreign else 0)


def contact(dice: Dice, company: str | None = None) -> dict[str, Any]:
    """A person with an address."""
    city, code = dice.pick(CITIES)
    first, last = dice.pick(FIRST_NAMES), dice.pick(SURNAMES)
    value: dict[str, Any] = {
        "address": {
            "city": city,
            "countryCode": "DE" if len(code) == 5 else "AT",
            "houseNumber": str(dice.between(1, 120)),
            "street": dice.pick(STREETS),
            "zip": code,
        },
        "emailAddress": f"{slug(first)}.{slug(last)}@example.org",
        "firstName": first,
        "lastName": last,
        "phoneNumbers": [f"+49 {dice.between(30, 9999)} {dice.between(1000, 9999999)}"],
        "salutation": dice.pick(("mr", "ms", "other")),
    }
    if company:
        value["company"] = company
    return value


@kind("customer", 1, parent=None, count=_count, id_name="customerId")
def customer(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("customer", number)
    name = account.customer_name(number)
    value: dict[str, Any] = {
        "creationDate": account.moment(dice, 700, 2000),
        "customerId": account.id("customer", number),
        "customerNumber": f"C{10_000_000 + number}",
        "executingUserRoles": ["owner"],
        "isAllowedToPlaceOrders": True,
        "isBanned": False,
        "isInDefaultOfPayment": dice.chance(2),
        "isMailAddressInvalid": dice.chance(1),
        "name": name,
        "owner": contact(dice, name),
        "vatId": f"DE{dice.between(100_000_000, 999_999_999)}",
        "vatIdValidationState": "valid",
    }
    if dice.chance(30):
        value["flags"] = ["agency"]
    return value


@view("customer", needs=("project", "customer_membership"))
def present_customer(world: Objects, key: Key, stored: dict[str, Any]) -> dict[str, Any]:
    projects = len(world.keys("project", ("customer", key)))
    value = stored | {
        "memberCount": len(world.keys("customer_membership", ("customer", key))),
        "projectCount": projects,
    }
    if projects:
        value["deletionProhibitedBy"] = ["hasActiveContracts"]
    return value


@handles("customer-list-customers")
def list_customers(call: EmulatedCall) -> Reply:
    if call.identity.kind == "extension":
        raise Fail.forbidden("this token cannot list customers")
    role = call.query.get("role")
    roles: Test | None = None if not role else lambda value: role in value.get("executingUserRoles", ())
    return filtered(call, "customer", None, (search(call, "search", "name", "customerNumber", "customerId"), roles))


@handles("customer-get-customer")
def get_customer(call: EmulatedCall) -> Reply:
    return shown(call, "customer", located(call, "customer", "customerId"))


@handles("customer-create-customer")
def create_customer(call: EmulatedCall) -> Reply:
    world = world_of(call)
    id = world.new_id("customer")
    body = call.body
    value: dict[str, Any] = {
        "creationDate": world.now(),
        "customerId": id,
        "customerNumber": f"C{20_000_000 + world.serial}",
        "executingUserRoles": ["owner"],
        "isAllowedToPlaceOrders": "owner" in body,
        "name": body["name"],
        **{name: body[name] for name in ("owner", "vatId") if name in body},
    }
    world.create("customer", None, value)
    add_membership(world, "customer", id, world.main_user, "owner")
    call.wrote(customer_id=id, created=(id,))
    return ValueReply({"customerId": id, "customerNumber": value["customerNumber"], "name": value["name"]})


@handles("customer-update-customer")
def update_customer(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = located(call, "customer", "customerId")
    body = call.body
    if body["customerId"] not in (world.id("customer", key), call.path["customerId"]):
        raise unfit("body.customerId", "differs from the customer in the path")
    changes = {name: body[name] for name in ("name", "owner", "vatId") if name in body}
    value = world.change("customer", key, **changes)
    return ValueReply({name: value[name] for name in ("customerId", "customerNumber", "name")})


@handles("customer-delete-customer")
def delete_customer(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = located(call, "customer", "customerId")
    if len(world.keys("project", ("customer", key))):
        raise Fail(409, "Conflict", "customer has projects")
    remove(call, "customer", "customerId")
    return ValueReply({"customerId": call.path["customerId"]})


@handles("customer-is-customer-legally-competent")
def legally_competent(call: EmulatedCall) -> Reply:
    value = world_of(call).read("customer", located(call, "customer", "customerId"))
    return ValueReply({"isLegallyCompetent": bool(value.get("owner"))})


@handles("customer-request-avatar-upload")
def request_avatar(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = located(call, "customer", "customerId")
    reference = world.new_id("file")
    world.extras("uploads")[reference] = {"type": "avatar"}
    world.change("customer", key, avatarRefId=reference)
    return ValueReply({"refId": reference, "rules": _IMAGE_RULES})


@handles("customer-remove-avatar")
def remove_avatar(call: EmulatedCall) -> Reply:
    world_of(call).change("customer", located(call, "customer", "customerId"), ("avatarRefId",))
    return EmptyReply()


@handles("customer-create-wallet", "customer-get-wallet")
def wallet(call: EmulatedCall) -> Reply:
    world = world_of(call)
    id = world.id("customer", located(call, "customer", "customerId"))
    if call.operation.operation_id == "customer-create-wallet":
        world.extras("wallets").setdefault(id, {"customerId": id, "points": 0, "walletId": world.new_id("customer")})
        return ValueReply({"customerId": id})
    found = world.extras("wallets").get(id)
    if found is None:
        raise Fail.not_found("wallet of customer", id)
    return ValueReply(found)


@handles("customer-create-recommendation-suggestion")
def suggest_recommendation(call: EmulatedCall) -> Reply:
    world = world_of(call)
    id = world.id("customer", located(call, "customer", "customerId"))
    world.extras("recommendations")[id] = call.body["suggestion"]
    return ValueReply({"customerId": id})
