"""What an extension's own program lives on: webhooks about its instances, public keys, session tokens, secrets."""

from __future__ import annotations

from typing import Any

from ..handlers import EmulatedCall, handles
from ..identity import Identity
from ..listing import Key
from ..replies import Fail, Reply, ValueReply
from ..signing import ALGORITHM, Purpose, SigningKey, SigningUnavailableError
from ..state import World
from ..views import Objects, before_delete
from ..webhooks import Webhook, WebhookKind
from .base import located, world_of

_SESSION_TOKEN_SECONDS = 60.0
"""Documented."""


def notify(world: Objects, kind: WebhookKind, key: Key, **more: Any) -> None:
    """Send a webhook about an extension instance. `more` is added to its body."""
    world.outbox.append(Webhook(kind, _body(world, kind, key, **more)))


@before_delete("extension_instance")
def removed_from_context(world: Objects, key: Key) -> None:
    """An instance goes, alone or with its project."""
    notify(world, "InstanceRemovedFromContext", key)


def added_to_context(world: World, key: Key) -> None:
    """An instance came into being, with its secret."""
    notify(world, "ExtensionAddedToContext", key, secret=_secret(world, key))


def _secret(world: World, key: Key) -> str:
    found = world.extension_secret(world.id("extension_instance", key))
    assert found is not None
    return found[0]


def _body(world: Objects, kind: WebhookKind, key: Key, **more: Any) -> dict[str, Any]:
    value = world.read("extension_instance", key)
    reference = value["aggregateReference"]
    return {
        "apiVersion": "v1",
        "kind": kind,
        "id": value["id"],
        "context": {"id": reference["id"], "kind": reference["aggregate"]},
        "consentedScopes": value["consentedScopes"],
        "state": {"enabled": not value["disabled"]},
        "meta": {
            "createdAt": value["createdAt"],
            "extensionId": value["extensionId"],
            "contributorId": value["contributorId"],
        },
        "request": {"id": world.new_id("webhook_request"), "createdAt": world.now()},
        **more,
    }


def _key(world: World, purpose: Purpose) -> SigningKey:
    try:
        return SigningKey(world.options.signing_seed(), purpose)
    except SigningUnavailableError as error:
        raise Fail(503, "ServiceUnavailable", str(error)) from None


@handles("extension-get-public-key")
def get_public_key(call: EmulatedCall) -> Reply:
    purpose: Purpose = call.query.get("purpose", "webhook")
    key = _key(world_of(call), purpose)
    if key.serial != call.path["serial"]:
        raise Fail.not_found("public key", call.path["serial"])
    return ValueReply(
        {"algorithm": ALGORITHM, "key": key.public(call.query.get("format", "raw")), "serial": key.serial}
    )


# session tokens


@handles("extension-generate-session-token")
def generate_session_token(call: EmulatedCall) -> Reply:
    """The session token for an extension's page in the browser: it names the user and the instance, for a minute."""
    call.pure = True
    world = world_of(call)
    value = world.read("extension_instance", located(call, "extension_instance", "extensionInstanceId"))
    now = int(world.clock.now())
    user = call.identity.user_id or world.main_user
    claims = {
        "iss": call.base_url,
        "sub": user,
        "iat": now,
        "exp": now + int(_SESSION_TOKEN_SECONDS),
        "userId": user,
        "sessionId": call.path["sessionId"],
        "extensionId": value["extensionId"],
        "extensionInstanceId": value["id"],
        "context": value["aggregateReference"]["aggregate"],
        "contextId": value["aggregateReference"]["id"],
        "scopes": value["consentedScopes"],
    }
    return ValueReply({"sessionToken": _key(world, "session_token").jwt(claims)})


@handles("extension-authenticate-with-session-token")
def exchange_session_token(call: EmulatedCall) -> Reply:
    """A token of the user's for a session token that is not a minute old."""
    call.pure = True
    world = world_of(call)
    claims = _key(world, "session_token").claims(call.body["sessionToken"])
    if claims is None:
        raise Fail.invalid("body.sessionToken", "is not signed by this API", "signature")
    if claims["exp"] <= world.clock.now():
        raise Fail.invalid("body.sessionToken", "has expired", "expired")
    secret = call.body.get("extensionSecret")
    if secret is not None and secret != f"secret-of-{claims['extensionId']}":
        raise Fail.invalid("body.extensionSecret", "is not the extension's", "secret")
    if world.key("extension_instance", claims["extensionInstanceId"]) is None:
        raise Fail.not_found("extension instance", claims["extensionInstanceId"])
    seconds = world.options.extension_seconds
    token = call.tokens.issue("session", Identity("user", claims["userId"]), seconds=seconds)
    return ValueReply({"publicToken": token.secret, "expiry": call.clock.iso(token.expires)})


# secrets


@handles("contributor-rotate-secret-for-extension-instance")
def rotate_secret(call: EmulatedCall) -> Reply:
    """The new secret is valid once the receiver of the webhook has accepted it; at once where none is set."""
    world = world_of(call)
    key = located(call, "extension_instance", "extensionInstanceId")
    id, secret = world.id("extension_instance", key), f"secret-{world.new_short('x')}"

    def take_over() -> None:
        world.extras("extension_secrets")[id] = secret

    body = _body(world, "SecretRotated", key, secret=secret)
    world.outbox.append(Webhook("SecretRotated", body, accepted=take_over))
    if world.options.webhook_url is None:
        world.outbox[-1].accept()
    return ValueReply({"secret": secret, "webhookResult": {"failure": False}})


_DRY_RUN_KINDS: dict[str, WebhookKind] = {
    "extension-added-to-context": "ExtensionAddedToContext",
    "extension-instance-updated": "InstanceUpdated",
    "extension-instance-secret-rotated": "SecretRotated",
    "extension-instance-removed-from-context": "InstanceRemovedFromContext",
}


@handles("extension-dry-run-webhook")
def dry_run(call: EmulatedCall) -> Reply:
    """Sends the webhook without anything having happened."""
    call.pure = True
    world = world_of(call)
    kind = _DRY_RUN_KINDS[call.path["webhookKind"]]
    key = located(call, "extension_instance", "extensionInstanceId")
    more: dict[str, Any] = {}
    if kind in ("ExtensionAddedToContext", "SecretRotated"):
        more["secret"] = call.query.get("secret", "secret-of-a-dry-run")
    body = _body(world, kind, key, **more)
    if "scopes" in call.query:
        body["consentedScopes"] = call.query["scopes"]
    if "instanceDisabled" in call.query:
        body["state"] = {"enabled": not call.query["instanceDisabled"]}
    world.outbox.append(Webhook(kind, body, dry_run=True))
    return ValueReply(
        {"routeCalled": world.options.webhook_url or "", "successful": world.options.webhook_url is not None}
    )
