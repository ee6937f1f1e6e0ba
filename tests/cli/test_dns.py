"""`mittwald-async dns`: entries from the command line, as ACME programs use it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

from tests.readme.blocks import DOCS

from .conftest import PROGRAM, Command, environment


def domain(command: Command) -> str:
    code, out, _ = command("call", "domain-list-domains", "limit=1")
    assert code == 0
    return str(json.loads(out)[0]["domain"])


def test_a_challenge_may_start_with_a_dash(command: Command) -> None:
    """As certbot's manual hooks call it."""
    name = f"_acme-challenge.{domain(command)}"
    assert command("dns", "add", "--", name, "TXT", "-abc") == (0, "", "added\n")
    assert command("dns", "add", "--ttl", "60", name, "TXT", "def")[0] == 0
    assert command("dns", "list", name) == (0, f"{name} 60 TXT -abc\n{name} 60 TXT def\n", "")
    assert command("dns", "remove", "--", name, "TXT", "-abc")[2] == "removed\n"
    assert command("dns", "remove", "--", name, "TXT", "-abc")[2] == "no such entry\n"
    assert [entry["value"] for entry in json.loads(command("dns", "list", name, "--json")[1])] == ["def"]


def test_the_documented_hooks_add_and_remove_the_challenge(server: str, command: Command, tmp_path: Path) -> None:
    """Without `--wait`, since the name servers of the emulator's zones do not exist."""
    page = (DOCS / "dns.md").read_text(encoding="utf-8")
    hooks = dict(re.findall(r"--manual-(auth|cleanup)-hook '([^']+)'", page))
    host = f"hook.{domain(command)}"
    program = tmp_path / "bin" / "mittwald-async"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {" ".join(PROGRAM)} "$@"\n', encoding="utf-8")
    program.chmod(0o700)
    given = {
        **environment(server),
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "CERTBOT_DOMAIN": host,
        "CERTBOT_VALIDATION": "-dash_and-more",
    }
    name = f"_acme-challenge.{host}"
    for hook, entries in (("auth", f"{name} auto TXT -dash_and-more\n"), ("cleanup", "")):
        line = hooks[hook].replace(" --wait", "")
        done = subprocess.run(line, shell=True, env=given, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "added\n" if entries else "removed\n")
        assert command("dns", "list", name)[1] == entries


def test_a_set_and_a_zone_file(command: Command, tmp_path: Path) -> None:
    name = f"www.{domain(command)}"
    assert command("dns", "set", name, "A", "192.0.2.1", "192.0.2.2")[2] == "set\n"
    (tmp_path / "zone").write_text("@ 300 IN A 192.0.2.2\n", encoding="utf-8")
    code, out, said = command("dns", "import", "zone", "--origin", name)
    assert (code, said) == (0, "nothing was written; --yes writes it\n")
    assert f"- {name} A 192.0.2.1" in out.splitlines()
    assert command("dns", "import", "zone", "--origin", name, "--yes")[2] == "1 change written\n"
    assert command("dns", "list", name)[1] == f"{name} 300 A 192.0.2.2\n"
    (tmp_path / "latin").write_bytes(b"\xfc")
    assert command("dns", "import", "latin")[0] == 2
    assert command("dns", "import", "missing")[0] == 2


def test_invalid_entries_are_refused(command: Command) -> None:
    code, _, said = command("dns", "add", "nowhere.test", "TXT", "x")
    assert (code, "no DNS zone for nowhere.test" in said) == (1, True)
    code, _, said = command("dns", "add", "nowhere.test", "NS", "x")
    assert (code, "must be one of A, AAAA" in said) == (2, True)


def test_an_unreadable_zone_file_gives_a_message(server: str, command: Command, tmp_path: Path) -> None:
    code, _, err = command("dns", "import", "missing.zone")
    assert (code, err) == (2, "mittwald-async: file: missing.zone: No such file or directory\n")
    line = f"{' '.join(PROGRAM)} dns import - <&-"
    done = subprocess.run(line, shell=True, env=environment(server), cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "mittwald-async: file: standard input is closed\n")
