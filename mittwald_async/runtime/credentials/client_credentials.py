"""The client credentials flow of OAuth 2."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import final

from ..errors import ConfigurationError
from .renewal import Renewable
from .secret import Secret, as_secret, check_text, digest
from .token_exchange import FORM, Exchange, Grant, LoginStep, grant_in, refusal, sealed_form


@final
class ClientCredentials(Renewable):
    """An id and a secret that are exchanged for bearer tokens, before each of them expires."""

    __slots__ = ("_client_id", "_client_secret", "_scopes", "_token_url")

    def __init__(
        self,
        client_id: str,
        client_secret: str | Secret,
        *,
        token_url: str | None = None,
        scopes: Iterable[str] = (),
        wall: Callable[[], float] = time.time,
    ) -> None:
        """
        Args:
            client_id: the client.
            client_secret: its secret.
            token_url: where tokens come from: a path under the base URL, or a whole URL. By default what the API's
                profile says.
            scopes: asked for; by default those of the profile.
            wall: seconds since 1970.

        Raises:
            ConfigurationError: id or secret is empty.
        """
        secret = as_secret(client_secret)
        del client_secret
        check_text("client_id: the id of the client", client_id)
        check_text("the secret of the client", secret)
        super().__init__(digest("client", client_id), wall)
        self._client_id = client_id
        self._client_secret = secret
        self._token_url = token_url
        self._scopes = tuple(scopes)

    def use_defaults(self, token_url: str, scopes: tuple[str, ...]) -> None:
        """Take what was not given from an API's profile."""
        self._token_url = self._token_url or token_url
        self._scopes = self._scopes or scopes

    async def _obtain(self, exchange: Exchange) -> Grant:
        if self._token_url is None:
            raise ConfigurationError("token_url: this API's profile names none; pass token_url=… to ClientCredentials")
        step = LoginStep("", "POST", self._token_url, "getting a token for the client")
        scope = {"scope": " ".join(self._scopes)} if self._scopes else {}
        form = sealed_form(
            grant_type="client_credentials", client_id=self._client_id, client_secret=self._client_secret, **scope
        )
        response = await step.ask(exchange, form, FORM)
        grant = grant_in(response, self._wall())
        if grant is None:
            raise refusal(step, response, self._client_secret)
        return grant
