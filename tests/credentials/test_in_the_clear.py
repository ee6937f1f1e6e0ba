"""No credential crosses a network unencrypted: no token, no client secret, no password in a URL."""

from __future__ import annotations

from typing import Any

import pytest

from mittwald_async import Mittwald
from mittwald_async.errors import ConfigurationError, InvalidArgumentError, NotSentError
from mittwald_async.runtime.client import Client
from mittwald_async.runtime.credentials import ClientCredentials, OAuth2
from mittwald_async.runtime.profile import Profile

from ..support.scripted_server import TOKEN, Clock, reply, serving

EXPOSED = [
    "http://login.test/token",
    "HTTP://login.test/token",
    "http://192.168.1.5/token",
    "http://[2001:db8::1]/token",
]
NO_ADDRESS = ["ftp://login.test/token", "login.test/token", ".login.test/token", "@login.test/token", ":80/token"]


class Shop(Client):
    """A client of another API."""

    profile = Profile(
        name="shop", product="shop-client/1.0", base_url="https://shop.test", authentication=OAuth2(token_url="/token")
    )


@pytest.mark.parametrize("token_url", EXPOSED)
async def test_a_client_secret_is_never_sent_unencrypted_to_another_machine(token_url: str) -> None:
    """RFC 6749, 3.2: requests to the token endpoint use TLS."""
    login = ClientCredentials("app", "secret-for-tests", token_url=token_url)
    async with Shop(credentials=login, clock=Clock()) as client:
        with pytest.raises(InvalidArgumentError, match=r"token_url: .* in the clear; use https://") as caught:
            await client.request("GET", "/orders")
    assert "secret-for-tests" not in str(caught.value)


async def test_a_profile_cannot_configure_an_unencrypted_token_url() -> None:
    class Careless(Client):
        profile = Profile(
            name="careless",
            product="careless/1.0",
            base_url="https://shop.test",
            authentication=OAuth2(token_url="http://login.test/token"),
        )

    async with Careless(credentials=ClientCredentials("app", "secret-for-tests"), clock=Clock()) as client:
        with pytest.raises(InvalidArgumentError, match="in the clear"):
            await client.request("GET", "/orders")


@pytest.mark.parametrize("token_url", NO_ADDRESS)
async def test_an_invalid_token_url_does_not_become_part_of_the_host_name(token_url: str) -> None:
    """`https://shop.test` and `.login.test/token` joined would be another host."""
    async with Shop(credentials=ClientCredentials("app", "x-secret", token_url=token_url), clock=Clock()) as client:
        with pytest.raises(InvalidArgumentError, match="token_url"):
            await client.request("GET", "/orders")


async def test_a_plain_http_token_url_is_allowed_for_loopback_or_by_explicit_permission() -> None:
    async with serving(reply(200, {"access_token": "granted", "expires_in": 60})) as server:
        login = ClientCredentials("app", "secret-for-tests", token_url=f"{server.url}/token")
        async with Shop(credentials=login, base_url=server.url, clock=Clock()) as client:
            await client.request("GET", "/orders")
        assert [seen.target for seen in server.seen] == ["/token", "/orders"]
    login = ClientCredentials("app", "secret-for-tests", token_url="http://login.invalid/token")
    async with Shop(credentials=login, clock=Clock(), max_retries=0, allow_http=True) as client:
        with pytest.raises(NotSentError):  # the request was made, and the host does not exist
            await client.request("GET", "/orders")


async def test_a_redirect_of_a_token_request_is_not_followed() -> None:
    """RFC 9700, 4.11: a form with a secret is not forwarded to an address named in a response."""
    away = reply(307, headers={"Location": "http://login.test/token"})
    async with serving(away) as server:
        login = ClientCredentials("app", "secret-for-tests", token_url=f"{server.url}/token")
        async with Shop(credentials=login, base_url=server.url, clock=Clock()) as client:
            with pytest.raises(Exception, match="getting a token") as caught:
                await client.request("GET", "/orders")
        assert [seen.target for seen in server.seen] == ["/token"]
        assert "secret-for-tests" not in str(caught.value)


@pytest.mark.parametrize("user", ["user:hush@", "user@", ":hush@"])
async def test_credentials_in_a_url_are_not_sent_unencrypted(user: str) -> None:
    url = f"http://{user}files.test/export.tar"
    async with Mittwald(TOKEN, clock=Clock()) as client:
        for use in (client.download(url), client.request("GET", url), client.request("POST", url, body={})):
            with pytest.raises(InvalidArgumentError, match="would go out in the clear") as caught:
                await use
            assert "hush" not in str(caught.value)
    with pytest.raises(ConfigurationError):
        Mittwald(TOKEN, base_url=f"http://{user}localhost")


async def test_credentials_in_a_loopback_url_are_sent() -> None:
    async with serving(reply(200, {})) as server, Mittwald(TOKEN, base_url=server.url, clock=Clock()) as client:
        url = server.url.replace("http://127.0.0.1", "http://user:hush@localhost")
        response: Any = await client.request("GET", url)
        assert response.status == 200
        assert server.seen[0].headers["authorization"] == "Basic dXNlcjpodXNo"
        assert "hush" not in response.url
