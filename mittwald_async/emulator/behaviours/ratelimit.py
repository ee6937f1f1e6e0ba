"""The request budget: so many requests in a period that begins with its first request."""

from __future__ import annotations

from math import ceil
from typing import Any

from ..identity import Identity
from ..options import EmulatorOptions
from ..routes import Route

LOGIN = frozenset(
    {
        "user-authenticate",
        "user-authenticate-mfa",
        "user-authenticate-with-access-token-retrieval-key",
        "extension-authenticate-instance",
        "extension-authenticate-with-session-token",
    }
)
"""Operations that hand out tokens: they have a limit of their own, per remote address."""

EXEMPT = {"X-RateLimit-Exempt": "yes"}


class _Window:
    __slots__ = ("began", "used")

    def __init__(self, began: float) -> None:
        self.began = began
        self.used = 0


class RateLimits:
    """Windows by whom they are counted for. Configured by replacing `options`."""

    def __init__(self, options: EmulatorOptions) -> None:
        self.options = options
        self._windows: dict[tuple[str, str], _Window] = {}
        self.refused: int = 0

    def take(
        self, route: Route, identity: Identity, remote: str, now: float, own: tuple[int, float] | None
    ) -> tuple[bool, dict[str, str]]:
        """Count one request: whether it may pass, and the headers to be answered with. `own` is the account's
        budget."""
        options = self.options
        if route.operation.operation_id in LOGIN:
            budget, key = options.login_limit, ("login", remote)
        elif exempt(route):
            return True, EXEMPT
        else:
            budget, key = own, _whose(identity, remote, options.rate_limit_per == "token")
        if budget is None:
            return True, {}
        limit, period = budget
        window = self._windows.get(key)
        if window is None or now - window.began >= period:
            window = self._windows[key] = _Window(now)
        passes = window.used < limit
        if passes:
            window.used += 1
        else:
            self.refused += 1
            if not options.rate_limit_on_429:
                return False, {}
        return passes, {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(limit - window.used),
            "X-RateLimit-Reset": str(ceil(period - (now - window.began))),
        }

    def dump(self) -> dict[str, Any]:
        """Requests used by window, for the control API."""
        return {":".join(key): {"used": window.used, "began": window.began} for key, window in self._windows.items()}


def exempt(route: Route) -> bool:
    """Public reading costs nothing."""
    return not route.operation.secured and route.operation.method == "GET"


def _whose(identity: Identity, remote: str, by_token: bool) -> tuple[str, str]:
    if identity.kind == "anonymous":
        return "remote", remote
    if by_token:
        return "token", identity.token_id or ""
    if identity.kind == "user":
        return "user", identity.user_id or ""
    return "extension", identity.extension_instance_id or ""
