"""Findings over time, mutes, formats and the command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mittwald_async.errors import ConfigurationError
from mittwald_async.inventory.checks import Finding, all_checks, checks_named, mutes_from, run_checks

from ...support.inventory_file import InventoryFile, mail_address

YESTERDAY = "2026-11-26T03:00:00+00:00"
IDS = [check.id for check in all_checks()]


@pytest.fixture
def file(tmp_path: Path) -> InventoryFile:
    """Two sweeps: one finding persists, one is solved, one is new."""
    made = InventoryFile(tmp_path / "inventory.sqlite")
    project = {"id": "p1", "shortId": "p-one", "description": "Shop | <b>", "customerId": "c1", "enabled": True}
    customer = {"customerId": "c1", "name": "Braun GmbH"}
    before = [mail_address("stays", True), mail_address("solved", True), mail_address("comes", False)]
    after = [mail_address("stays", True), mail_address("solved", False), mail_address("comes", True)]
    made.sweep({"customer": [customer], "project": [project], "mail_address": before}, at=YESTERDAY)
    made.sweep({"customer": [customer], "project": [project], "mail_address": after})
    return made


def subjects(findings: tuple[Finding, ...]) -> dict[str, str]:
    return {finding.subject.partition("@")[0]: finding.standing for finding in findings}


def test_findings_are_new_persistent_or_solved(file: InventoryFile) -> None:
    report = run_checks(file.path, only=["mail-catch-all"])
    assert subjects(report.findings) == {"stays": "still", "comes": "new"}
    assert subjects(report.solved) == {"solved": "solved"}
    assert {finding.customer for finding in report.findings} == {"Braun GmbH"}


def test_each_account_is_compared_with_its_own_previous_sweep(file: InventoryFile) -> None:
    file.sweep({"mail_address": [mail_address("other", True)]}, account="second")
    report = run_checks(file.path, only=["mail-catch-all"])
    assert subjects(report.findings) == {"stays": "still", "comes": "new", "other": "first"}


def test_an_unfinished_sweep_is_not_compared_with(file: InventoryFile) -> None:
    file.sweep({"mail_address": []}, state="incomplete", at="2026-11-26T12:00:00+00:00", account="third")
    assert subjects(run_checks(file.path, only=["mail-catch-all"]).findings) == {"stays": "still", "comes": "new"}


def test_a_check_of_a_resource_that_was_not_swept_is_skipped_with_a_reason(file: InventoryFile) -> None:
    report = run_checks(file.path, only=["backup-missing"])
    (skip,) = report.skipped
    assert skip.check == "backup-missing"
    assert "backup" in skip.reason
    assert "-r +backup" in skip.reason


def test_families_and_near_misses() -> None:
    assert {check.family for check in checks_named(["mail", "backup-old"])} == {"mail", "backups"}
    with pytest.raises(ConfigurationError, match=r"unknown check or family 'certificate'.*certificates"):
        checks_named(["certificate"])


@pytest.mark.parametrize(
    ("wrong", "way"),
    [
        ("dmarc", r"did you mean dns-dmarc-missing\?"),
        ("dmark", r"did you mean dns-dmarc-missing\?"),
        ("image-unpined", r"did you mean container-image-unpinned\?"),
        ("SPF", r"did you mean dns-spf-missing or dns-spf-twice\?"),
        ("unpinned", r"did you mean container-image-unpinned\?"),
        # Too many have it, or none.
        ("of", r"`mittwald-async check --list` shows all"),
        ("unicorns", r"`mittwald-async check --list` shows all"),
        ("--", r"`mittwald-async check --list` shows all"),
    ],
)
def test_a_part_of_a_name_leads_to_it(wrong: str, way: str) -> None:
    with pytest.raises(ConfigurationError, match=f"unknown check or family '{wrong}'; {way}"):
        checks_named([wrong])


def write(folder: Path, text: str) -> Path:
    path = folder / "mutes.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_muted_finding_is_counted_but_not_reported(file: InventoryFile, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
[[mute]]
check = "mail-catch-all"
subject = "stays@*"
customer = "Braun*"
reason = "wanted"
[[mute]]
family = "mail"
subject = "comes@example.org"
until = 2026-11-26
reason = "was to be gone by yesterday"
""",
    )
    report = run_checks(file.path, only=["mail-catch-all"], mutes=mutes_from(path, IDS))
    assert subjects(report.findings) == {"comes": "new"}
    assert subjects(report.muted) == {"stays": "still"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[mute]]\ncheck = 'mail-catch-all'\nreason = ' '", "mute 1 needs a reason"),
        ("[[mute]]\nreason = 'all of it'", "would hide everything"),
        (
            "[[mute]]\ncheck = 'mail-catchall'\nreason = 'x'",
            "no check is called 'mail-catchall'; did you mean mail-catch-all",
        ),
        ("[[mute]]\nfamily = 'mial'\nreason = 'x'", "no family is called 'mial'.*mail"),
        ("[[mute]]\nseverity = 'hihg'\nreason = 'x'", "no severity is called 'hihg'"),
        ("[[mute]]\ncheck = '*'\nreason = 'x'", "mute 1 would hide everything"),
        ("[[mute]]\naccount = '*'\nseverity = '?*'\nsubject = '**'\nreason = 'x'", "would hide everything"),
        ("[[mute]]\ncheck = 'mail-catch-all'", "mute 1 needs a reason"),
        ("[[mute]]\nchek = 'mail-catch-all'\nreason = 'x'", "'chek' is not known; there are reason, check"),
        ("mutes = 1", "only tables"),
        ("[[mute]", "not valid TOML: Expected"),
    ],
)
def test_an_ineffective_or_overly_broad_mute_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        mutes_from(write(tmp_path, text), IDS)


def test_a_file_of_mutes_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.toml: No such file or directory$"):
        mutes_from(tmp_path / "none.toml", IDS)
    (tmp_path / "latin.toml").write_bytes("# Käse".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"latin\.toml: the file is not UTF-8 text"):
        mutes_from(tmp_path / "latin.toml", IDS)


def test_a_file_of_mutes_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "mutes.toml"
    path.write_text('[[mute]]\ncheck = "mail-catch-all"\nreason = "wanted"\n', encoding="utf-8-sig")
    assert [mute.check for mute in mutes_from(path, IDS)] == ["mail-catch-all"]


def test_a_mute_of_everything_in_one_place_is_accepted(tmp_path: Path) -> None:
    (mute,) = mutes_from(write(tmp_path, "[[mute]]\ncheck = '*'\nproject = 'p-1'\nreason = 'x'"), IDS)
    assert mute.project == "p-1"


def test_a_file_that_is_not_an_inventory_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        run_checks(tmp_path / "none.sqlite")
    (tmp_path / "text.sqlite").write_text("not a database, but long enough to be one" * 10, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="not an inventory"):
        run_checks(tmp_path / "text.sqlite")
    with pytest.raises(ConfigurationError, match="no finished sweep"):
        run_checks(InventoryFile(tmp_path / "empty.sqlite").path)


def test_the_fingerprint_is_stable_while_details_change(tmp_path: Path) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    certificate = {"id": "1", "commonName": "example.org", "validTo": "2026-12-05T03:00:00Z"}
    file.sweep({"certificate": [certificate]}, at=YESTERDAY)
    (first,) = run_checks(file.path, only=["certificate-expiring"]).findings
    file.sweep({"certificate": [certificate]})
    (second,) = run_checks(file.path, only=["certificate-expiring"]).findings
    assert first.detail != second.detail
    assert (first.fingerprint, second.standing) == (second.fingerprint, "still")


@pytest.mark.parametrize(
    ("ends", "said"), [("28T02:00", "within a day"), ("29T03:00", "in 1 day"), ("30T03:00", "in 2 days")]
)
def test_days_are_counted_as_people_count_them(tmp_path: Path, ends: str, said: str) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    file.sweep({"certificate": [{"id": "1", "commonName": "example.org", "validTo": f"2026-11-{ends}:00Z"}]})
    (found,) = run_checks(file.path, only=["certificate-expiring"], now="2026-11-28T00:00:00+00:00").findings
    assert found.detail.endswith(f", {said}")


def check(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mittwald_async.cli", "check", *arguments], capture_output=True, text=True, timeout=60
    )


def test_the_command_exits_with_5_if_there_are_findings(file: InventoryFile) -> None:
    done = check(str(file.path), "--only", "mail-catch-all", "--new")
    assert done.returncode == 5, done.stderr
    assert "+ comes@example.org" in done.stdout
    assert "stays@" not in done.stdout
    assert "1 finding (1 low): 1 new, 1 solved" in done.stdout
    assert check(str(file.path), "--only", "mailbox-full").returncode == 0
    assert check(str(file.path), "--format", "sarf").returncode == 2
    file.sweep({"mail_address": [mail_address("other", True)]}, account="second")
    first = check(str(file.path), "--only", "mail-catch-all", "--new").stdout
    assert "    other@example.org" in first
    assert "first sweep of second: nothing to compare with" in first
    assert check().returncode == 2
