"""Every example runs with `--demo` as its own program and prints what it is for."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path

import pytest

from mittwald_async.emulator.behaviours.passwords import weakness

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PROGRAMS = sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem != "demo")


def started(name: str, *arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start an example in an empty folder, without a token."""
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


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_explains_the_example(name: str, tmp_path: Path) -> None:
    done = started(name, "--help", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "--demo" in done.stdout
    assert f"python examples/{name}.py" in done.stdout


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in ("login", "webhooks", "fleet_queue")])
def test_without_a_token_one_line_says_what_is_missing(name: str, tmp_path: Path) -> None:
    done = started(name, folder=tmp_path)
    assert done.returncode == 2
    assert "MITTWALD_API_TOKEN" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_example_is_short(name: str) -> None:
    assert len((EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()) < 140


def test_a_login_asks_for_the_second_factor_once(tmp_path: Path) -> None:
    lines = demo("login", folder=tmp_path).splitlines()
    assert lines[:2] == ["asked for the second factor", "logged in as Emre Richter"]
    assert lines[2].startswith("session since ")
    nobody = started("login", folder=tmp_path)
    assert nobody.returncode == 2
    assert nobody.stderr.startswith("whose account?")


def test_a_webhook_is_accepted_once_and_a_tampered_one_never(tmp_path: Path) -> None:
    lines = demo("webhooks", folder=tmp_path).splitlines()
    assert {"genuine: 204", "again: 204", "changed: 401"} <= set(lines)
    assert sum(line.startswith("ExtensionAddedToContext ") for line in lines) == 1


def test_databases_are_upgraded_with_yes(tmp_path: Path) -> None:
    assert "say --yes" in demo("upgrade_mysql", folder=tmp_path)
    lines = demo("upgrade_mysql", "--most", "1", "--yes", folder=tmp_path).splitlines()
    assert len(lines) == 1
    assert lines[0].endswith("-> 8.4")


def test_a_challenge_is_added_and_removed(tmp_path: Path) -> None:
    added, removed = demo("dns_challenge", folder=tmp_path).splitlines()
    assert added.endswith(" TXT ['token']")
    assert removed.endswith(" TXT []")


def test_a_site_is_created_step_by_step(tmp_path: Path) -> None:
    lines = demo("create_site", folder=tmp_path).splitlines()
    assert lines[0].endswith("is ready")
    assert lines[1].startswith("installing WordPress")
    assert "  ready" in lines
    assert lines[-1].startswith("https://www.example.org leads to a-")


def test_a_site_gets_the_given_name(tmp_path: Path) -> None:
    lines = demo("create_site", "shop.example.net", folder=tmp_path).splitlines()
    assert lines[-1].startswith("https://shop.example.net leads to a-")


@pytest.mark.parametrize(
    ("name", "arguments", "complaint"),
    [
        ("create_site", ("not a host",), "'not a host' is not a host name such as www.example.org"),
        ("create_site", ("--server", "www.example.org"), "is not an id such as p-xxxxxx"),
        ("create_site", ("--email", "kim"), "'kim' is not an email address"),
        ("bulk_mailboxes", ("missing.csv",), "file 'missing.csv' does not exist"),
        ("bulk_tags", ("missing.sqlite",), "file 'missing.sqlite' does not exist"),
        ("dns_challenge", ("example",), "'example' is not a host name"),
        ("download_backup", ("my project",), "is not an id"),
        ("login", ("kim",), "is not an email address"),
        ("rate_limit", ("--calls", "0"), "'0' is not a positive integer"),
        ("service", ("--port", "70000"), "'70000' is not a port"),
        ("staged_rollout", ("missing.csv",), "file 'missing.csv' does not exist"),
        ("upgrade_mysql", ("eight",), "'eight' is not a version such as 8.4"),
        ("usage_report", ("--days", "-3"), "'-3' is not a positive integer"),
        ("webhooks", ("--port", "http"), "'http' is not a positive integer"),
    ],
)
def test_invalid_arguments_are_named_before_anything_is_done(
    name: str, arguments: tuple[str, ...], complaint: str, tmp_path: Path
) -> None:
    done = started(name, "--demo", *arguments, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_dockerfile_installs_what_it_runs() -> None:
    """It cannot be built here, so the test checks that what its lines name exists and that the secret is not in it."""
    lines = (EXAMPLES / "Dockerfile").read_text(encoding="utf-8").splitlines()
    words = {line.split()[0] for line in lines if line and not line.startswith("#")}
    assert words <= {"FROM", "COPY", "RUN", "USER", "WORKDIR", "VOLUME", "ENTRYPOINT"}
    text = "\n".join(lines)
    declared = tomllib.loads((EXAMPLES.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (extras,) = re.findall(r"/source\[([\w,]+)\]", text)
    assert set(extras.split(",")) <= set(declared["optional-dependencies"])
    (program,) = json.loads(text.partition("ENTRYPOINT ")[2])
    assert Path(program).name in declared["scripts"]
    (python,) = set(re.findall(r"FROM python:(\d\.\d+)-slim", text))
    assert f"Programming Language :: Python :: {python}" in declared["classifiers"]
    assert "TOKEN" not in text


def test_passwords_change_only_with_yes(tmp_path: Path) -> None:
    assert "say --yes" in demo("rotate_passwords", folder=tmp_path)
    assert list(tmp_path.iterdir()) == []
    out = demo("rotate_passwords", "--yes", folder=tmp_path)
    file = tmp_path / "passwords.jsonl"
    entries = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert out.startswith(f"{len(entries)} of {len(entries)} passwords changed")
    assert len({entry["password"] for entry in entries}) == len(entries)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_new_passwords_satisfy_the_policy(tmp_path: Path) -> None:
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


def test_visitors_are_served_during_a_sweep(tmp_path: Path) -> None:
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
    """A stub package of that name raises on import, as if it were not installed."""
    (tmp_path / f"{package}.py").write_text(
        f"raise ModuleNotFoundError('no module', name='{package}')", encoding="utf-8"
    )
    path = f"{tmp_path}{os.pathsep}{EXAMPLES.parent}"
    done = started(name, "--demo", folder=tmp_path, PYTHONPATH=path)
    assert done.returncode == 1
    assert done.stderr.strip().endswith(f"pip install {install}")


def test_a_fleet_on_a_custom_executor(tmp_path: Path) -> None:
    text = demo("fleet_queue", folder=tmp_path)
    assert re.findall(r"^(\w+): \d+$", text, re.MULTILINE) == ["agency", "shop", "blog"]
    assert len(list((tmp_path / "lake").glob("resource=project/account=*/part-0000.parquet"))) == 3
    done = started("fleet_queue", folder=tmp_path)
    assert done.returncode == 2
    assert "accounts.toml: No such file" in done.stderr
