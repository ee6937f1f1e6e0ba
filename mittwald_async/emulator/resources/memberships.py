"""Who belongs to customers and projects, and who is invited. SeededAccount-wide lists hold only what is the caller's
own."""

from __future__ import annotations

from typing import Any

from ..handlers import EmulatedCall, handles
from ..listing import Key
from ..replies import EmptyReply, Fail, ListReply, Reply, ValueReply
from ..seeded import SeededAccount, kind, spread
from ..state import World
from .base import equal, filtered, located, scope_of, search, shown, world_of

_ABOVE = {"customer": "customerId", "project": "projectId"}
_MEMBERS = spread("customer", (30, 1), (30, 2), (20, 3), (10, 5), (8, 9), (2, 24))
_STAFF = spread("project", (30, 1), (40, 2), (20, 3), (10, 5))
_PROJECT_INVITES = spread("project", (80, 0), (15, 1), (5, 2))


def _project_members(account: SeededAccount, project: int) -> int:
    return min(_STAFF(account, project), len(account.span("customer_membership", account.parent("project", project))))


def _customer_invites(account: SeededAccount, customer: int) -> int:
    """The foreign customer invites the caller; the others invite people now and then."""
    if customer >= account.customers:
        return 1
    return account.dice("customer", customer, 5).pick((0, 0, 1, 2))


def member(account: SeededAccount, number: int) -> int:
    """Number of the user behind a customer membership. The caller is the first member of every customer of his."""
    customer, index = account.place("customer_membership", number)
    return 0 if index == 0 and customer < account.customers else number + 1


def _member(account: SeededAccount, user: int) -> dict[str, Any]:
    first, last, email = account.person("user", user)
    return {
        "email": email,
        "firstName": first,
        "lastName": last,
        "mfa": account.dice("user", user, 5).chance(40),
        "userId": account.id("user", user),
    }


@kind("customer_membership", 5, parent="customer", count=_MEMBERS)
def customer_membership(account: SeededAccount, number: int) -> dict[str, Any]:
    customer, index = account.place("customer_membership", number)
    dice = account.dice("customer_membership", number)
    return {
        "customerId": account.id("customer", customer),
        "id": account.id("customer_membership", number),
        "memberSince": account.moment(dice, 20, 600),
        "role": "owner" if index == 0 else dice.pick(("member", "member", "accountant", "owner")),
        **_member(account, member(account, number)),
    }


@kind("customer_invite", 6, parent="customer", count=_customer_invites)
def customer_invite(account: SeededAccount, number: int) -> dict[str, Any]:
    customer = account.parent("customer_invite", number)
    dice = account.dice("customer_invite", number)
    first, last, email = account.person("customer_invite", number)
    if customer >= account.customers:
        email = account.person("user", 0)[2]
    inviting = account.span("customer_membership", customer)[0]
    return {
        "customerId": account.id("customer", customer),
        "customerName": account.customer_name(customer),
        "id": account.id("customer_invite", number),
        "information": {"invitedBy": account.id("user", member(account, inviting))},
        "mailAddress": email,
        "message": f"Hallo {first} {last}, willkommen im Team!",
        "role": dice.pick(("member", "accountant", "owner")),
    }


@kind("project_membership", 10, parent="project", count=_project_members)
def project_membership(account: SeededAccount, number: int) -> dict[str, Any]:
    project, index = account.place("project_membership", number)
    dice = account.dice("project_membership", number)
    above = account.span("customer_membership", account.parent("project", project))[index]
    return {
        "id": account.id("project_membership", number),
        "inherited": index == 0,
        "memberSince": account.moment(dice, 20, 600),
        "projectId": account.id("project", project),
        "role": "owner" if index == 0 else dice.pick(("owner", "emailadmin", "external")),
        **_member(account, member(account, above)),
    }


@kind("project_invite", 11, parent="project", count=_PROJECT_INVITES)
def project_invite(account: SeededAccount, number: int) -> dict[str, Any]:
    project = account.parent("project_invite", number)
    dice = account.dice("project_invite", number)
    email = account.person("project_invite", number)[2]
    above = account.span("customer_membership", account.parent("project", project))[0]
    return {
        "id": account.id("project_invite", number),
        "information": {"invitedBy": account.id("user", member(account, above))},
        "mailAddress": email,
        "projectDescription": account.project_title(project),
        "projectId": account.id("project", project),
        "role": dice.pick(("emailadmin", "external", "owner")),
    }


def add_membership(
    world: World, above: str, above_id: str, user_id: str, role: str, *, inherited: bool = False, **more: Any
) -> str:
    """Make a user a member of a customer or project."""
    user = world.get("user", user_id)
    name = f"{above}_membership"
    value: dict[str, Any] = {
        _ABOVE[above]: above_id,
        "email": user["email"],
        "firstName": user["person"]["firstName"],
        "id": world.new_id(name),
        "lastName": user["person"]["lastName"],
        "memberSince": world.now(),
        "mfa": user["mfa"]["active"],
        "role": role,
        "userId": user_id,
        **more,
    }
    if above == "project":
        value["inherited"] = inherited
    return world.create(name, above_id, value)


# lists


def _own(call: EmulatedCall, name: str) -> ListReply:
    """The caller's own memberships: the first of every customer or project of the account, and what was added."""
    world = world_of(call)
    user_id = call.identity.user_id
    tests = [test for test in _membership_tests(call) if test is not None]

    def choose() -> list[Key]:
        sums, owners = world.seeded.sums(name), world.seeded.total(name.partition("_")[0])
        keys: list[Key] = [sums[parent] for parent in range(owners) if sums[parent] < sums[parent + 1]]
        gone = set(world.deleted[name])
        return [
            key
            for key in (*keys, *world.created[name])
            if key not in gone
            and (isinstance(key, int) or world.read(name, key)["userId"] == user_id)
            and all(test(world.read(name, key)) for test in tests)
        ]

    question = tuple(sorted((wire, str(value)) for wire, value in call.query.items()))
    return world.listing(name, world.remembered(("own", name, user_id, question), choose))


def _membership_tests(call: EmulatedCall) -> tuple[Any, ...]:
    tests = [
        search(call, "searchTerm", "email", "firstName", "lastName"),
        equal(call, "role"),
        equal(call, "isInherited", "inherited"),
        equal(call, "hasMfa", "mfa"),
    ]
    if "hasExpiry" in call.query:
        wanted: bool = call.query["hasExpiry"]
        tests.append(lambda value: ("expiresAt" in value) is wanted)
    return tuple(tests)


@handles("customer-list-customer-memberships")
def list_own_customer_memberships(call: EmulatedCall) -> Reply:
    return _own(call, "customer_membership")


@handles("project-list-project-memberships")
def list_own_project_memberships(call: EmulatedCall) -> Reply:
    return _own(call, "project_membership")


@handles("customer-list-memberships-for-customer")
def list_customer_memberships(call: EmulatedCall) -> Reply:
    scope = scope_of(call, "customer", "customerId")
    return filtered(call, "customer_membership", scope, _membership_tests(call))


@handles("project-list-memberships-for-project")
def list_project_memberships(call: EmulatedCall) -> Reply:
    return filtered(call, "project_membership", scope_of(call, "project", "projectId"), _membership_tests(call))


@handles("project-get-self-membership-for-project")
def own_project_membership(call: EmulatedCall) -> Reply:
    world = world_of(call)
    user_id = call.identity.user_id or world.main_user
    for key in world.keys("project_membership", scope_of(call, "project", "projectId")):
        if world.read("project_membership", key)["userId"] == user_id:
            return shown(call, "project_membership", key)
    raise Fail.not_found("membership of user", user_id)


def _invites(call: EmulatedCall, above: str) -> Reply:
    scope = scope_of(call, above, _ABOVE[above])
    return filtered(call, f"{above}_invite", scope, (search(call, "searchTerm", "mailAddress"),))


@handles("customer-list-invites-for-customer")
def list_invites_of_customer(call: EmulatedCall) -> Reply:
    return _invites(call, "customer")


@handles("project-list-invites-for-project")
def list_invites_of_project(call: EmulatedCall) -> Reply:
    return _invites(call, "project")


def _own_invites(call: EmulatedCall, above: str) -> Reply:
    """Invites that are addressed to the caller: from the foreign customer, and what was created for him."""
    world = world_of(call)
    name = f"{above}_invite"
    email = world.get("user", call.identity.user_id or world.main_user)["email"]
    own, every = world.seeded.total(name), world.seeded.total(name, foreign=True)
    gone = set(world.deleted[name])
    candidates: list[Key] = [number for number in range(own, every) if number not in gone]
    candidates += world.created[name]
    return world.listing(name, [key for key in candidates if world.read(name, key)["mailAddress"] == email])


@handles("customer-list-customer-invites")
def list_own_customer_invites(call: EmulatedCall) -> Reply:
    return _own_invites(call, "customer")


@handles("project-list-project-invites")
def list_own_project_invites(call: EmulatedCall) -> Reply:
    return _own_invites(call, "project")


# single memberships and invites


def _membership(call: EmulatedCall, above: str) -> tuple[World, str, Key]:
    name = f"{above}_membership"
    return world_of(call), name, located(call, name, f"{above}MembershipId")


@handles("customer-get-customer-membership")
def get_customer_membership(call: EmulatedCall) -> Reply:
    _, name, key = _membership(call, "customer")
    return shown(call, name, key)


@handles("project-get-project-membership")
def get_project_membership(call: EmulatedCall) -> Reply:
    _, name, key = _membership(call, "project")
    return shown(call, name, key)


def _changed_membership(call: EmulatedCall, above: str) -> Reply:
    world, name, key = _membership(call, above)
    changes = {"role": call.body["role"]}
    if "expiresAt" in call.body:
        changes["expiresAt"] = call.body["expiresAt"]
    world.change(name, key, () if "expiresAt" in call.body else ("expiresAt",), **changes)
    return EmptyReply()


@handles("customer-update-customer-membership")
def update_customer_membership(call: EmulatedCall) -> Reply:
    return _changed_membership(call, "customer")


@handles("project-update-project-membership")
def update_project_membership(call: EmulatedCall) -> Reply:
    return _changed_membership(call, "project")


@handles("customer-delete-customer-membership")
def delete_customer_membership(call: EmulatedCall) -> Reply:
    world, name, key = _membership(call, "customer")
    value = world.read(name, key)
    customer = world.parent(name, key)
    scope = None if customer is None else ("customer", customer)
    owners = [other for other in world.keys(name, scope) if world.read(name, other)["role"] == "owner"]
    if value["role"] == "owner" and len(owners) < 2:
        raise Fail.refused("the last owner of a customer cannot be removed")
    world.remove(name, key)
    return EmptyReply()


@handles("project-delete-project-membership")
def delete_project_membership(call: EmulatedCall) -> Reply:
    world, name, key = _membership(call, "project")
    if world.read(name, key)["inherited"]:
        raise Fail.refused("an inherited membership belongs to the customer")
    world.remove(name, key)
    return EmptyReply()


def _leave(call: EmulatedCall, above: str) -> Reply:
    world = world_of(call)
    name = f"{above}_membership"
    for key in list(world.keys(name, scope_of(call, above, _ABOVE[above]))):
        if world.read(name, key)["userId"] == call.identity.user_id:
            world.remove(name, key)
    return EmptyReply()


@handles("deprecated-customer-leave-customer")
def leave_customer(call: EmulatedCall) -> Reply:
    return _leave(call, "customer")


@handles("deprecated-project-leave-project")
def leave_project(call: EmulatedCall) -> Reply:
    return _leave(call, "project")


def _invite_key(call: EmulatedCall, above: str) -> tuple[World, str, Key]:
    """An invite: visible to those who invite, and to the caller if it is addressed to him."""
    world, name = world_of(call), f"{above}_invite"
    id = call.path[f"{above}InviteId"]
    key = world.find(name, id)
    if not world.allowed(name, key, call.identity):
        user = world.get("user", call.identity.user_id or world.main_user)
        if world.read(name, key)["mailAddress"] != user["email"]:
            raise Fail.forbidden()
    return world, name, key


@handles("customer-get-customer-invite")
def get_customer_invite(call: EmulatedCall) -> Reply:
    world, name, key = _invite_key(call, "customer")
    return ValueReply(world.show(name, (key,))[0])


@handles("project-get-project-invite")
def get_project_invite(call: EmulatedCall) -> Reply:
    world, name, key = _invite_key(call, "project")
    return ValueReply(world.show(name, (key,))[0])


def _invite(call: EmulatedCall, above: str, extra: dict[str, Any]) -> Reply:
    world = world_of(call)
    name = f"{above}_invite"
    above_id = world.id(above, located(call, above, _ABOVE[above]))
    body = call.body
    scope = scope_of(call, above, _ABOVE[above])
    if any(world.read(name, key)["mailAddress"] == body["mailAddress"] for key in world.keys(name, scope)):
        raise Fail.conflict("this address is invited already")
    value: dict[str, Any] = {
        _ABOVE[above]: above_id,
        "id": world.new_id(name),
        "information": {"invitedBy": call.identity.user_id or world.main_user},
        **{wire: body[wire] for wire in ("mailAddress", "membershipExpiresAt", "message", "role") if wire in body},
        **extra,
    }
    id = world.create(name, above_id, value)
    world.extras("invitation_tokens")[id] = f"invitation-token-{world.serial}"
    return ValueReply(value)


@handles("customer-create-customer-invite")
def create_customer_invite(call: EmulatedCall) -> Reply:
    customer = world_of(call).read("customer", located(call, "customer", "customerId"))
    return _invite(call, "customer", {"customerName": customer["name"]})


@handles("project-create-project-invite")
def create_project_invite(call: EmulatedCall) -> Reply:
    project = world_of(call).read("project", located(call, "project", "projectId"))
    return _invite(call, "project", {"projectDescription": project["description"]})


def _dropped_invite(call: EmulatedCall, above: str) -> Reply:
    world, name, key = _invite_key(call, above)
    world.remove(name, key)
    return EmptyReply()


@handles("customer-decline-customer-invite", "customer-delete-customer-invite")
def drop_customer_invite(call: EmulatedCall) -> Reply:
    return _dropped_invite(call, "customer")


@handles("project-decline-project-invite", "project-delete-project-invite")
def drop_project_invite(call: EmulatedCall) -> Reply:
    return _dropped_invite(call, "project")


@handles("customer-resend-customer-invite-mail")
def resend_customer_invite(call: EmulatedCall) -> Reply:
    _invite_key(call, "customer")
    return EmptyReply()


@handles("project-resend-project-invite-mail")
def resend_project_invite(call: EmulatedCall) -> Reply:
    _invite_key(call, "project")
    return EmptyReply()


def _accepted(call: EmulatedCall, above: str) -> Reply:
    """The caller becomes a member; a customer he could not see so far opens."""
    world, name, key = _invite_key(call, above)
    invite = world.read(name, key)
    user_id = call.identity.user_id or world.main_user
    if invite["mailAddress"] != world.get("user", user_id)["email"]:
        raise Fail.forbidden("this invite is for another person")
    above_id: str = invite[_ABOVE[above]]
    customer = world.above(name, key, "customer")
    world.remove(name, key)
    more = {"expiresAt": invite["membershipExpiresAt"]} if "membershipExpiresAt" in invite else {}
    add_membership(world, above, above_id, user_id, invite["role"], inviteId=invite["id"], **more)
    if isinstance(customer, int) and customer >= world.seeded.customers:
        world.open_customer(customer)
    return EmptyReply()


@handles("customer-accept-customer-invite")
def accept_customer_invite(call: EmulatedCall) -> Reply:
    return _accepted(call, "customer")


@handles("project-accept-project-invite")
def accept_project_invite(call: EmulatedCall) -> Reply:
    return _accepted(call, "project")


def _by_token(call: EmulatedCall, above: str) -> Reply:
    world = world_of(call)
    name = f"{above}_invite"
    for id, token in world.extras("invitation_tokens").items():
        key = world.key(name, id)
        if key is not None and token == call.headers.get("token"):
            return ValueReply(world.show(name, (key,))[0])
    raise Fail.not_found("invite with this token")


@handles("customer-get-customer-token-invite")
def customer_invite_by_token(call: EmulatedCall) -> Reply:
    return _by_token(call, "customer")


@handles("project-get-project-token-invite")
def project_invite_by_token(call: EmulatedCall) -> Reply:
    return _by_token(call, "project")
