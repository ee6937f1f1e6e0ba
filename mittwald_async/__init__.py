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
    from . import errors as errors
    from . import inventory as inventory
    from . import models as models
    from . import operations as operations
    from .client import Mittwald as Mittwald
    from .credentials import AccessTokenRetrievalKey as AccessTokenRetrievalKey
    from .credentials import Credentials as Credentials
    from .credentials import ExtensionInstanceSecret as ExtensionInstanceSecret
    from .credentials import PasswordLogin as PasswordLogin
    from .credentials import Secret as Secret
    from .credentials import StaticToken as StaticToken
    from .credentials import TokenSource as TokenSource
    from .errors import DriftWarning as DriftWarning
    from .errors import MittwaldError as MittwaldError
    from .fanout import Outcome as Outcome
    from .fanout import Progress as Progress
    from .fanout import fan_out as fan_out
    from .fanout import fan_out_items as fan_out_items
    from .fanout import gather_bounded as gather_bounded
    from .files import Download as Download
    from .files import File as File
    from .files import Upload as Upload
    from .operation import Attempt as Attempt
    from .operation import Operation as Operation
    from .operation import Page as Page
    from .operation import RateLimit as RateLimit
    from .operation import Response as Response
    from .options import Options as Options
    from .options import Pool as Pool
    from .paging import Pages as Pages
    from .structs import UNSET as UNSET
    from .structs import Unknown as Unknown
    from .structs import UnsetType as UnsetType
    from .transport.events import AttemptEnded as AttemptEnded
    from .transport.events import CallEnded as CallEnded
    from .transport.events import CallStarted as CallStarted
    from .transport.events import Event as Event
    from .transport.events import RetryScheduled as RetryScheduled
    from .transport.events import WaitedForBudget as WaitedForBudget
    from .transport.events import WaitingForBudget as WaitingForBudget
    from .transport.middleware import CallNext as CallNext
    from .transport.middleware import Middleware as Middleware
    from .transport.middleware import Request as Request
    from .transport.ratelimit import RateLimitStatus as RateLimitStatus

_WHERE = {
    "AccessTokenRetrievalKey": "credentials",
    "Attempt": "operation",
    "AttemptEnded": "transport.events",
    "CallEnded": "transport.events",
    "CallNext": "transport.middleware",
    "CallStarted": "transport.events",
    "Credentials": "credentials",
    "Download": "files",
    "DriftWarning": "errors",
    "Event": "transport.events",
    "ExtensionInstanceSecret": "credentials",
    "File": "files",
    "Middleware": "transport.middleware",
    "Mittwald": "client",
    "MittwaldError": "errors",
    "Operation": "operation",
    "Options": "options",
    "Outcome": "fanout",
    "Page": "operation",
    "Pages": "paging",
    "PasswordLogin": "credentials",
    "Pool": "options",
    "Progress": "fanout",
    "RateLimit": "operation",
    "RateLimitStatus": "transport.ratelimit",
    "Request": "transport.middleware",
    "Response": "operation",
    "RetryScheduled": "transport.events",
    "Secret": "credentials",
    "StaticToken": "credentials",
    "TokenSource": "credentials",
    "UNSET": "structs",
    "Unknown": "structs",
    "UnsetType": "structs",
    "Upload": "files",
    "WaitedForBudget": "transport.events",
    "WaitingForBudget": "transport.events",
    "errors": "",
    "fan_out": "fanout",
    "fan_out_items": "fanout",
    "gather_bounded": "fanout",
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
