"""Tokens of accounts, read so that one that does not come holds up neither other accounts nor the end of the
program."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from ..errors import ConfigurationError
from ..inventory import Account
from ..inventory.accounts import COMMAND_SECONDS

T = TypeVar("T")

_STARTED_AT_ONCE = 32
"""Commands, functions and files: a password manager that is asked a thousand things at once answers none."""

_MAKES_ROOM = 1.0
"""Seconds after which one that has not ended no longer keeps the next from being started."""


class TokenReader:
    """Reads the tokens of one process.

    Args:
        seconds: how long one may take; commands end themselves a moment earlier, with a reason of their own.
    """

    def __init__(self, seconds: float = COMMAND_SECONDS + 1.0) -> None:
        self._seconds = seconds
        self._starting: asyncio.Semaphore = asyncio.Semaphore(_STARTED_AT_ONCE)

    async def read(self, account: Account) -> str:
        """The token of an account.

        Raises:
            ConfigurationError: it is not where the account says, or does not come in time.
        """
        if account.token_env is not None:
            return account.token()
        async with self._starting:
            reading = in_own_thread(account.token)
            await asyncio.wait([reading], timeout=min(_MAKES_ROOM, self._seconds))
        ended, _ = await asyncio.wait([reading], timeout=self._seconds)
        if not ended:
            raise ConfigurationError(f"{account.source} gave no token within {self._seconds:.0f} s")
        return reading.result()


def in_own_thread(work: Callable[[], T]) -> asyncio.Future[T]:
    """Run a function in a thread that does not keep the program from ending.

    The loop's own threads are few, look up host names and write to object stores, and a program ends only once they
    have.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    # Nobody may be waiting any more.
    done.add_done_callback(lambda ended: ended.cancelled() or ended.exception())

    def carry_out() -> None:
        try:
            settle = partial(done.set_result, work())
        except Exception as error:
            settle = partial(done.set_exception, error)
        with suppress(RuntimeError):  # The loop has been closed meanwhile.
            loop.call_soon_threadsafe(settle)

    threading.Thread(target=carry_out, name="token", daemon=True).start()
    return done
