"""Responses written in unusual, careless or hostile ways: each yields the right value or one of our errors, never less
than arrived and never a guess. Each case sends exactly these bytes to the public client.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import warnings
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mittwald_async import Mittwald, Operation, codec
from mittwald_async.errors import (
    DriftWarning,
    MittwaldError,
    ResponseBrokenError,
    ResponseDecodeError,
    ResponseTooLargeError,
)
from mittwald_async.runtime.operation import Result
from mittwald_async.runtime.transport.decompression import can_undo

from ..support.scripted_server import Act, Seen, reply, talking

WHOLE = json.dumps({"id": "p-1", "text": "abcdefghij" * 300}).encode()
GZIP, ZLIB = gzip.compress(WHOLE, mtime=0), zlib.compress(WHOLE)
needs_brotli = pytest.mark.skipif(not can_undo(("br",)), reason="needs the extra speed")
needs_zstd = pytest.mark.skipif(not can_undo(("zstd",)), reason="needs the extra speed")


@pytest.fixture(autouse=True)
def _reports() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    codec.forget_reports()
    yield
    codec.forget_reports()


def get(expression: str) -> Operation[Any]:
    """An operation whose response has the given type."""
    return Operation(
        operation_id=f"get {expression}",
        method="GET",
        path="/v2/thing",
        group="thing",
        name="get_thing",
        tag="Thing",
        results=(Result(status=200, type=expression, content_type="application/json"),),
    )


async def value(client: Mittwald, expression: str, *, strict: bool = False) -> Any:
    return await client.with_options(strict=strict).sender.value(get(expression), ())


def lines(*headers: str, body: bytes, kind: str = "application/json") -> bytes:
    """A response with the given header lines."""
    head = "\r\n".join(["HTTP/1.1 200 OK", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers])
    return head.encode() + b"\r\n\r\n" + body


def chunked(body: bytes, after: bytes, *headers: str) -> Act:
    """A chunked response that ends with the given bytes and then closes the connection."""

    async def act(seen: Seen, writer: asyncio.StreamWriter) -> None:
        head = "\r\n".join(["HTTP/1.1 200 OK", "Content-Type: application/json", *headers])
        writer.write(head.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b"%x\r\n" % len(body) + body + b"\r\n" + after)
        await writer.drain()
        writer.close()

    return act


async def outcomes(client: Mittwald, url: str, tmp_path: Path) -> list[bytes | type[Exception]]:
    """The outcome of each way to read a body."""

    async def called() -> bytes:
        return json.dumps(await value(client, "Any")).encode()

    async def requested() -> bytes:
        return (await client.request("GET", "/v2/x")).data

    async def downloaded() -> bytes:
        return await client.download(url)

    async def streamed() -> bytes:
        async with client.download(url) as stream:
            return b"".join([chunk async for chunk in stream])

    async def saved() -> bytes:
        return (await client.download(url).save(tmp_path / "saved", resume=False)).read_bytes()

    found: list[bytes | type[Exception]] = []
    for way in (called, requested, downloaded, streamed, saved):
        try:
            found.append(await way())
        except MittwaldError as error:
            found.append(type(error))
    return found


def zstandard(*parts: bytes) -> bytes:
    library: Any
    try:
        library = import_module("compression.zstd")
    except ImportError:
        library = import_module("backports.zstd")
    return b"".join(library.compress(part) for part in parts)


def brotli(body: bytes) -> bytes:
    packed: bytes = import_module("brotli").compress(body)
    return packed


# ---- compressed bodies ----


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Encoding: gzip, gzip",),
        ("Content-Encoding: gzip", "Content-Encoding: gzip"),
        ("Content-Encoding: gzip", "content-encoding: X-GZIP"),
        ("Content-Encoding: identity, gzip", "Content-Encoding: ,gzip,"),
    ],
)
async def test_stacked_codings_are_undone_however_they_are_listed(headers: tuple[str, ...], tmp_path: Path) -> None:
    """RFC 9110, 5.3: several lines of a header form one list. Undoing only one coding would yield a wrong body."""
    twice = gzip.compress(GZIP)
    async with talking(lines(*headers, body=twice), max_retries=0) as (client, server, _):
        assert await outcomes(client, server.url + "/f", tmp_path) == [WHOLE] * 5
        server.then(lines(*headers, body=twice[:-1]))
        assert await outcomes(client, server.url + "/f", tmp_path) == [ResponseBrokenError] * 5
        server.then(lines(*headers, body=gzip.compress(GZIP[:-1])))
        assert await outcomes(client, server.url + "/f", tmp_path) == [ResponseBrokenError] * 5


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", GZIP[:-1]),
        ("gzip", GZIP[:-8]),
        ("gzip", GZIP[:10]),
        ("gzip", GZIP[:1]),
        ("gzip", GZIP[:-8] + bytes(4) + GZIP[-4:]),
        ("gzip", GZIP[:-4] + bytes(4)),
        ("gzip", GZIP + GZIP[:-6]),
        ("gzip", GZIP + b"garbage"),
        ("gzip", WHOLE),
        ("deflate", ZLIB[:-1]),
        ("deflate", ZLIB[:-4] + bytes(4)),
        ("deflate", ZLIB + b"x"),
        ("gzip, deflate", zlib.compress(GZIP[:-1])),
        ("gzip, deflate", zlib.compress(GZIP)[:-1]),
        pytest.param("zstd", "cut", marks=needs_zstd),
        pytest.param("zstd", "second cut", marks=needs_zstd),
        pytest.param("zstd", "garbage", marks=needs_zstd),
        pytest.param("br", "cut", marks=needs_brotli),
        pytest.param("br", "twice", marks=needs_brotli),
        pytest.param("br", "garbage", marks=needs_brotli),
    ],
)
async def test_a_cut_damaged_or_overlong_compressed_body_is_never_taken_as_whole(
    coding: str, body: bytes | str, tmp_path: Path
) -> None:
    """pydantic-ai#7159."""
    if isinstance(body, str):
        packed = zstandard(WHOLE) if coding == "zstd" else brotli(WHOLE)
        body = {
            "cut": packed[:-1],
            "second cut": packed + packed[:-1],
            "twice": packed + packed,
            "garbage": packed + b"x",
        }[body]
    async with talking(lines(f"Content-Encoding: {coding}", body=body), max_retries=0) as (client, server, _):
        assert await outcomes(client, server.url + "/f", tmp_path) == [ResponseBrokenError] * 5
        server.then(chunked(body, b"0\r\n\r\n", f"Content-Encoding: {coding}"))
        assert await outcomes(client, server.url + "/f", tmp_path) == [ResponseBrokenError] * 5
    assert not (tmp_path / "saved").exists()


@needs_zstd
async def test_several_zstandard_frames_in_one_body(tmp_path: Path) -> None:
    skippable = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"
    for body in (zstandard(WHOLE[:50], WHOLE[50:]), skippable + zstandard(WHOLE), zstandard(WHOLE) + skippable):
        async with talking(lines("Content-Encoding: zstd", body=body)) as (client, server, _):
            assert await outcomes(client, server.url + "/f", tmp_path) == [WHOLE] * 5


@pytest.mark.parametrize("coding", ["gzip;q=1", '"gzip"', "compress", ", ".join(["gzip"] * 6), "exi"])
async def test_an_unsupported_coding_is_named_in_an_error(coding: str, tmp_path: Path) -> None:
    async with talking(lines(f"Content-Encoding: {coding}", body=GZIP), max_retries=0) as (client, server, _):
        assert await outcomes(client, server.url + "/f", tmp_path) == [ResponseDecodeError] * 5


@pytest.mark.parametrize("after", [b"", b"0\r\n", b"zz\r\n", b"-1\r\n", b"5\r\nab", b"0\r\n\r\nGARBAGE"])
async def test_a_chunked_body_without_its_terminator_is_never_taken_as_whole(after: bytes, tmp_path: Path) -> None:
    for body, headers in ((WHOLE, ()), (GZIP, ("Content-Encoding: gzip",))):
        async with talking(chunked(body, after, *headers), max_retries=0) as (client, server, _):
            assert await outcomes(client, server.url + "/f", tmp_path) == [ResponseBrokenError] * 5
    assert not (tmp_path / "saved").exists()


# ---- date-times ----


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02t03:04:05z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02 03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05-00:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05+0530", datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5, minutes=30)))),
        ("2026-01-02T03:04:05.9-23:59", datetime(2026, 1, 2, 3, 4, 5, 900000, timezone(-timedelta(minutes=1439)))),
        ("0001-01-01T00:00:00+14:00", datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))),
        (
            "9999-12-31T23:59:59.9999999-14:00",
            datetime(9999, 12, 31, 23, 59, 59, 999999, timezone(-timedelta(hours=14))),
        ),
        ("2026-01-02T23:59:59.99999999999999999999Z", datetime(2026, 1, 2, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2026-01-02T03:04:05.1234565+01:00", datetime(2026, 1, 2, 3, 4, 5, 123456, timezone(timedelta(hours=1)))),
    ],
)
async def test_a_date_time_is_the_instant_that_was_written(text: str, moment: datetime) -> None:
    """meltano/sdk#2612."""
    async with talking(reply(200, [text])) as (client, _, _):
        (found,) = await value(client, "list[datetime]", strict=True)
        assert found == moment
        assert found.utcoffset() == moment.utcoffset()
        assert json.loads(codec.encode(found)) == msgspec.to_builtins(moment)


@pytest.mark.parametrize(
    "text",
    [
        "2016-12-31T23:59:60Z",
        "2026-01-02T24:00:00Z",
        "-0001-01-02T03:04:05Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-01-02T03:04:05+24:00",
        "2026-01-02T03:04:05+14",
        "2026-01-02T03:04:05,5Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05.1234567",
        "2026-01-02T03:04Z",
        "2026-01-02",
        "2026-01-02T03:04:05Z\n",
        "2026-01-02T03:04:05.123456789+01:00[Europe/Berlin]",
        "",
    ],
)
async def test_what_is_not_an_instant_stays_text_and_is_sent_back_unchanged(text: str) -> None:
    good = "2026-01-02T03:04:05Z"
    async with talking(reply(200, [good, text, good])) as (client, _, _):
        with pytest.warns(DriftWarning, match="date-time"):
            found = await value(client, "list[datetime]")
        assert [type(part) for part in found] == [datetime, str, datetime]
        assert json.loads(codec.encode(found)) == [good, text, good]
        with pytest.raises(ResponseDecodeError, match="date-time"):
            await value(client, "list[datetime]", strict=True)


# ---- numbers ----


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b"1e3", 1000),
        (b"1E+3", 1000),
        (b"1000.00", 1000),
        (b"-2.50e1", -25),
        (b"-0.0", 0),
        (b"-0", 0),
        (b"0e0", 0),
        (b"9007199254740991.0", 2**53 - 1),
        (b"9007199254740993", 2**53 + 1),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
    ],
)
async def test_an_integer_is_the_integer_that_was_written(text: bytes, number: int) -> None:
    async with talking(reply(200, b"[1," + text + b"]")) as (client, _, _):
        for strict in (True, False):
            found = await value(client, "list[int]", strict=strict)
            assert found == [1, number]
            assert {type(part) for part in found} == {int}
            assert str(found[1]) == str(number), "no minus before 0"


@pytest.mark.parametrize(
    "text", [b"9007199254740993.0", b"1.8446744073709552e19", b"1e300", b"0.1", b"true", b"false", b'"5"', b"null"]
)
async def test_a_number_that_may_not_be_an_integer_is_not_made_one(text: bytes) -> None:
    """Beyond 2**53 a float may stand for another integer: `9007199254740993.0` would change its value."""
    async with talking(reply(200, b"[1," + text + b"]")) as (client, _, _):
        with pytest.warns(DriftWarning, match="expected integer"):
            found = await value(client, "list[int]")
        assert found == [1, json.loads(text)]
        assert type(found[1]) is type(json.loads(text))
        with pytest.raises(ResponseDecodeError, match="expected integer"):
            await value(client, "list[int]", strict=True)


async def test_a_number_keeps_its_form_where_both_forms_are_documented() -> None:
    texts = ["5", "5.0", "-0.0", "1e3", "1e300", "0.1", "9007199254740993", "true"]
    async with talking(reply(200, f"[{','.join(texts)}]".encode())) as (client, _, _):
        with pytest.warns(DriftWarning, match="got boolean"):
            found = await value(client, "list[int | float]")
        assert [type(part) for part in found] == [type(json.loads(text)) for text in texts]
        assert found == json.loads(f"[{','.join(texts)}]")


# ---- texts and keys ----


@pytest.mark.parametrize(
    ("odd", "kept"),
    [
        (rb"C:\x", "C:\\x"),
        (rb"cut \u12", "cut \\u12"),
        (rb"\\\q", "\\\\q"),
        (b"\xff", "\ufffd"),
        (b"\xe2\x82", "\ufffd"),
        (b"\xed\xa0\xbd\xed\xb8\x80", "\ufffd" * 6),
        (b"\xc0\xaf", "\ufffd" * 2),
        (b"a\x00b\x1f\x7f", "a\x00b\x1f\x7f"),
        (rb"\ud83d\ude00 \ud83d", "\U0001f600 \ufffd"),
        (rb"\ude00\ud83d", "\ufffd\ufffd"),
    ],
)
async def test_an_undecodable_text_in_one_item_never_hides_the_others(odd: bytes, kept: str) -> None:
    """msgspec#714."""
    items = [b'{"id":"1"}', b'{"id":"' + odd + b'"}', b'{"' + odd + b'":"3"}', b'{"id":"4"}']
    async with talking(reply(200, b"[" + b",".join(items) + b"]")) as (client, _, _):
        with pytest.warns(DriftWarning):
            found = await value(client, "list[dict[str, str]]")
        assert found == [{"id": "1"}, {"id": kept}, {kept: "3"}, {"id": "4"}]
        with pytest.raises(ResponseDecodeError):
            await value(client, "list[dict[str, str]]", strict=True)


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [
        ("iso-8859-1", "latin-1"),
        ('"ISO-8859-15"', "iso-8859-15"),
        ("windows-1252", "cp1252"),
        ("utf-16", "utf-16"),
        ("utf-16le", "utf-16-le"),
        ("utf-32", "utf-32"),
        ("iso-8859-1", "utf-8"),
        ("utf-16", "utf-8"),
        ("nonsense", "utf-8"),
        ("", "utf-8"),
        ("hex", "utf-8"),
    ],
)
async def test_json_is_decoded_by_its_charset_unless_it_is_utf8(charset: str, encoding: str) -> None:
    body = '{"id":"Müller"}'.encode(encoding)
    sent = lines(body=body, kind=f"application/json; charset={charset}")
    async with talking(sent) as (client, _, _):
        assert await value(client, "dict[str, str]") == {"id": "Müller"}


async def test_an_unknown_charset_affects_only_what_is_not_utf8() -> None:
    sent = lines(body='{"id":"Müller","at":"x"}'.encode("latin-1"), kind="application/json; charset=nonsense")
    async with talking(sent) as (client, _, _):
        with pytest.warns(DriftWarning, match="U\\+FFFD"):
            assert await value(client, "dict[str, str]") == {"id": "M\ufffdller", "at": "x"}


async def test_of_a_duplicate_key_the_last_one_wins_at_any_depth() -> None:
    body = b'{"a":{"b":1,"b":2},"a":{"b":3,"\\u0062":4},"a\\u0000c":"x\\u0000y","a\\u0000c":"z\\u0000"}'
    async with talking(reply(200, body)) as (client, _, _):
        for expression in ("Any", "dict[str, Any]", "dict[str, dict[str, int] | str]"):
            for strict in (True, False):
                found = await value(client, expression, strict=strict)
                assert found == {"a": {"b": 4}, "a\0c": "z\0"}
                assert json.loads(codec.encode(found)) == found


# ---- headers ----


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Type: application/json; charset=\xff",
        b"Content-Type: \xff\xfe",
        b"X-RateLimit-Remaining: \xff",
        b"Retry-After: \xe4",
        b"X-Pagination-TotalCount: \xff",
        b"ETag: \xff",
        b"Date: \xff",
        b"Content-Disposition: attachment; filename*=UTF-8''%ff\xff",
        b"\xff: x",
        b"Set-Cookie: \xff=\xff; expires=\xff",
        b"Content-Encoding: \xff",
        b'Link: <\xff>; rel="next',
    ],
)
async def test_undecodable_header_bytes_raise_no_foreign_exception(header: bytes) -> None:
    for status in (200, 307, 412, 429, 503):
        sent = b"HTTP/1.1 %d X\r\n" % status + header + b"\r\nContent-Length: 2\r\n\r\n{}"
        async with talking(sent, max_retries=1) as (client, server, _):
            said = "nothing"
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always", DriftWarning)
                for call in (value(client, "Any"), client.request("PUT", "/v2/x"), _filename(client, server.url)):
                    try:
                        await call
                    except MittwaldError as error:
                        said = str(error)
                    assert said.encode(), "can be printed"
            assert all(str(warning.message).encode() for warning in warned)


async def _filename(client: Mittwald, url: str) -> str | None:
    async with client.download(url + "/f") as stream:
        return stream.filename


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        (b"filename=\"EURO.pdf\"; filename*=UTF-8''%e2%82%ac.pdf", "€.pdf"),
        (b"filename*=UTF-8''%e2%82%ac.pdf; filename=\"EURO.pdf\"", "€.pdf"),
        (b"FILENAME*=utf8'de'%e2%82%ac.pdf", "€.pdf"),
        (b"filename*=\"UTF-8''%e2%82%ac.pdf\"", "€.pdf"),
        (b"filename*=iso-8859-15''%a4.pdf", "€.pdf"),
        (b"filename*=windows-1252''%80.pdf", "€.pdf"),
        (b"filename*=UTF-8''%ff.pdf; filename=plain.pdf", "plain.pdf"),
        (b"filename*=x-unknown''%a4.pdf; filename=plain.pdf", "plain.pdf"),
        (b"filename*=UTF-8''; filename=plain.pdf", "plain.pdf"),
        (b"filename*=no-quotes.pdf; filename=plain.pdf", "plain.pdf"),
        (b'filename*0="a long "; filename*1="name.pdf"', "a long name.pdf"),
        (b"filename*1*=%ac.pdf; filename*0*=UTF-8''%e2%82", "€.pdf"),
        (b"filename*0*=UTF-8''%e2%82%ac; filename*1=\".pdf\"; filename=plain.pdf", "€.pdf"),
        (b'filename*1="b.pdf"; filename=plain.pdf', "plain.pdf"),
        (b"filename*0*=UTF-8''%ff; filename=plain.pdf", "plain.pdf"),
        (b'filename="a\\"b\\\\..\\\\c.pdf"', "c.pdf"),
        (b'filename="a \\"quoted\\" name.pdf"', 'a "quoted" name.pdf'),
        (b'filename="a; filename=evil.sh"', "a; filename=evil.sh"),
        (b'name="filename=evil"; filename=good.pdf', "good.pdf"),
        (b'filename="first.pdf"; filename="second.pdf"', "first.pdf"),
        (b'filename="unclosed.pdf', "unclosed.pdf"),
        (b"filename=two words.pdf; size=5", "two words.pdf"),
        (b'filename = "spaced.pdf"', "spaced.pdf"),
        ('filename="ä.pdf"'.encode(), "ä.pdf"),
        ('filename="ä.pdf"'.encode("latin-1"), "ä.pdf"),
        (b'filename="../../etc/passwd"', "passwd"),
        (b"filename*=UTF-8''..%2f..%5cx%00y%0a.txt", "xy.txt"),
        (b'filename="C:x.txt"', "x.txt"),
        (b"filename*=UTF-8''%e2%80%aegpj.exe", "gpj.exe"),
        (b'filename=""', None),
        (b'filename=".."', None),
        (b'filename="/"', None),
        (b"filename", None),
        (b"", None),
    ],
)
async def test_the_file_name_suggested_by_a_response(parameters: bytes, name: str | None) -> None:
    """RFC 6266 and RFC 8187; continuations as in RFC 2231."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Disposition: attachment; " + parameters + b"\r\n\r\n"
    async with talking(head) as (client, server, _):
        assert await _filename(client, server.url) == name


# ---- memory ----


async def test_a_text_that_grows_too_large_is_refused_but_its_lines_are_not() -> None:
    """ouroboros#398."""
    text = b"a line of a log\n" * 10_000
    packed = lines("Content-Encoding: gzip", body=gzip.compress(text), kind="text/plain")
    async with talking(packed, max_response_size=10_000) as (client, server, _):
        with pytest.raises(ResponseTooLargeError):
            await client.service_logs("stack", "service")
        assert [line async for line in client.service_logs("stack", "service")] == ["a line of a log"] * 10_000
        endless = lines("Content-Encoding: gzip", body=gzip.compress(b"x" * 65_000), kind="text/plain")
        server.then(endless)
        with pytest.raises(ResponseTooLargeError):
            async for _ in client.service_logs("stack", "service"):
                pass
