"""Reports of a nightly sweep: a metrics file and a hook. Neither can make the sweep fail."""

from __future__ import annotations

import json
import shlex
import stat
import sys
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from mittwald_async.cli.notify import Outlet
from mittwald_async.errors import ConfigurationError
from mittwald_async.inventory import Summary
from mittwald_async.inventory.metrics import metrics_text

from ...support.inventory_file import InventoryFile

SUMMARY = Summary(
    account='agency "north"\\1\n',
    sweep=2,
    state="done",
    rows={"project": 3, "customer": 1},
    failures=(),
    drifted=0,
    requests=17,
    planned=17,
    seconds=1.5,
    path="inventory.sqlite",
    resumable=False,
)
CUSTOMER = {"customerId": "c1", "name": "Braun", "isInDefaultOfPayment": False}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = InventoryFile(tmp_path / "inventory.sqlite")
    made.sweep({"customer": [CUSTOMER]}, at="2026-11-26T03:00:00+00:00")
    made.sweep({"customer": [{**CUSTOMER, "isInDefaultOfPayment": True}]})
    return made.path


def test_metrics_are_in_the_textfile_collectors_format() -> None:
    text = metrics_text([SUMMARY], {"critical": 1, "high": 0}, 1795816667.25)
    lines = text.splitlines()
    label = 'account="agency \\"north\\"\\\\1\\n"'
    assert f'mittwald_inventory_items{{{label},resource="project"}} 3' in lines
    assert f"mittwald_sweep_duration_seconds{{{label}}} 1.5" in lines
    assert f"mittwald_sweep_complete{{{label}}} 1" in lines
    assert f"mittwald_sweep_timestamp_seconds{{{label}}} 1795816667.25" in lines
    assert 'mittwald_inventory_findings{severity="critical"} 1' in lines
    named = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(named) == len(set(named)) == 10
    assert text.endswith("\n")


def test_a_sweep_that_failed_is_seen_in_the_metrics(tmp_path: Path) -> None:
    """The metrics of the last good night would say that all is well."""
    target = tmp_path / "mittwald.prom"
    Outlet(prometheus=target).tell([SUMMARY], None)
    assert "mittwald_run_success 1" in target.read_text().splitlines()
    Outlet(prometheus=target).tell([SUMMARY], None, error="account shop: 401 Unauthorized")
    assert {"mittwald_run_success 0", "# TYPE mittwald_run_success gauge"} <= set(target.read_text().splitlines())
    Outlet(prometheus=target).tell([], None, error="401 Unauthorized")
    lines = target.read_text().splitlines()
    assert "mittwald_run_success 0" in lines
    assert not [line for line in lines if "sweep_complete" in line]


def test_what_cannot_be_checked_is_still_passed_on(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, metrics = tmp_path / "got.json", tmp_path / "mittwald.prom"
    program = f"import pathlib, sys; pathlib.Path({str(out)!r}).write_bytes(sys.stdin.buffer.read())"
    file.write_bytes(b"damaged")
    Outlet(metrics, shlex.join([sys.executable, "-c", program])).tell([SUMMARY], file)
    assert json.loads(out.read_text())["ok"] is True
    assert "mittwald_run_success 1" in metrics.read_text()
    assert "no findings: " in capsys.readouterr().err


def test_the_metrics_file_is_replaced_atomically_and_readable_for_the_exporter(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "mittwald.prom"
    target.write_text("old")
    before = target.stat().st_ino
    Outlet(prometheus=target).tell([SUMMARY], file)
    assert 'mittwald_inventory_findings{severity="critical"} 1' in target.read_text()
    assert target.stat().st_ino != before
    assert stat.S_IMODE(target.stat().st_mode) & 0o444 == 0o444
    assert not list(tmp_path.glob(".mittwald.prom*"))


def test_a_command_receives_the_outcome_on_standard_input(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "got.json"
    program = f"import pathlib, sys; pathlib.Path({str(out)!r}).write_bytes(sys.stdin.buffer.read())"
    Outlet(notify=shlex.join([sys.executable, "-c", program])).tell([SUMMARY], file)
    got = json.loads(out.read_text())
    assert got["ok"] is True
    assert got["sweeps"][0]["rows"] == {"project": 3, "customer": 1}
    assert got["diff"] == {"added": 0, "changed": 1, "gone": 0, "unknown": 0}
    assert (got["new"], [one["check"] for one in got["new_findings"]]) == (1, ["customer-in-default"])


class Hook(BaseHTTPRequestHandler):
    """Records what is posted, and responds according to the path."""

    def do_POST(self) -> None:
        server: Any = self.server
        server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(int(self.path.rpartition("/")[2]))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hook() -> Generator[Any]:
    server: Any = HTTPServer(("127.0.0.1", 0), Hook)
    server.got = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_url_receives_the_outcome_even_of_a_failed_sweep(hook: Any, file: Path) -> None:
    outlet = Outlet(notify=f"http://127.0.0.1:{hook.server_port}/secret/200")
    outlet.tell([SUMMARY], file)
    outlet.tell([], None, error="401 Unauthorized")
    assert [one["ok"] for one in hook.got] == [True, False]
    assert hook.got[1]["error"] == "401 Unauthorized"


def test_a_failing_hook_is_reported_without_the_secret_in_its_url(
    hook: Any, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Outlet(notify=f"http://127.0.0.1:{hook.server_port}/secret/500").tell([SUMMARY], file)
    Outlet(notify="http://127.0.0.1:1/secret").tell([SUMMARY], file)
    Outlet(notify=shlex.join([sys.executable, "-c", "raise SystemExit('no chat today')"])).tell([SUMMARY], file)
    Outlet(notify="no-such-command-here").tell([SUMMARY], file)
    (tmp_path / "folder").mkdir()
    Outlet(prometheus=tmp_path / "folder").tell([SUMMARY], file)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "--notify: 127.0.0.1 answered with 500; the sweep is not affected"
    assert "cannot be reached" in said[1]
    assert "ended with code 1: no chat today" in said[2]
    assert "no-such-command-here cannot be run" in said[3]
    assert "cannot be written" in said[4]
    assert not any("secret" in line for line in said)


def test_a_sweep_into_another_format_reports_its_numbers(tmp_path: Path) -> None:
    out, reported, metrics = tmp_path / "rows.jsonl", tmp_path / "outcome.json", tmp_path / "mittwald.prom"
    out.write_text("{}\n", encoding="utf-8")
    code = f"import sys, pathlib; pathlib.Path({str(reported)!r}).write_bytes(sys.stdin.buffer.read())"
    outlet = Outlet(metrics, shlex.join([sys.executable, "-c", code]))
    outlet.tell([SUMMARY], out, inventory=False)
    content = json.loads(reported.read_bytes())
    assert (content["file"], content["ok"]) == (str(out), True)
    assert content["sweeps"][0]["rows"] == {"project": 3, "customer": 1}
    assert not {"diff", "findings", "new"} & content.keys()
    text = metrics.read_text(encoding="utf-8")
    assert "mittwald_inventory_items" in text
    assert "findings" not in text


@pytest.mark.parametrize(
    ("outlet", "problem"),
    [
        (Outlet(prometheus=Path("no-such-folder/x.prom")), "no such folder"),
        (Outlet(notify="mail 'half"), "cannot be taken apart"),
        (Outlet(notify=" "), "needs a URL or a command"),
        (Outlet(notify="no-such-command-here"), "command 'no-such-command-here' not found"),
        (Outlet(notify="ftp://chat.example/secret"), "must begin with http"),
        (Outlet(notify="http://[bad/secret"), "the URL is not valid"),
        (Outlet(notify="https:///secret"), "the URL is not valid"),
        (Outlet(notify="https://chat.example:port/secret"), "the URL is not valid"),
        (Outlet(notify="https://chat.example/secret word"), "the URL is not valid"),
        (Outlet(notify="https://secret:word@chat.example/"), "let a command such as curl post it"),
        (Outlet(prometheus=Path()), "is a folder"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_sent(outlet: Outlet, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as caught:
        outlet.check()
    assert "secret" not in str(caught.value)
