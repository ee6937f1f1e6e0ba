"""Everything an account has, as rows: what to list, how cheaply, doing it, where it goes, picking up again."""

from .catalog import Resource, Route, catalog, chosen, default_resources
from .job import Summary, SweepJob, sweep_to
from .plan import Known, Plan, Step, Target, make_plan, seconds_for, target
from .rows import Failure, Row
from .sinks import Sink, sink_for
from .store import Store, StoreError
from .sweep import Bounds, RequestsSpentError, Sweep, sweep

__all__ = [
    "Bounds",
    "Failure",
    "SweepJob",
    "Known",
    "Plan",
    "RequestsSpentError",
    "Resource",
    "Route",
    "Row",
    "Sink",
    "Step",
    "Store",
    "StoreError",
    "Summary",
    "Sweep",
    "Target",
    "catalog",
    "chosen",
    "default_resources",
    "make_plan",
    "seconds_for",
    "sink_for",
    "sweep",
    "sweep_to",
    "target",
]
