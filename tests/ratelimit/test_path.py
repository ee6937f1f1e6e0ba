"""How much Python a warm, uncontended call executes in the limiter."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest
from multidict import CIMultiDict

from mittwald_async.runtime import ratelimit
from mittwald_async.runtime.ratelimit import Limiter

from ..support.limited_calls import call, headers

_ROOM = str(Path(ratelimit.__file__).parent)


def traced(run: Callable[[], object]) -> list[tuple[str, str]]:
    """Files and functions of the limiter that a call enters."""
    entered: list[tuple[str, str]] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(_ROOM):
            entered.append((Path(frame.f_code.co_filename).name, frame.f_code.co_name))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(before)
    return entered


@pytest.mark.parametrize(("answers", "limit"), [(80, 200), (2, 3000), (2, 9_000_000)])
def test_a_warm_call_takes_six_calls_in_three_files(answers: int, limit: int) -> None:
    """Warm means that the client knows to be alone, or has seen two responses of a budget with a large remainder."""

    async def main() -> list[tuple[str, str]]:
        limiter = Limiter()
        for used in range(answers):
            await call(limiter, told=headers(limit - 1 - used, 600, limit))
        told = CIMultiDict(headers(limit - 1 - answers, 600, limit))

        def warm() -> None:
            slot = limiter.try_acquire("r")
            assert slot is not None
            slot.answered(200, told)
            slot.release()

        return traced(warm)

    entered = asyncio.run(main())
    assert len(entered) <= 6, entered
    assert {file for file, _ in entered} <= {"limiter.py", "estimate.py", "headers.py"}
