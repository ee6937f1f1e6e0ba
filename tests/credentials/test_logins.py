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

from ..support.login_routes import INSTANCE, REFRESH, RETRIEVE, SECOND_FACTOR, SIGN_IN, Desk

FACTOR_ASKED = (202, {"name": "SecondFactorRequired"})


@pytest.fixture
def desk() -> Desk:
    return Desk()


def login(desk: Desk, second_factor: object = None) -> PasswordLogin:
    return PasswordLogin("ada@example.com", "password-for-tests", second_factor=second_factor, wall=desk.wall)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_email_and_password_are_exchanged_for_a_token(desk: Desk) -> None:
    credentials = login(desk)
    assert credentials.current() is None
    assert (await credentials.token(desk)).reveal() == "token-1"
    assert desk.asked == [(SIGN_IN, "POST", "/v2/authenticate")]
    assert desk.bodies == [{"email": "ada@example.com", "password": "password-for-tests"}]
    assert credentials.current() == Secret("token-1")
    await credentials.token(desk)
    assert len(desk.asked) == 1


async def test_the_second_factor_is_requested_only_if_the_api_requires_it(desk: Desk) -> None:
    asked: list[str] = []

    async def code() -> str:
        asked.append("code")
        return " 123456 "

    credentials = login(desk, code)
    await credentials.token(desk)
    assert asked == []
    other = login(desk, code)
    desk.say(SIGN_IN, FACTOR_ASKED)
    await other.token(desk)
    assert asked == ["code"]
    assert desk.bodies[-1] == {
        "email": "ada@example.com",
        "password": "password-for-tests",
        "multiFactorCode": "123456",
    }
    assert desk.asked[-1] == (SECOND_FACTOR, "POST", "/v2/authenticate-mfa")


async def test_a_blocking_callback_does_not_block_the_loop(desk: Desk) -> None:
    threads: list[int] = []

    def typed_in() -> str:
        threads.append(threading.get_ident())
        return "654321"

    desk.say(SIGN_IN, FACTOR_ASKED)
    await login(desk, typed_in).token(desk)
    assert threads
    assert threads != [threading.get_ident()]


async def test_a_callback_may_be_an_object_or_return_a_coroutine(desk: Desk) -> None:
    class Phone:
        async def __call__(self) -> str:
            return "111111"

    desk.say(SIGN_IN, FACTOR_ASKED, FACTOR_ASKED)
    await login(desk, Phone()).token(desk)
    await login(desk, lambda: Phone()()).token(desk)
    assert [body.get("multiFactorCode") for body in desk.bodies] == [None, "111111", None, "111111"]


async def test_without_a_callback_the_message_says_what_to_pass(desk: Desk) -> None:
    desk.say(SIGN_IN, FACTOR_ASKED)
    with pytest.raises(AuthenticationError, match="pass second_factor=…"):
        await login(desk).token(desk)


async def test_a_missing_code_and_a_wrong_code(desk: Desk) -> None:
    desk.say(SIGN_IN, FACTOR_ASKED, FACTOR_ASKED)
    with pytest.raises(AuthenticationError, match="gave no code"):
        await login(desk, lambda: " ").token(desk)
    desk.say(SECOND_FACTOR, (400, {"type": "ValidationError", "message": "wrong code"}))
    with pytest.raises(AuthenticationError, match="the second factor failed: wrong code") as caught:
        await login(desk, lambda: "000000").token(desk)
    assert caught.value.status == 400


async def test_a_code_that_came_too_late_gets_one_more_attempt(desk: Desk) -> None:
    lapsed = (408, {"name": "FirstAuthenticationFactorExpired"})
    desk.say(SIGN_IN, FACTOR_ASKED, FACTOR_ASKED, FACTOR_ASKED, FACTOR_ASKED)
    desk.say(SECOND_FACTOR, lapsed)
    await login(desk, lambda: "123456").token(desk)
    assert desk.operations == [SIGN_IN, SECOND_FACTOR, SIGN_IN, SECOND_FACTOR]
    desk.say(SECOND_FACTOR, lapsed, lapsed)
    with pytest.raises(StatusError) as caught:
        await login(desk, lambda: "123456").token(desk)
    assert caught.value.status == 408


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 422])
async def test_wrong_credentials_are_an_authentication_error_that_names_the_step(desk: Desk, status: int) -> None:
    said = {"type": "WrongCredentials", "message": "not password-for-tests, sorry", "validationErrors": "odd"}
    desk.say(SIGN_IN, (status, said))
    with pytest.raises(AuthenticationError) as caught:
        await login(desk).token(desk)
    error = caught.value
    assert (error.status, error.type, error.operation_id) == (status, "WrongCredentials", SIGN_IN)
    assert error.message == "signing in with e-mail and password failed: not ***, sorry"
    assert error.body == b""


async def test_the_issues_of_a_refusal_are_kept(desk: Desk) -> None:
    issues = [{"path": "email", "message": "no address", "type": "format"}, "nonsense"]
    desk.say(SIGN_IN, (400, {"type": "ValidationError", "validationErrors": issues}))
    with pytest.raises(AuthenticationError, match="no address") as caught:
        await login(desk).token(desk)
    found = [(issue.path, issue.type, issue.message) for issue in caught.value.issues]
    assert found == [("email", "format", "no address"), ("", "", "nonsense")]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, RateLimitError), (500, ServerError), (503, ServerError), (408, StatusError), (307, RedirectError)],
)
async def test_a_busy_server_is_not_a_refusal(desk: Desk, status: int, kind: type[StatusError]) -> None:
    desk.say(SIGN_IN, (status, "<html>busy</html>"))
    credentials = login(desk)
    with pytest.raises(kind) as caught:
        await credentials.token(desk)
    assert not isinstance(caught.value, AuthenticationError)
    if isinstance(caught.value, RateLimitError):
        assert caught.value.retry_after == 7
    assert (await credentials.token(desk)).reveal() == "token-1"


async def test_a_broken_connection_stays_a_transport_error(desk: Desk) -> None:
    desk.say(SIGN_IN, NotSentError("no route"))
    credentials = login(desk)
    with pytest.raises(NotSentError, match="no route"):
        await credentials.token(desk)
    assert (await credentials.token(desk)).reveal() == "token-1"


@pytest.mark.parametrize("body", ["", "[1]", "{broken", {"token": 5}, {"token": " "}, {"token": "a\nb"}, "\x00"])
async def test_a_success_without_a_token_is_an_error(desk: Desk, body: object) -> None:
    desk.say(SIGN_IN, (200, body))
    with pytest.raises(AuthenticationError, match="the answer carries no token"):
        await login(desk).token(desk)


async def test_a_plain_text_refusal_is_quoted(desk: Desk) -> None:
    desk.say(SIGN_IN, (401, "go away"), (401, "[]"))
    with pytest.raises(AuthenticationError, match="failed: go away"):
        await login(desk).token(desk)
    with pytest.raises(AuthenticationError, match="password failed"):
        await login(desk).token(desk)


async def test_a_session_is_refreshed_with_its_latest_refresh_token(desk: Desk) -> None:
    credentials = login(desk)
    await credentials.token(desk)
    for _ in range(2):
        desk.wall.time += 3600
        await credentials.token(desk)
    assert desk.asked[1:] == [(REFRESH, "PUT", "/v2/users/self/sessions")] * 2
    assert desk.bodies[1:] == [{"refreshToken": "refresh-1"}, {"refreshToken": "refresh-2"}]


async def test_a_rejected_refresh_token_leads_to_a_new_login(desk: Desk) -> None:
    credentials = login(desk)
    await credentials.token(desk)
    desk.wall.time += 4000
    desk.say(REFRESH, (400, {"type": "Unauthorized", "message": "used"}))
    assert (await credentials.token(desk)).reveal() == "token-2"
    assert desk.operations == [SIGN_IN, REFRESH, SIGN_IN]


async def test_a_lost_refresh_is_retried_before_a_new_login(desk: Desk) -> None:
    credentials = login(desk)
    await credentials.token(desk)
    desk.wall.time += 4000
    desk.say(REFRESH, MaybeSentError("reset"), (503, "later"))
    with pytest.raises(MaybeSentError):
        await credentials.token(desk)
    with pytest.raises(ServerError):
        await credentials.token(desk)
    await credentials.token(desk)
    assert desk.operations == [SIGN_IN, REFRESH, REFRESH, REFRESH]


async def test_a_session_without_a_refresh_token_logs_in_again(desk: Desk) -> None:
    credentials = login(desk)
    desk.say(SIGN_IN, (200, {"token": "alone", "expires": desk.wall.stamp(60)}))
    await credentials.token(desk)
    desk.wall.time += 60
    await credentials.token(desk)
    assert desk.operations == [SIGN_IN, SIGN_IN]


async def test_a_retrieval_key_is_used_once(desk: Desk) -> None:
    credentials = AccessTokenRetrievalKey("user-1", "key-for-tests", wall=desk.wall)
    desk.say(RETRIEVE, NotSentError("no route"), (200, desk.session(name="expiresAt")))
    with pytest.raises(NotSentError):
        await credentials.token(desk)
    assert (await credentials.token(desk)).reveal() == "token-1"
    assert desk.asked[-1] == (RETRIEVE, "POST", "/v2/authenticate-token-retrieval-key")
    assert desk.bodies[-1] == {"userId": "user-1", "accessTokenRetrievalKey": "key-for-tests"}
    desk.wall.time += 3600
    assert (await credentials.token(desk)).reveal() == "token-2"
    desk.wall.time += 3600
    desk.say(REFRESH, (400, {"message": "used"}))
    with pytest.raises(AuthenticationError, match="the key is used up"):
        await credentials.token(desk)
    assert desk.operations.count(RETRIEVE) == 2


async def test_a_wrong_retrieval_key_is_reported(desk: Desk) -> None:
    desk.say(RETRIEVE, (400, {"message": "key-for-tests is unknown"}))
    with pytest.raises(AuthenticationError, match=r"retrieval key failed: \*\*\* is unknown"):
        await AccessTokenRetrievalKey("user-1", Secret("key-for-tests"), wall=desk.wall).token(desk)


async def test_an_extension_instance_requests_a_new_token_instead_of_refreshing(desk: Desk) -> None:
    credentials = ExtensionInstanceSecret("instance/1", "secret-for-tests", wall=desk.wall)
    for number in (1, 2):
        desk.say(INSTANCE, (201, {"publicToken": f"public-{number}", "expiry": desk.wall.stamp(600)}))
    assert (await credentials.token(desk)).reveal() == "public-1"
    desk.wall.time += 541
    assert (await credentials.token(desk)).reveal() == "public-2"
    assert desk.asked == [(INSTANCE, "POST", "/v2/extension-instances/instance%2F1/tokens")] * 2
    assert desk.bodies[0] == {"extensionInstanceSecret": "secret-for-tests"}
    desk.say(INSTANCE, (403, {"message": "rotated"}))
    with pytest.raises(AuthenticationError, match="authenticating the extension instance failed: rotated"):
        await credentials.refused(Secret("public-2"), desk)


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
