"""Each check finds what it is for, and leaves alone what is fine."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mittwald_async.inventory.checks import all_checks, run_checks
from mittwald_async.inventory.checks.end_of_life import end_of_life, products
from mittwald_async.inventory.checks.rules.certificate_host_uncovered import covers
from mittwald_async.inventory.checks.rules.container_image_unpinned import is_pinned
from mittwald_async.inventory.checks.rules.storage_nearly_full import in_bytes

from ...support.inventory_file import InventoryFile, Rows

PROJECT = {"id": "p1", "shortId": "p-one", "description": "Shop", "customerId": "c1", "enabled": True}
OLD_PROJECT = {**PROJECT, "createdAt": "2024-01-01T00:00:00Z", "serverId": "s1"}
BOX = {"limit": 1000 << 20, "current": {"value": 0}}


def mailbox(used: int) -> dict[str, Any]:
    return {"storageInBytes": {"limit": 1000, "current": {"value": used}}, "spamProtection": {"active": True}}


def php(version: str, **more: Any) -> dict[str, Any]:
    return {"name": "php", "externalVersion": version, "updateAvailable": False, "updatePolicy": "patchLevel", **more}


def zone(domain: str, *texts: str, **record_set: Any) -> dict[str, Any]:
    txt: dict[str, Any] = {"entries": list(texts)} if texts else {}
    return {"id": domain, "domain": domain, "recordSet": {"txt": txt, "caa": {}, "combinedARecords": {}, **record_set}}


MAIL = {"mail_address": [{"id": "m1", "address": "info@example.org"}]}


class Case(NamedTuple):
    """An inventory, and the subjects that the check finds in it."""

    rows: Rows
    found: list[str]
    detail: str = ""
    failures: tuple[dict[str, Any], ...] = ()
    skipped: str = ""
    """Part of the reason why nothing is said of the rest."""


CASES: dict[str, Case] = {
    "certificate-expired": Case(
        {
            "certificate": [
                {"id": "1", "commonName": "old.example.org", "validTo": "2026-11-26T23:00:00.000Z"},
                {"id": "2", "commonName": "fine.example.org", "validTo": "2026-11-28T00:00:00+02:00"},
            ]
        },
        ["old.example.org"],
        "expired on 2026-11-26",
    ),
    "certificate-expiring": Case(
        {
            "certificate": [
                {"id": "1", "commonName": "old.example.org", "validTo": "2026-11-26T23:00:00.000Z"},
                {"id": "2", "commonName": "soon.example.org", "validTo": "2026-12-05T03:00:00Z"},
                {"id": "3", "commonName": "later.example.org", "validTo": "2026-12-12T03:00:00Z"},
            ]
        },
        ["soon.example.org"],
        "in 8 days",
    ),
    "certificate-validation-failed": Case(
        {
            "ingress": [
                {"id": "1", "hostname": "bad.example.org", "dnsValidationErrors": ["ERROR_A", "ERROR_B"]},
                {"id": "2", "hostname": "good.example.org", "dnsValidationErrors": []},
            ]
        },
        ["bad.example.org"],
        "ERROR_A, ERROR_B",
    ),
    "certificate-missing": Case(
        {
            "ingress": [
                {"id": "1", "hostname": "plain.example.org", "isEnabled": True, "tls": {"acme": False}},
                {"id": "2", "hostname": "acme.example.org", "isEnabled": True, "tls": {"acme": True}},
                {"id": "3", "hostname": "own.example.org", "isEnabled": True, "tls": {"certificateId": "x"}},
                {"id": "4", "hostname": "off.example.org", "isEnabled": False, "tls": {"acme": False}},
            ]
        },
        ["plain.example.org"],
    ),
    "certificate-host-uncovered": Case(
        {
            "certificate": [{"id": "x", "commonName": "example.org", "dnsNames": ["example.org", "*.example.org"]}],
            "ingress": [
                {"id": "1", "hostname": "a.b.example.org", "isEnabled": True, "tls": {"certificateId": "x"}},
                {"id": "2", "hostname": "www.example.org", "isEnabled": True, "tls": {"certificateId": "x"}},
                {"id": "3", "hostname": "example.net", "isEnabled": True, "tls": {"acme": True}},
            ],
        },
        ["a.b.example.org"],
        "*.example.org",
    ),
    "backup-missing": Case(
        {
            "project": [
                OLD_PROJECT,
                {**OLD_PROJECT, "id": "p2", "shortId": "p-two"},
                {**OLD_PROJECT, "id": "p3", "shortId": "p-three", "createdAt": "2026-11-27T00:00:00Z"},
                {**OLD_PROJECT, "id": "p4", "shortId": "p-four"},
            ],
            "backup": [
                {"id": "b1", "projectId": "p1", "status": "Failed", "createdAt": "2026-11-27T00:00:00Z"},
                {"id": "b2", "projectId": "p2", "status": "Completed", "createdAt": "2026-11-27T00:00:00Z"},
            ],
        },
        ["p-one Shop"],
        failures=({"resource": "backup", "project": "p4"},),
        skipped="for 1 project of account agency the list of backup could not be read",
    ),
    "backup-old": Case(
        {
            "project": [OLD_PROJECT, {**OLD_PROJECT, "id": "p2", "shortId": "p-two"}],
            "backup": [
                {"id": "b1", "projectId": "p1", "status": "Completed", "createdAt": "2026-11-20T00:00:00Z"},
                {"id": "b2", "projectId": "p1", "status": "Failed", "createdAt": "2026-11-27T00:00:00Z"},
                {"id": "b3", "projectId": "p2", "status": "Completed", "createdAt": "2026-11-26T00:00:00Z"},
            ],
        },
        ["p-one Shop"],
        "2026-11-20",
    ),
    "backup-failed": Case(
        {
            "backup": [
                {"id": "b1", "projectId": "p1", "status": "Failed", "requestedAt": "2026-11-26T00:00:00Z"},
                {"id": "b2", "projectId": "p1", "status": "Completed", "requestedAt": "2026-11-27T00:00:00Z"},
                {"id": "b3", "projectId": "p2", "status": "Failed", "requestedAt": "2026-11-27T00:00:00Z"},
            ]
        },
        ["b3"],
    ),
    "backup-not-scheduled": Case(
        {
            "project": [OLD_PROJECT, {**OLD_PROJECT, "id": "p2", "shortId": "p-two"}],
            "backup_schedule": [{"id": "b1", "projectId": "p2"}],
        },
        ["p-one Shop"],
    ),
    "dns-spf-missing": Case(
        {"dns_zone": [zone("example.org", "other"), zone("unused.example")], **MAIL}, ["example.org"]
    ),
    "dns-spf-twice": Case(
        {"dns_zone": [zone("example.org", "v=spf1 -all", "V=SPF1 a -all"), zone("a.example", "v=spf1 -all")]},
        ["example.org"],
        "2 records",
    ),
    "dns-dmarc-missing": Case(
        {
            "dns_zone": [zone("example.org"), zone("example.net"), zone("_dmarc.example.net", "v=DMARC1; p=none")],
            "mail_address": [{"id": "1", "address": "a@Example.org"}, {"id": "2", "address": "a@example.net"}],
        },
        ["example.org"],
    ),
    "dns-dkim-missing": Case(
        {
            "dns_zone": [zone("example.org"), zone("example.net"), zone("k1._domainkey.example.net", "v=DKIM1; p=x")],
            "mail_address": [{"id": "1", "address": "a@example.org"}, {"id": "2", "address": "a@example.net"}],
        },
        ["example.org"],
    ),
    "dns-caa-missing": Case(
        {
            "dns_zone": [
                zone("example.org"),
                zone("example.net", caa={"records": [{"tag": "issue"}]}),
                zone("sub.example.org"),
            ],
            "domain": [{"domainId": "1", "domain": "example.org"}, {"domainId": "2", "domain": "example.net"}],
        },
        ["example.org"],
    ),
    "dns-ingress-dangling": Case(
        {
            "dns_zone": [
                zone("gone.example", combinedARecords={"managedBy": {"ingressId": "i9"}}),
                zone("there.example", combinedARecords={"managedBy": {"ingressId": "i1"}}),
            ],
            "ingress": [{"id": "i1", "hostname": "there.example"}],
        },
        ["gone.example"],
    ),
    "dns-host-elsewhere": Case(
        {
            "dns_zone": [
                zone("away.example", combinedARecords={"a": ["192.0.2.9"]}),
                zone("here.example", combinedARecords={"a": ["192.0.2.1"]}),
            ],
            "ingress": [
                {"id": "1", "hostname": "away.example", "isEnabled": True, "ips": {"v4": ["192.0.2.1"]}},
                {"id": "2", "hostname": "here.example", "isEnabled": True, "ips": {"v4": ["192.0.2.1"]}},
            ],
        },
        ["away.example"],
        "192.0.2.9",
    ),
    "domain-not-connected": Case(
        {
            "domain": [
                {"domainId": "1", "domain": "away.example", "connected": False, "nameservers": ["ns1.other.example"]},
                {"domainId": "2", "domain": "here.example", "connected": True, "nameservers": []},
            ]
        },
        ["away.example"],
        "ns1.other.example",
    ),
    "domain-deletion-scheduled": Case(
        {
            "domain": [
                {"domainId": "1", "domain": "going.example", "scheduledDeletionDate": "2026-12-31T00:00:00Z"},
                {"domainId": "2", "domain": "staying.example"},
            ]
        },
        ["going.example"],
        "on 2026-12-31",
    ),
    "software-update-available": Case(
        {
            "app_installation": [
                {"id": "1", "description": "shop", "systemSoftware": [php("8.4.1", updateAvailable=True)]},
                {"id": "2", "description": "blog", "systemSoftware": [php("8.4.2")]},
            ]
        },
        ["shop"],
        "php 8.4.1",
    ),
    "software-never-updated": Case(
        {
            "app_installation": [
                {"id": "1", "description": "shop", "systemSoftware": [php("8.4.1", updatePolicy="none")]},
                {"id": "2", "description": "blog", "systemSoftware": [php("8.4.2")]},
            ]
        },
        ["shop"],
    ),
    "php-end-of-life": Case(
        {
            "app_installation": [
                {
                    "id": "1",
                    "description": "shop",
                    "systemSoftware": [php("8.4.1"), {"name": "node", "externalVersion": "18.3"}],
                },
                {"id": "2", "description": "blog", "systemSoftware": [php("8.0.30")]},
                {"id": "3", "description": "none", "systemSoftware": []},
            ]
        },
        ["blog", "shop"],
    ),
    "php-end-of-life-soon": Case(
        {
            "app_installation": [
                {"id": "1", "description": "shop", "systemSoftware": [php("8.2.27")]},
                {"id": "2", "description": "blog", "systemSoftware": [php("8.4")]},
            ]
        },
        ["shop"],
        "ends on 2026-12-31",
    ),
    "app-end-of-life": Case(
        {
            "app_installation": [
                {
                    "id": "1",
                    "description": "old",
                    "appName": "TYPO3",
                    "appExternalVersion": "12.4.10",
                    "systemSoftware": [],
                },
                {
                    "id": "2",
                    "description": "new",
                    "appName": "TYPO3",
                    "appExternalVersion": "13.4.2",
                    "systemSoftware": [],
                },
                {
                    "id": "3",
                    "description": "own",
                    "appName": "PHP",
                    "appExternalVersion": "1.0.0",
                    "systemSoftware": [],
                },
            ]
        },
        ["old"],
        "2026-04-30",
    ),
    "app-end-of-life-soon": Case(
        {
            "app_installation": [
                {
                    "id": "1",
                    "description": "soon",
                    "appName": "Drupal",
                    "appExternalVersion": "11.3.2",
                    "systemSoftware": [],
                },
                {
                    "id": "2",
                    "description": "past",
                    "appName": "Drupal",
                    "appExternalVersion": "9.5.0",
                    "systemSoftware": [],
                },
            ]
        },
        ["soon"],
    ),
    "app-not-ready": Case(
        {
            "app_installation": [
                {"id": "1", "description": "stuck", "phase": "installing", "createdAt": "2026-11-26T00:00:00Z"},
                {"id": "2", "description": "fresh", "phase": "installing", "createdAt": "2026-11-27T02:59:00Z"},
                {"id": "3", "description": "fine", "phase": "ready", "createdAt": "2026-11-26T00:00:00Z"},
            ]
        },
        ["stuck"],
        "phase installing",
    ),
    "member-without-second-factor": Case(
        {
            "customer_membership": [
                {"id": "1", "email": "a@example.org", "mfa": False, "role": "owner"},
                {"id": "2", "email": "b@example.org", "mfa": True, "role": "owner"},
                {"id": "3", "email": "c@example.org", "role": "owner"},
            ]
        },
        ["a@example.org"],
        "role owner",
    ),
    "project-member-without-second-factor": Case(
        {
            "project_membership": [
                {"id": "1", "email": "a@example.org", "mfa": False, "inherited": False},
                {"id": "2", "email": "b@example.org", "mfa": False, "inherited": True},
            ]
        },
        ["a@example.org"],
    ),
    "member-twice": Case(
        {
            "project": [PROJECT],
            "customer_membership": [{"id": "1", "userId": "u1", "customerId": "c1"}],
            "project_membership": [
                {"id": "1", "email": "a@example.org", "userId": "u1", "projectId": "p1", "inherited": False},
                {"id": "2", "email": "b@example.org", "userId": "u1", "projectId": "p1", "inherited": True},
                {"id": "3", "email": "c@example.org", "userId": "u2", "projectId": "p1", "inherited": False},
            ],
        },
        ["a@example.org"],
    ),
    "membership-expired": Case(
        {
            "project_membership": [
                {"id": "1", "email": "a@example.org", "expiresAt": "2026-11-26T00:00:00Z"},
                {"id": "2", "email": "b@example.org", "expiresAt": "2027-11-26T00:00:00Z"},
            ]
        },
        ["a@example.org"],
    ),
    "api-token-never-expires": Case(
        {
            "api_token": [
                {"apiTokenId": "1", "description": "deploy", "createdAt": "2026-01-01T00:00:00Z"},
                {
                    "apiTokenId": "2",
                    "description": "short",
                    "createdAt": "2026-01-01T00:00:00Z",
                    "expiresAt": "2027-01-01T00:00:00Z",
                },
            ]
        },
        ["deploy"],
    ),
    "ssh-user-password": Case(
        {
            "ssh_user": [
                {"id": "1", "userName": "ssh-a", "hasPassword": True, "active": True},
                {"id": "2", "userName": "ssh-b", "hasPassword": False, "active": True},
                {"id": "3", "userName": "ssh-c", "hasPassword": True, "active": False},
            ]
        },
        ["ssh-a"],
    ),
    "sftp-user-password": Case(
        {
            "sftp_user": [
                {"id": "1", "userName": "sftp-a", "hasPassword": True},
                {"id": "2", "userName": "sftp-b", "hasPassword": False},
            ]
        },
        ["sftp-a"],
    ),
    "mailbox-full": Case(
        {
            "mail_address": [
                {"id": "1", "address": "full@example.org", "mailbox": mailbox(1000)},
                {"id": "2", "address": "close@example.org", "mailbox": mailbox(999)},
                {"id": "3", "address": "forward@example.org"},
            ]
        },
        ["full@example.org"],
        "100 %",
    ),
    "mailbox-nearly-full": Case(
        {
            "mail_address": [
                {"id": "1", "address": "full@example.org", "mailbox": mailbox(1000)},
                {"id": "2", "address": "close@example.org", "mailbox": mailbox(900)},
                {"id": "3", "address": "empty@example.org", "mailbox": mailbox(899)},
            ]
        },
        ["close@example.org"],
        "90 %",
    ),
    "mail-catch-all": Case(
        {
            "mail_address": [
                {"id": "1", "address": "a@x.org", "isCatchAll": True},
                {"id": "2", "address": "b@x.org", "isCatchAll": False},
            ]
        },
        ["a@x.org"],
    ),
    "mail-forward-outside": Case(
        {
            "domain": [{"domainId": "1", "domain": "example.org"}],
            "mail_address": [
                {
                    "id": "1",
                    "address": "out@example.org",
                    "forwardAddresses": ["x@gmail.example", "in@sub.example.org"],
                },
                {"id": "2", "address": "in@example.org", "forwardAddresses": ["y@EXAMPLE.org"]},
                {"id": "3", "address": "none@example.org", "forwardAddresses": []},
            ],
        },
        ["out@example.org"],
        "forwards to x@gmail.example",
    ),
    "mail-spam-protection-off": Case(
        {
            "mail_address": [
                {"id": "1", "address": "a@x.org", "mailbox": {"spamProtection": {"active": False}}},
                {"id": "2", "address": "b@x.org", "mailbox": mailbox(1)},
                {"id": "3", "address": "c@x.org"},
            ]
        },
        ["a@x.org"],
    ),
    "database-external-access": Case(
        {
            "mysql_database": [
                {"id": "1", "name": "mysql_a", "mainUser": {"name": "dbu_a", "externalAccess": True}},
                {"id": "2", "name": "mysql_b", "mainUser": {"name": "dbu_b", "externalAccess": False}},
            ]
        },
        ["mysql_a"],
        "from anywhere",
    ),
    "database-not-ready": Case(
        {"mysql_database": [{"id": "1", "name": "a", "status": "error"}, {"id": "2", "name": "b", "status": "ready"}]},
        ["a"],
    ),
    "mysql-end-of-life": Case(
        {"mysql_database": [{"id": "1", "name": "a", "version": "5.7"}, {"id": "2", "name": "b", "version": "8.4"}]},
        ["a"],
        "2023-10-31",
    ),
    "redis-end-of-life": Case(
        {"redis_database": [{"id": "1", "name": "a", "version": "6.0"}, {"id": "2", "name": "b", "version": "7.2"}]},
        ["a"],
    ),
    "project-unused": Case(
        {
            "project": [
                PROJECT,
                {**PROJECT, "id": "p2", "shortId": "p-two"},
                {**PROJECT, "id": "p3", "shortId": "p-three"},
                {**PROJECT, "id": "p4", "shortId": "p-four"},
            ],
            "service": [{"id": "1", "projectId": "p4", "serviceName": "n8n"}],
            "ingress": [
                {"id": "1", "projectId": "p1", "isDefault": True},
                {"id": "2", "projectId": "p2", "isDefault": False},
            ],
            "mail_address": [{"id": "1", "projectId": "p3", "address": "a@x.org"}],
            "app_installation": [],
        },
        ["p-one Shop"],
    ),
    "project-disabled": Case(
        {"project": [{**PROJECT, "enabled": False}, {**PROJECT, "id": "p2", "shortId": "p-two"}]}, ["p-one Shop"]
    ),
    "ingress-disabled": Case(
        {
            "ingress": [
                {"id": "1", "hostname": "off.example", "isEnabled": False},
                {"id": "2", "hostname": "on.example", "isEnabled": True},
            ]
        },
        ["off.example"],
    ),
    "contract-ending": Case(
        {
            "contract": [
                {"contractId": "1", "contractNumber": "V1", "termination": {"targetDate": "2026-12-31T00:00:00Z"}},
                {"contractId": "2", "contractNumber": "V2", "termination": {"targetDate": "2027-12-31T00:00:00Z"}},
                {"contractId": "3", "contractNumber": "V3"},
            ]
        },
        ["V1"],
    ),
    "customer-in-default": Case(
        {
            "customer": [
                {"customerId": "1", "name": "Late GmbH", "isInDefaultOfPayment": True},
                {"customerId": "2", "name": "Punctual GmbH", "isInDefaultOfPayment": False},
            ]
        },
        ["Late GmbH"],
    ),
    "extension-halted": Case(
        {
            "extension_instance": [
                {"id": "1", "extensionName": "Shield", "webhookExecutionHalted": True},
                {"id": "2", "extensionName": "Sword", "webhookExecutionHalted": False},
            ]
        },
        ["Shield"],
    ),
    "container-restarting": Case(
        {
            "service": [
                {"id": "1", "serviceName": "cache", "status": "error", "message": "exit 137"},
                {"id": "2", "serviceName": "web", "status": "running"},
            ]
        },
        ["cache"],
        "exit 137",
    ),
    "container-outdated": Case(
        {
            "service": [
                {
                    "id": "1",
                    "serviceName": "cache",
                    "requiresRecreate": True,
                    "deployedState": {"image": "r:7"},
                    "pendingState": {"image": "r:8"},
                },
                {"id": "2", "serviceName": "web", "requiresRecreate": False},
            ]
        },
        ["cache"],
        "running r:7, wanted r:8",
    ),
    "container-image-unpinned": Case(
        {
            "service": [
                {"id": "1", "serviceName": "cache", "deployedState": {"image": "registry.example:5000/redis"}},
                {"id": "2", "serviceName": "web", "deployedState": {"image": "nginx:1.27"}},
            ]
        },
        ["cache"],
    ),
    "volume-orphaned": Case(
        {"volume": [{"id": "1", "name": "data", "orphaned": True}, {"id": "2", "name": "used", "orphaned": False}]},
        ["data"],
    ),
    "cronjob-failing": Case(
        {
            "cronjob": [
                {
                    "id": "1",
                    "description": "import",
                    "active": True,
                    "latestExecution": {"status": "Failed", "exitCode": 2},
                },
                {"id": "2", "description": "export", "active": True, "latestExecution": {"status": "Complete"}},
                {"id": "3", "description": "new", "active": True},
            ]
        },
        ["import"],
        "exit code 2",
    ),
    "storage-nearly-full": Case(
        {
            "server": [
                {"id": "s1", "shortId": "s-one", "storage": "20Gi"},
                {"id": "s2", "shortId": "s-two", "storage": "20Gi"},
            ],
            "project": [
                {**PROJECT, "serverId": "s1", "webStorageUsageInBytes": 10 << 30},
                {**PROJECT, "id": "p2", "serverId": "s1", "webStorageUsageInBytes": 9 << 30},
                {**PROJECT, "id": "p3", "serverId": "s2", "webStorageUsageInBytes": 9 << 30},
            ],
        },
        ["s-one"],
        "95% of 20Gi",
    ),
    "inventory-incomplete": Case(
        {"project": [PROJECT]},
        ["backup"],
        "2 lists: forbidden",
        failures=({"resource": "backup", "project": "p1"}, {"resource": "backup", "project": "p2"}),
    ),
}

TOLD_BY_TIME = {"storage-growing", "inventory-stale"}
"""Need more than one evening: they have tests of their own below."""


@pytest.mark.parametrize("name", sorted(CASES))
def test_it_finds_what_it_is_for_and_nothing_else(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    file = InventoryFile(tmp_path / "inventory.sqlite")
    file.sweep(case.rows, failures=case.failures)
    report = run_checks(file.path, only=[name])
    assert [case.skipped in skip.reason for skip in report.skipped] == ([True] if case.skipped else [])
    assert [finding.subject for finding in report.findings] == case.found
    assert all(case.detail in finding.detail for finding in report.findings)


def test_every_check_has_a_case_and_says_what_to_do() -> None:
    checks = all_checks()
    assert len(checks) >= 25
    assert {check.id for check in checks} == CASES.keys() | TOLD_BY_TIME
    for check in checks:
        for text in (check.title, check.why, check.fix):
            assert len(text) > 15
            assert text[0].isupper()
        assert check.why.endswith(".")
        assert check.fix.endswith(".")


def test_what_was_never_listed_for_an_account_is_not_missing_there(tmp_path: Path) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    file.sweep({"project": [OLD_PROJECT], "backup": []}, account="whole")
    file.sweep({"project": [{**OLD_PROJECT, "id": "p2", "shortId": "p-two"}]}, account="projects-only")
    report = run_checks(file.path, only=["backup-missing"])
    assert [finding.account for finding in report.findings] == ["whole"]
    (skip,) = report.skipped
    assert skip.reason == "not in account projects-only: backup (sweep with -r +backup)"


def test_a_part_that_the_last_sweep_left_out_is_judged_by_the_sweep_before(tmp_path: Path) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    second = {**OLD_PROJECT, "id": "p2", "shortId": "p-two"}
    backup = {"id": "b1", "projectId": "p2", "status": "Completed", "createdAt": "2026-11-26T00:00:00Z"}
    file.sweep({"project": [OLD_PROJECT, second]}, at="2026-11-26T03:00:00+00:00")
    file.sweep({"backup": [backup]}, projects=["p2"])
    report = run_checks(file.path, only=["backup-missing"])
    assert report.findings == ()
    assert "for 1 project of account agency" in report.skipped[0].reason


def test_a_failure_of_an_earlier_evening_hides_nothing(tmp_path: Path) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    rows: Rows = {"project": [OLD_PROJECT], "backup": []}
    file.sweep(rows, at="2026-11-26T03:00:00+00:00", failures=[{"resource": "backup", "project": "p1"}])
    assert run_checks(file.path, only=["backup-missing"]).findings == ()
    file.sweep(rows)
    (finding,) = run_checks(file.path, only=["backup-missing"]).findings
    assert finding.standing == "new"


def test_zones_of_domains_with_other_name_servers_say_nothing(tmp_path: Path) -> None:
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


def test_the_policy_of_a_domain_counts_for_its_subdomains(tmp_path: Path) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    mail = [{"id": "1", "address": "a@news.example.org"}]
    zones = [zone("news.example.org"), zone("_dmarc.example.org", "v=DMARC1; p=none")]
    file.sweep({"mail_address": mail, "dns_zone": zones})
    assert run_checks(file.path, only=["dns-dmarc-missing"]).findings == ()


def test_a_certificate_that_was_replaced_is_not_about_to_expire(tmp_path: Path) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    old = {"id": "1", "commonName": "example.org", "validTo": "2026-12-01T03:00:00Z", "projectId": "p1"}
    file.sweep({"certificate": [old, {**old, "id": "2", "validTo": "2027-02-01T03:00:00Z"}]})
    assert run_checks(file.path, only=["certificate-expiring"]).findings == ()


def test_growth_is_seen_between_two_evenings(tmp_path: Path) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    file.sweep({"project": [{**PROJECT, "webStorageUsageInBytes": 4 << 30}]}, at="2026-11-26T03:00:00+00:00")
    assert run_checks(file.path, only=["storage-growing"]).findings == ()
    file.sweep({"project": [{**PROJECT, "webStorageUsageInBytes": 6 << 30}]})
    (finding,) = run_checks(file.path, only=["storage-growing"]).findings
    assert (finding.subject, finding.detail) == ("p-one Shop", "from 4.0 to 6.0 GiB")


def test_an_account_that_was_not_swept_lately_is_named(tmp_path: Path) -> None:
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
def test_a_wildcard_stands_for_one_label(names: set[str], host: str, expected: bool) -> None:
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
def test_a_port_is_no_tag(image: str, expected: bool) -> None:
    assert is_pinned(image) is expected


def test_sizes_are_read_with_their_units() -> None:
    assert [in_bytes(size) for size in ("20Gi", "1.5Ti", "512Mi", "10G", "7", "much")] == [
        20 << 30,
        int(1.5 * (1 << 40)),
        512 << 20,
        10**10,
        7,
        0,
    ]


def test_the_longest_branch_of_a_version_counts() -> None:
    found = end_of_life("Drupal", "10.3.1")
    assert found is not None
    assert found.branch == "10.3"
    assert end_of_life("php", "8.10.0") is None
    assert end_of_life("unknown", "1") is None
    assert {"php", "mysql", "typo3"} <= products()
    for product in products():
        assert end_of_life(product, "9999") is None
