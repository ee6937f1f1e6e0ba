"""Both ways to aiohttp: the short one, and the one through a session's public `request`."""

from __future__ import annotations

import pytest

from mittwald_async.runtime._accel.fast_path import Direct


@pytest.fixture(params=["the short way", "the long way"])
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test once over each."""
    if request.param == "the long way":

        def none(*_: object) -> None:
            return None

        monkeypatch.setattr(Direct, "over", none)
