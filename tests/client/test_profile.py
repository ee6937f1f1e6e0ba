"""A client of another API: it behaves as its profile says, and the runtime knows no API."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_type_hints

import msgspec
import pytest

from mittwald_async import Mittwald, runtime
from mittwald_async.profile import PROFILE
from mittwald_async.runtime import options as options_module
from mittwald_async.runtime.client import Client
from mittwald_async.runtime.credentials import (
    BASIC,
    BasicLogin,
    ClientCredentials,
    CookieToken,
    HeaderToken,
    OAuth2,
    QueryToken,
    Scheme,
)
from mittwald_async.runtime.error_bodies import ErrorBody
from mittwald_async.runtime.errors import (
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    InvalidArgumentError,
)
from mittwald_async.runtime.lists import PagingNames
from mittwald_async.runtime.operation import Operation, Paging, Parameter, Result
from mittwald_async.runtime.options import Options, OptionValues
from mittwald_async.runtime.paging import Pages
from mittwald_async.runtime.profile import EventIds, ForbiddenEnding, Profile

from ..support.scripted_server import Server, reply, serving

THINGS: Operation[list[Any]] = Operation(
    operation_id="listThings",
    method="GET",
    path="/things",
    group="thing",
    name="list_things",
    tag="Thing",
    parameters=(Parameter(name="tag", wire="tag", where="query", type="str"),),
    results=(Result(status=200, type="list[Any]", content_type="application/json"),),
    paging=Paging(limit=True, skip=True, totals=True, default_limit=2),
)
SHOP = Profile(name="the shop", product="shop-client/1.0", base_url_variable="SHOP_URL", token_variables=("SHOP_KEY",))


class Shop(Client):
    """A client as a generated package defines it, without groups."""

    profile = SHOP
    operations = MappingProxyType({"listThings": THINGS})


def shop(**changes: Any) -> type[Client]:
    """The shop with some behaviour changed."""
    return type("Shop", (Shop,), {"profile": msgspec.structs.replace(SHOP, **changes)})


@asynccontextmanager
async def shopping(kind: type[Client], *script: bytes, **options: Any) -> AsyncGenerator[tuple[Client, Server], None]:
    """A client of the shop, opened against a scripted server."""
    options = options if "credentials" in options else {"token": "key-for-tests", **options}
    async with serving(*script) as server, kind(base_url=server.url, **options) as client:
        yield client, server


class TestWhereTheTokenGoes:
    async def test_a_client_sends_a_bearer_token_by_default(self) -> None:
        async with shopping(Shop, reply(200, [])) as (client, server):
            assert await client.call("listThings") == []
        sent = server.seen[0].headers
        assert sent["authorization"] == "Bearer key-for-tests"
        assert sent["user-agent"].startswith("shop-client/1.0 python/")
        assert "x-access-token" not in sent

    @pytest.mark.parametrize(
        ("scheme", "header", "value"),
        [
            (HeaderToken("X-API-Key"), "x-api-key", "key-for-tests"),
            (HeaderToken("Authorization", "Token "), "authorization", "Token key-for-tests"),
            (CookieToken("session"), "cookie", "session=key-for-tests"),
        ],
    )
    async def test_in_a_header(self, scheme: Scheme, header: str, value: str) -> None:
        async with shopping(shop(authentication=scheme), reply(200, [])) as (client, server):
            await client.call("listThings")
        assert server.seen[0].headers[header] == value

    async def test_in_the_url_and_in_no_message(self) -> None:
        kind = shop(authentication=QueryToken("api key"))
        async with shopping(kind, reply(404, {"message": "no"}), token="key&more") as (client, server):
            for query in ({}, {"tag": "red"}):
                with pytest.raises(Exception, match="no") as caught:
                    await client.call("listThings", query=query)
                assert "key" not in str(caught.value)
        assert [seen.target for seen in server.seen] == [
            "/things?api%20key=key%26more",
            "/things?tag=red&api%20key=key%26more",
        ]

    async def test_user_name_and_password(self) -> None:
        login = BasicLogin("ada", "password-for-tests")
        async with shopping(shop(authentication=BASIC), reply(200, []), credentials=login) as (client, server):
            await client.call("listThings")
        pair = server.seen[0].headers["authorization"].removeprefix("Basic ")
        assert base64.b64decode(pair) == b"ada:password-for-tests"
        assert "password" not in repr(login)
        with pytest.raises(ConfigurationError, match="colon"):
            BasicLogin("a:b", "c")

    async def test_a_secret_that_the_server_echoes_as_it_was_sent_is_not_shown(self) -> None:
        login = ClientCredentials("shop-app", "a secret&for tests")
        kind = shop(authentication=OAuth2(token_url="/oauth/token"))
        echo = reply(400, {"error_description": "in client_secret=a+secret%26for+tests and a%20secret%26for%20tests"})
        async with shopping(kind, echo, credentials=login) as (client, _):
            with pytest.raises(AuthenticationError, match=r"in client_secret=\*\*\* and \*\*\*"):
                await client.call("listThings")

    async def test_an_id_and_a_secret_are_exchanged_for_a_token(self) -> None:
        granted = reply(200, {"access_token": "token-1", "expires_in": 3600, "token_type": "Bearer"})
        login = ClientCredentials("shop-app", "secret&for tests")
        kind = shop(authentication=OAuth2(token_url="/oauth/token", scopes=("read", "write")))
        async with shopping(kind, granted, reply(200, []), credentials=login) as (client, server):
            await client.call("listThings")
            await client.call("listThings")
        exchange, *calls = server.seen
        assert (exchange.method, exchange.target) == ("POST", "/oauth/token")
        assert exchange.headers["content-type"] == "application/x-www-form-urlencoded"
        assert exchange.body == (
            b"grant_type=client_credentials&client_id=shop-app&client_secret=secret%26for+tests&scope=read+write"
        )
        assert [call.headers["authorization"] for call in calls] == ["Bearer token-1"] * 2

    async def test_a_rejected_secret_is_not_shown(self) -> None:
        refused = reply(401, {"error": "invalid_client", "error_description": "secret-for-tests is wrong"})
        login = ClientCredentials("shop-app", "secret-for-tests", token_url="/oauth/token")
        async with shopping(Shop, refused, credentials=login) as (client, _):
            with pytest.raises(AuthenticationError, match=r"getting a token .* failed: \*\*\* is wrong"):
                await client.call("listThings")

    async def test_client_credentials_need_a_token_url(self) -> None:
        async with shopping(Shop, reply(200, []), credentials=ClientCredentials("a", "b")) as (client, _):
            with pytest.raises(ConfigurationError, match="token_url"):
                await client.call("listThings")


class TestWhereTheApiIs:
    def test_a_client_without_a_url_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SHOP_URL", raising=False)
        with pytest.raises(ConfigurationError, match=r"base_url=… or set SHOP_URL"):
            Shop("key-for-tests")
        monkeypatch.setenv("SHOP_URL", "https://shop.example/api/")
        assert Shop("key-for-tests").base_url == "https://shop.example/api"

    def test_a_client_without_a_token_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SHOP_KEY", raising=False)
        with pytest.raises(ConfigurationError, match="SHOP_KEY"):
            Shop(base_url="https://shop.example")

    def test_a_base_url_must_not_end_with_the_paths_common_prefix(self) -> None:
        kind = shop(forbidden_endings=(ForbiddenEnding("/v7", "leave out the /v7 of {url}"),))
        with pytest.raises(ConfigurationError, match=r"leave out the /v7 of 'https://shop\.example/v7/'"):
            kind("key-for-tests", base_url="https://shop.example/v7/")
        assert kind("key-for-tests", base_url="https://shop.example/v2").base_url == "https://shop.example/v2"

    def test_a_client_without_a_profile(self) -> None:
        with pytest.raises(TypeError, match=r"Client has no profile: .*Profile"):
            Client("key-for-tests")


class TestWhatResponsesMean:
    async def test_error_bodies(self) -> None:
        errors = ErrorBody(
            type=("error.kind",),
            message=("error.text",),
            trace_id=("meta.request",),
            issues=("error.fields",),
            issue_path=("at",),
            issue_message=("why",),
            issue_type=("rule",),
        )
        body = {
            "error": {"kind": "Taken", "text": "taken", "fields": [{"at": "name", "why": "in use", "rule": "unique"}]},
            "meta": {"request": "r-1"},
        }
        async with shopping(shop(errors=errors), reply(409, body)) as (client, _):
            with pytest.raises(ConflictError) as caught:
                await client.call("listThings")
        error = caught.value
        assert (error.type, error.message, error.trace_id) == ("Taken", "taken", "r-1")
        assert [(issue.path, issue.message, issue.type) for issue in error.issues] == [("name", "in use", "unique")]

    async def test_without_event_ids_none_is_read_or_sent(self) -> None:
        async with shopping(Shop, reply(201, {}, headers={"ETag": "12345"}), reply(200, [])) as (client, server):
            assert (await client.request("POST", "/things", body={})).event_id is None
            await client.call("listThings")
        assert not [name for name in server.seen[1].headers if "event" in name]
        with pytest.raises(ConfigurationError, match="after: the shop has no event ids"):
            client.with_options(after="1")

    async def test_event_ids_with_other_names(self) -> None:
        events = EventIds(response_header="X-Version", request_header="X-Min-Version", looks_like="v[0-9]+")
        script = (
            reply(201, {}, headers={"X-Version": "v7"}),
            reply(200, []),
            reply(201, {}, headers={"X-Version": 'W/"1f"'}),
        )
        async with shopping(shop(events=events), *script) as (client, server):
            assert (await client.request("POST", "/things", body={})).event_id == "v7"
            await client.call("listThings")
            assert (await client.request("POST", "/things", body={})).event_id is None
        assert server.seen[1].headers["x-min-version"] == "v7"

    async def test_lists_with_other_parameter_names(self) -> None:
        names = PagingNames(limit_parameter="per_page", skip_parameter="offset", total_header="X-Total")
        script = [reply(200, items, headers={"X-Total": "3"}) for items in ([1, 2], [3])]
        async with shopping(shop(paging=names), *script) as (client, server):
            pages: Pages[Any] = Pages(client.sender, THINGS, (), {"per_page": 2}).with_options(ahead=0)
            assert [item async for item in pages] == [1, 2, 3]
        assert [seen.target for seen in server.seen] == ["/things?per_page=2&offset=0", "/things?per_page=2&offset=2"]


class TestOneDefinition:
    def test_operations_are_those_of_the_class(self) -> None:
        assert Shop.find("listThings") is THINGS
        with pytest.raises(InvalidArgumentError, match="did you mean listThings"):
            Shop.find("listThing")
        assert Mittwald.find("project-get-project").name == "get_project"

    def test_a_clone_keeps_its_class(self) -> None:
        client = Shop("key-for-tests", base_url="https://shop.example")
        assert type(client.with_options(timeout=3)) is Shop
        assert type(Shop.anonymous(base_url="https://shop.example").with_options(timeout=3)) is Shop
        assert repr(client) == "<Shop https://shop.example, not open>"

    def test_options_have_the_same_names_everywhere(self) -> None:
        """`OptionValues` is what checkers and editors see of `Options`."""
        assert tuple(OptionValues.__annotations__) == Options.__struct_fields__
        hints = {"Middleware": Any, "Observer": Any, "Event": Any}
        wide = get_type_hints(OptionValues, dict(vars(options_module)), hints)
        narrow = get_type_hints(Options, dict(vars(options_module)), hints)
        widened = {"headers", "middleware", "observers"}
        assert {name: kind for name, kind in wide.items() if name not in widened} == {
            name: kind for name, kind in narrow.items() if name not in widened
        }

    def test_an_unknown_option(self) -> None:
        wrong: dict[str, Any] = {"tiemout": 3}
        with pytest.raises(TypeError, match="unknown option 'tiemout'; did you mean timeout"):
            Mittwald("t", **wrong)
        with pytest.raises(TypeError, match="unknown option 'tiemout'; did you mean timeout"):
            Mittwald("t").with_options(**wrong)

    def test_the_runtime_knows_no_api(self) -> None:
        """Not by name, address, header or path."""
        words = re.compile(
            r"mittwald|mstudio|/v2\b|x-access-token|x-pagination|if-event-reached|"
            r"projectId|customerId|serverId|MITTWALD_",
            re.I,
        )
        root = Path(str(runtime.__file__)).parent
        found = [
            f"{path.relative_to(root)}:{number}: {line.strip()}"
            for path in sorted(root.rglob("*.py"))
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
            if words.search(
                line.replace("MITTWALD_ASYNC_PURE", "")
            )  # the one variable a user sets for the whole package
        ]
        assert found == []

    def test_mittwalds_profile_is_complete(self) -> None:
        assert PROFILE.events is not None
        assert PROFILE.events.is_event_id("276638689419853824")
        for other in ('W/"1f"', '"276638689419853824"', "", "1f", " 1"):
            assert not PROFILE.events.is_event_id(other)
