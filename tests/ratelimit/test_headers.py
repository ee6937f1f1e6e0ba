"""Reading budget headers: in any case, and without harm from invalid values."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from mittwald_async.runtime.headers import retry_after
from mittwald_async.runtime.operation import RateLimit
from mittwald_async.runtime.ratelimit import (
    IETF,
    RATELIMIT,
    X_RATELIMIT,
    X_RATELIMIT_EPOCH,
    BudgetHeaders,
    HeaderReader,
)
from mittwald_async.runtime.ratelimit import header_values as room
from mittwald_async.runtime.ratelimit.headers import EXEMPT
from mittwald_async.runtime.ratelimit.policy import RateLimitStatus

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())
"""Headers that are easily misread: `told` is limit, remaining and reset; `pause` is the wait that a 429 asks for."""


def saved(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("case", [str.lower, str.upper, str.title, str])
def test_header_names_of_any_case_are_read(case: Callable[[str], str]) -> None:
    plain = {case("X-RateLimit-Limit"): "3000", case("X-RateLimit-Remaining"): "2999", case("X-RateLimit-Reset"): "600"}
    assert HeaderReader(X_RATELIMIT).read(plain) == RateLimit(3000, 2999, 600.0)
    assert HeaderReader(X_RATELIMIT).read(CIMultiDict(plain)) == RateLimit(3000, 2999, 600.0)


def test_missing_headers_yield_none() -> None:
    assert HeaderReader(X_RATELIMIT).read({}) is None
    assert HeaderReader(X_RATELIMIT).read({"Content-Type": "application/json"}) is None


@pytest.mark.parametrize("text", ["yes", "Yes", " true ", "1"])
def test_exempt_routes_are_recognised(text: str) -> None:
    assert HeaderReader(X_RATELIMIT).read({"x-ratelimit-exempt": text}) == RateLimit(exempt=True)


def test_exempt_no_is_not_exempt() -> None:
    assert HeaderReader(X_RATELIMIT).read({"X-RateLimit-Exempt": "no"}) is None
    assert HeaderReader(X_RATELIMIT).read({"X-RateLimit-Exempt": "no", "X-RateLimit-Limit": "5"}) == RateLimit(5)


@pytest.mark.parametrize(
    "bad", ["-1", "", "many", "1e3", "٣", "1_000", "0x10", "99999999999", "12.5", "3000, 3000", "+5"]
)
def test_invalid_counts_are_ignored(bad: str) -> None:
    assert HeaderReader(X_RATELIMIT).read({"X-RateLimit-Limit": bad, "X-RateLimit-Remaining": "7"}) == RateLimit(
        None, 7
    )


@pytest.mark.parametrize("bad", ["-1", "", "soon", "nan", "inf", "1e9", "1760000000", "86401", "9" * 40, "1.2.3"])
def test_invalid_resets_are_ignored(bad: str) -> None:
    assert HeaderReader(X_RATELIMIT).read({"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": bad}) == RateLimit(
        None, 7
    )


def test_fractions_and_spaces_are_accepted() -> None:
    assert HeaderReader(X_RATELIMIT).read({"X-RateLimit-Reset": " 1.5 ", "X-RateLimit-Limit": " 30 "}) == RateLimit(
        30, None, 1.5
    )


def test_a_remainder_above_the_limit_is_cut_to_the_limit() -> None:
    assert HeaderReader(X_RATELIMIT).read({"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "50"}) == RateLimit(
        10, 10
    )


def test_a_limit_of_zero_is_ignored() -> None:
    assert HeaderReader(X_RATELIMIT).read({"X-RateLimit-Limit": "0", "X-RateLimit-Remaining": "0"}) is None


def test_an_invalid_header_is_logged_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_complained", set[str]())
    with caplog.at_level(logging.WARNING, "mittwald_async.ratelimit"):
        for _ in range(3):
            HeaderReader(X_RATELIMIT).read({"X-RateLimit-Limit": "lots"})
    assert [record.getMessage() for record in caplog.records] == ["ignoring X-RateLimit-Limit: 'lots' (said once)"]


@pytest.mark.parametrize("case", CORPUS, ids=lambda path: path.stem)
@pytest.mark.parametrize("mapping", [dict[str, str], CIMultiDict[str]])
def test_easily_misread_headers_are_read_correctly(case: Path, mapping: Callable[[Any], Mapping[str, str]]) -> None:
    found = saved(case)
    told = found["told"]
    expected = EXEMPT if told == "exempt" else told and RateLimit(*told)
    assert HeaderReader(X_RATELIMIT).read(mapping(found["headers"])) == expected
    assert retry_after(mapping(found["headers"]), datetime(2026, 12, 1, tzinfo=UTC)) == found["pause"]


def test_each_header_is_reported_only_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_complained", set[str]())
    with caplog.at_level(logging.WARNING, "mittwald_async.ratelimit"):
        for path in CORPUS * 2:
            HeaderReader(X_RATELIMIT).read(saved(path)["headers"])
    assert len(caplog.records) == 3
    assert all(len(record.getMessage()) < 200 for record in caplog.records)


_NAME = st.sampled_from(
    ["X-RateLimit-Limit", "x-ratelimit-remaining", "X-RATELIMIT-RESET", "X-RateLimit-Exempt", "Retry-After", "Date"]
)


def with_corpus(test: Callable[[dict[str, str]], None]) -> Callable[[dict[str, str]], None]:
    """The saved headers first, then those generated by hypothesis."""
    for path in CORPUS:
        test = example(headers=saved(path)["headers"])(test)
    return test


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(headers=st.dictionaries(_NAME, st.text(max_size=30) | st.integers().map(str) | st.floats().map(str)))
@with_corpus
def test_any_header_is_read_without_harm(headers: dict[str, str]) -> None:
    told, pause = HeaderReader(X_RATELIMIT).read(headers), retry_after(headers)
    assert pause is None or 0 < pause <= 31 * room.MOST_SECONDS
    if told is not None:
        assert told.limit is None or 0 < told.limit <= room.MOST_REQUESTS
        assert told.remaining is None or 0 <= told.remaining <= room.MOST_REQUESTS
        assert told.reset is None or 0 <= told.reset <= room.MOST_SECONDS


def test_a_timestamp_reset_counts_from_the_servers_clock() -> None:
    told = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "1760000030"}
    date = {"Date": "Thu, 09 Oct 2025 08:53:20 GMT"}  # 1,760,000,000
    assert HeaderReader(X_RATELIMIT_EPOCH).read(told | date, lambda: 0.0) == RateLimit(60, 7, 30.0)
    assert HeaderReader(X_RATELIMIT_EPOCH).read(told, lambda: 1760000020.0) == RateLimit(60, 7, 10.0)
    assert HeaderReader(X_RATELIMIT_EPOCH).read(told, lambda: 1760000099.0) == RateLimit(60, 7, 0.0)
    assert HeaderReader(X_RATELIMIT_EPOCH).read(told, lambda: 0.0) == RateLimit(60, 7)  # Decades away.


@pytest.mark.parametrize("bad", ["soon", "", "-5", "1e9", "٣"])
def test_an_invalid_timestamp_is_ignored(bad: str) -> None:
    assert HeaderReader(X_RATELIMIT_EPOCH).read({"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": bad}) == RateLimit(
        None, 7
    )


def test_the_older_draft_has_three_fields() -> None:
    told = {"ratelimit-limit": "100", "ratelimit-remaining": "99", "ratelimit-reset": "50"}
    assert (
        HeaderReader(RATELIMIT).read(told)
        == HeaderReader(RATELIMIT).read(CIMultiDict(told))
        == RateLimit(100, 99, 50.0)
    )


def test_only_the_expected_form_is_trusted() -> None:
    x, older = {"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "0"}, {"RateLimit-Limit": "5"}
    structured = {"RateLimit": '"a";r=0;t=5'}
    assert HeaderReader(RATELIMIT).read(x | structured) is None
    assert HeaderReader(X_RATELIMIT).read(older | structured) is None
    assert HeaderReader(IETF).read(x | older) is None


@pytest.mark.parametrize(
    ("state", "policy", "expected"),
    [
        ('"default";r=50;t=30', '"default";q=100;w=60', RateLimit(100, 50, 30.0)),
        ('"default";r=50', '"default";q=100;w=60', RateLimit(100, 50, 60.0)),
        ('"default";r=50;t=30', "", RateLimit(None, 50, 30.0)),
        ('"a;b,c";r=1;t=2', '"a;b,c";q=3', RateLimit(3, 1, 2.0)),
        ('"daily";r=900;t=7000, "burst";r=3;t=1', '"daily";q=1000;w=86400, "burst";q=10;w=1', RateLimit(10, 3, 1.0)),
        ('"default";r=5;t=9;pk=:cHg=:', '"default";q=9;w=9;qu="requests"', RateLimit(9, 5, 9.0)),
        ('"default" ; r=5; t=9', '"other";q=9', RateLimit(None, 5, 9.0)),
        ('"a";r=5;t=9, "b";r=5;t=3', "", RateLimit(None, 5, 9.0)),
        ('"a";r=5;t=9', '"a";q=' + "9" * 15, RateLimit(None, 5, 9.0)),
    ],
)
def test_the_current_draft_is_read(state: str, policy: str, expected: RateLimit) -> None:
    told = {"ratelimit": state} | ({"RATELIMIT-POLICY": policy} if policy else {})
    assert HeaderReader(IETF).read(told) == HeaderReader(IETF).read(CIMultiDict(told)) == expected


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "-default;r=5",
        '"a";r=-1',
        '"a";r=x',
        '"a";r=1.5',
        '"a;r=5',
        '"a";t=5',
        '"a";r=' + "9" * 30,
        "1",
        '"',
        '"a";r=5;t=' + "9" * 16,
    ],
)
def test_malformed_fields_are_ignored(bad: str) -> None:
    assert HeaderReader(IETF).read({"RateLimit": bad}) is None


def test_a_malformed_policy_does_not_affect_the_state() -> None:
    assert HeaderReader(IETF).read({"RateLimit": '"a";r=5;t=1', "RateLimit-Policy": '"a;q=5'}) == RateLimit(
        None, 5, 1.0
    )


@pytest.mark.parametrize(
    ("state", "policy", "expected"),
    [
        ('"a";r=50;t=9, "a";r=3;t=5;pk=:cHg=:', '"a";q=60;w=60', RateLimit(60, 3, 5.0)),  # One for each partition.
        ('"a";r=3;t=5, "a";r=50;t=9', '"a";q=60;w=60, "a";q=5;w=1', RateLimit(60, 3, 5.0)),
        ('"bytes";r=3;t=5, "a";r=7;t=9', '"bytes";q=9;qu="content-bytes", "a";q=60', RateLimit(60, 7, 9.0)),
        ('"a";r=7;t=9', '"a";q=60;qu="requests";w=9', RateLimit(60, 7, 9.0)),
        ('"month";r=5;t=2000000, "a";r=7;t=9', '"month";q=9;w=2600000, "a";q=60', RateLimit(60, 7, 9.0)),
        ('"month";r=5;t=2000000', '"month";q=9;w=2600000', RateLimit(9, 5)),
        ('"a";r=3;t=5, "b";r=7;t=9', '"a";q=0, "b";q=60', RateLimit(60, 7, 9.0)),
        ('"a\\"b";r=3;t=5', '"a\\"b";q=7', RateLimit(7, 3, 5.0)),
        ('"a";r=3;r=2;t=5;x="t=1;r=0, 5"', "", RateLimit(None, 2, 5.0)),
        ('"a";R=1;r=3;t=5', "", RateLimit(None, 3, 5.0)),
    ],
)
def test_of_several_budgets_the_one_with_the_fewest_remaining_requests_counts(
    state: str, policy: str, expected: RateLimit
) -> None:
    assert HeaderReader(IETF).read({"RateLimit": state, "RateLimit-Policy": policy}) == expected


@pytest.mark.parametrize(
    "bad",
    [
        '"a"b";r=5;t=9',
        '"a\\";r=5;t=9',
        '"a\\x";r=5;t=9',
        '"a";r=5;t=9,',
        ',"a";r=5;t=9',
        '"a";r;t=9',
        '"a";r=?1;t=9',
        '"a";r= 5;t=9',
        '"a";r=5;t=-9',
        '"a";r=5;t=9 "b";r=1',
        '("a" "b");r=5;t=9',
    ],
)
def test_a_malformed_field_is_ignored_as_a_whole(bad: str) -> None:
    assert HeaderReader(IETF).read({"RateLimit": bad}) is None


@pytest.mark.parametrize(
    ("state", "policy", "expected"),
    [
        ("limit=100, remaining=50, reset=5", "100;w=60", RateLimit(100, 50, 5.0)),
        ("limit=100,remaining=50,reset=5", "", RateLimit(100, 50, 5.0)),
        ("reset=5, remaining=50,\tlimit=100", "10;w=1, 100;w=60", RateLimit(100, 50, 5.0)),
        ("limit=100, remaining=50", '10;w=1, 100;w=60;policy="ip"', RateLimit(100, 50, 60.0)),
        ("limit=100, remaining=50", "10;w=1", RateLimit(100, 50)),
        ("limit=20, reset=37", "20;w=60", RateLimit(20, None, 37.0)),  # So with some a 429.
        ("limit=100, remaining=0, reset=0", "", RateLimit(100, 0, 0.0)),
        ('limit=100;w=60, remaining=50;x="a, b", reset=5, cost=-1.5, free', "", RateLimit(100, 50, 5.0)),
        ("limit=100, remaining=50, reset=999999", "100;w=60", RateLimit(100, 50)),
        ("limit=100, remaining=500, reset=5", "", RateLimit(100, 100, 5.0)),
        ("remaining=50, reset=5", "100;w=60", RateLimit(None, 50, 5.0)),
        # A gateway and the server behind it, joined by a proxy.
        ("limit=100, remaining=50, reset=5, limit=10, remaining=3, reset=1", "", RateLimit(10, 3, 1.0)),
        ("limit=10, remaining=3, reset=1, limit=100, remaining=50, reset=5", "", RateLimit(10, 3, 1.0)),
        ("limit=99999999, remaining=50, reset=5", "", RateLimit(None, 50, 5.0)),
    ],
)
def test_the_draft_with_a_dictionary_is_read(state: str, policy: str, expected: RateLimit) -> None:
    told = {"ratelimit": state} | ({"RATELIMIT-POLICY": policy} if policy else {})
    assert HeaderReader(IETF).read(told) == HeaderReader(IETF).read(CIMultiDict(told)) == expected


def test_a_dictionary_on_several_lines_is_one_and_two_are_two() -> None:
    one = CIMultiDict[str]([("RateLimit", "limit=100"), ("RateLimit", "remaining=50"), ("RateLimit", "reset=5")])
    assert HeaderReader(IETF).read(one) == RateLimit(100, 50, 5.0)
    two = CIMultiDict[str](
        [("RateLimit", "limit=100, remaining=50, reset=5"), ("RateLimit", "limit=10, remaining=3, reset=1")]
    )
    assert HeaderReader(IETF).read(two) == RateLimit(10, 3, 1.0)


@pytest.mark.parametrize(
    "bad",
    [
        "limit=-1, remaining=50, reset=5",
        "limit=100, remaining=1.5, reset=5",
        "limit=100, remaining=\u0663, reset=5",
        "limit=100, remaining=50, reset=" + "9" * 16,
        "limit=100, remaining, reset=5",
        "limit=100, remaining=, reset=5",
        "limit=100, remaining= 5, reset=5",
        "limit=100, remaining=?1, reset=5",
        'limit=100, remaining="50", reset=5',
        "limit=100, remaining=50, reset=5,",
        "limit=100,, remaining=50, reset=5",
        "limit=100, Remaining=50, reset=5",
        'limit=100, "a";r=5;t=1',
        "limit=100; remaining=50; reset=5, ?",
        "limit=0, remaining=0, reset=5",
        "remaining=99999999, reset=5",
        "cost=5",
        "=5",
    ],
)
def test_no_part_of_a_malformed_dictionary_is_believed(bad: str) -> None:
    assert HeaderReader(IETF).read({"RateLimit": bad}) is None


def test_names_without_quotes_are_names_as_well() -> None:
    told = {"RateLimit": "default;r=50;t=30", "RateLimit-Policy": "default;q=100;w=60"}
    assert HeaderReader(IETF).read(told) == RateLimit(100, 50, 30.0)
    quoted = told | {"RateLimit-Policy": '"default";q=100;w=60'}  # Another name.
    assert HeaderReader(IETF).read(quoted) == RateLimit(None, 50, 30.0)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("10, 10;w=1", 10),
        ("10,10;w=1, 50;w=60;burst=9", 10),
        ("10, 20", None),
        ("10;w=1", None),
        ("10, 20, 10;w=1", None),
    ],
)
def test_policies_behind_the_limit_are_no_second_limit(limit: str, expected: int | None) -> None:
    told = {"RateLimit-Limit": limit, "RateLimit-Remaining": "9", "RateLimit-Reset": "1"}
    assert HeaderReader(RATELIMIT).read(told) == RateLimit(expected, 9, 1.0)


def test_a_field_on_several_lines_is_one_list() -> None:
    told = CIMultiDict[str]([("RateLimit", '"day";r=900;t=7000'), ("RateLimit-Policy", '"day";q=1000')])
    told.extend([("ratelimit", '"burst";r=3;t=1'), ("RateLimit-Policy", '"burst";q=10')])
    assert HeaderReader(IETF).read(told) == RateLimit(10, 3, 1.0)


X_NAMES = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([("3000", "2900", "600"), ("100", "3", "10")], RateLimit(100, 3, 10.0)),
        ([("100", "3", "10"), ("3000", "2900", "600")], RateLimit(100, 3, 10.0)),
        ([("100", "3", "10"), ("100", "3", "10")], RateLimit(100, 3, 10.0)),
        ([("100", "x", "10"), ("3000", "2900", "600")], RateLimit(3000, 2900, 600.0)),
        ([("x", "x", "x"), ("x", "x", "x")], None),
    ],
)
def test_of_budgets_on_separate_lines_the_one_with_fewer_remaining_counts(
    lines: list[tuple[str, str, str]], expected: RateLimit | None
) -> None:
    told = CIMultiDict((name, value) for line in lines for name, value in zip(X_NAMES, line, strict=True))
    assert HeaderReader(X_RATELIMIT).read(told) == expected


def test_mismatching_lines_are_ignored() -> None:
    told = CIMultiDict[str]([("X-RateLimit-Limit", "3000"), ("X-RateLimit-Remaining", "3"), ("X-RateLimit-Reset", "9")])
    told.add("X-RateLimit-Remaining", "2900")
    assert HeaderReader(X_RATELIMIT).read(told) is None
    told.add("X-RateLimit-Exempt", "yes")
    assert HeaderReader(X_RATELIMIT).read(told) == EXEMPT


def test_timestamps_on_several_lines_count_from_the_servers_clock() -> None:
    told = CIMultiDict([(name, "60") for name in X_NAMES[:2]] * 2 + [(X_NAMES[2], "1760000030")] * 2)
    told["Date"] = "Thu, 09 Oct 2025 08:53:20 GMT"
    assert HeaderReader(X_RATELIMIT_EPOCH).read(told, lambda: 0.0) == RateLimit(60, 60, 30.0)


def test_a_date_without_a_zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        told = {X_NAMES[2]: "1760000030", "Date": "Thu, 09 Oct 2025 08:53:20 -0000"}
        assert HeaderReader(X_RATELIMIT_EPOCH).read(told, lambda: 0.0) == RateLimit(None, None, 30.0)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "date", ["", "Thu", "Thu, 99 Oct 99999 08:53:20 GMT", " 0 ", "Thu, 09 Oct 2025 08:53:20 +99999999"]
)
def test_without_a_usable_date_the_local_clock_counts(date: str) -> None:
    told = {X_NAMES[2]: "1760000030", "Date": date}
    assert HeaderReader(X_RATELIMIT_EPOCH).read(told, lambda: 1_760_000_000.0) == RateLimit(None, None, 30.0)


def test_seconds_in_place_of_a_timestamp_do_not_end_the_window() -> None:
    told = {X_NAMES[1]: "5", X_NAMES[2]: "30"}
    assert HeaderReader(X_RATELIMIT_EPOCH).read(told, lambda: 1_760_000_000.0) == RateLimit(None, 5, None)


_PIECES = st.lists(
    st.sampled_from(
        [
            '"a"',
            '"b"',
            "a",
            ";",
            ",",
            "=",
            "r=",
            "t=",
            "q=",
            "w=",
            "qu=",
            "pk=",
            "limit=",
            "remaining=",
            "reset=",
            '"',
            "\\",
            " ",
            "\t",
            "-",
            "5",
            "0",
            "9" * 20,
        ]
    ),
    max_size=20,
).map("".join)


@settings(deadline=None)
@given(states=st.lists(_PIECES, max_size=3), policies=st.lists(_PIECES, max_size=3), date=st.text(max_size=20))
def test_any_structured_lines_yield_a_budget_or_nothing(states: list[str], policies: list[str], date: str) -> None:
    lines = [("RateLimit", one) for one in states] + [("RateLimit-Policy", one) for one in policies]
    told = HeaderReader(IETF).read(CIMultiDict(lines))
    if told is not None:
        assert told.remaining is None or 0 <= told.remaining <= room.MOST_REQUESTS
        assert told.limit is None or (told.remaining or 1) <= told.limit <= room.MOST_REQUESTS
        assert told.reset is None or 0 <= told.reset <= room.MOST_SECONDS
    epoch = HeaderReader(X_RATELIMIT_EPOCH).read({X_NAMES[2]: "1760000030", "Date": date}, lambda: 0.0)
    assert epoch is None or epoch.reset is None or 0 <= epoch.reset <= room.MOST_SECONDS


def test_header_settings_without_a_name_are_refused() -> None:
    with pytest.raises(ValueError, match="needs a name"):
        BudgetHeaders(limit="")


@settings(deadline=None)
@given(state=st.text(max_size=40), policy=st.text(max_size=40))
def test_any_structured_field_is_read_without_harm(state: str, policy: str) -> None:
    told = HeaderReader(IETF).read({"RateLimit": state, "RateLimit-Policy": policy})
    assert told is None or told != RateLimit()


def test_nothing_is_read_for_an_api_without_a_budget() -> None:
    told = {"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "0", "RateLimit": '"a";r=0;t=5'}
    assert HeaderReader(None).read(CIMultiDict(told)) is None


@pytest.mark.parametrize(
    ("limit", "remaining", "reset"),
    [("3000", "2999", "600"), ("9999999", "9999999", "9999"), ("1234567", "1234567", "1000"), ("1", "0", "0")],
)
def test_plain_numbers_of_any_usual_length_are_read(limit: str, remaining: str, reset: str) -> None:
    headers = {"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": reset}
    assert HeaderReader(X_RATELIMIT).read(headers) == RateLimit(int(limit), int(remaining), float(reset))


def test_a_timestamp_with_two_points_is_invalid() -> None:
    reader = HeaderReader(X_RATELIMIT_EPOCH)
    headers = {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "1700000060.5"}
    found = reader.read(headers, lambda: 1_700_000_000.0)
    assert found is not None
    assert found.reset == 60.5
    found = reader.read({**headers, "X-RateLimit-Reset": "17000.0006.5"}, lambda: 1_700_000_000.0)
    assert found is not None
    assert found.reset is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"taken_by_others": 1200}, "1,200 taken by others"),
        ({"paused": 7.0}, "paused for 7 s after a 429"),
        ({"in_flight": 3}, "3 under way"),
        ({"waiting": 4000}, "4,000 waiting"),
        ({"throttled": 2}, "2 refused"),
    ],
)
def test_a_budget_prints_its_known_values(changes: dict[str, Any], words: str) -> None:
    plain: dict[str, Any] = {
        "limit": 3000,
        "remaining": 2940,
        "resets_in": 412.0,
        "in_flight": 0,
        "waiting": 0,
        "throttled": 0,
        "others": 0,
        "taken_by_others": 0,
    }
    assert str(RateLimitStatus(**plain)) == "2,940 of 3,000 requests left, 412 s to the next window"
    assert str(RateLimitStatus(**{**plain, **changes})).endswith(f"to the next window, {words}")
