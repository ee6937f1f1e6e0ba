"""Proxies of the environment."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from ..errors import ConfigurationError
from ..headers import RedactedStr
from ..urls import http_url, is_loopback

_ENTRY = re.compile(r"\[(?P<bracketed>[^\]]+)\](?::(?P<port6>\d+))?|(?P<name>[^:]+)(?::(?P<port>\d+))?")
"""One entry of `NO_PROXY`, with a port or without."""


class Proxies:
    """Proxies of the environment, looked up once per origin: aiohttp's own `trust_env` asks a thread on every call
    and would send credentials it finds in `.netrc`.

    Addresses of this machine never go through a proxy: it would look for them on its own machine.
    """

    __slots__ = ("_found", "_known", "any")

    def __init__(self, trust_env: bool) -> None:
        self._known: dict[str, str] = getproxies() if trust_env else {}
        self._found: dict[tuple[str, str | None, int | None], dict[str, Any]] = {}
        self.any: bool = any(self._known.get(scheme) for scheme in ("http", "https", "all"))
        """Whether there are proxies."""

    def arguments(self, url: URL) -> dict[str, Any]:
        """The keyword arguments for aiohttp's request.

        Raises:
            ConfigurationError: the proxy is not one that requests can go through.
        """
        key = (url.scheme, url.host, url.port)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._look_up(url)
        return found

    def _look_up(self, url: URL) -> dict[str, Any]:
        proxy = self._known.get(url.scheme) or self._known.get("all")
        if not proxy or is_loopback(url.host) or self._excepted(url):
            return {}
        address = http_url(proxy if "://" in proxy else f"http://{proxy}")
        if address is None:
            scheme = proxy.partition("://")[0].lower() if "://" in proxy else "http"
            usable = scheme in ("http", "https") or not scheme.isalnum()
            what = (
                "is not a usable address"
                if usable
                else f"begins with {scheme}://: only http:// and https:// proxies are supported"
            )
            raise ConfigurationError(
                f"the environment's proxy for {url.scheme} {what}; Pool(trust_env=False) ignores it"
            )
        arguments: dict[str, Any] = {"proxy": address.with_user(None)}
        if address.user is not None:
            pair = base64.b64encode(f"{address.user}:{address.password or ''}".encode()).decode()
            arguments["proxy_headers"] = {"Proxy-Authorization": RedactedStr(f"Basic {pair}")}
        return arguments

    def _excepted(self, url: URL) -> bool:
        """Whether the environment, or the operating system, excepts the address."""
        host, port = url.host or "", url.port
        if excepted(self._known, host, port):
            return True
        return ":" not in host and bool(proxy_bypass(f"{host}:{port}"))


def excepted(known: Mapping[str, str], host: str, port: int | None) -> bool:
    """Whether `NO_PROXY` names a host: by its name, the end of it, its address, or a network (`10.0.0.0/8`,
    `fd00::/8`); with a port, only that one; `*` names all.

    Args:
        known: as `urllib.request.getproxies` gives it, `NO_PROXY` under `no`.
        host: name or address, without brackets.
        port: where the request goes.
    """
    name = host.lower().strip("[]").rstrip(".")
    address = _address(name)
    return any(
        _names(entry, name, address, port) for entry in re.split(r"[\s,]+", known.get("no", "").lower()) if entry
    )


def _names(entry: str, host: str, address: IPv4Address | IPv6Address | None, port: int | None) -> bool:
    if entry == "*":
        return True
    if "/" in entry or _address(entry) is not None:
        return address is not None and _contains(entry, address)
    found = _ENTRY.fullmatch(entry)
    if found is None:
        return False
    asked = found["port"] or found["port6"]
    if asked is not None and int(asked) != port:
        return False
    named = found["bracketed"] or found["name"]
    if address is not None:
        return _contains(named, address)
    end = named.removeprefix("*").lstrip(".").rstrip(".")
    return bool(end) and (host == end or host.endswith(f".{end}"))


def _contains(network: str, address: IPv4Address | IPv6Address) -> bool:
    with suppress(ValueError):
        return address in ip_network(network.replace("[", "").replace("]", ""), strict=False)
    return False


def _address(text: str) -> IPv4Address | IPv6Address | None:
    with suppress(ValueError):
        found = ip_address(text.partition("%")[0])
        return getattr(found, "ipv4_mapped", None) or found
    return None
