"""Users: the caller and the people beside him; his sessions, API tokens and SSH keys."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from ..handlers import EmulatedCall, handles
from ..identity import Identity, Token
from ..listing import Key
from ..replies import EmptyReply, Fail, ListReply, Reply, ValueReply
from ..seeded import SeededAccount, kind
from ..timestamps import seconds_of
from ..views import Objects, view
from .base import given, located, unfit, whole, world_of


def _count(account: SeededAccount, _: int) -> int:
    """The caller, and one for every membership."""
    return 1 + account.total("customer_membership", foreign=True)


@kind("user", 4, parent=None, count=_count, id_name="userId")
def user(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("user", number)
    first, last, email = account.person("user", number)
    return {
        "email": email,
        "isEmployee": False,
        "mfa": {"active": number == 0 and account.mfa, "setup": number == 0 and account.mfa},
        "passwordUpdatedAt": account.moment(dice, 30, 900),
        "person": {"firstName": first, "lastName": last, "title": dice.pick(("mr", "ms", "other"))},
        "phoneNumber": f"+49 {dice.between(151, 179)} {dice.between(1000000, 99999999)}",
        "registeredAt": account.moment(dice, 700, 1500),
        "userId": account.id("user", number),
    }


@kind("user_ssh_key", 38, parent=None, count=lambda account, _: 2, id_name="sshKeyId", parameters=("sshKeyId",))
def user_ssh_key(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("user_ssh_key", number)
    return _ssh_key(
        account.id("user_ssh_key", number),
        f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{account.ids.uuid(206, number).replace('-', '')} laptop",
        account.moment(dice, 30, 300),
    )


def _ssh_key(id: str, text: str, created: str) -> dict[str, Any]:
    algorithm, _, rest = text.partition(" ")
    key, _, comment = rest.partition(" ")
    return {
        "algorithm": algorithm,
        "comment": comment,
        "createdAt": created,
        "fingerprint": hashlib.sha256(key.encode()).hexdigest(),
        "key": key,
        "sshKeyId": id,
    }


_OTHERS = ("email", "phoneNumber", "mfa", "passwordUpdatedAt", "registeredAt")


@view("user_public", kind="user")
def user_public(world: Objects, key: Key, stored: dict[str, Any]) -> dict[str, Any]:
    """What is shown of others."""
    return {name: value for name, value in stored.items() if name not in _OTHERS}


def _own_key(call: EmulatedCall) -> Key:
    world = world_of(call)
    return world.find("user", call.identity.user_id or world.main_user)


def _own_id(call: EmulatedCall) -> str:
    return call.identity.user_id or world_of(call).main_user


def _self(call: EmulatedCall) -> Key:
    """The user of the path, who must be the caller."""
    if call.path.get("userId", "self") in ("self", _own_id(call)):
        return _own_key(call)
    located(call, "user", "userId")
    raise Fail.forbidden("only the user himself may do this")


@handles("user-get-user", "deprecated-user-service-user-get", "deprecated-user-service-user-get-own")
def get_user(call: EmulatedCall) -> Reply:
    world = world_of(call)
    if call.path.get("userId", "self") in ("self", _own_id(call)):
        return ValueReply(world.show("user", (_own_key(call),))[0])
    return ValueReply(world.show("user_public", (world.find("user", call.path["userId"]),))[0])


@handles("deprecated-user-get-own-account")
def get_account(call: EmulatedCall) -> Reply:
    value = world_of(call).read("user", _own_key(call))
    mfa = {"mfaConfirmed": value["mfa"]["active"], "mfaInitialized": value["mfa"]["setup"]}
    return ValueReply({**given(value, "email", "passwordUpdatedAt", "person", "userId"), "mfaDetails": mfa})


@handles(
    "user-update-personal-information",
    "deprecated-user-update-account",
    "deprecated-user-service-personal-information-update",
)
def update_person(call: EmulatedCall) -> Reply:
    world_of(call).change("user", _self(call), person=call.body["person"])
    return EmptyReply()


@handles("user-add-phone-number", "deprecated-user-service-phone-number-add")
def add_phone(call: EmulatedCall) -> Reply:
    world_of(call).extras("phones")[_own_id(call)] = call.body["phoneNumber"]
    _self(call)
    return EmptyReply()


@handles("user-verify-phone-number", "deprecated-user-service-phone-number-verify")
def verify_phone(call: EmulatedCall) -> Reply:
    key = _self(call)
    if world_of(call).extras("phones").get(_own_id(call)) != call.body["phoneNumber"]:
        raise unfit("body.phoneNumber", "is not the number to be verified")
    world_of(call).change("user", key, phoneNumber=call.body["phoneNumber"])
    return EmptyReply()


@handles("user-remove-phone-number", "deprecated-user-service-phone-number-remove")
def remove_phone(call: EmulatedCall) -> Reply:
    world_of(call).change("user", _self(call), ("phoneNumber",))
    return EmptyReply()


@handles("user-get-personalized-settings", "deprecated-user-service-personalized-settings-get")
def get_settings(call: EmulatedCall) -> Reply:
    _self(call)
    empty = base64.b64encode(b"{}").decode()
    return ValueReply({"settingsString": world_of(call).extras("settings").get(_own_id(call), empty)})


@handles("user-update-personalized-settings", "deprecated-user-service-personalized-settings-update")
def update_settings(call: EmulatedCall) -> Reply:
    _self(call)
    world_of(call).extras("settings")[_own_id(call)] = call.body["settingsString"]
    return EmptyReply()


# credentials


@handles("user-get-own-email")
def get_email(call: EmulatedCall) -> Reply:
    return ValueReply({"email": world_of(call).read("user", _own_key(call))["email"]})


@handles("user-change-email", "deprecated-user-change-email")
def change_email(call: EmulatedCall) -> Reply:
    world_of(call).change("user", _own_key(call), email=call.body["email"])
    return EmptyReply()


@handles("user-get-password-updated-at")
def password_updated_at(call: EmulatedCall) -> Reply:
    return ValueReply({"passwordUpdatedAt": world_of(call).read("user", _own_key(call))["passwordUpdatedAt"]})


@handles("user-get-mfa-status")
def mfa_status(call: EmulatedCall) -> Reply:
    mfa = world_of(call).read("user", _own_key(call))["mfa"]
    return ValueReply({"confirmed": mfa["active"], "initialized": mfa["setup"]})


@handles("user-init-mfa")
def init_mfa(call: EmulatedCall) -> Reply:
    world = world_of(call)
    if world.read("user", _own_key(call))["mfa"]["active"]:
        raise Fail.refused("a second factor is set up already")
    world.change("user", _own_key(call), mfa={"active": False, "setup": True})
    return ValueReply({"barcode": "data:image/png;base64,", "url": "otpauth://totp/emulator?secret=for-tests"})


def _check_code(call: EmulatedCall) -> None:
    if call.body["multiFactorCode"] != world_of(call).options.mfa_code:
        raise unfit("body.multiFactorCode", "is not the current code")


_RECOVERY = [f"recovery-code-{number:02d}" for number in range(8)]


@handles("user-confirm-mfa")
def confirm_mfa(call: EmulatedCall) -> Reply:
    world = world_of(call)
    if not world.read("user", _own_key(call))["mfa"]["setup"]:
        raise Fail.refused("no second factor is being set up")
    _check_code(call)
    world.change("user", _own_key(call), mfa={"active": True, "setup": True})
    return ValueReply({"recoveryCodesList": _RECOVERY})


@handles("user-reset-recoverycodes")
def reset_codes(call: EmulatedCall) -> Reply:
    _check_code(call)
    return ValueReply({"recoveryCodesList": _RECOVERY})


@handles("user-disable-mfa")
def disable_mfa(call: EmulatedCall) -> Reply:
    _check_code(call)
    world_of(call).change("user", _own_key(call), mfa={"active": False, "setup": False})
    return EmptyReply()


@handles("user-register")
def register(call: EmulatedCall) -> Reply:
    world = world_of(call)
    if world.login_of(email=call.body["email"]) is not None:
        raise Fail.conflict("there is a user with this address already")
    id = world.new_id("user")
    now = world.now()
    world.create(
        "user",
        None,
        {
            "email": call.body["email"],
            "isEmployee": False,
            "mfa": {"active": False, "setup": False},
            "passwordUpdatedAt": now,
            "person": call.body["person"],
            "registeredAt": now,
            "userId": id,
        },
    )
    world.extras("passwords")[id] = call.body["password"]
    return ValueReply({"userId": id})


# sessions and API tokens


def _session(call: EmulatedCall, token: Token) -> dict[str, Any]:
    return {
        "created": call.clock.iso(token.created),
        "device": {"browser": "emulated", "os": "Linux", "type": "desktop"},
        "lastAccess": call.clock.iso(),
        "location": {"city": "Espelkamp", "country": "DE", "ipAddress": "203.0.113.5"},
        "tokenId": token.id,
    }


@handles("user-list-sessions")
def list_sessions(call: EmulatedCall) -> Reply:
    return ListReply([_session(call, token) for token in call.tokens.of(_own_id(call), "session")])


def _own_token(call: EmulatedCall, parameter: str, kind: str) -> Token:
    token = call.tokens.get(call.path[parameter])
    if token is None or token.kind != kind or token.identity.user_id != _own_id(call):
        raise Fail.not_found("token", call.path[parameter])
    return token


@handles("user-get-session")
def get_session(call: EmulatedCall) -> Reply:
    return ValueReply(_session(call, _own_token(call, "tokenId", "session")))


@handles("user-terminate-session", "deprecated-user-terminate-session")
def terminate_session(call: EmulatedCall) -> Reply:
    call.tokens.revoke(_own_token(call, "tokenId", "session").id)
    return EmptyReply()


@handles("user-terminate-all-sessions", "deprecated-user-terminate-all-sessions")
def terminate_all(call: EmulatedCall) -> Reply:
    for token in call.tokens.of(_own_id(call), "session"):
        call.tokens.revoke(token.id)
    return EmptyReply()


def _api_token(call: EmulatedCall, token: Token) -> dict[str, Any]:
    value: dict[str, Any] = {
        "apiTokenId": token.id,
        "createdAt": call.clock.iso(token.created),
        "description": token.description,
        "roles": list(token.roles),
    }
    if token.expires is not None:
        value["expiresAt"] = call.clock.iso(token.expires)
    return value


@handles("user-list-api-tokens")
def list_tokens(call: EmulatedCall) -> Reply:
    return ListReply([_api_token(call, token) for token in call.tokens.of(_own_id(call), "api")])


@handles("user-get-api-token")
def get_token(call: EmulatedCall) -> Reply:
    return ValueReply(_api_token(call, _own_token(call, "apiTokenId", "api")))


def _seconds_left(call: EmulatedCall) -> float | None:
    """Until the `expiresAt` of the body; `None`: without end."""
    if not call.body.get("expiresAt"):
        return None
    left = seconds_of(call.body["expiresAt"]) - call.clock.now()
    if left <= 0:
        raise unfit("body.expiresAt", "is over already")
    return left


@handles("user-create-api-token")
def create_token(call: EmulatedCall) -> Reply:
    roles = call.body["roles"]
    identity = Identity(kind="user", user_id=_own_id(call), read_only="api_write" not in roles)
    token = call.tokens.issue(
        "api", identity, seconds=_seconds_left(call), description=call.body["description"], roles=roles
    )
    return ValueReply({"token": token.secret})


@handles("user-edit-api-token", "deprecated-user-edit-api-token")
def edit_token(call: EmulatedCall) -> Reply:
    token = _own_token(call, "apiTokenId", "api")
    token.description = call.body["description"]
    left = _seconds_left(call)
    if left is not None:
        token.expires = call.clock.now() + left
    return EmptyReply()


@handles("user-delete-api-token", "deprecated-user-delete-api-token")
def delete_token(call: EmulatedCall) -> Reply:
    call.tokens.revoke(_own_token(call, "apiTokenId", "api").id)
    return EmptyReply()


# SSH keys


@handles("user-list-ssh-keys")
def list_keys(call: EmulatedCall) -> Reply:
    return whole(call, "user_ssh_key", None)


@handles("user-get-ssh-key")
def get_key(call: EmulatedCall) -> Reply:
    world = world_of(call)
    return ValueReply({"sshKey": world.read("user_ssh_key", located(call, "user_ssh_key", "sshKeyId"))})


@handles("user-create-ssh-key")
def create_key(call: EmulatedCall) -> Reply:
    world = world_of(call)
    text: str = call.body["publicKey"]
    if len(text.split()) < 2:
        raise unfit("body.publicKey", "is not a public key")
    value = _ssh_key(world.new_id("user_ssh_key"), text, world.now())
    world.create("user_ssh_key", None, value | given(call.body, "expiresAt"))
    return ValueReply({})


@handles("user-edit-ssh-key", "deprecated-user-edit-ssh-key")
def edit_key(call: EmulatedCall) -> Reply:
    key = located(call, "user_ssh_key", "sshKeyId")
    world_of(call).change("user_ssh_key", key, **given(call.body, "comment", "expiresAt"))
    return EmptyReply()


@handles("user-delete-ssh-key", "deprecated-user-delete-ssh-key")
def delete_key(call: EmulatedCall) -> Reply:
    world = world_of(call)
    world.remove("user_ssh_key", located(call, "user_ssh_key", "sshKeyId"))
    return EmptyReply()


# feedback


@handles("user-create-feedback", "deprecated-user-service-feedback-create")
def create_feedback(call: EmulatedCall) -> Reply:
    world = world_of(call)
    entries: list[Any] = world.extras("feedback").setdefault(_own_id(call), [])
    entry = {"id": world.new_id("user"), "message": "", "origin": "", "vote": 0}
    entries.append(entry | given(call.body, "message", "origin", "subject", "vote"))
    return ValueReply({})


@handles("user-list-feedback", "deprecated-user-service-feedback-list")
def list_feedback(call: EmulatedCall) -> Reply:
    entries = world_of(call).extras("feedback").get(_own_id(call), [])
    subject = call.query.get("subject")
    return ListReply([entry for entry in entries if subject in (None, entry["subject"])])
