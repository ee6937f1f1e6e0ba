"""What a project uses, in one row for each metric: the latest value and the maximum of 30 days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import field

from ..runtime.structs import DateTime, Model
from .series import Series

UNITS: Mapping[str, str] = {"cpu": "cores", "memory": "bytes", "storage": "bytes", "requests": "requests per second"}
"""Unit of each ready-made query."""
_MAXIMUM = "maximum of "
"""Before the name of a metric: the `ref_id` of the query for its maximum."""


class MetricSummary(Model, frozen=True, kw_only=True):
    """One metric of a project. Source: the metrics proxy, which keeps a value for every five minutes."""

    project_id: str = field(name="projectId")
    metric: str
    """`cpu`, `memory`, `storage` or `requests`."""
    latest_value: float | None = field(default=None, name="latestValue")
    """The newest value, in `unit`; `None` where nothing was measured."""
    latest_value_at: DateTime | None = field(default=None, name="latestValueAt")
    maximum_of_30_days: float | None = field(default=None, name="maximumOf30Days")
    """The greatest of the five-minute values of the last 30 days, in `unit`."""
    unit: str | None = None
    """`None` for queries of your own."""


def with_maxima(queries: Mapping[str, str]) -> dict[str, str]:
    """The queries, and for each one that gives its maximum: the server computes it, so that a month is one value and
    not 8640."""
    # On a line of its own, the end is not part of a comment of theirs.
    maxima = {f"{_MAXIMUM}{name}": f"max_over_time(({promql}\n)[30d:5m])" for name, promql in queries.items()}
    return {**queries, **maxima}


def metric_of(ref_id: str) -> str:
    """The metric that one of these queries is about."""
    return ref_id.removeprefix(_MAXIMUM)


def summarized(project_id: str, names: Iterable[str], series: Iterable[Series]) -> list[MetricSummary]:
    """A row for each name, with what these series say of it; a metric that has several series counts with the first."""
    found: dict[str, Series] = {}
    for one in series:
        if one.latest is not None:
            found.setdefault(one.ref_id, one)
    return [_row(project_id, name, found.get(name), found.get(f"{_MAXIMUM}{name}")) for name in names]


def _row(project_id: str, name: str, now: Series | None, month: Series | None) -> MetricSummary:
    measured = [] if now is None else [one for one in now.samples if one.value is not None and one.value == one.value]
    return MetricSummary(
        project_id=project_id,
        metric=name,
        latest_value=measured[-1].value if measured else None,
        latest_value_at=measured[-1].time if measured else None,
        maximum_of_30_days=None if month is None else month.latest,
        unit=UNITS.get(name),
    )
