"""How a sweep reports its outcome: metrics in a file, and a hook that receives the findings."""

from __future__ import annotations

import shlex
import shutil
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ..errors import ConfigurationError, MittwaldError
from ..inventory import History, Summary
from ..inventory.checks import SEVERITIES, CheckReport, run_checks
from ..inventory.metrics import metrics_text, write_metrics
from .output import json_bytes, message

_SECONDS = 30.0
"""How long a hook may take: a nightly job must not hang on a chat server."""

_FINDINGS = 100
"""New findings that a hook gets; their number is passed as well."""


class Outlet(msgspec.Struct, frozen=True):
    """Where the outcome of a sweep goes besides the terminal."""

    prometheus: Path | None = None
    notify: str | None = None

    @property
    def wanted(self) -> bool:
        return self.prometheus is not None or self.notify is not None

    def check(self) -> None:
        """Refuse what cannot work, before anything is sent.

        Raises:
            ConfigurationError: the folder of the file is missing, the URL is not one to post to, or the command does
                not exist.
        """
        if self.prometheus is not None and self.prometheus.is_dir():
            raise ConfigurationError(f"--prometheus {self.prometheus}: is a folder; name a file in it")
        if self.prometheus is not None and not self.prometheus.parent.is_dir():
            raise ConfigurationError(f"--prometheus {self.prometheus}: no such folder: {self.prometheus.parent}")
        if self.notify is not None:
            _check_hook(self.notify)

    def tell(self, summaries: Sequence[Summary], file: Path | None, *, inventory: bool = True, error: str = "") -> None:
        """Write the metrics and call the hook. What goes wrong is reported and never spoils the sweep.

        Args:
            summaries: of the sweeps that ended.
            file: where the rows went; none for standard output.
            inventory: the file is a SQLite inventory: only that can be checked and compared with the sweep before.
            error: why a sweep did not end.
        """
        if not self.wanted:
            return
        try:
            self._tell(summaries, file, inventory, error)
        except (MittwaldError, sqlite3.Error, OSError) as problem:
            message(f"--prometheus, --notify: {problem}; the sweep is not affected")

    def _tell(self, summaries: Sequence[Summary], file: Path | None, inventory: bool, error: str) -> None:
        report = _checked(file) if file is not None and inventory and summaries else None
        if self.prometheus is not None:
            findings = None if report is None else {str(severity): report.count(severity) for severity in SEVERITIES}
            try:
                well = _is_well(summaries, error)
                write_metrics(self.prometheus, metrics_text(summaries, findings, round(time.time(), 3), well=well))
            except ConfigurationError as problem:
                message(f"--prometheus: {problem}; the sweep is not affected")
        if self.notify is not None:
            content = json_bytes(_content(summaries, report, file, error))
            reason = _post(self.notify, content) if _is_url(self.notify) else _pipe(self.notify, content)
            if reason:
                message(f"--notify: {reason}; the sweep is not affected")


def _checked(file: Path) -> CheckReport | None:
    """What is wrong in the inventory. Where that cannot be said, the outcome of the sweep is still passed on."""
    try:
        return run_checks(file)
    except (MittwaldError, sqlite3.Error) as problem:
        message(f"--prometheus, --notify: no findings: {problem}")
        return None


def _is_well(summaries: Sequence[Summary], error: str) -> bool:
    """Whether every account was swept completely."""
    return not error and bool(summaries) and all(one.state == "done" for one in summaries)


def _content(summaries: Sequence[Summary], report: CheckReport | None, file: Path | None, error: str) -> object:
    content: dict[str, object] = {
        "event": "sweep",
        "at": datetime.now(UTC),
        "ok": _is_well(summaries, error),
        "file": None if file is None else str(file),
        "sweeps": [
            {
                **{name: getattr(one, name) for name in ("account", "sweep", "state", "rows", "requests", "drifted")},
                "seconds": round(one.seconds, 3),
                "failures": len(one.failures),
            }
            for one in summaries
        ],
    }
    if error:
        content["error"] = error
    if file is not None and report is not None:
        content["diff"] = _diff_counts(file)
        new = [finding for finding in report.findings if finding.fresh]
        content["findings"] = {severity: report.count(severity) for severity in SEVERITIES}
        content["first_sweeps"] = report.first_sweeps
        content["new"], content["solved"] = len(new), len(report.solved)
        content["new_findings"] = [
            {"fingerprint": one.fingerprint, **msgspec.structs.asdict(one)} for one in new[:_FINDINGS]
        ]
    return content


def _diff_counts(file: Path) -> dict[str, int] | None:
    """How much was added, changed, gone and unknown; `None` where there is nothing to compare with."""
    try:
        with History(file) as history:
            diff = history.diff()
    except ConfigurationError:
        return None
    return {kind: len(getattr(diff, kind)) for kind in ("added", "changed", "gone", "unknown")}


def _is_url(target: str) -> bool:
    return target.lower().startswith(("http://", "https://"))


def _check_hook(target: str) -> None:
    """Refuse a hook that can never be called. No part of a URL is repeated: webhooks have secrets in them.

    Raises:
        ConfigurationError: why not.
    """
    if not _is_url(target):
        words = _words(target)
        if "://" in words[0]:
            raise ConfigurationError("--notify: a URL must begin with http:// or https://")
        if shutil.which(words[0]) is None:
            raise ConfigurationError(f"--notify: command {words[0]!r} not found")
        return
    try:
        parts = urlsplit(target)
        host, user, _ = parts.hostname, parts.username, parts.port
    except ValueError:
        host = user = None
    if not host or not target.isprintable() or " " in target:
        raise ConfigurationError("--notify: the URL is not valid")
    if user is not None:
        raise ConfigurationError(
            "--notify: a URL with a user or a password is not supported; let a command such as curl post it"
        )


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigurationError(f"--notify: the command cannot be taken apart: {error}") from None
    if not words:
        raise ConfigurationError("--notify needs a URL or a command")
    return words


def _pipe(command: str, content: bytes) -> str:
    """Give a command the content on its standard input; what went wrong, if anything."""
    words = _words(command)
    try:
        # The user's own command, run without a shell.
        done = subprocess.run(words, input=content, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return f"{words[0]} did not end within {_SECONDS:.0f} s"
    except OSError as error:
        return f"{words[0]} cannot be run: {error.strerror or error}"
    if done.returncode == 0:
        return ""
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return f"{words[0]} ended with code {done.returncode}" + (f": {said[-1][:200]}" if said else "")


def _post(url: str, content: bytes) -> str:
    """Send the content to a URL; what went wrong, if anything. Only its host is named: webhooks have secrets in their
    path."""
    host = urlsplit(url).hostname or "the URL"
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        # `_is_url` has let nothing but HTTP pass.
        request = urllib.request.Request(url, content, {"Content-Type": "application/json"})  # noqa: S310
        with opener.open(request, timeout=_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return f"{host} answered with {error.code}"
    except TimeoutError:
        return f"{host} did not answer within {_SECONDS:.0f} s"
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", None)
        return f"{host} cannot be reached: {getattr(reason, 'strerror', None) or type(error).__name__}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A POST that is redirected would become a GET without the content, and look like a success."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None
