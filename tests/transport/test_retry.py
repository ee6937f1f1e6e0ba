"""Retry numbers, worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mittwald_async.errors import (
    CallTimeoutError,
    ConnectTimeoutError,
    MaybeSentError,
    NotSentError,
    ReadTimeoutError,
    TransportError,
)
from mittwald_async.runtime.headers import retry_after
from mittwald_async.runtime.transport.retry import Quota, jitter, repeats_error, repeats_status

NOW = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_idempotent_calls_are_retried_on_transient_failures(method: str) -> None:
    assert [s for s in range(400, 600) if repeats_status(method, s)] == [
        408,
        425,
        429,
        500,
        502,
        503,
        504,
        *range(520, 528),
    ]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_other_calls_are_retried_only_if_they_were_not_executed(method: str) -> None:
    assert [s for s in range(400, 600) if repeats_status(method, s)] == [429]


@pytest.mark.parametrize(
    ("error", "get", "post"),
    [
        (NotSentError("x"), True, True),
        (ConnectTimeoutError("x"), True, True),
        (MaybeSentError("x"), True, False),
        (ReadTimeoutError("x"), True, False),
        (CallTimeoutError("x"), False, False),
    ],
)
def test_connection_errors(error: TransportError, get: bool, post: bool) -> None:
    assert repeats_error("GET", error) is get
    assert repeats_error("POST", error) is post


def test_jitter_is_full_and_capped() -> None:
    assert [jitter(n, 1.0) for n in range(8)] == [0.5, 1, 2, 4, 8, 16, 20, 20]
    assert jitter(3, 0.25) == 1.0
    assert jitter(10_000, 1.0) == 20


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0.5", 0.5),
        (" 7 ", 7.0),
        ("Wed, 01 May 2024 12:00:30 GMT", 30.0),
        ("Wed, 01 May 2024 12:00:30 -0000", 30.0),
        ("Wednesday, 01-May-24 12:00:30 GMT", 30.0),
        ("Wed May  1 12:00:30 2024", 30.0),
        ("Wed, 01 May 2024 11:00:00 GMT", None),
        ("Wed, 01 May 99999999999 12:00:00 GMT", None),
        ("Wed, 99 May 2024 12:00:00 GMT", None),
        ("0", None),
        ("9" * 400, None),
        ("2678401", None),
        ("soon", None),
        ("-5", None),
        ("1e3", None),
        ("", None),
    ],
)
def test_retry_after_in_both_forms(text: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": text}, NOW) == seconds
    assert retry_after({"retry-after": text}, NOW) == seconds


def test_a_date_is_relative_to_the_servers_clock() -> None:
    headers = {"Retry-After": "Wed, 01 May 2024 12:00:30 GMT", "Date": "Wed, 01 May 2024 12:00:10 GMT"}
    for hours in (-1, 0, 1):
        assert retry_after(headers, NOW + timedelta(hours=hours)) == 20.0
    assert retry_after({**headers, "Date": "yesterday"}, NOW) == 30.0


def test_the_quota_pays_for_a_hundred_retries_and_is_refilled_by_success() -> None:
    quota = Quota()
    assert sum(quota.take(Quota.RETRY) for _ in range(200)) == 100
    assert not quota.take(Quota.RETRY)
    for _ in range(5):
        quota.give()
    assert quota.take(Quota.RETRY)
    quota.give(10_000)
    assert quota.tokens == 500
