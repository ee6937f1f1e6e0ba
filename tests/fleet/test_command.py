"""`mittwald-async fleet`, and the commands that read its data sets."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mittwald_async.cli.common import TERMINATED, StoppedError
from mittwald_async.emulator import Fault
from mittwald_async.fleet import Lake
from mittwald_async.fleet.lake import RunRecord

from ..support.sample_rows import AT
from .accounts import SECRET, accounts, accounts_file, command, ids, token_of
from .lakes import RUN, publish


def test_from_an_accounts_file_to_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with accounts(monkeypatch, 2, 1) as (_, found):
        file = accounts_file(tmp_path, found)
        first, done = (command("fleet", str(file), "--out", "lake", folder=tmp_path) for _ in range(2))
        assert first.returncode == done.returncode == 0, first.stderr + done.stderr
    assert "2 of 2 accounts published" in done.stdout
    assert "account-1" in done.stdout
    report = command("report", "lake/", "-o", "report.html", folder=tmp_path)
    assert report.returncode == 0, report.stderr
    page = (tmp_path / "report.html").read_text()
    assert "account-1" in page
    assert "account-2" in page
    check = command("check", "lake/", "--format", "json", folder=tmp_path)
    assert check.returncode == 5, check.stderr
    diff = command("diff", "lake/", folder=tmp_path)
    assert diff.returncode == 0, diff.stderr
    assert "0 added, 0 changed, 0 gone" in diff.stdout
    assert "of account-1" in diff.stdout
    none = command("diff", "lake/", "--from", "99", folder=tmp_path)
    assert none.returncode == 2
    assert "lake: sweep 99 does not exist" in none.stderr


def test_exit_codes_match_those_of_sweeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with accounts(monkeypatch, 1, 1) as (api, found):
        file = accounts_file(tmp_path, found)
        monkeypatch.setenv("FLEET_TOKEN_1", f"{SECRET}-wrong")
        failed = command("fleet", str(file), "-o", "lake", "-r", "project", "--json", folder=tmp_path)
        assert failed.returncode == 3
        summary = json.loads(failed.stdout.splitlines()[-1])
        assert (summary["event"], summary["state"]) == ("summary", "failed")
        assert [one["state"] for one in summary["accounts"]] == ["done", "failed"]
        in_words = command("fleet", str(file), "-o", "lake", "--resume", folder=tmp_path)
        assert in_words.returncode == 3
        assert "account account-2: 401" in in_words.stderr
        assert "resume with: " in in_words.stderr
        assert "published before" in in_words.stdout
        assert SECRET not in failed.stdout + failed.stderr + in_words.stdout + in_words.stderr
        monkeypatch.setenv("FLEET_TOKEN_1", token_of("account-2"))
        assert command("fleet", str(file), "-o", "lake", "--resume", folder=tmp_path).returncode == 0
        nothing = command("fleet", str(file), "-o", "lake", "--resume", folder=tmp_path)
        assert (nothing.returncode, nothing.stdout) == (2, "")
        assert "there is nothing to resume" in nothing.stderr
        api.inject(Fault(operation="project-list-projects", status=500))
        broken = command("fleet", str(file), "-o", "lake", "-r", "project", folder=tmp_path)
        assert broken.returncode == 3
        assert "account account-1: failed: project: 500" in broken.stderr


@pytest.mark.parametrize("trouble", ["none", "a list", "a token", "a variable"])
def test_a_fleet_and_a_sweep_of_the_same_accounts_exit_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    broken = Fault(operation="project-list-projects", status=400)
    with accounts(monkeypatch, 1, 1, faults=[broken] if trouble == "a list" else []) as (_, found):
        if trouble == "a token":
            monkeypatch.setenv("FLEET_TOKEN_1", f"{SECRET}-wrong")
        if trouble == "a variable":
            monkeypatch.delenv("FLEET_TOKEN_1")
        accounts_file(tmp_path, found)
        swept = command("sweep", "--all-accounts", "-r", "project", "-o", "all.sqlite", folder=tmp_path)
        fleet = command("fleet", "accounts.toml", "-r", "project", "-o", "lake", folder=tmp_path)
    assert fleet.returncode == swept.returncode == (0 if trouble == "none" else 3), fleet.stderr + swept.stderr
    assert "account account-2: account account-2" not in fleet.stderr + swept.stderr
    assert ("--resume" in fleet.stderr) == (trouble != "none")


def test_an_interrupted_fleet_prints_how_to_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Fault(operation="domain-list-domains", delay=0.7)
    with accounts(monkeypatch, *[1] * 4, faults=[slow]) as (_, found):
        file = accounts_file(tmp_path, found)
        names = ("-r", "project", "-r", "domain", "--at-once", "1", "-o", "lake")
        process = subprocess.Popen(
            [sys.executable, "-m", "mittwald_async.cli", "fleet", str(file), *names],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        lake = Lake(tmp_path / "lake")
        end = time.monotonic() + 60
        while not ((tmp_path / "lake").exists() and lake.runs() and lake.manifests(lake.runs()[0])):
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 130, said
        assert "interrupted; resume with: " in said
        assert "--resume" in said
        done = command("fleet", str(file), "-o", "lake", "--resume", folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert len(ids(tmp_path / "lake")) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.toml",), "nowhere.toml: No such file"),
        (("accounts.toml", "--workers", "1", "--scheduler", "tcp://x"), "say --scheduler or --workers, not both"),
        (("accounts.toml", "-o", "accounts.toml"), "accounts.toml: is a file; a fleet writes a folder"),
        (("accounts.toml", "-r", "nonsense"), "nonsense"),
        (("accounts.toml", "--workers", "0"), "'--workers': Input should be greater than or equal to 1"),
        (("accounts.toml", "--workers", "-1"), "'--workers': Input should be greater than or equal to 1"),
        (("accounts.toml", "--split-over", "0"), "'--split-over': Input should be greater than or equal to 1"),
        (("accounts.toml", "--scheduler", "nonsense"), "is not the address of a scheduler"),
        (("accounts.toml", "-o", "/dev/null/lake"), "/dev/null/lake: Not a directory"),
        (("accounts.toml", "-o", "memory://x", "--delta"), "Delta tables are written to"),
        (("accounts.toml", "-o", "nowhere://x"), "nowhere"),
        (("accounts.toml", "-o", ""), "--out must name a folder or a URL"),
        (("accounts.toml", "-o", "memory://x", "--workers", "2"), "is the memory of this process"),
    ],
)
def test_wrong_usage_gives_one_line(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "accounts.toml").write_text('[accounts.shop]\ntoken_env = "NONE"\n')
    done = command("fleet", *arguments, folder=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_many_accounts_failed_of_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with accounts(monkeypatch, *[1] * 4) as (_, found):
        file = accounts_file(tmp_path, found)
        for number in (0, 2, 3):
            monkeypatch.setenv(f"FLEET_TOKEN_{number}", f"{SECRET}-wrong")
        done = command("fleet", str(file), "-o", "lake", "-r", "project", folder=tmp_path)
    assert done.returncode == 3
    reasons = [line for line in done.stderr.splitlines() if "401" in line]
    assert len(reasons) == 1
    assert "accounts account-1 and 2 more: 401" in reasons[0]


def test_a_report_names_the_place_as_it_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake("memory://named/lake")
    lake.open_for_writing()
    lake.begin(RunRecord(id=RUN, started_at=AT, resources=("project",), accounts=("shop",)))
    publish(lake, "shop", [])

    def written(inventory: Path, out: Path, **_: object) -> Path:
        return out

    monkeypatch.setattr("mittwald_async.inventory.report.write_report", written)
    done = command("report", "memory://named/lake", "-o", "r.html", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "memory://named/lake → r.html\n")


def test_a_fleet_that_is_stopped_before_it_has_begun_is_not_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise StoppedError(TERMINATED)

    monkeypatch.setattr("mittwald_async.cli.fleet.run", stopped)
    (tmp_path / "accounts.toml").write_text('[accounts.shop]\ntoken_env = "NONE"\n')
    done = command("fleet", "-r", "project", folder=tmp_path)
    assert done.returncode == 143
    assert done.stderr.strip().endswith("terminated; run it again")
