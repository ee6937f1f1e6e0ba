"""Calls to an extension: verified, processed once, and typed."""

from __future__ import annotations

import asyncio
import json
from typing import Any, ClassVar
from uuid import uuid4

import pytest

from mittwald_async.errors import (
    ConfigurationError,
    InvalidArgumentError,
    MittwaldError,
    ResponseDecodeError,
    ServerError,
)
from mittwald_async.runtime.structs import UNSET
from mittwald_async.webhooks import (
    ExtensionAddedToContext,
    InstanceRemovedFromContext,
    InstanceUpdated,
    MemoryStore,
    ReplayedError,
    SecretRotated,
    SignatureError,
    TooManyKeysError,
    UnknownEvent,
    Verifier,
    WebhookError,
)

from ..support.webhook_sender import Sender, call


class Time:
    """A clock that the test moves."""

    seconds = 0.0

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class TestEvents:
    @pytest.mark.parametrize(
        "kind", [ExtensionAddedToContext, InstanceUpdated, SecretRotated, InstanceRemovedFromContext]
    )
    async def test_each_kind_has_its_class(self, kind: Any) -> None:
        sender = Sender()
        body = call(kind.kind)
        event = await Verifier(sender.groups).verify(sender.headers(body), body)
        assert type(event) is kind
        assert (event.id, event.context.id, event.context.kind) == ("i-1", "p-1", "project")
        assert (event.consented_scopes, event.state.enabled, event.dry_run) == (("project:read",), True, False)
        assert event.raw == json.loads(body)
        assert getattr(event, "secret", None) in ("very secret", None)
        assert "very secret" not in repr(event)

    async def test_an_unknown_kind_and_an_unexpected_form_are_kept(self) -> None:
        sender = Sender()
        verifier = Verifier(sender.groups)
        for body, name in (
            (call("SomethingNew", more=1), "SomethingNew"),
            (call(state="off"), "ExtensionAddedToContext"),
            (call(consentedScopes=5, id=None), "ExtensionAddedToContext"),
        ):
            event = await verifier.verify(sender.headers(body), body)
            assert isinstance(event, UnknownEvent)
            assert (event.name, event.raw) == (name, json.loads(body))

    async def test_a_dry_run_is_marked(self) -> None:
        sender = Sender()
        verifier = Verifier(sender.groups)
        target = {"method": "POST", "url": "https://extension.example/hook?dry-run=true"}
        for body, url, trial in (
            (call(), "/hook?dry-run=true", True),
            (call(), "/hook?dry-run=false", False),
            (call(request={"id": "1", "target": target}), None, True),
            (call(), None, False),
            (call(), "http://[?dry-run=true", True),
            (call(), "http://[/#?dry-run=true", False),
        ):
            assert (await verifier.verify(sender.headers(body), body, url=url)).dry_run is trial

    @pytest.mark.parametrize("body", [b"\xff", b"[]", b"{}", b'{"kind": "InstanceUpdated"}', b"[" * 100_000])
    async def test_a_signed_body_that_is_not_an_event(self, body: bytes) -> None:
        sender = Sender()
        with pytest.raises(SignatureError, match="the body is not"):
            await Verifier(sender.groups).verify(sender.headers(body), body)


class TestSignatures:
    async def test_a_tampered_body(self) -> None:
        sender = Sender()
        body = call()
        with pytest.raises(SignatureError, match="does not fit"):
            await Verifier(sender.groups).verify(sender.headers(body), body.replace(b"p-1", b"p-2"))
        with pytest.raises(SignatureError, match="does not fit"):
            await Verifier(sender.groups).verify(sender.headers(body), json.dumps(json.loads(body), indent=1).encode())

    @pytest.mark.parametrize(
        ("changed", "problem"),
        [
            ({"Signature_Algorithm": "none"}, "algorithm of the signature is 'none'"),
            ({"Signature_Algorithm": ""}, "algorithm of the signature is missing"),
            ({"Signature_Algorithm": "RS256"}, "RS256"),
            ({"Signature": "!"}, "not base64"),
            ({"Signature": ""}, "missing"),
            ({"Signature": "AAAA"}, "64 bytes"),
            ({"Signature_Serial": "../../users"}, "not a UUID"),
        ],
    )
    async def test_invalid_headers(self, changed: dict[str, str], problem: str) -> None:
        sender = Sender()
        body = call()
        with pytest.raises(SignatureError, match=problem):
            await Verifier(sender.groups).verify(sender.headers(body, **changed), body)
        assert sender.asked == []

    async def test_header_names_in_any_case(self) -> None:
        sender = Sender()
        body = call()
        headers = {name.upper(): value for name, value in sender.headers(body, Signature_Algorithm="ED25519").items()}
        await Verifier(sender.groups).verify(headers, body)

    async def test_a_text_body_is_a_mistake_of_the_caller(self) -> None:
        sender = Sender()
        with pytest.raises(InvalidArgumentError, match="body: must be the bytes as they came"):
            await Verifier(sender.groups).verify({}, call().decode())  # type: ignore[arg-type]

    async def test_a_url_or_headers_of_the_wrong_type_are_a_mistake_and_leave_no_trace(self) -> None:
        sender = Sender()
        verifier = Verifier(sender.groups)
        body = call()
        wrong: Any
        for wrong in (b"/hook?dry-run=true", 5, object()):
            with pytest.raises(InvalidArgumentError, match=r"url: must be text, such as str\(request\.url\)"):
                await verifier.verify(sender.headers(body), body, url=wrong)
        for wrong in (None, list(sender.headers(body).items())):
            with pytest.raises(InvalidArgumentError, match="headers: must be those of the request"):
                await verifier.verify(wrong, body)
        await verifier.verify(sender.headers(body), body)

    async def test_a_key_with_another_algorithm(self) -> None:
        sender = Sender()
        sender.algorithm = "RSA"
        body = call()
        with pytest.raises(SignatureError, match="another algorithm"):
            await Verifier(sender.groups).verify(sender.headers(body), body)

    @pytest.mark.parametrize("algorithm", [None, UNSET, 5])
    async def test_a_response_without_a_usable_key_is_an_error_of_the_response(self, algorithm: Any) -> None:
        """The call is genuine, perhaps: it is to come again, and not to end in an attribute error."""
        sender = Sender()
        sender.algorithm = algorithm
        body = call()
        with pytest.raises(ResponseDecodeError, match="has no public key"):
            await Verifier(sender.groups).verify(sender.headers(body), body)


class TestKeys:
    async def test_a_key_is_fetched_once_for_all_calls(self) -> None:
        sender = Sender()
        verifier = Verifier(sender.groups)
        bodies = [call() for _ in range(50)]
        await asyncio.gather(*(verifier.verify(sender.headers(body), body) for body in bodies))
        assert sender.asked == [(sender.serial, "webhook")]

    async def test_unknown_serials_are_looked_up_at_most_ten_times_a_minute(self) -> None:
        sender, time = Sender(), Time()
        verifier = Verifier(sender.groups, clock=time)
        body = call()

        async def attack(serial: str) -> type[WebhookError]:
            with pytest.raises(WebhookError) as caught:
                await verifier.verify(sender.headers(body, Signature_Serial=serial), body)
            return caught.type

        same = str(uuid4())
        assert set(await asyncio.gather(*(attack(same) for _ in range(20)))) == {SignatureError}
        assert len(sender.asked) == 1
        kinds = [await attack(str(uuid4())) for _ in range(100)]
        assert kinds == [SignatureError] * 9 + [TooManyKeysError] * 91
        with pytest.raises(TooManyKeysError):
            await verifier.verify(sender.headers(body), body)
        time.seconds = 61
        await verifier.verify(sender.headers(body), body)
        assert len(sender.asked) == 11

    async def test_a_key_that_could_not_be_fetched_is_fetched_next_time(self) -> None:
        sender = Sender()
        sender.trouble = ServerError("down", status=503)
        verifier = Verifier(sender.groups)
        body = call()
        results = await asyncio.gather(
            *(verifier.verify(sender.headers(body), body) for _ in range(9)), return_exceptions=True
        )
        assert {type(one) for one in results} == {ServerError}
        assert len(sender.asked) == 1
        sender.trouble = None
        await verifier.verify(sender.headers(body), body)

    async def test_cancelling_the_first_waiter_does_not_affect_the_others(self) -> None:
        sender = Sender()
        verifier = Verifier(sender.groups)
        bodies = [call() for _ in range(3)]
        tasks = [asyncio.create_task(verifier.verify(sender.headers(body), body)) for body in bodies]
        await asyncio.sleep(0)
        tasks[0].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(one) for one in results] == [
            asyncio.CancelledError,
            ExtensionAddedToContext,
            ExtensionAddedToContext,
        ]

    async def test_without_cryptography_the_message_names_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sender = Sender()
        body = call()
        headers = sender.headers(body)
        monkeypatch.setitem(
            __import__("sys").modules,
            "cryptography.hazmat.primitives.asymmetric.ed25519",
            None,
        )
        with pytest.raises(ConfigurationError, match=r"\[webhooks\]"):
            await Verifier(sender.groups).verify(headers, body)


class TestReplays:
    async def test_a_call_is_accepted_once(self) -> None:
        sender = Sender()
        verifier = Verifier(sender.groups)
        body = call()
        results = await asyncio.gather(
            *(verifier.verify(sender.headers(body), body) for _ in range(5)), return_exceptions=True
        )
        assert [type(one) for one in results].count(ReplayedError) == 4
        (event,) = (one for one in results if isinstance(one, ExtensionAddedToContext))
        with pytest.raises(ReplayedError, match=event.request.id) as caught:
            await verifier.verify(sender.headers(body), body)
        assert isinstance(caught.value, MittwaldError)
        await verifier.forget(event)
        await verifier.verify(sender.headers(body), body)

    async def test_a_custom_store_is_consulted_for_genuine_calls_only(self) -> None:
        class Shared(MemoryStore):
            added: ClassVar[list[str]] = []

            async def add(self, request_id: str) -> bool:
                self.added.append(request_id)
                return await super().add(request_id)

        sender, store = Sender(), Shared()
        body = call(request={"id": "r-1"})
        await Verifier(sender.groups, store=store).verify(sender.headers(body), body)
        with pytest.raises(ReplayedError):
            await Verifier(sender.groups, store=store).verify(sender.headers(body), body)
        with pytest.raises(SignatureError):
            await Verifier(sender.groups, store=store).verify(sender.headers(body), body + b" ")
        assert store.added == ["r-1", "r-1"]

    async def test_the_memory_store_is_bounded(self) -> None:
        store = MemoryStore(size=2)
        assert [await store.add(one) for one in "aabca"] == [True, False, True, True, True]
