"""A token never becomes visible: not in a repr, a message, a log line, or a variable of ours in a traceback."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

import pytest

from mittwald_async import Mittwald, Operation
from mittwald_async.errors import ConfigurationError, MittwaldError
from mittwald_async.runtime.client import Client
from mittwald_async.runtime.headers import RedactedStr
from mittwald_async.runtime.operation import Parameter, Result
from mittwald_async.runtime.profile import Profile
from mittwald_async.runtime.schemes import QueryToken

from ..support.scripted_server import GET_PROJECT, TOKEN, Seen, hang_up, reply, serving, shared, talking

pytestmark = pytest.mark.usefixtures("both_ways")


def frames_of_ours(error: BaseException) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        pending += [current.__cause__, current.__context__]
        tb: TracebackType | None = current.__traceback__
        while tb is not None:
            if "mittwald_async" in tb.tb_frame.f_code.co_filename and "/tests/" not in tb.tb_frame.f_code.co_filename:
                found.append((tb.tb_frame.f_code.co_qualname, dict(tb.tb_frame.f_locals)))
            tb = tb.tb_next
    return found


async def silence(seen: Seen, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def test_a_token_that_is_a_common_word_does_not_garble_messages() -> None:
    async with (
        serving(reply(403, {"message": "your token may not"})) as server,
        Mittwald("token", base_url=server.url) as client,
    ):
        with pytest.raises(MittwaldError, match="your token may not"):
            await client.sender.value(GET_PROJECT, ("p-1",))


@pytest.mark.parametrize(
    "answer",
    [
        reply(500),
        reply(401),
        reply(401, {"type": "E", "message": f"{TOKEN} is bad"}),
        reply(404),
        reply(404, headers={"X-Debug": f"you sent {TOKEN}"}),
        reply(503, headers={"Set-Cookie": f"session={TOKEN}"}),
        reply(308, headers={"Location": f"ftp://elsewhere/?x={TOKEN}"}),
        reply(307, headers={"Location": f"/v2/again?x={TOKEN}"}),
        f"{TOKEN} was in your request\r\n\r\n".encode(),
        reply(200, b"<html>"),
        reply(308),
        hang_up,
        silence,
    ],
)
async def test_no_failure_shows_the_token(answer: bytes | Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with talking(answer, max_retries=1, timeout=0.2) as (client, _, _):
        with pytest.raises(MittwaldError) as caught:
            await client.sender.value(GET_PROJECT, ("p-1",))
        error = caught.value
        assert TOKEN not in repr(error)
        assert TOKEN not in str(error)
        assert TOKEN not in repr(vars(error))
        assert TOKEN not in "".join(traceback.format_exception(error))
        frames = frames_of_ours(error)
        assert frames
        for name, variables in frames:
            for variable, value in variables.items():
                assert TOKEN not in repr(value), f"{variable} in {name}"
        assert TOKEN not in caplog.text


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "answer",
    [
        hang_up,
        b"this is not HTTP\r\n\r\n",
        reply(200, b"{}", headers={"Content-Length": "50"}),
        reply(302, headers={"Location": "ftp://elsewhere/"}),
        silence,
    ],
)
async def test_no_variable_shows_a_token_that_travels_in_the_url(
    answer: bytes | Callable[..., Any], method: str
) -> None:
    class Shop(Client):
        profile = Profile(
            name="the shop",
            product="shop-client/1.0",
            base_url="",
            token_variables=(),
            authentication=QueryToken("key"),
        )

    async with serving(answer) as server, Shop(TOKEN, base_url=server.url, max_retries=0, timeout=0.05) as client:
        with pytest.raises(MittwaldError) as caught:
            await client.request(method, "/things")
        for name, variables in frames_of_ours(caught.value):
            for variable, value in variables.items():
                assert TOKEN not in repr(value), f"{variable} in {name}"


GET_RULES: Operation[Any] = Operation(
    operation_id="file-get-file-upload-token-rules",
    method="GET",
    path="/v2/file-upload-tokens/{fileUploadToken}/rules",
    group="file",
    name="get_file_upload_token_rules",
    tag="File",
    parameters=(Parameter(name="token", wire="fileUploadToken", where="path", type="str", required=True),),
    results=(Result(status=200, type="Any", content_type="application/json"),),
)


async def test_a_secret_in_the_path_is_in_no_message(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with talking(reply(404)) as (client, server, _):
        with pytest.raises(MittwaldError, match=r"/v2/file-upload-tokens/\*\*\*/rules"):
            await client.sender.value(GET_RULES, ("hush hush",))
        assert "hush" not in caplog.text
        assert server.seen[0].target == "/v2/file-upload-tokens/hush%20hush/rules"


async def test_secret_headers_of_the_caller_are_sent_and_not_shown() -> None:
    own = {"Authorization": "Bearer hush-hush", "Cookie": "a=hush-hush", "X-Trace": "t-1"}
    async with talking(reply(404), headers=own) as (client, server, _):
        assert "hush-hush" not in repr(client.options)
        assert "t-1" in repr(client.options)
        with pytest.raises(MittwaldError) as caught:
            await client.request("GET", "/v2/x", headers={"X-Api-Key": "hush-hush"})
        for name, variables in frames_of_ours(caught.value):
            for variable, value in variables.items():
                if variable != "headers" or name not in ("Client.request", "Pipeline.request"):
                    assert "hush-hush" not in repr(value), f"{variable} in {name}"
        sent = server.seen[0].headers
        assert (sent["authorization"], sent["x-api-key"]) == ("Bearer hush-hush", "hush-hush")


async def test_a_mistyped_operation_id_does_not_show_its_arguments() -> None:
    async with talking() as (client, server, _):
        with pytest.raises(MittwaldError, match="did you mean user-change-password") as caught:
            await client.call("user-change-passwort", body={"oldPassword": "hush-hush", "newPassword": "hush-hush"})
        for name, variables in frames_of_ours(caught.value):
            for variable, value in variables.items():
                assert "hush-hush" not in repr(value), f"{variable} in {name}"
        assert not server.seen


async def test_no_object_shows_the_token() -> None:
    async with talking(reply(200, {})) as (client, _, _):
        await client.sender.value(GET_PROJECT, ("p-1",))
        for thing in (client, client.options, shared(client), client.sender, shared(client).credentials):
            assert TOKEN not in repr(thing)
            assert TOKEN not in repr(getattr(thing, "__dict__", {}))


def test_an_unusable_token_is_not_shown() -> None:
    secret = "token for tests with blanks"
    with pytest.raises(ConfigurationError) as caught:
        Mittwald(secret)
    assert secret not in str(caught.value)
    for name, variables in frames_of_ours(caught.value):
        for variable, value in variables.items():
            assert secret not in repr(value), f"{variable} in {name}"


def test_a_redacted_value_is_sent_but_not_shown() -> None:
    redacted = RedactedStr("value")
    assert (redacted, str(redacted), repr(redacted)) == ("value", "value", "'***'")
    assert repr(redacted[:2]) == "'***'", "tools cut what is long before they show it"
