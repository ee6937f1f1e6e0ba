"""Decoding answers: pages of 1000 items as bytes, into whatever each library gives its users.

`orjson.loads` gives untyped dicts and is the limit to compare with: the fastest parser Python has. The official SDK and
pydantic's `validate_python` get parsed JSON, so parsing is not in their time; all others start from the bytes. Structs
decode fastest where properties come in the document's order, as they do here; the row with reversed keys is the worst
case.

The official SDK's `from_dict` takes 25.5 to 28 times as long as ours for a page of projects, without the parsing it
needs before (five runs on 2026-11-22; aim: 25). All contenders are measured warm, each for the same time per round. The
first decoding after a full collection, whose walk through the heap empties the caches, takes about 1.4 times as long as
the later ones, while the official SDK does not notice: a single call each gives 19 to 22.

What ours spends on projects is msgspec's own decoding: half of its instructions go into finding keys and the ends of
strings, a tenth into date-times, an eighth into freeing the result. Then all of the body is searched for date-times
that msgspec would round up: 0.3 ms of a page of 0.9 MB, which makes 0.79 of `orjson.loads` out of 0.57.

That search is exact, and nothing faster was found that is. Measured on the page of projects, which decodes in 0.89 ms:
a point and seven digits, 0.31; with the colons before it looked at first, as before, 0.42; begun at the colon 0.47 or
at the T 0.34; one pattern that eats the whole body 1.6; `bytes.find` from point to point 0.70; `bytes.split` at points
0.35; digits made alike by `bytes.translate` 0.74; every fourth byte only 0.06, and 0.06 again for each of the three
searches it takes then. The microseconds of decoded values do not tell: `23:59:59.9999999` is decoded to a whole second.

The collector runs as it does for users. Results full of dicts make it run often, and that is part of their time: most
of what `orjson.loads` takes for ingresses.

Lists with unions, beside `orjson.loads`, without the search and with it (medians of 15 rounds on 2026-11-28, on a
machine that was busy otherwise): ingresses 0.70 and 0.76, messages 1.42 and 1.70, activities 0.91 and 0.99; DNS zones,
which have no date-times, 1.24. The same round without twins for messages (`runtime/_accel/tagged_lists`) 1.57, on a
quieter machine 1.33 with them. Where the rest goes:

- messages: 76 % msgspec, which first looks for the constant, since `type` comes last; 6 % giving 1,000
  items their class; 17 % decoding what differs between the 200 status updates.
- DNS zones: 1.2 msgspec, if its hook does nothing; the rest nine calls of hooks a zone and the four conversions that
  they end in. msgspec knows unions of structs by a tag only, which these do not have.
"""

from __future__ import annotations

import importlib
import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from mittwald_async import codec
from mittwald_async.errors import DriftWarning
from mittwald_async.runtime.operation import Operation, Result

from .frame import Measured, Settings, Table, alternate, compared, installed, missing, ratio
from .payloads import PAGES, folder, page, project, reordered
from .peers import official_class, pydantic_project

OURS = "mittwald_async"
LIMIT = "orjson.loads"


def operation(type_expr: str) -> Operation[Any]:
    """An operation that answers with a type."""
    return Operation(
        operation_id=f"benchmark {type_expr}",
        method="GET",
        path="/",
        group="benchmark",
        name="benchmark",
        tag="Benchmark",
        models="mittwald_async.models",
        results=(Result(status=200, type=type_expr, content_type="application/json"),),
    )


def ours(type_expr: str, body: bytes) -> Callable[[], object]:
    """Decoding as the client does it."""
    described = operation(type_expr)
    return lambda: codec.decode(described, 200, "application/json", body)


def untyped() -> Callable[[bytes], object] | None:
    """`orjson.loads` where it is installed."""
    return getattr(importlib.import_module("orjson"), "loads") if installed("orjson") else None  # noqa: B009


def contenders(name: str, body: bytes) -> dict[str, Callable[[], object]]:
    type_expr, _ = PAGES[name]
    loads = untyped() or msgspec.json.decode
    found: dict[str, Callable[[], object]] = {
        LIMIT: lambda: loads(body),
        OURS: ours(type_expr, body),
        "msgspec, untyped": lambda: msgspec.json.decode(body),
        "json.loads": lambda: json.loads(body),
        "mittwald_async, keys in reverse": ours(type_expr, reordered(body)),
    }
    parsed = json.loads(body)
    official = official_class(name)
    if official is not None:
        found["mittwald-api-client, from_dict"] = lambda: [official.from_dict(item) for item in parsed]
        found["mittwald-api-client, from bytes"] = lambda: [official.from_dict(item) for item in json.loads(body)]
    if name == "projects" and installed("pydantic"):
        adapter = pydantic_project()
        found["pydantic, validate_json"] = lambda: adapter.validate_json(body)
        found["pydantic, validate_python"] = lambda: adapter.validate_python(parsed)
    return found


def run(settings: Settings) -> Iterator[Table]:
    count, rounds, span = settings.pick(1000, 20), settings.pick(11, 3), settings.pick(50, 0)
    summary = Table(
        "Per item and per megabyte", ("page", "bytes", "µs per item", "ms per MB", "MB/s", "× orjson.loads", "bar")
    )
    for name, (_, make) in PAGES.items():
        body = page(make, count)
        measured = alternate(contenders(name, body), rounds=rounds, span=span)
        yield compared(f"Decode {count} {name}, {len(body) / 1e6:.2f} MB", measured, limit=LIMIT, ours=OURS)
        _summarize(summary, name, body, count, measured)
    for distribution, module in (
        ("mittwald-api-client", "mittwald_api_client"),
        ("pydantic", "pydantic"),
        ("orjson", "orjson"),
    ):
        if not installed(module):
            summary.notes.append(missing(distribution))
    yield summary
    yield _deep(settings)
    yield _drift(settings)


def _summarize(summary: Table, name: str, body: bytes, count: int, measured: dict[str, Measured]) -> None:
    seconds = measured[OURS].median
    megabytes = len(body) / 1e6
    bar = "≤ 1.0" if name == "projects" else "≤ 2.0"
    summary.add(
        name,
        len(body),
        seconds / count * 1e6,
        seconds / megabytes * 1e3,
        megabytes / seconds,
        ratio(measured[OURS], measured[LIMIT]),
        bar,
    )


def _deep(settings: Settings) -> Table:
    body = json.dumps([folder(100) for _ in range(settings.pick(100, 3))]).encode()
    loads = untyped() or msgspec.json.decode
    measured = alternate(
        {LIMIT: lambda: loads(body), OURS: ours("list[backup.ProjectBackupPath]", body)},
        rounds=settings.pick(11, 3),
        span=settings.pick(50, 0),
    )
    return compared(f"Decode folders nested 100 deep, {len(body) / 1e6:.2f} MB", measured, limit=LIMIT, ours=OURS)


def _drift(settings: Settings) -> Table:
    """What tolerance costs: pages on which one item, or each, has a value of the wrong type."""
    count = settings.pick(1000, 20)
    whole = page(project, count)
    one = page(lambda number: project(number) | ({"shortId": 7} if number == count // 2 else {}), count)
    each = page(lambda number: project(number) | {"shortId": 7}, count)
    loads = untyped() or msgspec.json.decode
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DriftWarning)
        measured = alternate(
            {
                LIMIT: lambda: loads(whole),
                OURS: ours("list[project.ProjectListItem]", whole),
                "one item deviates": ours("list[project.ProjectListItem]", one),
                "each item deviates": ours("list[project.ProjectListItem]", each),
            },
            rounds=settings.pick(11, 3),
            span=settings.pick(50, 0),
        )
    return compared(f"Decode {count} projects that deviate from the document", measured, limit=LIMIT, ours=OURS)
