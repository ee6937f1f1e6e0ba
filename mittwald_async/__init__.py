"""Async client for the whole mittwald API v2.

    from mittwald_async import Mittwald

    async with Mittwald() as mw:                      # token from MITTWALD_API_TOKEN
        async for project in mw.project.list_projects():
            ...

Names are resolved on first use: importing the package costs milliseconds and loads neither aiohttp nor any model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from . import bulk as bulk
    from . import inventory as inventory
    from . import models as models
    from . import operations as operations
    from .client import Mittwald as Mittwald
    from .credentials import AccessTokenRetrievalKey as AccessTokenRetrievalKey
    from .credentials import ExtensionInstanceSecret as ExtensionInstanceSecret
    from .credentials import PasswordLogin as PasswordLogin
    from .errors import DriftWarning as DriftWarning
    from .errors import MittwaldError as MittwaldError
    from .runtime import errors as errors
    from .runtime.attempt import Attempt as Attempt
    from .runtime.concurrency import Outcome as Outcome
    from .runtime.concurrency import Progress as Progress
    from .runtime.concurrency import fan_out as fan_out
    from .runtime.concurrency import fan_out_items as fan_out_items
    from .runtime.concurrency import gather_bounded as gather_bounded
    from .runtime.credentials import Credentials as Credentials
    from .runtime.credentials import Secret as Secret
    from .runtime.credentials import StaticToken as StaticToken
    from .runtime.credentials import TokenSource as TokenSource
    from .runtime.events import AttemptEnded as AttemptEnded
    from .runtime.events import CallEnded as CallEnded
    from .runtime.events import CallStarted as CallStarted
    from .runtime.events import Event as Event
    from .runtime.events import RetryScheduled as RetryScheduled
    from .runtime.events import WaitedForBudget as WaitedForBudget
    from .runtime.events import WaitingForBudget as WaitingForBudget
    from .runtime.files import Download as Download
    from .runtime.files import File as File
    from .runtime.files import Upload as Upload
    from .runtime.middleware import CallNext as CallNext
    from .runtime.middleware import Middleware as Middleware
    from .runtime.middleware import Request as Request
    from .runtime.operation import Operation as Operation
    from .runtime.operation import Page as Page
    from .runtime.operation import RateLimit as RateLimit
    from .runtime.operation import Response as Response
    from .runtime.options import Options as Options
    from .runtime.options import Pool as Pool
    from .runtime.paging import Pages as Pages
    from .runtime.ratelimit import RateLimitStatus as RateLimitStatus
    from .runtime.structs import UNSET as UNSET
    from .runtime.structs import Unknown as Unknown
    from .runtime.structs import UnsetType as UnsetType

_WHERE = {
    "AccessTokenRetrievalKey": "credentials",
    "Attempt": "runtime.attempt",
    "AttemptEnded": "runtime.events",
    "CallEnded": "runtime.events",
    "CallNext": "runtime.middleware",
    "CallStarted": "runtime.events",
    "Credentials": "runtime.credentials",
    "Download": "runtime.files",
    "DriftWarning": "runtime.errors",
    "Event": "runtime.events",
    "ExtensionInstanceSecret": "credentials",
    "File": "runtime.files",
    "Middleware": "runtime.middleware",
    "Mittwald": "client",
    "MittwaldError": "errors",
    "Operation": "runtime.operation",
    "Options": "runtime.options",
    "Outcome": "runtime.concurrency",
    "Page": "runtime.operation",
    "Pages": "runtime.paging",
    "PasswordLogin": "credentials",
    "Pool": "runtime.options",
    "Progress": "runtime.concurrency",
    "RateLimit": "runtime.operation",
    "RateLimitStatus": "runtime.ratelimit",
    "Request": "runtime.middleware",
    "Response": "runtime.operation",
    "RetryScheduled": "runtime.events",
    "Secret": "runtime.credentials",
    "StaticToken": "runtime.credentials",
    "TokenSource": "runtime.credentials",
    "UNSET": "runtime.structs",
    "Unknown": "runtime.structs",
    "UnsetType": "runtime.structs",
    "Upload": "runtime.files",
    "WaitedForBudget": "runtime.events",
    "WaitingForBudget": "runtime.events",
    "bulk": "",
    "errors": "",
    "fan_out": "runtime.concurrency",
    "fan_out_items": "runtime.concurrency",
    "gather_bounded": "runtime.concurrency",
    "inventory": "",
    "models": "",
    "operations": "",
}

__all__ = [
    "AccessTokenRetrievalKey",
    "Attempt",
    "AttemptEnded",
    "CallEnded",
    "CallNext",
    "CallStarted",
    "Credentials",
    "Download",
    "DriftWarning",
    "Event",
    "ExtensionInstanceSecret",
    "File",
    "Middleware",
    "Mittwald",
    "MittwaldError",
    "Operation",
    "Options",
    "Outcome",
    "Page",
    "Pages",
    "PasswordLogin",
    "Pool",
    "Progress",
    "RateLimit",
    "RateLimitStatus",
    "Request",
    "Response",
    "RetryScheduled",
    "Secret",
    "StaticToken",
    "TokenSource",
    "UNSET",
    "Unknown",
    "UnsetType",
    "Upload",
    "WaitedForBudget",
    "WaitingForBudget",
    "__version__",
    "bulk",
    "errors",
    "fan_out",
    "fan_out_items",
    "gather_bounded",
    "inventory",
    "models",
    "operations",
]


def __getattr__(name: str) -> Any:
    where = _WHERE.get(name)
    if where is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    if not where:
        return import_module(f".{name}", __name__)
    value = globals()[name] = getattr(import_module(f".{where}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
