"""Sweeps of many accounts, in one process or on many machines, into one Parquet data set.

    summary = await sweep_fleet(accounts_from("accounts.toml"), "lake")

`executor=DaskExecutor("tcp://scheduler:8786")` sends the accounts to workers; anything with two methods can be an
executor.
"""

from ..inventory import Account, accounts_from
from .dask_executor import ClusterLostError, DaskExecutor
from .executor import Executor, LocalExecutor
from .lake import Lake
from .prune import PrunedLake, prune_lake
from .run import FleetProgress, sweep_fleet
from .summary import FleetSummary
from .task import AccountResult, AccountTask, ProjectList
from .worker import TaskFunction, TaskResult, find_projects, run_account

__all__ = [
    "Account",
    "AccountResult",
    "AccountTask",
    "ClusterLostError",
    "DaskExecutor",
    "Executor",
    "FleetProgress",
    "FleetSummary",
    "Lake",
    "LocalExecutor",
    "ProjectList",
    "PrunedLake",
    "TaskFunction",
    "TaskResult",
    "accounts_from",
    "find_projects",
    "prune_lake",
    "run_account",
    "sweep_fleet",
]
