"""`check`: what is wrong in an inventory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..inventory.checks import SEVERITIES, Check, CheckReport, Finding, all_checks, checks_named, mutes_from, run_checks
from ..inventory.checks.formats import FORMATS
from ..runtime.errors import ConfigurationError
from .common import OK
from .lake import inventory_file
from .output import count, emit, folded, message, put_table

FINDINGS = 5
"""Exit code where something is wrong."""

_SHOWN = 10
"""Findings of one check that the text shows; the other formats have all."""


def _names(incomplete: str) -> list[str]:
    names = {check.id for check in all_checks()} | {check.family for check in all_checks()}
    return sorted(name for name in names if name.startswith(incomplete))


def check(
    file: Annotated[
        Path | None, typer.Argument(help="SQLite inventory, or a data set of a fleet.", metavar="FILE")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Only this check or family (repeatable).", metavar="NAME", autocompletion=_names),
    ] = None,
    new: Annotated[
        bool,
        typer.Option(
            "--new", help="Only findings that the previous sweep did not have; all of a first sweep.", metavar=""
        ),
    ] = False,
    form: Annotated[
        str, typer.Option("--format", help="text, json, junit, sarif or markdown.", metavar="FORMAT")
    ] = "text",
    mute: Annotated[
        Path | None,
        typer.Option("--mute", help="TOML file of accepted findings, each with a reason.", metavar="FILE"),
    ] = None,
    list_all: Annotated[bool, typer.Option("--list", help="List all checks.", metavar="")] = False,
) -> int:
    """Report problems in an inventory: certificates, backups, DNS, old software, access. Nothing is sent.

    Exits with 5 if there are findings.

    [bold]Examples[/bold]

      mittwald-async check inventory.sqlite

      mittwald-async check inventory.sqlite --only certificates --new

      mittwald-async check inventory.sqlite --format markdown --mute mutes.toml
    """
    if list_all:
        put_table(
            ("check", "family", "severity", "what"),
            [(c.id, c.family, c.severity, c.title) for c in checks_named(only or ())],
        )
        return OK
    if file is None:
        raise ConfigurationError("name the inventory to check: `mittwald-async check inventory.sqlite`")
    if form != "text" and form not in FORMATS:
        raise ConfigurationError(f"--format {form!r} is unknown; there are text, {', '.join(FORMATS)}")
    chosen = checks_named(only or ())
    mutes = () if mute is None else mutes_from(mute, (one.id for one in all_checks()))
    with inventory_file(file) as inventory:
        report = run_checks(inventory, only=only or (), mutes=mutes)
    if new:
        report = _only_new(report)
    emit(FORMATS[form](report, chosen)) if form in FORMATS else _text(report, chosen)
    return FINDINGS if report.findings else OK


def _only_new(report: CheckReport) -> CheckReport:
    from msgspec.structs import replace

    return replace(report, findings=tuple(one for one in report.findings if one.fresh))


def _text(report: CheckReport, checks: tuple[Check, ...]) -> None:
    known = {one.id: one for one in checks}
    grouped: dict[str, list[Finding]] = {}
    for finding in report.findings:
        grouped.setdefault(finding.check, []).append(finding)
    for identity, findings in grouped.items():
        one = known[identity]
        emit(folded(f"{one.severity.upper()}  {one.title}  [{one.id}]\n", hang=4))
        for finding in findings[:_SHOWN]:
            place = " / ".join(text for text in (finding.customer, finding.project) if text)
            mark = "+" if finding.standing == "new" else " "
            line = f"  {mark} {finding.subject}: {finding.detail}" + (f"  ({place})" if place else "")
            emit(folded(" ".join(line.split("\n")) + "\n", hang=6))
        if len(findings) > _SHOWN:
            emit(f"    … and {len(findings) - _SHOWN} more; --format json has all\n")
        emit(folded(f"    why: {one.why}\n    do:  {one.fix}\n\n", hang=9))
    for skip in report.skipped:
        message(f"{skip.check} was skipped: {skip.reason}")
    emit(folded(_summary(report) + "\n"))


def _summary(report: CheckReport) -> str:
    counts = ", ".join(f"{report.count(severity)} {severity}" for severity in SEVERITIES if report.count(severity))
    parts = [report.comparison]
    if report.muted:
        parts.append(f"{len(report.muted)} muted")
    if report.skipped:
        parts.append(f"{count(len(report.skipped), 'check')} skipped")
    total = count(len(report.findings), "finding")
    return f"{total}{f' ({counts})' if counts else ''}: {', '.join(parts)}; sweep of {report.checked_at[:16]}"
