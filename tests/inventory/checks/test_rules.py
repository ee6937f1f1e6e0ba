"""Each check finds the faults it is for, and accepts what is fine."""

from __future__ import annotations

from pathlib import Path

import pytest

from mittwald_async.inventory.checks import all_checks, run_checks
from mittwald_async.inventory.checks.end_of_life import end_of_life, products
from mittwald_async.inventory.checks.rules.certificate_host_uncovered import covers
from mittwald_async.inventory.checks.rules.container_image_unpinned import is_pinned
from mittwald_async.inventory.checks.rules.storage_nearly_full import in_bytes

from ...support.inventory_file import InventoryFile, Rows
from .cases import CASES, OLD_PROJECT, PROJECT, zone

TOLD_BY_TIME = {"storage-growing", "inventory-stale"}
"""Checks that compare several sweeps, tested below."""


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_check_finds_its_faults_and_nothing_else(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    file = InventoryFile(tmp_path / "inventory.sqlite")
    file.sweep(case.rows, failures=case.failures)
    report = run_checks(file.path, only=[name])
    assert [case.skipped in skip.reason for skip in report.skipped] == ([True] if case.skipped else [])
    assert [finding.subject for finding in report.findings] == case.found
    assert all(case.detail in finding.detail for finding in report.findings)


def test_every_check_has_a_case_and_advice() -> None:
    checks = all_checks()
    assert len(checks) >= 25
    assert {check.id for check in checks} == CASES.keys() | TOLD_BY_TIME
    for check in checks:
        for text in (check.title, check.why, check.fix):
            assert len(text) > 15
            assert text[0].isupper()
        assert check.why.endswith(".")
        assert check.fix.endswith(".")


def test_a_resource_never_listed_for_an_account_is_not_reported_missing(tmp_path: Path) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    file.sweep({"project": [OLD_PROJECT], "backup": []}, account="whole")
    file.sweep({"project": [{**OLD_PROJECT, "id": "p2", "shortId": "p-two"}]}, account="projects-only")
    report = run_checks(file.path, only=["backup-missing"])
    assert [finding.account for finding in report.findings] == ["whole"]
    (skip,) = report.skipped
    assert skip.reason == "not in account projects-only: backup (sweep with -r +backup)"


def test_a_skipped_check_names_every_resource_to_sweep(tmp_path: Path) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    file.sweep({"project": [OLD_PROJECT]})
    (skip,) = run_checks(file.path, only=["certificate-host-uncovered"]).skipped
    assert skip.reason == "not in this inventory: ingress, certificate (sweep with -r +ingress -r +certificate)"


def test_a_part_left_out_of_the_last_sweep_is_judged_by_the_one_before(tmp_path: Path) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    second = {**OLD_PROJECT, "id": "p2", "shortId": "p-two"}
    backup = {"id": "b1", "projectId": "p2", "status": "Completed", "createdAt": "2026-11-26T00:00:00Z"}
    file.sweep({"project": [OLD_PROJECT, second]}, at="2026-11-26T03:00:00+00:00")
    file.sweep({"backup": [backup]}, projects=["p2"])
    report = run_checks(file.path, only=["backup-missing"])
    assert report.findings == ()
    assert "for 1 project of account agency" in report.skipped[0].reason


def test_a_failure_in_an_earlier_sweep_hides_nothing(tmp_path: Path) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    rows: Rows = {"project": [OLD_PROJECT], "backup": []}
    file.sweep(rows, at="2026-11-26T03:00:00+00:00", failures=[{"resource": "backup", "project": "p1"}])
    assert run_checks(file.path, only=["backup-missing"]).findings == ()
    file.sweep(rows)
    (finding,) = run_checks(file.path, only=["backup-missing"]).findings
    assert finding.standing == "new"


def test_what_can_no_longer_be_said_is_not_solved(tmp_path: Path) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    rows: Rows = {"project": [OLD_PROJECT], "backup": []}
    file.sweep(rows, at="2026-11-26T03:00:00+00:00")
    file.sweep(rows, failures=[{"resource": "backup", "project": "p1"}])
    report = run_checks(file.path, only=["backup-missing"])
    assert (report.findings, report.solved) == ((), ())
    assert "could not be read" in report.skipped[0].reason


def test_zones_of_domains_with_other_name_servers_are_not_checked(tmp_path: Path) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    domains = [
        {"domainId": "1", "domain": "example.org", "usesDefaultNameserver": False},
        {"domainId": "2", "domain": "example.net", "usesDefaultNameserver": True},
    ]
    mail = [{"id": "1", "address": "a@example.org"}, {"id": "2", "address": "a@example.net"}]
    zones = [zone("example.org"), zone("example.net")]
    file.sweep({"domain": domains, "mail_address": mail, "dns_zone": zones})
    names = ["dns-spf-missing", "dns-dmarc-missing", "dns-dkim-missing", "dns-caa-missing"]
    report = run_checks(file.path, only=names)
    assert {finding.check: finding.subject for finding in report.findings} == dict.fromkeys(names, "example.net")
    assert len(report.findings) == 4


def test_the_policy_of_a_domain_covers_its_subdomains(tmp_path: Path) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    mail = [{"id": "1", "address": "a@news.example.org"}]
    zones = [zone("news.example.org"), zone("_dmarc.example.org", "v=DMARC1; p=none")]
    file.sweep({"mail_address": mail, "dns_zone": zones})
    assert run_checks(file.path, only=["dns-dmarc-missing"]).findings == ()


def test_a_replaced_certificate_is_not_reported_as_expiring(tmp_path: Path) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    old = {"id": "1", "commonName": "example.org", "validTo": "2026-12-01T03:00:00Z", "projectId": "p1"}
    file.sweep({"certificate": [old, {**old, "id": "2", "validTo": "2027-02-01T03:00:00Z"}]})
    assert run_checks(file.path, only=["certificate-expiring"]).findings == ()


def test_growth_is_measured_between_two_sweeps(tmp_path: Path) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    file.sweep({"project": [{**PROJECT, "webStorageUsageInBytes": 4 << 30}]}, at="2026-11-26T03:00:00+00:00")
    assert run_checks(file.path, only=["storage-growing"]).findings == ()
    file.sweep({"project": [{**PROJECT, "webStorageUsageInBytes": 6 << 30}]})
    (finding,) = run_checks(file.path, only=["storage-growing"]).findings
    assert (finding.subject, finding.detail) == ("p-one Shop", "from 4.0 to 6.0 GiB")


def test_an_account_without_a_recent_sweep_is_reported(tmp_path: Path) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    file.sweep({"project": [PROJECT]}, account="asleep", at="2026-11-20T03:00:00+00:00")
    file.sweep({"project": [PROJECT]}, account="awake")
    (finding,) = run_checks(file.path, only=["inventory-stale"]).findings
    assert finding.subject == "asleep"


@pytest.mark.parametrize(
    ("names", "host", "expected"),
    [
        ({"example.org"}, "example.org", True),
        ({"*.example.org"}, "www.example.org", True),
        ({"*.example.org"}, "example.org", False),
        ({"*.example.org"}, "a.b.example.org", False),
    ],
)
def test_a_wildcard_matches_one_label(names: set[str], host: str, expected: bool) -> None:
    assert covers(names, host) is expected


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("redis:7.4", True),
        ("redis", False),
        ("redis:latest", False),
        ("host:5000/redis", False),
        ("host:5000/redis:7", True),
        ("redis@sha256:0123", True),
    ],
)
def test_a_port_is_not_a_tag(image: str, expected: bool) -> None:
    assert is_pinned(image) is expected


def test_sizes_are_parsed_with_their_units() -> None:
    assert [in_bytes(size) for size in ("20Gi", "1.5Ti", "512Mi", "10G", "7", "much", "inf")] == [
        20 << 30,
        int(1.5 * (1 << 40)),
        512 << 20,
        10**10,
        7,
        0,
        0,
    ]


def test_the_most_specific_release_branch_counts() -> None:
    found = end_of_life("Drupal", "10.3.1")
    assert found is not None
    assert found.branch == "10.3"
    assert end_of_life("php", "8.10.0") is None
    assert end_of_life("unknown", "1") is None
    assert {"php", "mysql", "typo3"} <= products()
    for product in products():
        assert end_of_life(product, "9999") is None
