"""Notifications of an extension about its instances, as one union with a class for each kind."""

from __future__ import annotations

from typing import Any, ClassVar, TypeAlias, cast
from urllib.parse import parse_qs

import msgspec

from .errors import SignatureError


class _Lenient(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Properties that are not known are ignored here; the event keeps them in `raw`."""


class Context(_Lenient, frozen=True, kw_only=True):
    """Where an extension was added: to a project or a customer."""

    id: str = ""
    kind: str = ""


class State(_Lenient, frozen=True, kw_only=True):
    """Whether an extension instance may act."""

    enabled: bool | None = None


class DeliveryTarget(_Lenient, frozen=True, kw_only=True):
    """Where the call was sent."""

    method: str = ""
    url: str = ""


class RequestInfo(_Lenient, frozen=True, kw_only=True):
    """The call itself."""

    id: str
    """Never repeated: a second one with this id is the same call again."""
    created_at: str | None = None
    target: DeliveryTarget = DeliveryTarget()


class _Event(_Lenient, frozen=True, kw_only=True):
    id: str = ""
    """Of the extension instance."""
    context: Context = Context()
    consented_scopes: tuple[str, ...] = ()
    state: State = State()
    request: RequestInfo
    dry_run: bool = False
    """A trial from mStudio: check it, and change nothing."""
    raw: dict[str, Any] = {}
    """The whole event, with what is not known here. May contain a secret."""

    kind: ClassVar[str] = ""

    def __repr__(self) -> str:
        trial = ", dry run" if self.dry_run else ""
        return f"<{type(self).__name__} of instance {self.id}, request {self.request.id}{trial}>"


class ExtensionAddedToContext(_Event, frozen=True, kw_only=True):
    """The extension was added to a project or customer."""

    kind: ClassVar[str] = "ExtensionAddedToContext"
    secret: str = ""
    """The instance's; exchange it for access tokens, and keep it secret."""


class InstanceUpdated(_Event, frozen=True, kw_only=True):
    """Scopes or state of an instance changed."""

    kind: ClassVar[str] = "InstanceUpdated"


class SecretRotated(_Event, frozen=True, kw_only=True):
    """An instance has a new secret; it becomes valid a few seconds after a 2xx answer."""

    kind: ClassVar[str] = "SecretRotated"
    secret: str = ""


class InstanceRemovedFromContext(_Event, frozen=True, kw_only=True):
    """The extension was removed from a project or customer."""

    kind: ClassVar[str] = "InstanceRemovedFromContext"


class UnknownEvent(_Event, frozen=True, kw_only=True):
    """An event of a kind, or in a form, that this version does not know: see `.name` and `.raw`."""

    name: str = ""


WebhookEvent: TypeAlias = (
    ExtensionAddedToContext | InstanceUpdated | SecretRotated | InstanceRemovedFromContext | UnknownEvent
)
"""For `match event:`."""
_KINDS: dict[str, type[WebhookEvent]] = {
    kind.kind: kind for kind in (ExtensionAddedToContext, InstanceUpdated, SecretRotated, InstanceRemovedFromContext)
}


def event_of(body: bytes, url: str | None) -> WebhookEvent:
    """The event in a body whose signature has been checked.

    Args:
        body: as it came.
        url: the path or URL that was called, which marks trials; without it, the one named in the body.

    Raises:
        SignatureError: it is not an event.
    """
    try:
        decoded: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise SignatureError("the body is not JSON") from None
    if not isinstance(decoded, dict):
        raise SignatureError("the body is not an event: not a JSON object")
    raw = cast("dict[str, Any]", decoded)
    name = raw.get("kind")
    if not isinstance(name, str):
        raise SignatureError("the body is not an event: it has no kind")
    found: WebhookEvent = _converted(_KINDS.get(name, UnknownEvent), raw, name)
    trial = any(_is_trial(text) for text in (url, found.request.target.url) if text)
    return msgspec.structs.replace(found, raw=raw, dry_run=trial)


def _converted(kind: type[WebhookEvent], raw: dict[str, Any], name: str) -> WebhookEvent:
    known = {field.encode_name for field in msgspec.structs.fields(kind)} - {"raw", "dryRun", "name"}
    content = {key: value for key, value in raw.items() if key in known and value is not None}
    if kind is UnknownEvent:
        content["name"] = name
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as problem:
        if kind is not UnknownEvent:
            return _converted(UnknownEvent, raw, name)
        if content.keys() - {"request", "name"}:
            # One odd property must not hide which call it is.
            return _converted(UnknownEvent, {"request": raw.get("request")}, name)
        raise SignatureError(f"the body is not an event of the kind {name}: {problem}") from None


def _is_trial(url: str) -> bool:
    # Not `urlsplit`, which raises for hosts that are none: the sender chose the one it called.
    query = url.partition("#")[0].partition("?")[2]
    return "true" in [value.lower() for value in parse_qs(query).get("dry-run", ())]
