"""Everything an account has, as rows: what to list, how cheaply, doing it, where it goes, picking up again."""

from .accounts import Account, accounts_from
from .catalog import ListRoute, Resource, catalog, chosen, default_resources
from .diff import Change, Diff, Undecided
from .errors import StoreError
from .history import History, Snapshot
from .job import Summary, SweepJob, sweep_to
from .plan import Known, Plan, Step, Target, make_plan, seconds_for, target
from .rolling import Freshness, Rolling
from .rows import Failure, Row
from .sinks import Sink, sink_for
from .store import Store, SweepRecord
from .sweep import Bounds, RequestsSpentError, Sweep, sweep

__all__ = [
    "Account",
    "Bounds",
    "Change",
    "Diff",
    "History",
    "Snapshot",
    "Undecided",
    "Failure",
    "Freshness",
    "Rolling",
    "SweepJob",
    "SweepRecord",
    "Known",
    "Plan",
    "RequestsSpentError",
    "Resource",
    "ListRoute",
    "Row",
    "Sink",
    "Step",
    "Store",
    "StoreError",
    "Summary",
    "Sweep",
    "Target",
    "accounts_from",
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
