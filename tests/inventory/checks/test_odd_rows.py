"""Checks of rows that deviate from the document: none fails, and unknown values are not reported as faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from mittwald_async.inventory.checks import CheckReport, all_checks, run_checks
from mittwald_async.inventory.checks.formats import FORMATS
from mittwald_async.inventory.report.facts import facts_of

from ...support.inventory_file import InventoryFile
from .cases import CASES

_KEYS = {"id", "domainId", "customerId", "projectId", "contractId", "apiTokenId"}
ODD: list[Any] = [
    None,
    "",
    "not a date",
    "0000-00-00",
    "2026-02-30T99:00:00Z",
    -1,
    1e300,
    True,
    [],
    [None],
    {},
    "日本語 🦊",
]


def altered(value: Any, make: Callable[[Any], Any]) -> Any:
    """Replace every plain value and every list; ids stay, so that the rows still refer to each other."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {name: inner if name in _KEYS else altered(inner, make) for name, inner in fields.items()}
    if isinstance(value, list):
        return [altered(inner, make) for inner in cast("Sequence[Any]", value)]
    return make(value)


def reported(path: Path, make: Callable[[Any], Any], accounts: tuple[str, ...] = ("agency",)) -> CheckReport:
    """Findings where the first sweep is as documented and the second altered."""
    file = InventoryFile(path)
    for account in accounts:
        file.sweep(_rows(lambda value: value), account=account, at="2026-11-26T03:00:00+00:00")
        file.sweep(_rows(make), account=account, at="2026-11-27T03:00:00+00:00")
    return run_checks(file.path)


def _rows(make: Callable[[Any], Any]) -> dict[str, list[dict[str, Any]]]:
    """The rows of all cases in one inventory."""
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for case in CASES.values():
        for resource, items in case.rows.items():
            for place, item in enumerate(items):
                key = str(item.get("id", item.get("domainId", place)))
                rows.setdefault(resource, {})[key] = altered(dict(item), make)
    return {resource: list(items.values()) for resource, items in rows.items()}


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_no_check_fails_on_undocumented_values(tmp_path: Path, odd: Any) -> None:
    report = reported(tmp_path / "inventory.sqlite", lambda _: odd)
    assert [skip for skip in report.skipped if "lacks what" in skip.reason] == []
    for name, form in FORMATS.items():
        assert form(report, all_checks()), name


def test_missing_dates_and_flags_cause_no_finding(tmp_path: Path) -> None:
    report = reported(tmp_path / "inventory.sqlite", lambda _: None)
    received = {finding.check for finding in report.findings}
    dated = {check.id for check in all_checks() if check.family == "certificates"} | {"contract-ending", "backup-old"}
    assert not received & (dated - {"certificate-missing"})
    assert not received & {
        "project-disabled",
        "ssh-user-password",
        "mailbox-full",
        "storage-nearly-full",
        "storage-growing",
    }
    assert all("None" not in finding.detail for finding in report.findings)


def test_accounts_are_checked_separately(tmp_path: Path) -> None:
    one = reported(tmp_path / "one.sqlite", lambda value: value)
    both = reported(tmp_path / "both.sqlite", lambda value: value, ("agency", "second"))

    def of(report: CheckReport, account: str) -> set[tuple[str, str, str]]:
        return {(found.check, found.key, found.detail) for found in report.findings if found.account == account}

    assert of(both, "agency") == of(both, "second") == of(one, "agency")


@pytest.mark.parametrize("resource", ["certificate", "project", "dns_zone", "mail_address", "app_installation"])
def test_where_one_resource_was_swept_every_other_check_says_what_it_lacks(tmp_path: Path, resource: str) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    file.sweep({resource: [{"id": "1"}]})
    report = run_checks(file.path)
    assert {finding.resource for finding in report.findings} <= {resource}
    skipped = {skip.check for skip in report.skipped}
    assert skipped == {check.id for check in all_checks() if set(check.needs) - {resource}}
    assert all("sweep with -r +" in skip.reason for skip in report.skipped)


def test_a_first_sweep_has_nothing_to_compare_with(tmp_path: Path) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    file.sweep(CASES["mail-catch-all"].rows)
    report = run_checks(file.path, only=["mail-catch-all"])
    assert {finding.standing for finding in report.findings} == {"first"}
    assert report.solved == ()
    assert (report.first_sweeps, report.compared) == (("agency",), 0)
    assert report.comparison == "first sweep: nothing to compare with"
    facts = facts_of(file.path)
    assert (facts.new, facts.solved) == (None, None)
