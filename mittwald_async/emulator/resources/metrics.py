"""The metrics proxy: Grafana's query endpoint in front of Prometheus, with plausible series."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from hashlib import blake2b
from itertools import count
from typing import Any

import msgspec

from ..handlers import EmulatedCall, serves
from ..replies import Fail, Reply, ValueReply
from ..state import World
from .base import world_of

DATA_SOURCE = "MetricsAuthPrometheus"
_STEP_SECONDS = 300
"""Buckets of five minutes."""
_MOST_POINTS = 11_000
"""Prometheus refuses more per series."""
_BESIDE_NAMES = re.compile(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring)\s*\([^)]*\)")
_NAME = re.compile(r"\b[a-zA-Z_:][a-zA-Z0-9_:]*\b(?!\s*\()")
_MATCHER = re.compile(r'([a-zA-Z_]\w*)\s*=~?\s*"([^"]*)"')
_MAXIMUM = re.compile(r"\bmax_over_time\s*\(.*\[(\d+)([smhdw]):(\d+[smhdw])?\]\s*\)\s*$", re.DOTALL)
"""The greatest value of a window of time, as a subquery."""
_BY = re.compile(r"\bby\s*\(\s*([a-zA-Z_]\w*)")
_SHAPES = (
    (re.compile("cpu"), 0.4, 0.25, 0.0),
    (re.compile("memory|mem_"), 600e6, 250e6, 0.0),
    (re.compile("storage|disk|fs_|volume"), 4e9, 1e7, 3e3),
    (re.compile("request|http|traffic|visit"), 25.0, 15.0, 0.0),
)
"""Middle, swing of a day and growth per bucket of a metric, by words in its name."""
_DAY = tuple(math.sin(2 * math.pi * (second / 86400 - 0.3)) for second in range(0, 86400, _STEP_SECONDS))
"""The course of a day, from -1 to 1, by its buckets."""
_SERIES = ("a", "b")
"""Values of the label that a query groups by."""


class MetricsQuery(msgspec.Struct, rename="camel"):
    ref_id: str
    expr: str = ""
    instant: bool = False
    datasource: dict[str, Any] = {}


class MetricsRequest(msgspec.Struct):
    queries: list[MetricsQuery]
    start: str | int = msgspec.field(name="from", default="now-1h")
    to: str | int = "now"


@serves("POST", "/v2/apps/metrics/api/ds/query", open=False)
def query_metrics(call: EmulatedCall) -> Reply:
    """Errors of single queries are inside the 200, as Grafana has them."""
    call.pure = True
    try:
        request = msgspec.convert(call.body, MetricsRequest)
    except msgspec.ValidationError as error:
        raise Fail.invalid("body", str(error)) from None
    if not request.queries:
        raise Fail.invalid("body.queries", "must name at least one query")
    now = call.clock.now()
    start, end = _moment(request.start, now), _moment(request.to, now)
    if start is None or end is None or start > end:
        raise Fail.invalid("body.from", "must be a moment before `to`: milliseconds, or now-1h")
    results = {query.ref_id: _result(call, query, start, end) for query in request.queries}
    etag = blake2b(msgspec.json.encode(results), digest_size=6).hexdigest()
    return ValueReply({"results": results}, 200, {"ETag": f'W/"{etag}"'})


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def _moment(text: str | int, now: float) -> float | None:
    """Unix seconds of what Grafana takes: milliseconds, `now` or `now-6h`."""
    written = str(text)
    if written.isdecimal():
        return int(written) / 1000
    found = re.fullmatch(r"now(?:-(\d+)([smhdw]))?", written)
    if found is None:
        return None
    return now - int(found[1] or 0) * _UNITS[found[2] or "s"]


def _result(call: EmulatedCall, query: MetricsQuery, start: float, end: float) -> dict[str, Any]:
    source = query.datasource.get("uid", DATA_SOURCE)
    if source != DATA_SOURCE:
        return _error(404, f"data source {source} not found")
    name = _NAME.search(_BESIDE_NAMES.sub(" ", query.expr))
    if name is None or query.expr.count("(") != query.expr.count(")"):
        return _error(
            400, f'bad_data: invalid parameter "query": parse error: unexpected end of input in "{query.expr}"'
        )
    if (end - start) / _STEP_SECONDS > _MOST_POINTS and not query.instant:
        return _error(400, f"bad_data: exceeded maximum resolution of {_MOST_POINTS} points per timeseries")
    labels = dict(_MATCHER.findall(query.expr))
    if not _visible(call, labels):
        return {"status": 200, "frames": []}
    grouped = _BY.search(query.expr)
    each = [labels] if grouped is None else [{grouped[1]: f"{grouped[1]}-{value}"} for value in _SERIES]
    first = end if query.instant else start
    times = range(math.ceil(first // _STEP_SECONDS), int(end // _STEP_SECONDS) + 1)
    metric = name[0]
    window = _MAXIMUM.search(query.expr)
    if window is not None and query.instant:
        buckets = int(window[1]) * _UNITS[window[2]] // _STEP_SECONDS
        if buckets > _MOST_POINTS:
            return _error(422, f"execution: query processing would load too many samples: {query.expr}")
        frames = [_maximum_frame(call.world, query, metric, labels, one, times[-1], buckets) for one in each]
    else:
        frames = [_frame(call.world, query, metric, labels, one, times) for one in each]
    return {"status": 200, "frames": frames}


def _visible(call: EmulatedCall, labels: dict[str, str]) -> bool:
    """Whether every project that the query names is the caller's."""
    world = world_of(call)
    for name, value in labels.items():
        if "project" in name:
            key = world.key("project", value)
            if key is None or not world.allowed("project", key, call.identity):
                return False
    return True


def _frame(
    world: World, query: MetricsQuery, metric: str, labels: dict[str, str], shown: dict[str, str], times: range
) -> dict[str, Any]:
    course = _Course(world, metric, f"{metric} {sorted(labels.items())} {sorted(shown.items())}")
    found = [course.at(time) for time in times]
    if query.instant and found[-1] is None:
        # Prometheus answers an instant query with the newest sample there is, not with a gap.
        earlier = (course.at(times[-1] - back) for back in count(1))
        found[-1] = next(value for value in earlier if value is not None)
    return _written(query, shown, times, found)


def _maximum_frame(
    world: World,
    query: MetricsQuery,
    metric: str,
    labels: dict[str, str],
    shown: dict[str, str],
    last: int,
    buckets: int,
) -> dict[str, Any]:
    course = _Course(world, metric, f"{metric} {sorted(labels.items())} {sorted(shown.items())}")
    greatest = course.greatest(range(last - buckets + 1, last + 1))
    return _written(query, shown, range(last, last + 1), [greatest])


def _written(query: MetricsQuery, shown: dict[str, str], times: range, found: Sequence[float | None]) -> dict[str, Any]:
    step = _STEP_SECONDS * 1000
    fields: list[dict[str, Any]] = [
        {"name": "Time", "type": "time", "typeInfo": {"frame": "time.Time"}, "config": {"interval": step}},
        {"name": "Value", "type": "number", "typeInfo": {"frame": "float64"}, "labels": shown, "config": {}},
    ]
    values = [[time * step for time in times], found]
    meta = {"type": "timeseries-multi", "executedQueryString": f"Expr: {query.expr}\nStep: {_STEP_SECONDS}s"}
    return {"schema": {"refId": query.ref_id, "meta": meta, "fields": fields}, "data": {"values": values}}


class _Course:
    """The values of one series: a day's course with some noise; one bucket in a hundred is missing."""

    def __init__(self, world: World, metric: str, key: str) -> None:
        shape = next(((m, s, g) for words, m, s, g in _SHAPES if words.search(metric)), (10.0, 5.0, 0.0))
        self._middle, self._swing, self._growth = shape
        self._dice_of = world.seeded.ids.dice_of
        self._key = key
        self._factor = 0.5 + self._dice_of(key).below(1000) / 1000
        self._first = world.seeded.epoch / _STEP_SECONDS

    def at(self, bucket: int) -> float | None:
        """The value of a bucket."""
        noise = self._dice_of(f"{self._key} {bucket}")
        if noise.below(100) == 0:
            return None
        return self._value(bucket, noise.below(400))

    def greatest(self, buckets: range) -> float | None:
        """The maximum of these buckets. Candidates are evaluated first, since random numbers are expensive."""
        most = {bucket: max(self._value(bucket, 0), self._value(bucket, 399)) for bucket in buckets}
        found: float | None = None
        for bucket in sorted(most, key=most.__getitem__, reverse=True):
            if found is not None and most[bucket] <= found:
                break
            value = self.at(bucket)
            if value is not None and (found is None or value > found):
                found = value
        return found

    def _value(self, bucket: int, noise: int) -> float:
        day = _DAY[bucket % len(_DAY)]
        grown = self._growth * (bucket - self._first)
        course = self._middle + self._swing * day * (0.8 + noise / 1000) + grown
        return round(max(0.0, self._factor * course), 4)


def _error(status: int, message: str) -> dict[str, Any]:
    return {"status": status, "error": message, "errorSource": "downstream", "frames": []}
