"""Session tokens: which user views an extension's page."""

from __future__ import annotations

from typing import Any

import pytest

from mittwald_async.webhooks import SessionTokenError, Verifier

from ..support.webhook_sender import NOON, Sender, later


def verifier(sender: Sender, seconds: float = 10) -> Verifier:
    return Verifier(sender.groups, wall=lambda: later(seconds))


async def test_a_valid_token_names_the_user_and_the_instance() -> None:
    sender = Sender()
    session = await verifier(sender).session(sender.token(color="green"))
    assert (session.user_id, session.session_id, session.extension_instance_id) == ("u-1", "s-1", "i-1")
    assert (session.context_id, session.expires_at, session.claims["color"]) == (None, later(60), "green")
    assert sender.asked == [(sender.serial, "session_token")]


async def test_a_verified_token_can_be_exchanged() -> None:
    sender = Sender()
    token = await verifier(sender).exchange(sender.token(), extension_secret="ours")
    assert (token.public_token, token.expiry) == ("for ours", NOON)
    with pytest.raises(SessionTokenError):
        await verifier(sender, 70).exchange(sender.token(), extension_secret="ours")


@pytest.mark.parametrize(
    ("seconds", "claims", "problem"),
    [
        (66, {}, "expired 6 s ago"),
        (66, {"exp": NOON.timestamp() + 9999}, "expired"),
        (66, {"exp": None}, "expired"),
        (10, {"exp": None, "iat": None}, "does not say until when"),
        (10, {"exp": "never", "iat": True}, "does not say until when"),
        (10, {"exp": 1e300, "iat": None}, "does not say until when"),
        (-6, {}, "not valid yet"),
        (10, {"nbf": NOON.timestamp() + 30}, "not valid yet"),
        (10, {"publicKeySerial": None}, "not a UUID"),
        (10, {"publicKeySerial": "00000000-0000-4000-8000-000000000000"}, "unknown public key"),
    ],
)
async def test_an_invalid_token(seconds: float, claims: dict[str, Any], problem: str) -> None:
    sender = Sender()
    with pytest.raises(SessionTokenError, match=problem):
        await verifier(sender, seconds).session(sender.token(**claims))


@pytest.mark.parametrize("alg", ["none", "HS256", "EdDSA2"])
async def test_a_token_with_another_algorithm(alg: str) -> None:
    sender = Sender()
    with pytest.raises(SessionTokenError, match="not EdDSA"):
        await verifier(sender).session(sender.token(alg=alg))
    assert sender.asked == []


async def test_a_forged_token() -> None:
    sender, forger = Sender(), Sender()
    forger.serial = sender.serial
    with pytest.raises(SessionTokenError, match="not genuine: the signature does not fit"):
        await verifier(sender).session(forger.token())
    head, body, signature = sender.token().split(".")
    for odd in (
        "",
        "a.b",
        "a.b.c",
        f"{head}.{body}.",
        f"{head}.!.{signature}",
        "ä.b.c",
        "W10.W10.W10",
        "x" * 99_999,
        5,
    ):
        with pytest.raises(SessionTokenError):
            await verifier(sender).session(odd)  # type: ignore[arg-type]
