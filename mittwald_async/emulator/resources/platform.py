"""Announcements of the platform, and small things that belong to users and customers."""

from __future__ import annotations

from typing import Any

from ..handlers import EmulatedCall, handles
from ..replies import EmptyReply, Fail, ListReply, Reply, ValueReply
from ..vocabulary import TLDS, slug
from .base import given, located, world_of

_ZONES = (
    "Europe/Berlin",
    "Europe/Vienna",
    "Europe/Zurich",
    "Europe/Amsterdam",
    "Europe/London",
    "Europe/Paris",
    "America/New_York",
    "Asia/Tokyo",
    "UTC",
)
_SUGGESTIONS = 5


@handles("miscellaneous-list-time-zones")
def time_zones(call: EmulatedCall) -> Reply:
    return ListReply(list(_ZONES))


@handles("domain-list-tlds")
def tlds(call: EmulatedCall) -> Reply:
    return ListReply(
        [
            {
                "irtp": tld in ("com", "net", "org"),
                "rgpDays": 30,
                "tld": tld,
                "transferAuthCodeRequired": True,
                "transferAuthentication": "code",
            }
            for tld in TLDS
        ]
    )


@handles("domain-suggest")
def suggest(call: EmulatedCall) -> Reply:
    """Names derived from the prompt that no user of the account has."""
    world = world_of(call)
    taken = {world.read("domain", key)["domain"] for key in world.keys("domain")}
    base = slug(call.query["prompt"]) or "domain"
    endings: list[str] = call.query.get("tlds") or list(TLDS)
    names = (f"{base}{suffix}.{tld}" for suffix in ("", "-online", "-shop", "-24") for tld in endings)
    free = [name for name in names if name not in taken]
    return ValueReply({"domains": free[: call.query.get("domainCount", _SUGGESTIONS)]})


# a user's picture


def _own_avatar(call: EmulatedCall) -> str:
    world = world_of(call)
    own = call.identity.user_id or world.main_user
    if call.path["userId"] not in ("self", own):
        located(call, "user", "userId")
        raise Fail.forbidden("only the user himself may do this")
    return own


@handles("user-request-avatar-upload", "deprecated-user-service-avatar-request-upload")
def request_avatar(call: EmulatedCall) -> Reply:
    world = world_of(call)
    id = _own_avatar(call)
    reference = world.new_id("file")
    world.extras("uploads")[reference] = {"type": "avatar"}
    world.change("user", world.find("user", id), avatarRef=reference)
    rules = {"maxSizeInBytes": 1 << 20, "maxSizeInKB": 1024, "mimeTypes": ["image/png", "image/jpeg"]}
    return ValueReply({"refId": reference, "rules": rules})


@handles("user-remove-avatar", "deprecated-user-service-avatar-remove")
def remove_avatar(call: EmulatedCall) -> Reply:
    world = world_of(call)
    world.change("user", world.find("user", _own_avatar(call)), ("avatarRef",))
    return EmptyReply()


# categories of customers


def _categories(call: EmulatedCall) -> dict[str, dict[str, Any]]:
    return world_of(call).extras("customer_categories")


def _category(call: EmulatedCall) -> dict[str, Any]:
    found = _categories(call).get(call.path["categoryId"])
    if found is None:
        raise Fail.not_found("category", call.path["categoryId"])
    return found


_ANSWERED = ("isPublic", "name", "useAgencyDomainPrices", "useAgencySslPrices")


@handles("customer-list-of-customer-categories")
def list_categories(call: EmulatedCall) -> Reply:
    return ValueReply({"categories": list(_categories(call).values())})


@handles("customer-get-customer-category")
def get_category(call: EmulatedCall) -> Reply:
    return ValueReply(_category(call))


@handles("customer-create-category")
def create_category(call: EmulatedCall) -> Reply:
    _categories(call)[call.body["id"]] = call.body
    call.wrote(created=(call.body["id"],))
    return ValueReply(given(call.body, *_ANSWERED))


@handles("customer-update-category")
def update_category(call: EmulatedCall) -> Reply:
    value = _category(call) | given(call.body, *_ANSWERED)
    _categories(call)[value["id"]] = value
    return ValueReply(given(value, *_ANSWERED))


@handles("customer-delete-category")
def delete_category(call: EmulatedCall) -> Reply:
    del _categories(call)[_category(call)["id"]]
    return ValueReply({})
