"""Uploads: described without being read, sized where possible, and resent only where that is safe."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.errors import InvalidArgumentError, MaybeSentError
from mittwald_async.runtime.files import File, MultipartBody, Upload, multipart
from mittwald_async.runtime.structs import UNSET


async def sent(body: MultipartBody) -> bytes:
    return b"".join([chunk async for chunk in body.open()])


async def parts_of(body: MultipartBody) -> list[Message]:
    wire = await sent(body)
    if body.size is not None:
        assert len(wire) == body.size
    parsed = BytesParser().parsebytes(b"Content-Type: " + body.content_type.encode() + b"\r\n\r\n" + wire)
    assert parsed.is_multipart()
    return [part for part in parsed.walk() if part is not parsed]


def facts(part: Message) -> tuple[str | None, object, str, object]:
    name = part.get_param("name", header="content-disposition")
    return part.get_filename(), name, part.get_content_type(), part.get_payload(decode=True)


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


class Again:
    """An iterable that can be iterated repeatedly."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return pieces(b"again", b"", b" and again")


async def test_bytes() -> None:
    body = await multipart({"file": b"\x00content\r\n"})
    (part,) = await parts_of(body)
    assert facts(part) == ("file", "file", "application/octet-stream", b"\x00content\r\n")
    assert body.repeatable
    assert await sent(body) == await sent(body)


async def test_the_documented_type_applies_where_the_upload_names_none(tmp_path: Path) -> None:
    named = tmp_path / "photo.jpg"
    named.write_bytes(b"")
    given = [b"1", named, File(b"3", content_type="image/gif")]
    body = await multipart({"photo": given, "other": b"4"}, {"photo": "image/png"})
    kinds = [part.get_content_type() for part in await parts_of(body)]
    assert kinds == ["image/png", "image/jpeg", "image/gif", "application/octet-stream"]


@pytest.mark.parametrize("given", [bytearray(b"abc"), memoryview(b"abc")])
async def test_bytes_like_objects(given: object) -> None:
    (part,) = await parts_of(await multipart({"file": given}))
    assert part.get_payload(decode=True) == b"abc"


@pytest.mark.parametrize("as_text", [True, False])
async def test_a_path(tmp_path: Path, as_text: bool) -> None:
    path = tmp_path / "mail.eml"
    path.write_bytes(b"From: ada\r\n")
    upload: Upload = str(path) if as_text else path
    body = await multipart({"emlEml": upload, "none": None, "unset": UNSET})
    assert body.size is not None
    wire = await sent(body)
    assert b'name="emlEml"; filename="mail.eml"\r\nContent-Type: message/rfc822\r\n\r\nFrom: ada\r\n\r\n--' in wire
    assert len(wire) == body.size
    assert body.repeatable


async def test_a_file_larger_than_a_chunk(tmp_path: Path) -> None:
    content = os.urandom(2_500_000)
    (tmp_path / "large.bin").write_bytes(content)
    body = await multipart({"file": tmp_path / "large.bin"})
    chunks = [chunk async for chunk in body.open()]
    assert max(len(chunk) for chunk in chunks) <= 1 << 20
    assert content in b"".join(chunks)
    large = await multipart({"file": content})
    assert max([len(chunk) async for chunk in large.open()]) <= 1 << 20


async def test_an_iterator_can_be_sent_once() -> None:
    body = await multipart({"file": pieces(b"a", b"b")})
    assert body.size is None
    assert not body.repeatable
    (part,) = await parts_of(body)
    assert part.get_payload(decode=True) == b"ab"
    with pytest.raises(MaybeSentError, match="cannot be sent again"):
        await sent(body)


async def test_an_iterable_can_be_resent() -> None:
    body = await multipart({"file": File(Again(), filename="again.txt")})
    for _ in range(2):
        (part,) = await parts_of(body)
        assert facts(part) == ("again.txt", "file", "text/plain", b"again and again")
    assert body.repeatable


async def test_a_given_size_is_announced_and_enforced() -> None:
    body = await multipart({"file": File(pieces(b"12", b"345"), size=5)})
    assert body.size is not None
    assert len(await sent(body)) == body.size
    with pytest.raises(MaybeSentError, match="file: the source gave less than its size"):
        await sent(await multipart({"file": File(pieces(b"12"), size=5)}))
    with pytest.raises(MaybeSentError, match="gave more"):
        await sent(await multipart({"file": File(pieces(b"12", b"3456"), size=5)}))


async def test_a_custom_name_and_type() -> None:
    file = File(b"x", filename='a "quoted"\r\nname ü.bin', content_type="image/png")
    wire = await sent(await multipart({"file": file}))
    assert 'filename="a %22quoted%22%0D%0Aname ü.bin"\r\nContent-Type: image/png\r\n'.encode() in wire
    with pytest.raises(InvalidArgumentError, match="file: the content type"):
        await multipart({"file": File(b"x", content_type="text/plain\r\nX: y")})


async def test_invalid_sources(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="file: int cannot be uploaded") as caught:
        await multipart({"file": 5})
    assert caught.value.parameter == "file"
    with pytest.raises(InvalidArgumentError, match="No such file"):
        await multipart({"file": str(tmp_path / "missing")})
    with pytest.raises(InvalidArgumentError, match="Is a directory"):
        await multipart({"file": tmp_path})


async def test_a_file_that_vanishes_or_changes_while_being_sent(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(bytes(1 << 20))
    body = await multipart({"file": path})
    path.unlink()
    with pytest.raises(MaybeSentError, match="cannot be read any more: No such file"):
        await sent(body)
    path.write_bytes(bytes(3 << 20))
    body = await multipart({"file": path})
    wire = body.open()
    await anext(wire)
    await anext(wire)
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(MaybeSentError, match="changed while it was sent"):
        async for _ in wire:
            pass


async def test_an_empty_file_and_an_empty_form(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (part,) = await parts_of(await multipart({"file": tmp_path / "empty"}))
    assert part.get_payload(decode=True) == b""
    assert (await sent(await multipart({}))).endswith(b"--\r\n")


def test_a_repr_shows_no_content() -> None:
    assert repr(File(b"secret-content")) == "File(14 bytes, filename=None, content_type=None)"
    assert "PosixPath" in repr(File(Path("x"))) or "WindowsPath" in repr(File(Path("x")))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": -1}, "size"),
        ({"size": "x"}, "size"),
        ({"filename": 5}, "filename must be text"),
        ({"filename": "\udc80"}, "filename holds a character"),
        ({"content_type": 5}, "content_type must be text"),
    ],
)
async def test_invalid_metadata_is_refused_before_sending(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"file: {said}"):
        await multipart({"file": File(b"x", **options)})


class _BytesPath:
    def __fspath__(self) -> Any:
        return b"x"


async def test_an_impossible_path_is_refused(tmp_path: Path) -> None:
    wrong: list[tuple[Any, str]] = [
        (str(tmp_path / "a\0b"), "is not a possible path"),
        (str(tmp_path / "half \ud83d"), "is not a possible path"),
        (str(tmp_path / ("n" * 300)), "too long"),
        (str(tmp_path / "no" / "such"), "No such file"),
        ("", "Is a directory"),
        (_BytesPath(), "must be text, not bytes"),
    ]
    for path, said in wrong:
        for given in (path, File(path)):
            with pytest.raises(InvalidArgumentError, match=f"file: .*{said}"):
                await multipart({"file": given})


@pytest.mark.skipif(os.name != "posix", reason="there are no pipes in the file system")
async def test_a_pipe_is_refused_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidArgumentError, match="is a pipe"):
        await multipart({"file": tmp_path / "pipe"})
