"""Whether the name servers of a zone answer with an entry: each is asked itself, so that no cache is in between."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Iterable
from typing import Any, Protocol

from .._install import install_hint
from ..runtime.clock import Clock
from ..runtime.errors import ConfigurationError, InvalidArgumentError, WaitTimeout
from .values import normal

_FIRST, _LONGEST, _GROWTH = 2.0, 15.0, 1.5
"""Seconds from one round of questions to the next: at first, at most, and how much longer each is."""
_PATIENCE = 5.0
"""Seconds for one answer."""


class Resolver(Protocol):
    """What is needed of `dns.asyncresolver.Resolver`; its `port`, if any, is used for the name servers as well."""

    async def resolve(self, qname: Any, rdtype: Any, *args: Any, **kwargs: Any) -> Iterable[Any]:
        """The records of a name and type."""
        ...


async def wait_until_visible(
    name: str, type: str, value: str, timeout: float, clock: Clock, resolver: Resolver | None
) -> None:
    """See `Dns.wait_until_visible`; name and value are in their one spelling."""
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 <= timeout < 1e9:  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise InvalidArgumentError("timeout", f"must be 0 or more seconds, not {timeout!r}")
    asking = _Asking(name, type, resolver)
    end = clock.now() + timeout
    interval = _FIRST
    while True:
        lacking = await asking.lacking(value)
        if not lacking:
            return
        left = end - clock.now()
        if left <= 0:
            raise WaitTimeout(f"{type} of {name} was not visible within {timeout:g} s: {'; '.join(lacking)}")
        await clock.sleep(min(interval, left))
        interval = min(_LONGEST, interval * _GROWTH)


class _Asking:
    """Asks the name servers of one zone for one name."""

    def __init__(self, name: str, type: str, resolver: Resolver | None) -> None:
        try:
            import dns.asyncresolver
            import dns.exception
        except ModuleNotFoundError:
            raise ConfigurationError(f"looking at name servers needs dnspython: {install_hint('dns')}") from None
        self._kind: Any = dns.asyncresolver.Resolver
        self._problem: builtins.type[Exception] = dns.exception.DNSException
        self._name = name
        self._type = type
        self._resolver: Resolver = resolver or dns.asyncresolver.Resolver()

    async def lacking(self, value: str) -> list[str]:
        """Why it is not visible yet: one reason for each server that lacks it."""
        try:
            servers = await self._servers()
        except (self._problem, OSError) as problem:
            return [f"its name servers cannot be found ({_short(problem)})"]
        if not servers:
            return ["its name servers cannot be found"]
        reasons = await asyncio.gather(*(self._reason(server, value) for server in servers))
        return [reason for reason in reasons if reason]

    async def _servers(self) -> list[str]:
        """The name servers of the zone: of the nearest name above that has any."""
        labels = self._name.split(".")
        for start in range(len(labels) - 1):
            try:
                found = await self._resolver.resolve(".".join(labels[start:]), "NS")
            except self._problem:
                continue
            return [str(record.target).rstrip(".") for record in found]
        return []

    async def _reason(self, server: str, value: str) -> str | None:
        try:
            addresses = await self._addresses(server)
            if not addresses:
                return f"{server} has no address"
            asked = self._kind(configure=False)
            asked.nameservers = addresses
            asked.port = getattr(self._resolver, "port", 53)
            asked.lifetime = _PATIENCE
            asked.cache = None
            found = {_text(self._type, record) for record in await asked.resolve(f"{self._name}.", self._type)}
        except (self._problem, OSError) as problem:
            return f"{server} does not have it ({_short(problem)})"
        return None if value in found else f"{server} has other values"

    async def _addresses(self, server: str) -> list[str]:
        found: list[str] = []
        for type in ("A", "AAAA"):
            try:
                found += [str(record) for record in await self._resolver.resolve(f"{server}.", type)]
            except self._problem:
                continue
        return found


def _text(type: str, record: Any) -> str:
    try:
        return normal(type, str(record))
    except InvalidArgumentError:
        return str(record)


def _short(problem: Exception) -> str:
    return type(problem).__name__
