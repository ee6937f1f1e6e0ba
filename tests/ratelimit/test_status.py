"""`print(mw.rate_limit)` prints one readable line."""

from __future__ import annotations

from typing import Any

import pytest

from mittwald_async import RateLimitStatus

UNKNOWN: dict[str, Any] = {
    "limit": None,
    "remaining": None,
    "resets_in": None,
    "in_flight": 0,
    "waiting": 0,
    "throttled": 0,
    "others": 0,
    "taken_by_others": 0,
}


@pytest.mark.parametrize(
    ("known", "line"),
    [
        ({}, "the request budget is not known yet"),
        (
            {"limit": 3000, "remaining": 2940, "resets_in": 411.7},
            "2,940 of 3,000 requests left, 412 s to the next window",
        ),
        (
            {"limit": 100, "remaining": 0, "resets_in": 9.0, "in_flight": 2, "waiting": 1200, "throttled": 1},
            "0 of 100 requests left, 9 s to the next window, 2 under way, 1,200 waiting, 1 refused",
        ),
        (
            {"limit": 100, "remaining": 5, "taken_by_others": 30, "paused": 3.2},
            "5 of 100 requests left, 30 taken by others, paused for 3 s after a 429",
        ),
    ],
)
def test_it_prints_the_essentials(known: dict[str, Any], line: str) -> None:
    assert str(RateLimitStatus(**{**UNKNOWN, **known})) == line
