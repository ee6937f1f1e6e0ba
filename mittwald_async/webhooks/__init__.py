"""Webhooks and session tokens of extensions: only those that mittwald signed, each once."""

from .errors import ReplayedError, SessionTokenError, SignatureError, TooManyKeysError, WebhookError
from .events import (
    Context,
    Event,
    ExtensionAddedToContext,
    InstanceRemovedFromContext,
    InstanceUpdated,
    RequestInfo,
    SecretRotated,
    State,
    Target,
    UnknownEvent,
)
from .replay import MemoryStore, ReplayStore
from .sessions import Session
from .verifier import Verifier

__all__ = [
    "Context",
    "Event",
    "ExtensionAddedToContext",
    "InstanceRemovedFromContext",
    "InstanceUpdated",
    "MemoryStore",
    "ReplayStore",
    "ReplayedError",
    "RequestInfo",
    "SecretRotated",
    "Session",
    "SessionTokenError",
    "SignatureError",
    "State",
    "Target",
    "TooManyKeysError",
    "UnknownEvent",
    "Verifier",
    "WebhookError",
]
