"""`mw.metrics`: PromQL through mittwald's proxy of Grafana's query endpoint."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from ..runtime.errors import InvalidArgumentError
from ..runtime.operation import Response
from .selectors import restricted
from .series import SeriesList, series_of
from .summary import MetricSummary, summarized, with_maxima

PATH = "/v2/apps/metrics/api/ds/query"
DATA_SOURCE = "MetricsAuthPrometheus"
BUCKET = 300.0
"""Seconds; the server keeps one value for each."""
MOST_POINTS = 11_000
"""Values per series that Prometheus gives at most."""
PROJECT_LABEL = "project_id"
"""Label that names the project; not documented, and therefore an option."""

READY_MADE: dict[str, str] = {
    "cpu": "sum(rate(container_cpu_usage_seconds_total[10m]))",
    "memory": "sum(container_memory_working_set_bytes)",
    "storage": "sum(container_fs_usage_bytes)",
    "requests": "sum(rate(http_requests_total[10m]))",
}
"""Queries by name: cores, bytes, bytes, requests per second. The metrics have the names that Kubernetes gives them."""


class Requests(Protocol):
    """A client that sends to any route."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, object] | None = None,
        body: object = ...,
    ) -> Response[bytes]:
        """Send, and give the answer as bytes."""
        ...


class Metrics:
    """Metrics of projects, by PromQL.

        memory = "sum(container_memory_working_set_bytes)"
        series = await mw.metrics.query(memory, project_id=project.id, start=yesterday)
        print(series[0].latest, series[0].maximum)

    The server keeps a value for every five minutes.

    Args (of the methods):
        promql: a query; or several, by ids of yours, which then are the series' `ref_id`.
        project_id: only of this project: every selector of the query is restricted to it.
        start, end: moments with a time zone, or seconds before now as a `timedelta`; `end` is now by default.
        step: seconds from one value to the next, 300 by default.

    Raises (all methods):
        MetricsError: a query is refused; `.series` has what the others gave.
        InvalidArgumentError: an argument cannot be used.
        MittwaldError: as any call.

    Args:
        client: the client to ask with.
        wall: the time, for tests.
        project_label: name of the label that names the project.
        ready_made: queries for `cpu` and its like, by name, in place of the built-in ones.
    """

    def __init__(
        self,
        client: Requests,
        *,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        project_label: str = PROJECT_LABEL,
        ready_made: Mapping[str, str] | None = None,
    ) -> None:
        self._client = client
        self._wall = wall
        self._project_label = project_label
        self._ready_made = {**READY_MADE, **(ready_made or {})}

    async def query(
        self,
        promql: str | Mapping[str, str],
        *,
        start: datetime | timedelta,
        end: datetime | None = None,
        step: float = BUCKET,
        project_id: str | None = None,
    ) -> SeriesList:
        """Values over time."""
        until = self._moment("end", self._wall() if end is None else end)
        since = until - start if isinstance(start, timedelta) else self._moment("start", start)
        if since > until:
            raise InvalidArgumentError("start", "must not be after the end")
        if isinstance(step, bool) or not isinstance(step, int | float) or not 1 <= step < math.inf:  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgumentError("step", f"must be 1 or more seconds, not {step!r}")
        points = math.floor((until - since).total_seconds() / step) + 1
        if points > MOST_POINTS:
            raise InvalidArgumentError(
                "step", f"would give {points:,} values; {MOST_POINTS:,} is the most, take longer steps"
            )
        options = {"range": True, "instant": False, "intervalMs": round(step * 1000), "maxDataPoints": points}
        return await self._ask(promql, project_id, since, until, options)

    async def instant(
        self, promql: str | Mapping[str, str], *, at: datetime | None = None, project_id: str | None = None
    ) -> SeriesList:
        """The values of one moment, now by default: a value for each series."""
        moment = self._moment("at", self._wall() if at is None else at)
        options = {"range": False, "instant": True, "intervalMs": round(BUCKET * 1000), "maxDataPoints": 1}
        return await self._ask(promql, project_id, moment - timedelta(seconds=BUCKET), moment, options)

    async def cpu(self, project_id: str, **times: Any) -> SeriesList:
        """Cores in use. Takes `start`, `end` and `step`, as `query` does; without `start`, the last day."""
        return await self._ready("cpu", project_id, times)

    async def memory(self, project_id: str, **times: Any) -> SeriesList:
        """Bytes of memory in use; see `cpu`."""
        return await self._ready("memory", project_id, times)

    async def storage(self, project_id: str, **times: Any) -> SeriesList:
        """Bytes of storage in use; see `cpu`."""
        return await self._ready("storage", project_id, times)

    async def requests(self, project_id: str, **times: Any) -> SeriesList:
        """Requests per second; see `cpu`."""
        return await self._ready("requests", project_id, times)

    async def usage(self, project_id: str, **times: Any) -> SeriesList:
        """All four in one request, with `cpu`, `memory`, `storage` and `requests` as `ref_id`."""
        times.setdefault("start", timedelta(days=1))
        return await self.query(self._ready_made, project_id=_project(project_id), **times)

    async def summary(self, project_id: str) -> list[MetricSummary]:
        """The latest value and the maximum of 30 days of each ready-made query, in one request.

        Args:
            project_id: of this project.

        Returns:
            A row for each of `cpu`, `memory`, `storage` and `requests`; values are `None` where nothing was measured.
        """
        series = await self.instant(with_maxima(self._ready_made), project_id=_project(project_id))
        return summarized(project_id, self._ready_made, series)

    async def _ready(self, name: str, project_id: str, times: dict[str, Any]) -> SeriesList:
        times.setdefault("start", timedelta(days=1))
        return await self.query({name: self._ready_made[name]}, project_id=_project(project_id), **times)

    async def _ask(
        self,
        promql: str | Mapping[str, str],
        project_id: str | None,
        start: datetime,
        end: datetime,
        options: Mapping[str, object],
    ) -> SeriesList:
        queries = {"A": promql} if isinstance(promql, str) else dict(promql) if isinstance(promql, Mapping) else {}  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        if not queries or not all(isinstance(text, str) and text.strip() for text in queries.values()):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidArgumentError("promql", "must be a query, or queries by ids")
        if project_id is not None:
            whose = _project(project_id)
            queries = {key: restricted(text, self._project_label, whose) for key, text in queries.items()}
        source = {"uid": DATA_SOURCE, "type": "prometheus"}
        body = {
            "queries": [{"refId": key, "datasource": source, "expr": text, **options} for key, text in queries.items()],
            "from": str(round(start.timestamp() * 1000)),
            "to": str(round(end.timestamp() * 1000)),
        }
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        response = await self._client.request("POST", PATH, headers=headers, body=json.dumps(body).encode())
        return series_of(response.data, list(queries))

    def _moment(self, name: str, value: object) -> datetime:
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise InvalidArgumentError(name, f"must be a datetime with a time zone, not {value!r}")
        return value


def _project(project_id: object) -> str:
    """The id of a project: where it is missing, a query is about all there are."""
    if not isinstance(project_id, str) or not project_id:
        raise InvalidArgumentError("project_id", f"must be text and not empty, not {project_id!r}")
    return project_id
