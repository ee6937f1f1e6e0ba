"""How long a call, an attempt and a request for a token may take."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from ..clock import time_limit
from ..errors import CallTimeoutError
from ..options import Options
from .call import Call, Shared
from .failures import LATE
from .session import Limits, limits

LOGIN = 120.0
"""Seconds for one request for a token. Not the `timeout` of the call that asks first: others, with more time, wait as
well, and each holds its own."""


class TimeLimits:
    """The limits of one set of options."""

    __slots__ = ("_connect", "_read", "_shared", "_timeout", "login", "whole")

    def __init__(self, options: Options, shared: Shared) -> None:
        self._shared = shared
        self._timeout = options.timeout
        self._connect = options.connect_timeout
        self._read = options.read_timeout
        self.whole: Limits = limits(options.timeout, options.connect_timeout, options.read_timeout)
        """Of an attempt that begins with its call."""
        self.login: Limits = limits(LOGIN, options.connect_timeout, options.read_timeout)
        """Of a request for a token."""

    def rest(self, call: Call) -> Limits:
        """Of an attempt that begins later: what is left of the call's time."""
        return limits(self.left(call), self._connect, self._read)

    def stream(self) -> Limits:
        """Of a body that is read piece by piece: as long as pieces come."""
        return limits(None, self._connect, self._read)

    def left(self, call: Call) -> float | None:
        """Seconds left of `timeout`, not counting waits for the request budget; `None`: no bound.

        Raises:
            CallTimeoutError: none are left.
        """
        if self._timeout is None:
            return None
        left = call.started + call.budget_wait + self._timeout - self._shared.clock.now()
        if left <= 0:
            raise CallTimeoutError(LATE)
        return left

    def allows(self, call: Call, wait: float) -> bool:
        """Whether there is time for this wait and something after it."""
        if self._timeout is None or not wait:
            return True
        return self._shared.clock.now() + wait < call.started + call.budget_wait + self._timeout

    @asynccontextmanager
    async def hold(self, call: Call) -> AsyncGenerator[None, None]:
        """Hold the call's deadline over something that does not know it."""
        late = True
        try:
            async with time_limit(self._shared.clock, self.left(call)):
                try:
                    yield
                except TimeoutError:
                    late = False  # of what is done within
                    raise
        except TimeoutError:
            if not late:
                raise
        else:
            return
        raise CallTimeoutError(LATE)
