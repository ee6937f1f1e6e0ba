"""Webhooks and session tokens of extensions: only those that mittwald signed, each once."""

from .errors import ReplayedError, SessionTokenError, SignatureError, TooManyKeysError, WebhookError
from .events import (
    Context,
    DeliveryTarget,
    ExtensionAddedToContext,
    InstanceRemovedFromContext,
    InstanceUpdated,
    RequestInfo,
    SecretRotated,
    State,
    UnknownEvent,
    WebhookEvent,
)
from .replay import MemoryStore, ReplayStore
from .sessions import SessionInfo
from .verifier import Verifier

__all__ = [
    "Context",
    "WebhookEvent",
    "ExtensionAddedToContext",
    "InstanceRemovedFromContext",
    "InstanceUpdated",
    "MemoryStore",
    "ReplayStore",
    "ReplayedError",
    "RequestInfo",
    "SecretRotated",
    "SessionInfo",
    "SessionTokenError",
    "SignatureError",
    "State",
    "DeliveryTarget",
    "TooManyKeysError",
    "UnknownEvent",
    "Verifier",
    "WebhookError",
]
