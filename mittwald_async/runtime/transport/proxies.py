"""Proxies of the environment."""

from __future__ import annotations

import base64
from typing import Any
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from ..headers import RedactedStr
from ..urls import http_url


class Proxies:
    """Proxies of the environment, looked up once per origin: aiohttp's own `trust_env` asks a thread on every call
    and would send credentials it finds in `.netrc`."""

    __slots__ = ("_found", "_known")

    def __init__(self, trust_env: bool) -> None:
        self._known: dict[str, str] = getproxies() if trust_env else {}
        self._found: dict[tuple[str, str | None, int | None], dict[str, Any]] = {}

    def __bool__(self) -> bool:
        return bool(self._known)

    def arguments(self, url: URL) -> dict[str, Any]:
        """The keyword arguments for aiohttp's request."""
        key = (url.scheme, url.host, url.port)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._look_up(url)
        return found

    def _look_up(self, url: URL) -> dict[str, Any]:
        proxy = self._known.get(url.scheme) or self._known.get("all")
        if not proxy or proxy_bypass(f"{url.host}:{url.port}"):
            return {}
        address = http_url(proxy if "://" in proxy else f"http://{proxy}")
        if address is None:
            raise ValueError(
                f"the environment's proxy for {url.scheme} is not an http proxy; Pool(trust_env=False) ignores it"
            )
        arguments: dict[str, Any] = {"proxy": address.with_user(None)}
        if address.user is not None:
            pair = base64.b64encode(f"{address.user}:{address.password or ''}".encode()).decode()
            arguments["proxy_headers"] = {"Proxy-Authorization": RedactedStr(f"Basic {pair}")}
        return arguments
