"""Why a call is not accepted as mittwald's."""

from __future__ import annotations

from ..runtime.errors import ApiClientError


class WebhookError(ApiClientError):
    """A call that is not to be acted on. Base of the others."""


class SignatureError(WebhookError):
    """The call is not signed by mittwald, or its content is not what was signed: answer 401."""


class ReplayedError(WebhookError):
    """The call came before: answer 2xx, and do nothing.

    Attributes:
        request_id: of the call.
    """

    def __init__(self, request_id: str) -> None:
        super().__init__(f"the webhook {request_id} came before")
        self.request_id = request_id


class TooManyKeysError(WebhookError):
    """More unknown keys were named lately than are looked up: answer 503, a genuine sender tries again."""


class SessionTokenError(WebhookError):
    """A session token is not genuine, or too old: answer 401."""
