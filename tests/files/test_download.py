"""Downloads: lazy, streamed, resumed after a break, and never a mix of two files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mittwald_async.errors import (
    CallTimeoutError,
    ClientStateError,
    DownloadError,
    InvalidArgumentError,
    MaybeSentError,
    NotFoundError,
    NotSentError,
    ReadTimeoutError,
    ServerError,
)
from mittwald_async.runtime.files import Download

from ..support.file_sender import GET_FILE, FileHost

CONTENT = bytes(range(256)) * 40
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()


async def streamed(download: Download) -> bytes:
    async with download as stream:
        return b"".join([chunk async for chunk in stream])


async def test_nothing_is_sent_before_use_and_a_download_can_be_reused() -> None:
    host = FileHost(CONTENT)
    download = host.download()
    assert host.requests == []
    assert repr(download) == "<Download file-get-file>"
    assert await download == CONTENT
    assert await streamed(download) == CONTENT
    assert len(host.requests) == 2
    assert host.open == 0


async def test_the_request_asks_for_uncompressed_bytes() -> None:
    host = FileHost(b"x")
    await host.download()
    await host.download(headers={"accept": "text/plain;base64"})
    await host.download(headers={"Accept": None})
    octets = {"Accept": "application/octet-stream", "Accept-Encoding": "identity"}
    assert host.requests == [octets, {"Accept-Encoding": "identity"}, octets]
    assert host.calls[0][:3] == (GET_FILE, ("file-1",), {})


async def test_the_stream_describes_the_file() -> None:
    host = FileHost(
        b"abc", Content_Disposition="attachment; filename*=UTF-8''m%C3%A4rz.pdf", Content_Type="application/pdf"
    )
    async with host.download() as stream:
        assert (stream.status, stream.size, stream.filename, stream.content_type) == (
            200,
            3,
            "märz.pdf",
            "application/pdf",
        )
        assert stream.headers["ETag"] == '"v1"'


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\temp\\\\a.txt"', "a.txt"),
        ('attachment; filename=".."', None),
        ("inline", None),
        ("", None),
        ('attachment; filename="a\x07b"', "ab"),
        ('attachment; filename="grün.txt"', "grün.txt"),
        ("attachment; filename=\"EURO.pdf\"; filename*=UTF-8''%e2%82%ac.pdf", "€.pdf"),
        ("attachment; filename*=utf-8'de'%e2%82%ac.pdf; filename=EURO.pdf", "€.pdf"),
        ("attachment; FileName*=ISO-8859-1''%A3.pdf; filename=x", "£.pdf"),
        ("attachment; filename=plain.pdf; filename*=UTF-8''%ff", "plain.pdf"),
        ("attachment; filename=plain.pdf; filename*=klingon''x", "plain.pdf"),
        ("attachment; filename=plain.pdf; filename*=nonsense", "plain.pdf"),
        ("attachment; filename*=UTF-8''..%2f..%2fetc%2fpasswd", "passwd"),
        ('attachment; filename="a\\"b;c.txt"', 'a"b;c.txt'),
        ("attachment; name=other; filename=x.txt", "x.txt"),
    ],
)
async def test_a_file_name_cannot_leave_the_folder(disposition: str, name: str | None) -> None:
    async with FileHost(b"", Content_Disposition=disposition).download() as stream:
        assert stream.filename == name


async def test_a_broken_download_resumes_where_it_broke() -> None:
    host = FileHost(CONTENT)
    host.plan = [{"cut": 4000}, {"cut": 1500, "problem": ReadTimeoutError("silence")}, {}]
    assert await streamed(host.download()) == CONTENT
    assert host.ranges == [None, "bytes=4000-", "bytes=5500-"]
    assert host.requests[1]["If-Range"] == '"v1"'
    assert len(host.clock.slept) == 2
    assert host.open == 0


async def test_a_truncated_body_is_resumed_too() -> None:
    host = FileHost(CONTENT)
    host.plan = [{"end": 4000}, {"end": 0}]
    assert await host.download() == CONTENT
    assert host.ranges == [None, "bytes=4000-", "bytes=4000-"]


async def test_a_failed_connection_counts_as_a_break() -> None:
    host = FileHost(CONTENT)
    host.plan = [{"cut": 4000}, {"refuse": NotSentError("no route")}, {"refuse": NotSentError("no route")}]
    assert await host.download() == CONTENT


async def test_it_gives_up_after_five_breaks_without_progress() -> None:
    host = FileHost(CONTENT)
    host.plan = [{"cut": 10} for _ in range(20)]
    with pytest.raises(MaybeSentError, match="connection reset"):
        await host.download()
    assert len(host.requests) == 6
    assert all(0 <= slept <= 0.5 * 2**number for number, slept in enumerate(host.clock.slept, 1))


async def test_progress_resets_the_count_of_breaks() -> None:
    content = bytes(20 << 20)
    host = FileHost(content, chunk=1 << 19)
    host.plan = [{"cut": 2 << 20} for _ in range(9)]
    assert await host.download() == content


async def test_a_body_that_stays_short_is_reported_in_bytes() -> None:
    host = FileHost(CONTENT)
    host.plan = [{"end": 100}, *({"end": 0} for _ in range(9))]
    with pytest.raises(DownloadError, match="only 100 of 10240 bytes arrived"):
        await host.download()


async def test_too_many_bytes() -> None:
    host = FileHost(CONTENT)
    host.plan = [{"headers": {"Content-Length": "100"}}]
    with pytest.raises(DownloadError, match="more than the announced 100 bytes"):
        await host.download()


async def test_the_deadline_of_the_call_is_final() -> None:
    host = FileHost(CONTENT)
    host.plan = [{"cut": 10, "problem": CallTimeoutError("late")}]
    with pytest.raises(CallTimeoutError):
        await host.download()
    host.plan = [{"cut": 10}, {"refuse": CallTimeoutError("late")}]
    with pytest.raises(CallTimeoutError):
        await host.download()
    assert host.open == 0


async def test_a_file_that_changed_in_between_is_never_mixed() -> None:
    other = CONTENT[::-1]
    host = FileHost(CONTENT)
    host.plan = [{"cut": 4000}, {"content": other, "base": {"ETag": '"v2"'}}]
    with pytest.raises(DownloadError, match="changed while"):
        await streamed(host.download())
    host = FileHost(CONTENT)
    host.plan = [{"cut": 4000}, {"content": other, "base": {"ETag": '"v2"'}}]
    assert await host.download() == other  # a value that has not been handed out can start over


async def test_a_server_without_ranges_sends_the_file_from_the_start() -> None:
    host = FileHost(CONTENT)
    host.plan = [{"cut": 4000}, {"ranges": False, "cut": 2500}, {"ranges": False}]
    assert await streamed(host.download()) == CONTENT
    host.plan = [{"cut": 4000}, {"ranges": False}]
    assert await host.download() == CONTENT


async def test_without_a_validator_a_stream_is_lost_but_a_value_is_not() -> None:
    host = FileHost(CONTENT, ETag='W/"weak"')
    host.plan = [{"cut": 4000}]
    with pytest.raises(MaybeSentError):
        await streamed(host.download())
    host.plan = [{"cut": 4000}]
    assert await host.download() == CONTENT
    host.plan = [{"cut": 0}]
    assert await streamed(host.download()) == CONTENT  # nothing was handed out yet
    assert set(host.ranges) == {None}


async def test_a_date_is_used_where_the_tag_is_weak() -> None:
    host = FileHost(CONTENT, ETag='W/"weak"', Last_Modified="Tue, 01 Jan 2030 00:00:00 GMT")
    host.plan = [{"cut": 4000}]
    assert await streamed(host.download()) == CONTENT
    assert host.requests[1]["If-Range"] == "Tue, 01 Jan 2030 00:00:00 GMT"


@pytest.mark.parametrize(
    "odd",
    [
        {"Content-Range": "bytes 5-9/10240"},
        {"Content-Range": "bytes 4000-10239/77"},
        {"Content-Range": "lines 1-2/3"},
        {"Content-Range": None},
        {"ETag": '"v2"'},
        {"Content-Encoding": "gzip"},
    ],
)
async def test_a_mismatching_range_is_not_used(odd: dict[str, str | None]) -> None:
    host = FileHost(CONTENT)
    host.plan = [{"cut": 4000}, {"headers": odd}]
    assert await host.download() == CONTENT
    assert host.ranges == [None, "bytes=4000-", None]
    assert host.open == 0


async def test_a_range_without_a_total() -> None:
    host = FileHost(CONTENT)
    host.plan = [{"cut": 4000}, {"headers": {"Content-Range": "bytes 4000-10239/*"}}]
    assert await host.download() == CONTENT


async def test_a_file_that_shrank_is_fetched_again() -> None:
    host = FileHost(CONTENT)
    host.plan = [{"cut": 4000}, {"content": b"short"}]
    assert await host.download() == b"short"
    assert host.ranges == [None, "bytes=4000-", None]


async def test_a_refusal_is_passed_on() -> None:
    host = FileHost(CONTENT)
    host.plan = [{"refuse": NotFoundError("gone", status=404)}]
    with pytest.raises(NotFoundError):
        await host.download()
    host.plan = [{"cut": 4000}, {"refuse": ServerError("down", status=503)}]
    with pytest.raises(ServerError):
        await host.download()


async def test_compressed_content_has_no_known_size() -> None:
    host = FileHost(CONTENT, Content_Encoding="gzip")
    host.plan = [{"headers": {"Content-Length": "7"}}]
    async with host.download() as stream:
        assert stream.size is None
        assert b"".join([chunk async for chunk in stream]) == CONTENT


async def test_an_unknown_length() -> None:
    host = FileHost(CONTENT)
    host.plan = [{"headers": {"Content-Length": None}}]
    assert await host.download() == CONTENT


async def test_a_checksum_is_verified() -> None:
    host = FileHost(CONTENT)
    assert await host.download(sha256=CHECKSUM.upper()) == CONTENT
    assert await streamed(host.download(sha256=CHECKSUM)) == CONTENT
    wrong = "0" * 64
    with pytest.raises(DownloadError, match=f"expected sha256 {wrong}"):
        await host.download(sha256=wrong)
    with pytest.raises(DownloadError, match=f"the file has {CHECKSUM}"):
        await streamed(host.download(sha256=wrong))
    with pytest.raises(InvalidArgumentError, match="64 hexadecimal"):
        host.download(sha256="abc")


async def test_a_download_by_url() -> None:
    host = FileHost(CONTENT)
    download = Download.of_url(host, "https://files.example.com/x.tar", sha256=CHECKSUM, clock=host.clock)
    assert repr(download) == "<Download by URL>"
    assert await download == CONTENT
    assert host.calls == [(None, (), None, None, "https://files.example.com/x.tar")]
    with pytest.raises(InvalidArgumentError, match="absolute"):
        Download.of_url(host, "/v2/files/1")


async def test_a_stream_can_be_read_only_once() -> None:
    host = FileHost(CONTENT)
    download = host.download()
    async with download as stream:
        async for _ in stream:
            break
        with pytest.raises(ClientStateError, match="read already"):
            aiter(stream)
        with pytest.raises(ClientStateError, match="open already"):
            async with download:
                pass
    with pytest.raises(ClientStateError):
        await stream.save("unused")
    assert host.open == 0
    assert await download == CONTENT


async def test_a_sender_that_cannot_stream() -> None:
    class Deaf:
        async def value(self, *given: object) -> object: ...

        async def response(self, *given: object) -> object: ...

    with pytest.raises(ClientStateError, match="Deaf cannot stream"):
        await Download(Deaf(), GET_FILE)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_leaving_early_releases_the_connection() -> None:
    host = FileHost(CONTENT)
    with pytest.raises(ZeroDivisionError):
        async with host.download():
            raise ZeroDivisionError
    assert host.open == 0


async def test_header_names_of_any_case() -> None:
    host = FileHost(CONTENT, etag='"v1"')
    del host.base["ETag"]
    host.plan = [{"headers": {"Content-Length": None, "content-length": str(len(CONTENT))}}]
    async with host.download() as stream:
        assert stream.size == len(CONTENT)


async def test_an_unrequested_range_is_not_taken_as_the_file() -> None:
    host = FileHost(b"abcdef")
    host.plan = [{"status": 206, "end": 3, "headers": {"Content-Length": "3", "Content-Range": "bytes 0-2/6"}}]
    with pytest.raises(DownloadError, match="sent a part of the file, though the whole was asked for"):
        await host.download()


@pytest.mark.parametrize(("status", "said"), [(202, "not ready yet"), (204, "no content")])
async def test_a_success_without_a_file_is_not_saved(status: int, said: str, tmp_path: Path) -> None:
    """An empty file, or the note that an export is not ready, would be published as the export."""
    host = FileHost(b"pending")
    host.plan = [{"status": status}]
    with pytest.raises(DownloadError, match=f"{said} .status {status}"):
        await host.download().save(tmp_path / "dump.sql")
    assert list(tmp_path.iterdir()) == []


async def read(host: FileHost) -> None:
    async with host.download() as stream:
        async for _ in stream:
            pass


async def test_a_slow_body_times_out_and_a_slow_reader_does_not() -> None:
    host = FileHost(b"x" * 200, chunk=1)
    host.seconds_per_chunk = 1.0
    host.base.pop("ETag")
    with pytest.raises(ReadTimeoutError, match=r"less than 1024 bytes/s over 60 s"):
        await read(host)
    assert host.clock.time == 60.0

    host = FileHost(b"x" * 200, chunk=1)
    async with host.download() as stream:
        async for _ in stream:
            host.clock.time += 100.0
