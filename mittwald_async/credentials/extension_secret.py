"""Acting as an instance of an extension."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import final
from urllib.parse import quote

from ..runtime.credentials.renewal import Renewable
from ..runtime.credentials.secret import Secret, as_secret, check_text, digest
from ..runtime.credentials.token_exchange import Exchange, Grant, LoginStep, grant_in, refusal, sealed_json

_INSTANCE = LoginStep(
    "extension-authenticate-instance",
    "POST",
    "/v2/extension-instances/{extensionInstanceId}/tokens",
    "authenticating the extension instance",
)


@final
class ExtensionInstanceSecret(Renewable):
    """The secret of an extension instance. Its tokens are short-lived and bound to the instance, not to a user:
    account-wide lists do not work with them."""

    __slots__ = ("_instance_id", "_secret")

    def __init__(
        self, extension_instance_id: str, secret: str | Secret, *, wall: Callable[[], float] = time.time
    ) -> None:
        """
        Args:
            extension_instance_id: the instance.
            secret: its latest secret, as webhooks delivered it.
            wall: seconds since 1970.

        Raises:
            ConfigurationError: id or secret is empty.
        """
        held = as_secret(secret)
        del secret
        check_text("extension_instance_id: the id of the extension instance", extension_instance_id)
        check_text("the secret of the extension instance", held)
        super().__init__(digest("extension-instance", extension_instance_id.strip()), wall)
        self._instance_id = extension_instance_id.strip()
        self._secret = held

    async def _obtain(self, exchange: Exchange) -> Grant:
        step = _INSTANCE._replace(path=_INSTANCE.path.format(extensionInstanceId=quote(self._instance_id, safe="")))
        answer = await step.ask(exchange, sealed_json(extensionInstanceSecret=self._secret))
        grant = grant_in(answer, self._wall())
        if grant is None:
            raise refusal(step, answer, self._secret)
        return grant
