"""How much Python a warm, uncontended call runs through in this room."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from multidict import CIMultiDict

from mittwald_async.runtime import ratelimit
from mittwald_async.runtime.ratelimit import Limiter

from ..support.limited_calls import call, headers

_ROOM = str(Path(ratelimit.__file__).parent)


def traced(run: Callable[[], object]) -> list[tuple[str, str]]:
    """Files and functions of this room that a call enters."""
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


def test_a_warm_call_takes_six_calls_in_three_files() -> None:
    async def main() -> list[tuple[str, str]]:
        limiter = Limiter()
        for used in range(80):
            await call(limiter, told=headers(3000 - used, 600, 3000))
        told = CIMultiDict(headers(2920, 600, 3000))

        def warm() -> None:
            slot = limiter.try_acquire("r")
            assert slot is not None
            slot.answered(200, told)
            slot.release()

        return traced(warm)

    entered = asyncio.run(main())
    assert len(entered) <= 6, entered
    assert {file for file, _ in entered} <= {"limiter.py", "estimate.py", "headers.py"}
