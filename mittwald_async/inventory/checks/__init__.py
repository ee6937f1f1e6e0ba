"""What is wrong in an inventory: a check a file, findings compared with the sweep before."""

from __future__ import annotations

from .check import SEVERITIES, Check, CheckReport, Finding, Severity, Skipped
from .mutes import Mute, mutes_from
from .registry import all_checks
from .run import checks_named, run_checks

__all__ = [
    "SEVERITIES",
    "Check",
    "CheckReport",
    "Finding",
    "Mute",
    "Severity",
    "Skipped",
    "all_checks",
    "checks_named",
    "mutes_from",
    "run_checks",
]
