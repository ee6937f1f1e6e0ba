"""Secrets are visible only where they are requested explicitly."""

from __future__ import annotations

import copy
import gc
import logging
import pickle
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, cast

import msgspec
import pytest

from mittwald_async import Mittwald
from mittwald_async.credentials import AccessTokenRetrievalKey, ExtensionInstanceSecret, PasswordLogin
from mittwald_async.errors import MittwaldError
from mittwald_async.runtime.credentials import Credentials, Secret, StaticToken, TokenResponse, TokenSource, resolve

from ..support.login_routes import INSTANCE, REFRESH, RETRIEVE, SECOND_FACTOR, SIGN_IN, Reply, ScriptedExchange

WORD = "xyzzy-for-tests"


def test_a_secret_is_opaque() -> None:
    secret = Secret(WORD)
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret:>40}", repr([secret]), repr({"k": secret})):
        assert WORD not in shown
    assert secret.reveal() == WORD
    assert not hasattr(secret, "__dict__")
    assert WORD not in repr([getattr(secret, name) for name in Secret.__slots__])
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret]) == [secret]
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        msgspec.json.encode(secret)


def test_secrets_compare_by_value() -> None:
    assert Secret("é") == Secret("é") != Secret("e")
    assert Secret("a") != "a"
    assert {Secret("a"), Secret("a")} == {Secret("a")}


async def _vault() -> str:
    return WORD


@pytest.mark.parametrize(
    "make",
    [
        lambda: StaticToken(WORD),
        lambda: PasswordLogin("ada@example.com", WORD),
        lambda: AccessTokenRetrievalKey("user-1", WORD),
        lambda: ExtensionInstanceSecret("instance-1", WORD),
        lambda: TokenSource(_vault),
    ],
)
async def test_credentials_show_nothing(make: Callable[[], Credentials]) -> None:
    credentials = make()
    exchange = ScriptedExchange()
    exchange.respond(INSTANCE, (201, {"publicToken": WORD, "expiry": None}))
    await credentials.token(exchange)
    names = [name for kind in type(credentials).__mro__ for name in getattr(kind, "__slots__", ())]
    shown = repr(credentials) + str([getattr(credentials, name) for name in names]) + credentials.identity
    assert WORD not in shown
    assert "token-" not in shown
    assert type(credentials).__name__ in repr(credentials)
    with pytest.raises((TypeError, AttributeError)):
        pickle.dumps(credentials)


def locals_of(trace: TracebackType | None) -> str:
    """This package's frames as an error reporter would show them."""
    shown: list[str] = []
    while trace is not None:
        if "mittwald_async" in trace.tb_frame.f_code.co_filename and "tests" not in trace.tb_frame.f_code.co_filename:
            shown.append(f"{trace.tb_frame.f_code.co_name}: {trace.tb_frame.f_locals!r}")
        trace = trace.tb_next
    return "\n".join(shown)


def check(error: BaseException) -> None:
    if isinstance(error, MittwaldError):
        assert WORD not in str(vars(error))
    assert WORD not in "".join(traceback.format_exception(error))
    assert WORD not in locals_of(error.__traceback__)


REPLIES: list[tuple[str, Reply]] = [
    (
        SIGN_IN,
        (401, {"message": f"{WORD} is wrong", "type": WORD, "validationErrors": [{"message": WORD, "path": WORD}]}),
    ),
    (SIGN_IN, (400, f"<html>{WORD}</html>")),
    (SIGN_IN, (500, f"cannot parse {WORD}")),
    (SIGN_IN, (200, {"nonsense": WORD})),
    (SECOND_FACTOR, (400, {"message": WORD})),
    (RETRIEVE, (400, {"message": WORD})),
    (INSTANCE, (403, {"message": WORD})),
    (REFRESH, (503, {"message": WORD})),
]


@pytest.mark.parametrize(("operation", "reply"), REPLIES)
async def test_errors_logs_and_frames_show_nothing(
    operation: str, reply: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = ScriptedExchange()
    credentials: Credentials = PasswordLogin("ada@example.com", WORD, second_factor=lambda: WORD, wall=exchange.clock)
    if operation == RETRIEVE:
        credentials = AccessTokenRetrievalKey("user-1", WORD, wall=exchange.clock)
    if operation == INSTANCE:
        credentials = ExtensionInstanceSecret("instance-1", WORD, wall=exchange.clock)
    if operation == SECOND_FACTOR:
        exchange.respond(SIGN_IN, (202, {}))
    if operation == REFRESH:
        session: dict[str, Any] = {"token": WORD, "refreshToken": WORD, "expires": "never"}
        exchange.respond(SIGN_IN, (200, session))
        await credentials.token(exchange)
    exchange.respond(operation, reply)
    with caplog.at_level(logging.DEBUG), pytest.raises(MittwaldError) as caught:
        await credentials.refused(Secret(WORD), exchange)
    check(caught.value)
    assert WORD not in caplog.text


def test_an_unusable_token_shows_in_no_frame() -> None:
    attempts: list[Callable[[], object]] = [
        lambda: StaticToken(f"{WORD}\n"),
        lambda: StaticToken.from_environment("API_TOKEN", environ={"API_TOKEN": f"{WORD}\n"}),
        lambda: resolve(f"{WORD}\n", None),
        lambda: resolve(f"{WORD}\udc80", None),
        lambda: resolve(cast("str", WORD.encode()), None),
        lambda: PasswordLogin("ada@example.com", f"{WORD}\udc80"),
        lambda: Mittwald(cast("str", WORD.encode())),
        lambda: resolve(WORD, StaticToken("other")),
        lambda: PasswordLogin("", WORD),
        lambda: ExtensionInstanceSecret("", WORD),
    ]
    for attempt in attempts:
        with pytest.raises(MittwaldError) as caught:
            attempt()
        check(caught.value)
    gc.collect()


async def test_an_unusable_token_of_a_callable_shows_in_no_frame() -> None:
    async def vault() -> str:
        return f"{WORD}\n"

    with pytest.raises(MittwaldError) as caught:
        await TokenSource(vault).token(ScriptedExchange())
    check(caught.value)


def test_a_response_repr_shows_no_body() -> None:
    assert (
        repr(TokenResponse(status=200, headers={"Set-Cookie": WORD}, body=Secret(WORD))) == "TokenResponse(status=200)"
    )
