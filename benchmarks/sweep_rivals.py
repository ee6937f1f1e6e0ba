"""The same inventory without this package's inventory: bare aiohttp + msgspec, and the official SDK with loops.

Each writes its rows to SQLite, ids and JSON, a table per resource, as someone would who needs the result once: no keys,
no owners, nothing to go on from, a commit per page.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from mittwald_async.codec import strict_decoder
from mittwald_async.inventory import Plan
from mittwald_async.inventory.catalog import ListRoute
from mittwald_async.operations import OPERATIONS

CONCURRENCY = 32


class Written:
    """Rows going to SQLite as they come."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self.rows = 0
        self.requests = 0
        self.failed: dict[str, str] = {}
        """Lists that could not be fetched, by operation."""

    def add(self, resource: str, ids: Sequence[str], items: Iterable[str]) -> None:
        self._db.execute(f'CREATE TABLE IF NOT EXISTS "{resource}" (id TEXT, data TEXT)')
        self._db.execute("BEGIN")
        self._db.executemany(f'INSERT INTO "{resource}" VALUES (?, ?)', zip(ids, items, strict=True))
        self._db.execute("COMMIT")
        self.rows += len(ids)

    def close(self) -> None:
        self._db.close()


Ask = Callable[[str, ListRoute, str | None], Awaitable[list[str]]]


async def walk(plan: Plan, ask: Ask) -> None:
    """Ask for every list of a plan: the account's first, then those of customers and projects, 32 at once."""
    ids: dict[str, list[str]] = {}
    gate = asyncio.Semaphore(CONCURRENCY)

    async def one(resource: str, route: ListRoute, owner: str | None) -> None:
        async with gate:
            ids.setdefault(resource, []).extend(await ask(resource, route, owner))

    for scope in ("account", "customer", "project"):
        steps = [step for step in plan.steps if step.route.scope == scope]
        jobs = [
            one(step.resource, step.route, owner)
            for step in steps
            for owner in ([None] if scope == "account" else ids[scope])
        ]
        await asyncio.gather(*jobs)


async def bare(url: str, token: str, plan: Plan, out: Written) -> None:
    """aiohttp and msgspec decoders of the same models, page after page."""
    encode = msgspec.json.Encoder().encode
    async with aiohttp.ClientSession(headers={"X-Access-Token": token}) as session:

        async def ask(resource: str, route: ListRoute, owner: str | None) -> list[str]:
            operation = OPERATIONS[route.operation_id]
            decode = strict_decoder(operation.results[0].type)
            path, query = route.arguments(owner)
            address = url + operation.path.format(**path)
            found: list[str] = []
            while True:
                if route.page_size:
                    query = {**query, "limit": str(route.page_size), "skip": str(len(found))}
                async with session.get(address, params=query) as response:
                    response.raise_for_status()
                    items = decode(await response.read())
                out.requests += 1
                ids = [str(getattr(item, "id", None) or getattr(item, "customer_id", "")) for item in items]
                out.add(resource, ids, (encode(item).decode() for item in items))
                found += ids
                if not route.page_size or len(items) < route.page_size:
                    return found

        await walk(plan, ask)


async def official(url: str, token: str, plan: Plan, out: Written) -> None:
    """The official SDK's async functions, page after page, with the same plan and the same concurrency."""
    client_module = importlib.import_module("mittwald_api_client")
    client = client_module.AuthenticatedClient(base_url=url, token=token, timeout=60.0)

    async def ask(resource: str, route: ListRoute, owner: str | None) -> list[str]:
        operation = OPERATIONS[route.operation_id]
        module = _official_module(operation.tag, route.operation_id)
        if module is None:
            out.failed[route.operation_id] = "no such operation"
            return []
        path, query = route.arguments(owner)
        arguments: dict[str, Any] = {_snake(name): value for name, value in {**path, **query}.items()}
        found: list[str] = []
        while True:
            if route.page_size:
                arguments |= {"limit": route.page_size, "skip": len(found)}
            try:
                items = await module.asyncio(client=client, **arguments)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                # What the SDK cannot build or decode; the rest goes on, as it would have to for a user.
                out.failed[route.operation_id] = repr(error)[:80]
                return found
            out.requests += 1
            dicts = [item.to_dict() for item in items]
            ids = [item.get("id") or item.get("customerId") or "" for item in dicts]
            out.add(resource, ids, (json.dumps(item) for item in dicts))
            found += ids
            if not route.page_size or len(items) < route.page_size:
                return found

    async with client:
        await walk(plan, ask)


def _official_module(tag: str, operation_id: str) -> Any:
    """The module of an operation, `None` where the SDK does not have it."""
    folder = tag.lower().replace("/", "").replace(" ", "_")
    names = (folder, folder.replace("_", ""), "sshsftp_user")
    for name in names:
        try:
            return importlib.import_module(f"mittwald_api_client.api.{name}.{operation_id.replace('-', '_')}")
        except ModuleNotFoundError:
            continue
    return None


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
