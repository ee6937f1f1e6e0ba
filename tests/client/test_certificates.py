"""Over TLS, a server must prove its name. One with an untrusted certificate, or one for another name, receives no
request and no token."""

from __future__ import annotations

import importlib.util
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from mittwald_async import Mittwald
from mittwald_async.errors import CertificateError, ConfigurationError, RedirectError
from mittwald_async.options import Pool

from ..support.scripted_server import reply
from ..support.scripted_server import serving as in_the_clear

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("cryptography") is None, reason="cryptography is not installed (extra dev)"
    ),
    pytest.mark.usefixtures("both_ways"),
]


def certificate(name: str, folder: Path) -> Path:
    """A self-signed certificate and its key in one file, valid for a day."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / f"{name}.pem"
    path.write_bytes(signed.public_bytes(pem) + secret)
    return path


@asynccontextmanager
async def serving(
    path: Path, status: int = 200, place: str | None = None
) -> AsyncGenerator[tuple[str, list[web.Request]]]:
    """A server with that certificate; yields its URL and the requests received. With `place` it redirects there."""
    seen: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request)
        return web.json_response({}, status=status, headers={} if place is None else {"Location": place})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield f"https://localhost:{runner.addresses[0][1]}", seen
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("status", [307, 308])
async def test_a_body_is_not_sent_in_the_clear_after_a_redirect_from_https_to_http(status: int, tmp_path: Path) -> None:
    path = certificate("localhost", tmp_path)
    tls = Pool(tls=ssl.create_default_context(cafile=str(path)))
    async with (
        in_the_clear(reply(201, {"id": "1"})) as elsewhere,
        serving(path, status, f"{elsewhere.url}/v2/projects") as (url, seen),
        Mittwald("token-for-tests", base_url=url, pool=tls) as mw,
    ):
        with pytest.raises(RedirectError, match="from https to http"):
            await mw.request("POST", "/v2/projects", body={"password": "for-tests-only"})
        with pytest.raises(RedirectError, match="from https to http"):
            await mw.request("GET", "/v2/projects")
        assert [request.method for request in seen] == ["POST", "GET"]
        assert elsewhere.seen == []


async def ask(url: str, pool: Pool) -> None:
    async with Mittwald("token-for-tests", base_url=url, pool=pool) as mw:
        await mw.request("GET", "/v2/projects")


@pytest.mark.parametrize(
    ("name", "vouched"), [("localhost", False), ("elsewhere.example.org", True)], ids=["unknown", "other name"]
)
async def test_a_server_that_does_not_prove_its_name_receives_nothing(name: str, vouched: bool, tmp_path: Path) -> None:
    path = certificate(name, tmp_path)
    async with serving(path) as (url, seen):
        tls = ssl.create_default_context(cafile=str(path)) if vouched else None
        with pytest.raises(CertificateError, match=r"certificate of .* was not accepted: \w+") as caught:
            await ask(url, Pool(tls=tls))
        assert len(caught.value.attempts) == 1  # a second attempt could not succeed
        assert seen == []


async def test_a_custom_tls_context_decides_whom_to_trust(tmp_path: Path) -> None:
    path = certificate("localhost", tmp_path)
    async with serving(path) as (url, seen):
        await ask(url, Pool(tls=ssl.create_default_context(cafile=str(path))))
        assert [request.headers["x-access-token"] for request in seen] == ["token-for-tests"]


@pytest.mark.parametrize("switch", [False, True, 0, "off"])
def test_verification_cannot_be_switched_off(switch: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"ssl\.SSLContext"):
        Pool(tls=switch)
