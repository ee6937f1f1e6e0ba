"""Every kind of login: what it sends, and how it handles each response."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import pytest

from mittwald_async.credentials import AccessTokenRetrievalKey, ExtensionInstanceSecret, PasswordLogin
from mittwald_async.errors import (
    AuthenticationError,
    ConfigurationError,
    MaybeSentError,
    NotSentError,
    RateLimitError,
    RedirectError,
    ServerError,
    StatusError,
)
from mittwald_async.runtime.credentials import Secret, StaticToken, TokenSource

from ..support.login_routes import INSTANCE, REFRESH, RETRIEVE, SECOND_FACTOR, SIGN_IN, ScriptedExchange

FACTOR_ASKED = (202, {"name": "SecondFactorRequired"})


@pytest.fixture
def exchange() -> ScriptedExchange:
    return ScriptedExchange()


def login(exchange: ScriptedExchange, second_factor: object = None) -> PasswordLogin:
    return PasswordLogin("ada@example.com", "password-for-tests", second_factor=second_factor, wall=exchange.clock)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_email_and_password_are_exchanged_for_a_token(exchange: ScriptedExchange) -> None:
    credentials = login(exchange)
    assert credentials.current() is None
    assert (await credentials.token(exchange)).reveal() == "token-1"
    assert exchange.requests == [(SIGN_IN, "POST", "/v2/authenticate")]
    assert exchange.bodies == [{"email": "ada@example.com", "password": "password-for-tests"}]
    assert credentials.current() == Secret("token-1")
    await credentials.token(exchange)
    assert len(exchange.requests) == 1


async def test_the_second_factor_is_requested_only_if_the_api_requires_it(exchange: ScriptedExchange) -> None:
    asked: list[str] = []

    async def code() -> str:
        asked.append("code")
        return " 123456 "

    credentials = login(exchange, code)
    await credentials.token(exchange)
    assert asked == []
    other = login(exchange, code)
    exchange.respond(SIGN_IN, FACTOR_ASKED)
    await other.token(exchange)
    assert asked == ["code"]
    assert exchange.bodies[-1] == {
        "email": "ada@example.com",
        "password": "password-for-tests",
        "multiFactorCode": "123456",
    }
    assert exchange.requests[-1] == (SECOND_FACTOR, "POST", "/v2/authenticate-mfa")


async def test_a_blocking_callback_does_not_block_the_loop(exchange: ScriptedExchange) -> None:
    threads: list[int] = []

    def typed_in() -> str:
        threads.append(threading.get_ident())
        return "654321"

    exchange.respond(SIGN_IN, FACTOR_ASKED)
    await login(exchange, typed_in).token(exchange)
    assert threads
    assert threads != [threading.get_ident()]


async def test_a_callback_may_be_an_object_or_return_a_coroutine(exchange: ScriptedExchange) -> None:
    class Phone:
        async def __call__(self) -> str:
            return "111111"

    exchange.respond(SIGN_IN, FACTOR_ASKED, FACTOR_ASKED)
    await login(exchange, Phone()).token(exchange)
    await login(exchange, lambda: Phone()()).token(exchange)
    assert [body.get("multiFactorCode") for body in exchange.bodies] == [None, "111111", None, "111111"]


async def test_without_a_callback_the_message_says_what_to_pass(exchange: ScriptedExchange) -> None:
    exchange.respond(SIGN_IN, FACTOR_ASKED)
    with pytest.raises(AuthenticationError, match="pass second_factor=…"):
        await login(exchange).token(exchange)


async def test_a_missing_code_and_a_wrong_code(exchange: ScriptedExchange) -> None:
    exchange.respond(SIGN_IN, FACTOR_ASKED, FACTOR_ASKED)
    with pytest.raises(AuthenticationError, match="gave no code"):
        await login(exchange, lambda: " ").token(exchange)
    exchange.respond(SECOND_FACTOR, (400, {"type": "ValidationError", "message": "wrong code"}))
    with pytest.raises(AuthenticationError, match="the second factor failed: wrong code") as caught:
        await login(exchange, lambda: "000000").token(exchange)
    assert caught.value.status == 400


async def test_a_code_that_came_too_late_gets_one_more_attempt(exchange: ScriptedExchange) -> None:
    lapsed = (408, {"name": "FirstAuthenticationFactorExpired"})
    exchange.respond(SIGN_IN, FACTOR_ASKED, FACTOR_ASKED, FACTOR_ASKED, FACTOR_ASKED)
    exchange.respond(SECOND_FACTOR, lapsed)
    await login(exchange, lambda: "123456").token(exchange)
    assert exchange.operations == [SIGN_IN, SECOND_FACTOR, SIGN_IN, SECOND_FACTOR]
    exchange.respond(SECOND_FACTOR, lapsed, lapsed)
    with pytest.raises(StatusError) as caught:
        await login(exchange, lambda: "123456").token(exchange)
    assert caught.value.status == 408


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 422])
async def test_wrong_credentials_are_an_authentication_error_that_names_the_step(
    exchange: ScriptedExchange, status: int
) -> None:
    said = {"type": "WrongCredentials", "message": "not password-for-tests, sorry", "validationErrors": "odd"}
    exchange.respond(SIGN_IN, (status, said))
    with pytest.raises(AuthenticationError) as caught:
        await login(exchange).token(exchange)
    error = caught.value
    assert (error.status, error.type, error.operation_id) == (status, "WrongCredentials", SIGN_IN)
    assert error.message == "signing in with e-mail and password failed: not ***, sorry"
    assert error.body == b""


async def test_the_issues_of_a_refusal_are_kept(exchange: ScriptedExchange) -> None:
    issues = [{"path": "email", "message": "no address", "type": "format"}, "nonsense"]
    exchange.respond(SIGN_IN, (400, {"type": "ValidationError", "validationErrors": issues}))
    with pytest.raises(AuthenticationError, match="no address") as caught:
        await login(exchange).token(exchange)
    found = [(issue.path, issue.type, issue.message) for issue in caught.value.issues]
    assert found == [("email", "format", "no address"), ("", "", "nonsense")]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, RateLimitError), (500, ServerError), (503, ServerError), (408, StatusError), (307, RedirectError)],
)
async def test_a_busy_server_is_not_a_refusal(exchange: ScriptedExchange, status: int, kind: type[StatusError]) -> None:
    exchange.respond(SIGN_IN, (status, "<html>busy</html>"))
    credentials = login(exchange)
    with pytest.raises(kind) as caught:
        await credentials.token(exchange)
    assert not isinstance(caught.value, AuthenticationError)
    if isinstance(caught.value, RateLimitError):
        assert caught.value.retry_after == 7
    assert (await credentials.token(exchange)).reveal() == "token-1"


async def test_a_broken_connection_stays_a_transport_error(exchange: ScriptedExchange) -> None:
    exchange.respond(SIGN_IN, NotSentError("no route"))
    credentials = login(exchange)
    with pytest.raises(NotSentError, match="no route"):
        await credentials.token(exchange)
    assert (await credentials.token(exchange)).reveal() == "token-1"


@pytest.mark.parametrize("body", ["", "[1]", "{broken", {"token": 5}, {"token": " "}, {"token": "a\nb"}, "\x00"])
async def test_a_success_without_a_token_is_an_error(exchange: ScriptedExchange, body: object) -> None:
    exchange.respond(SIGN_IN, (200, body))
    with pytest.raises(AuthenticationError, match="the answer carries no token"):
        await login(exchange).token(exchange)


async def test_a_plain_text_refusal_is_quoted(exchange: ScriptedExchange) -> None:
    exchange.respond(SIGN_IN, (401, "go away"), (401, "[]"))
    with pytest.raises(AuthenticationError, match="failed: go away"):
        await login(exchange).token(exchange)
    with pytest.raises(AuthenticationError, match="password failed"):
        await login(exchange).token(exchange)


async def test_a_session_is_refreshed_with_its_latest_refresh_token(exchange: ScriptedExchange) -> None:
    credentials = login(exchange)
    await credentials.token(exchange)
    for _ in range(2):
        exchange.clock.time += 3600
        await credentials.token(exchange)
    assert exchange.requests[1:] == [(REFRESH, "PUT", "/v2/users/self/sessions")] * 2
    assert exchange.bodies[1:] == [{"refreshToken": "refresh-1"}, {"refreshToken": "refresh-2"}]


async def test_a_rejected_refresh_token_leads_to_a_new_login(exchange: ScriptedExchange) -> None:
    credentials = login(exchange)
    await credentials.token(exchange)
    exchange.clock.time += 4000
    exchange.respond(REFRESH, (400, {"type": "Unauthorized", "message": "used"}))
    assert (await credentials.token(exchange)).reveal() == "token-2"
    assert exchange.operations == [SIGN_IN, REFRESH, SIGN_IN]


async def test_a_lost_refresh_is_retried_before_a_new_login(exchange: ScriptedExchange) -> None:
    credentials = login(exchange)
    await credentials.token(exchange)
    exchange.clock.time += 4000
    exchange.respond(REFRESH, MaybeSentError("reset"), (503, "later"))
    with pytest.raises(MaybeSentError):
        await credentials.token(exchange)
    with pytest.raises(ServerError):
        await credentials.token(exchange)
    await credentials.token(exchange)
    assert exchange.operations == [SIGN_IN, REFRESH, REFRESH, REFRESH]


async def test_a_session_without_a_refresh_token_logs_in_again(exchange: ScriptedExchange) -> None:
    credentials = login(exchange)
    exchange.respond(SIGN_IN, (200, {"token": "alone", "expires": exchange.clock.stamp(60)}))
    await credentials.token(exchange)
    exchange.clock.time += 60
    await credentials.token(exchange)
    assert exchange.operations == [SIGN_IN, SIGN_IN]


async def test_a_retrieval_key_is_used_once(exchange: ScriptedExchange) -> None:
    credentials = AccessTokenRetrievalKey("user-1", "key-for-tests", wall=exchange.clock)
    exchange.respond(RETRIEVE, NotSentError("no route"), (200, exchange.session(name="expiresAt")))
    with pytest.raises(NotSentError):
        await credentials.token(exchange)
    assert (await credentials.token(exchange)).reveal() == "token-1"
    assert exchange.requests[-1] == (RETRIEVE, "POST", "/v2/authenticate-token-retrieval-key")
    assert exchange.bodies[-1] == {"userId": "user-1", "accessTokenRetrievalKey": "key-for-tests"}
    exchange.clock.time += 3600
    assert (await credentials.token(exchange)).reveal() == "token-2"
    exchange.clock.time += 3600
    exchange.respond(REFRESH, (400, {"message": "used"}))
    with pytest.raises(AuthenticationError, match="the key is used up"):
        await credentials.token(exchange)
    assert exchange.operations.count(RETRIEVE) == 2


async def test_a_wrong_retrieval_key_is_reported(exchange: ScriptedExchange) -> None:
    exchange.respond(RETRIEVE, (400, {"message": "key-for-tests is unknown"}))
    with pytest.raises(AuthenticationError, match=r"retrieval key failed: \*\*\* is unknown"):
        await AccessTokenRetrievalKey("user-1", Secret("key-for-tests"), wall=exchange.clock).token(exchange)


async def test_an_extension_instance_requests_a_new_token_instead_of_refreshing(exchange: ScriptedExchange) -> None:
    credentials = ExtensionInstanceSecret("instance/1", "secret-for-tests", wall=exchange.clock)
    for number in (1, 2):
        exchange.respond(INSTANCE, (201, {"publicToken": f"public-{number}", "expiry": exchange.clock.stamp(600)}))
    assert (await credentials.token(exchange)).reveal() == "public-1"
    exchange.clock.time += 541
    assert (await credentials.token(exchange)).reveal() == "public-2"
    assert exchange.requests == [(INSTANCE, "POST", "/v2/extension-instances/instance%2F1/tokens")] * 2
    assert exchange.bodies[0] == {"extensionInstanceSecret": "secret-for-tests"}
    exchange.respond(INSTANCE, (403, {"message": "rotated"}))
    with pytest.raises(AuthenticationError, match="authenticating the extension instance failed: rotated"):
        await credentials.refused(Secret("public-2"), exchange)


def test_empty_credentials_are_refused_immediately() -> None:
    with pytest.raises(ConfigurationError, match="e-mail"):
        PasswordLogin(" ", "x")
    with pytest.raises(ConfigurationError, match="password"):
        PasswordLogin("a@example.com", Secret(""))
    with pytest.raises(ConfigurationError, match="access token retrieval key is empty"):
        AccessTokenRetrievalKey("user", " ")
    with pytest.raises(ConfigurationError, match="the extension instance is empty"):
        ExtensionInstanceSecret("", Secret("x"))


NOTHING_TO_LOG_IN_WITH: list[tuple[str, Callable[[Any], object]]] = [
    ("email", lambda given: PasswordLogin(given, "x")),
    ("password", lambda given: PasswordLogin("a@example.com", given)),
    (
        "second_factor",
        lambda given: PasswordLogin("a@example.com", "x", second_factor=given if given is not None else cast("Any", 5)),
    ),
    ("user_id", lambda given: AccessTokenRetrievalKey(given, "x")),
    ("key", lambda given: AccessTokenRetrievalKey("u", given)),
    ("extension_instance_id", lambda given: ExtensionInstanceSecret(given, "x")),
    ("secret", lambda given: ExtensionInstanceSecret("i", given)),
    ("token", StaticToken),
    ("source", lambda given: TokenSource(given)),
]


@pytest.mark.parametrize(("name", "make"), NOTHING_TO_LOG_IN_WITH, ids=[name for name, _ in NOTHING_TO_LOG_IN_WITH])
@pytest.mark.parametrize("given", [5, None, b"x", ["x"], "lone surrogate \udc80"])
def test_credentials_that_are_not_text_are_refused_by_name(
    name: str, make: Callable[[Any], object], given: object
) -> None:
    with pytest.raises(ConfigurationError, match=name) as caught:
        make(given)
    assert "surrogate \udc80" not in str(caught.value)
