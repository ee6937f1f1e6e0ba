"""Encoding: a page of 1000 decoded projects back to JSON, and the body of an ordinary request.

Ours refuses date-times without zone and numbers that are not finite, which takes a look at every such field; msgspec
alone does not. The official SDK's classes give dicts, which `json.dumps` then writes.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import msgspec

from mittwald_async import codec

from .frame import Settings, Table, alternate, compared, installed, missing
from .payloads import page, project
from .peers import official_class, pydantic_project

OURS = "mittwald_async"
LIMIT = "orjson.dumps"


def run(settings: Settings) -> Iterator[Table]:
    if installed("orjson"):
        yield _page(settings)
        yield _body(settings)
    else:
        yield Table("Encode", ("contender",), notes=[missing("orjson")])


def _page(settings: Settings) -> Table:
    count = settings.pick(1000, 20)
    body = page(project, count)
    parsed = json.loads(body)
    values = codec.loads("list[project.ProjectListItem]", body)
    dumps: Callable[[object], bytes] = importlib.import_module("orjson").dumps
    contenders: dict[str, Callable[[], object]] = {
        LIMIT: lambda: dumps(parsed),
        OURS: lambda: codec.encode(values),
        "msgspec alone, same structs": lambda: msgspec.json.encode(values),
        "json.dumps": lambda: json.dumps(parsed),
    }
    official = official_class("projects")
    if official is not None:
        objects = [official.from_dict(item) for item in parsed]
        contenders["mittwald-api-client, to_dict"] = lambda: json.dumps([item.to_dict() for item in objects])
    if installed("pydantic"):
        adapter = pydantic_project()
        models = adapter.validate_python(parsed)
        contenders["pydantic, dump_json"] = lambda: adapter.dump_json(models, by_alias=True, exclude_none=True)
    measured = alternate(contenders, rounds=settings.pick(21, 3), span=settings.pick(20, 0))
    return compared(f"Encode {count} projects, {len(body) / 1e6:.2f} MB", measured, limit=LIMIT, ours=OURS)


def _body(settings: Settings) -> Table:
    body = {
        "description": "Onlineshop",
        "active": True,
        "interval": "*/5 * * * *",
        "timeout": 3600,
        "destination": {"interpreter": "/usr/bin/php", "path": "/html/cron.php"},
        "startsAt": datetime(2026, 1, 2, tzinfo=UTC),
    }
    dumps: Callable[[object], bytes] = importlib.import_module("orjson").dumps
    contenders: dict[str, Callable[[], object]] = {
        LIMIT: lambda: dumps(body),
        OURS: lambda: codec.encode(body),
        "msgspec alone": lambda: msgspec.json.encode(body),
        "json.dumps": lambda: json.dumps(body, default=str),
    }
    measured = alternate(contenders, rounds=settings.pick(15, 3), span=settings.pick(20, 0))
    return compared("Encode one request body", measured, limit=LIMIT, ours=OURS, unit="µs", scale=1e6)
