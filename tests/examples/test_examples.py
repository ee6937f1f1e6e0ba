"""Every example runs with `--demo`, as a program of its own, and prints what it is for."""

from __future__ import annotations

import csv
import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mittwald_async.emulator.behaviours.passwords import weakness

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PROGRAMS = sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem != "demo")


def started(name: str, *arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run an example in an empty folder, without a token."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("MITTWALD_")}
    return subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(EXAMPLES.parent), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def demo(name: str, *arguments: str, folder: Path) -> str:
    done = started(name, "--demo", *arguments, folder=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def in_days(days: int) -> str:
    """A date as many days from now: the demo's account is of today."""
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%d")


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_explains(name: str, tmp_path: Path) -> None:
    done = started(name, "--help", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "--demo" in done.stdout
    assert f"python examples/{name}.py" in done.stdout


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in ("login", "webhooks", "fleet_queue")])
def test_without_a_token_one_line_says_what_is_missing(name: str, tmp_path: Path) -> None:
    done = started(name, folder=tmp_path)
    assert done.returncode == 1
    assert "MITTWALD_API_TOKEN" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_example_is_short(name: str) -> None:
    assert len((EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()) < 140


def test_certificates_come_as_csv_soonest_first(tmp_path: Path) -> None:
    text = demo("expiring_certificates", "--on", in_days(15), "--within", "20", folder=tmp_path)
    rows = list(csv.DictReader(text.splitlines()))
    days = [int(row["days"]) for row in rows]
    assert days == sorted(days)
    assert rows
    assert days[-1] <= 20
    assert all(row["customer"] and row["project"].startswith("p-") for row in rows)


def test_backups_that_are_old_or_missing_are_named_and_exit_with_1(tmp_path: Path) -> None:
    done = started("backup_audit", "--demo", folder=tmp_path)
    *lines, last = done.stdout.splitlines()
    assert done.returncode == 1, done.stderr
    assert [line.split("  ")[-1].strip() for line in lines] == ["no schedule", "no schedule"]
    assert last == "20 projects, 2 to look at"
    later = started("backup_audit", "--demo", "--on", in_days(10), folder=tmp_path).stdout.splitlines()
    assert sum("newest backup is 10." in line for line in later) == 20


def test_access_is_reported_by_person(tmp_path: Path) -> None:
    rows = list(csv.DictReader(demo("access_report", folder=tmp_path).splitlines()))
    assert {row["kind"] for row in rows} == {"customer", "project", "ssh", "sftp"}
    assert all(row["where"] and row["who"] for row in rows)
    some = list(csv.DictReader(demo("access_report", "--person", "jonas", folder=tmp_path).splitlines()))
    assert some == [row for row in rows if "jonas" in row["who"].lower()] != []


def test_a_login_asks_for_the_second_factor_once(tmp_path: Path) -> None:
    lines = demo("login", folder=tmp_path).splitlines()
    assert lines[:2] == ["asked for the second factor", "logged in as Emre Richter"]
    assert lines[2].startswith("session since ")
    nobody = started("login", folder=tmp_path)
    assert nobody.returncode == 1
    assert nobody.stderr.startswith("whose account?")


def test_a_webhook_is_taken_once_and_a_changed_one_not_at_all(tmp_path: Path) -> None:
    lines = demo("webhooks", folder=tmp_path).splitlines()
    assert {"genuine: 204", "again: 204", "changed: 401"} <= set(lines)
    assert sum(line.startswith("ExtensionAddedToContext ") for line in lines) == 1


def test_php_versions_name_the_old_sites_only(tmp_path: Path) -> None:
    lines = demo("php_versions", "--older-than", "8.1", folder=tmp_path).splitlines()
    versions = [line for line in lines if line.startswith("PHP ")]
    assert len(versions) > 2
    assert any(line.startswith("    ") for line in lines)
    for line in versions:
        old = line.split()[1] < "8.1"
        assert line.endswith("update:") == old


def test_storage_adds_up(tmp_path: Path) -> None:
    head, *lines = demo("storage_report", folder=tmp_path).splitlines()
    assert head.split() == ["customer", "web", "backups", "mysql", "sum", "(GiB)"]
    assert lines
    for line in lines:
        web, backups, mysql, total = (float(part) for part in line.split()[-4:])
        assert abs(web + backups + mysql - total) < 0.21


def test_the_audit_names_what_is_missing(tmp_path: Path) -> None:
    *lines, last = demo("dns_audit", folder=tmp_path).splitlines()
    assert all(re.fullmatch(r"\S+ +lacks (SPF|DMARC|CAA)(, (DMARC|CAA))*", line) for line in lines)
    assert last.endswith(f"{len(lines)} domains lack something")


def test_databases_are_upgraded_on_yes(tmp_path: Path) -> None:
    assert "say --yes" in demo("upgrade_mysql", folder=tmp_path)
    lines = demo("upgrade_mysql", "--most", "1", "--yes", folder=tmp_path).splitlines()
    assert len(lines) == 1
    assert lines[0].endswith("-> 8.4")


def test_a_challenge_is_added_and_taken_away(tmp_path: Path) -> None:
    added, removed = demo("dns_challenge", folder=tmp_path).splitlines()
    assert added.endswith(" TXT ['token']")
    assert removed.endswith(" TXT []")


def test_a_site_is_created_step_by_step(tmp_path: Path) -> None:
    lines = demo("create_site", folder=tmp_path).splitlines()
    assert lines[0].endswith("is ready")
    assert lines[1].startswith("installing WordPress")
    assert "  ready" in lines
    assert lines[-1].startswith("https://www.example.org leads to a-")


def test_passwords_change_only_on_yes(tmp_path: Path) -> None:
    assert "say --yes" in demo("rotate_passwords", folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
    out = demo("rotate_passwords", "--yes", folder=tmp_path)
    file = tmp_path / "passwords.jsonl"
    entries = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert out.startswith(f"{len(entries)} of {len(entries)} passwords changed")
    assert len({entry["password"] for entry in entries}) == len(entries)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_new_passwords_keep_to_the_policy(tmp_path: Path) -> None:
    many = "from rotate_passwords import password; print(*(password() for _ in range(2000)), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", many],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{EXAMPLES}{os.pathsep}{EXAMPLES.parent}"},
        capture_output=True,
        text=True,
        check=True,
    )
    passwords = done.stdout.splitlines()
    assert len(set(passwords)) == 2000
    assert [weakness(password) for password in passwords] == [None] * 2000


def test_a_backup_is_downloaded_and_checked(tmp_path: Path) -> None:
    lines = demo("download_backup", folder=tmp_path).splitlines()
    assert lines[0].startswith("backup of ")
    (file,) = (tmp_path / "backups").iterdir()
    assert re.fullmatch(rf"backups/{file.name}: {file.stat().st_size} bytes, sha256 [0-9a-f]{{64}}", lines[-1])


def test_every_night_adds_a_sweep(tmp_path: Path) -> None:
    for night in (1, 2):
        out = demo("nightly_sweep", "--resource", "project", "--resource", "domain", folder=tmp_path)
        assert out.splitlines()[-1] == f"inventory.sqlite holds {night} sweeps"
    with closing(sqlite3.connect(tmp_path / "inventory.sqlite")) as database:
        (rows,) = database.execute("SELECT count(*) FROM project").fetchone()
    assert rows == 40


def test_visitors_are_served_while_a_sweep_waits(tmp_path: Path) -> None:
    lines = demo("service", folder=tmp_path).splitlines()
    assert lines[1].startswith("20 visitors")
    assert lines[1].endswith("0 calls were refused")
    assert int(re.findall(r"(\d+) of its calls are waiting", lines[2])[0]) > 0


def test_calls_wait_and_none_is_refused(tmp_path: Path) -> None:
    *drawn, last = demo("rate_limit", folder=tmp_path).splitlines()
    assert re.fullmatch(r"50 calls in \d\.\d s, 0 refused with 429", last)
    assert sum(line.count("#") for line in drawn) <= 50
    assert any("wait" in line and "#" in line for line in drawn)


def test_traces_and_metrics_are_printed(tmp_path: Path) -> None:
    out = demo("telemetry", folder=tmp_path)
    assert '"name": "project-list-projects"' in out
    assert '"http.response.status_code": 200' in out
    assert '"name": "http.client.request.duration"' in out


@pytest.mark.parametrize(
    ("name", "package", "install"),
    [("telemetry", "opentelemetry", "opentelemetry-sdk"), ("webhooks", "cryptography", "cryptography")],
)
def test_without_its_package_it_says_what_to_install(name: str, package: str, install: str, tmp_path: Path) -> None:
    """A package of that name that is not there: its import fails as if it were not installed."""
    (tmp_path / f"{package}.py").write_text(
        f"raise ModuleNotFoundError('no module', name='{package}')", encoding="utf-8"
    )
    path = f"{tmp_path}{os.pathsep}{EXAMPLES.parent}"
    done = started(name, "--demo", folder=tmp_path, PYTHONPATH=path)
    assert done.returncode == 1
    assert done.stderr.strip().endswith(f"pip install {install}")


def test_a_fleet_on_an_executor_of_ones_own(tmp_path: Path) -> None:
    text = demo("fleet_queue", folder=tmp_path)
    assert re.findall(r"^(\w+): \d+$", text, re.MULTILINE) == ["agency", "shop", "blog"]
    assert len(list((tmp_path / "lake").glob("resource=project/account=*/part-0000.parquet"))) == 3
    done = started("fleet_queue", folder=tmp_path)
    assert done.returncode == 1
    assert "accounts.toml: No such file" in done.stderr
