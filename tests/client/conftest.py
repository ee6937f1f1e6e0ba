"""Both ways to send through aiohttp: the fast path, and a session's public `request`."""

from __future__ import annotations

import pytest

from mittwald_async.runtime._accel.fast_path import Direct


@pytest.fixture(params=["fast path", "through the session"])
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test once over each."""
    if request.param == "through the session":

        def none(*_: object) -> None:
            return None

        monkeypatch.setattr(Direct, "over", none)
