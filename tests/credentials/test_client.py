"""Credentials at work in the client, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from mittwald_async import Mittwald
from mittwald_async.credentials import (
    PasswordLogin,
    extension_secret,
    password_login,
    retrieval_key,
    session_login,
)
from mittwald_async.errors import (
    AuthenticationError,
    CallTimeoutError,
    ClientStateError,
    NotSentError,
    ResponseBrokenError,
)
from mittwald_async.operations import OPERATIONS
from mittwald_async.runtime.credentials.token_exchange import LoginStep


class Api:
    """Two login routes and a route that requires a valid token."""

    def __init__(self) -> None:
        self.valid = ""
        self.password = "password-for-tests"
        self.logins = 0
        self.refreshes = 0
        self.calls = 0
        self.tokens_at_login: list[str | None] = []
        self.url = ""
        self.slow = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Api]:
        app = web.Application()
        app.router.add_post("/v2/authenticate", self.login)
        app.router.add_put("/v2/users/self/sessions", self.refresh)
        app.router.add_get("/v2/signup/profile", self.profile)
        runner = web.AppRunner(app, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def session(self) -> web.Response:
        self.valid = f"token-{self.logins}-{self.refreshes}"
        expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        return web.json_response({"token": self.valid, "refreshToken": "r", "expires": expires})

    async def login(self, request: web.Request) -> web.Response:
        self.tokens_at_login.append(request.headers.get("X-Access-Token"))
        await asyncio.sleep(self.slow)
        if (await request.json())["password"] != self.password:
            return web.json_response({"type": "Unauthorized", "message": "wrong credentials"}, status=401)
        self.logins += 1
        return self.session()

    async def refresh(self, request: web.Request) -> web.Response:
        self.refreshes += 1
        await asyncio.sleep(0.02)
        return self.session()

    async def profile(self, request: web.Request) -> web.Response:
        self.calls += 1
        if request.headers.get("X-Access-Token") != self.valid:
            return web.json_response({"type": "Unauthorized", "message": "token invalid"}, status=401)
        return web.json_response({"ok": True})


async def test_many_calls_with_an_expired_token_share_one_refresh() -> None:
    login = PasswordLogin("ada@example.com", "password-for-tests")
    async with Api().running() as api, Mittwald(credentials=login, base_url=api.url) as mw:
        await asyncio.gather(*(mw.request("GET", "/v2/signup/profile") for _ in range(50)))
        assert (api.logins, api.refreshes, api.calls) == (1, 0, 50)
        api.valid = "another"
        answers = await asyncio.gather(*(mw.request("GET", "/v2/signup/profile") for _ in range(300)))
        assert {answer.status for answer in answers} == {200}
        assert (api.logins, api.refreshes) == (1, 1)
        assert api.tokens_at_login == [None]


async def test_clones_share_the_login() -> None:
    login = PasswordLogin("ada@example.com", "password-for-tests")
    async with Api().running() as api, Mittwald(credentials=login, base_url=api.url) as mw:
        clone = mw.with_options(timeout=30)
        await asyncio.gather(*(client.request("GET", "/v2/signup/profile") for client in (mw, clone)))
        assert api.logins == 1


async def test_a_call_that_times_out_does_not_fail_the_login_for_others() -> None:
    api = Api()
    api.slow = 0.3
    async with api.running(), Mittwald(credentials=PasswordLogin("a@b.de", api.password), base_url=api.url) as mw:
        impatient = asyncio.create_task(mw.with_options(timeout=0.1).request("GET", "/v2/signup/profile"))
        await asyncio.sleep(0)
        await mw.request("GET", "/v2/signup/profile")
        with pytest.raises(CallTimeoutError):
            await impatient
        assert api.logins == 1


async def test_a_client_closed_during_the_login_raises_an_error() -> None:
    api = Api()
    api.slow = 30
    async with api.running():
        mw = Mittwald(credentials=PasswordLogin("a@b.de", api.password), base_url=api.url)
        async with mw:
            call = asyncio.create_task(mw.request("GET", "/v2/signup/profile"))
            while not api.tokens_at_login:
                await asyncio.sleep(0.001)
        with pytest.raises(ClientStateError, match="closed"):
            await call


async def test_a_wrong_password_error_names_the_login_and_not_the_password() -> None:
    login = PasswordLogin("ada@example.com", "hidden-for-tests")
    async with Api().running() as api, Mittwald(credentials=login, base_url=api.url, max_retries=0) as mw:
        with pytest.raises(AuthenticationError, match="signing in with e-mail and password failed") as caught:
            await mw.request("GET", "/v2/signup/profile")
        assert "hidden-for-tests" not in str(caught.value) + str(vars(caught.value))
        assert api.calls == 0


async def test_an_unreachable_server_is_not_reported_as_a_wrong_password() -> None:
    login = PasswordLogin("ada@example.com", "password-for-tests")
    async with Api().running() as api:
        url = api.url
    async with Mittwald(credentials=login, base_url=url, max_retries=0) as mw:
        with pytest.raises(NotSentError):
            await mw.request("GET", "/v2/signup/profile")


def frames_of(error: BaseException | None) -> str:
    """Local variables of this package's frames, as an error reporter would send them."""
    shown: list[str] = []
    while error is not None:
        trace = error.__traceback__
        while trace is not None:
            if "mittwald_async/" in trace.tb_frame.f_code.co_filename:
                shown.append(repr(trace.tb_frame.f_locals))
            trace = trace.tb_next
        error = error.__cause__ or error.__context__
    return "".join(shown)


@pytest.mark.parametrize("answers", [True, False])
async def test_a_broken_call_shows_no_secret_in_any_frame(answers: bool) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    if not answers:
        server.close()
        await server.wait_closed()
    for client in (
        Mittwald("hidden-for-tests", base_url=url, max_retries=0),
        Mittwald(credentials=PasswordLogin("ada@example.com", "hidden-for-tests"), base_url=url, max_retries=0),
    ):
        async with client as mw:
            with pytest.raises(ResponseBrokenError if answers else NotSentError) as caught:
                await mw.request("GET", "/v2/projects")
        shown = frames_of(caught.value)
        assert shown
        assert "hidden-for-tests" not in shown
    server.close()


def test_the_login_routes_match_the_document() -> None:
    rooms = (session_login, password_login, retrieval_key, extension_secret)
    steps = [value for room in rooms for value in vars(room).values() if isinstance(value, LoginStep)]
    assert len(steps) == 5
    for step in steps:
        operation = OPERATIONS[step.operation_id]
        assert (operation.method, operation.path) == (step.method, step.path)
