"""Lists that no operation of the API gives: their rows are computed from what is asked for one owner."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Literal

import msgspec

from ..metrics import READY_MADE, Metrics, MetricsError
from ..metrics.queries import Requests
from ..metrics.summary import metric_of, summarized
from ..runtime.structs import Model

RowsOf = Callable[[Requests, str], AsyncGenerator[Sequence[Model], None]]
"""From a client and the id of an owner to its rows, in parts. It sends one request for an owner, which is what a plan
counts. What has come before an error is kept."""


class Computed(msgspec.Struct, frozen=True, kw_only=True):
    """A list whose rows are computed, one unit of work for each owner."""

    owner: Literal["customerId", "projectId"]
    """Whose list it is, by the wire name that operations have for it."""
    models: str
    """The package that has the module of `item`."""
    item: str
    """Type expression of a row; a `Model`."""
    rows: RowsOf


async def _metrics(client: Requests, project_id: str) -> AsyncGenerator[Sequence[Model], None]:
    """A row for each metric. Where some are refused, those of the others come before the error."""
    try:
        yield await Metrics(client).summary(project_id)
    except MetricsError as error:
        refused = set(map(metric_of, error.errors))
        yield summarized(project_id, [name for name in READY_MADE if name not in refused], error.series)
        raise


COMPUTED: Mapping[str, Computed] = {
    "metrics.summary": Computed(
        owner="projectId",
        models="mittwald_async.metrics",
        item="summary.MetricSummary",
        rows=_metrics,
    ),
}
"""Methods of the client, with a dot, by the name that takes the place of an operation id."""
