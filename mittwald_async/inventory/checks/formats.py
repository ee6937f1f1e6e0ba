"""Findings for machines and people: JSON, JUnit, SARIF, Markdown. (Text is the command line's.)"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote
from xml.etree import ElementTree

import msgspec

from ..._version import __version__
from ..xml_text import xml_text
from .check import SEVERITIES, Check, CheckReport, Finding, Severity, Standing

_SARIF_LEVELS: Mapping[Severity, str] = {
    "critical": "error",
    "high": "error",
    "medium": "warning",
    "low": "note",
    "info": "note",
}
_SARIF_SCORES: Mapping[Severity, str] = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0", "info": "0.0"}
"""`security-severity` as code scanning services sort by it: the middle of each CVSS range."""


_BASELINES: Mapping[Standing, Mapping[str, str]] = {
    "new": {"baselineState": "new"},
    "still": {"baselineState": "unchanged"},
    "solved": {"baselineState": "absent"},
    "first": {},
}
"""Without a previous sweep SARIF states no baseline."""


_MARKUP = re.compile(r"[\\`*_{}\[\]<>|#~]")


def as_json(report: CheckReport, checks: Iterable[Check]) -> str:
    """Everything, with what each check means."""
    return _json(
        {
            "checked_at": report.checked_at,
            "first_sweeps": report.first_sweeps,
            "counts": {severity: report.count(severity) for severity in SEVERITIES},
            "findings": [_plain(finding) for finding in report.findings],
            "solved": [_plain(finding) for finding in report.solved],
            "muted": [_plain(finding) for finding in report.muted],
            "skipped": report.skipped,
            "checks": [_described(check) for check in checks],
        }
    )


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _plain(finding: Finding) -> dict[str, object]:
    return {"fingerprint": finding.fingerprint, **msgspec.structs.asdict(finding)}


def _described(check: Check) -> dict[str, str]:
    return {name: getattr(check, name) for name in ("id", "family", "severity", "title", "why", "fix", "table")}


def as_junit(report: CheckReport, checks: Iterable[Check]) -> str:
    """A test suite of checks: one that found something has failed."""
    found: dict[str, list[Finding]] = {}
    for finding in report.findings:
        found.setdefault(finding.check, []).append(finding)
    # A check with findings that could not see everything has failed nevertheless.
    skipped = {skip.check: skip.reason for skip in report.skipped if skip.check not in found}
    every = list(checks)
    suite = ElementTree.Element(
        "testsuite",
        name="mittwald-async check",
        tests=str(len(every)),
        failures=str(len(found)),
        skipped=str(len(skipped)),
        errors="0",
        timestamp=_utc(report.checked_at),
    )
    for check in every:
        case = ElementTree.SubElement(suite, "testcase", classname=check.family, name=check.id)
        if check.id in skipped:
            ElementTree.SubElement(case, "skipped", message=xml_text(skipped[check.id]))
        elif check.id in found:
            failure = ElementTree.SubElement(case, "failure", type=check.severity, message=xml_text(check.title))
            failure.text = xml_text("\n".join(_line(finding) for finding in found[check.id]))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _utc(moment: str) -> str:
    """As readers of JUnit files check it: to the second, without a zone."""
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def as_sarif(report: CheckReport, checks: Iterable[Check]) -> str:
    """SARIF 2.1.0, as code scanning services take it."""
    every = list(checks)
    position = {check.id: index for index, check in enumerate(every)}
    rules = [
        {
            "id": check.id,
            "shortDescription": {"text": check.title},
            "fullDescription": {"text": check.why},
            "help": {"text": check.fix},
            "defaultConfiguration": {"level": _SARIF_LEVELS[check.severity]},
            "properties": {"tags": [check.family], "security-severity": _SARIF_SCORES[check.severity]},
        }
        for check in every
    ]
    results = [
        {
            "ruleId": finding.check,
            "ruleIndex": position[finding.check],
            "level": _SARIF_LEVELS[finding.severity],
            "message": {"text": _line(finding)},
            **_BASELINES[finding.standing],
            "partialFingerprints": {"finding/v1": finding.fingerprint},
            "locations": [
                {
                    "physicalLocation": {"artifactLocation": {"uri": quote(f"{finding.resource}/{finding.key}")}},
                    "logicalLocations": [{"name": finding.subject, "kind": "resource"}],
                }
            ],
        }
        for finding in report.findings
    ]
    driver = {
        "name": "mittwald-async",
        "version": __version__,
        "rules": rules,
    }
    return _json(
        {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{"tool": {"driver": driver}, "results": results}],
        }
    )


def as_markdown(report: CheckReport, checks: Iterable[Check]) -> str:
    """For an issue, a chat or a job summary."""
    known = {check.id: check for check in checks}
    counts = ", ".join(f"{report.count(severity)} {severity}" for severity in SEVERITIES if report.count(severity))
    lines = [f"# {len(report.findings)} findings ({counts or 'nothing is wrong'})", ""]
    lines += [f"Checked the sweep of {report.checked_at}: {report.comparison}.", ""]
    grouped: dict[str, list[Finding]] = {}
    for finding in report.findings:
        grouped.setdefault(finding.check, []).append(finding)
    for identity, findings in grouped.items():
        check = known[identity]
        lines += [f"## {check.severity}: {check.title} (`{check.id}`)", "", f"{check.why} **{check.fix}**", ""]
        lines += ["| | what | details | customer | project |", "|---|---|---|---|---|"]
        lines += [
            "| "
            + " | ".join(
                _cell(text)
                for text in (
                    "new" if one.standing == "new" else "",
                    one.subject,
                    one.detail,
                    one.customer or one.customer_id or "",
                    one.project or one.project_id or "",
                )
            )
            + " |"
            for one in findings
        ]
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(_MARKUP.sub(r"\\\g<0>", text.replace("&", "&amp;")).split())


def _line(finding: Finding) -> str:
    where = ", ".join(text for text in (finding.customer, finding.project) if text)
    return f"{finding.subject}: {finding.detail}" + (f" ({where})" if where else "")


Formatter = Callable[[CheckReport, Iterable[Check]], str]
FORMATS: Mapping[str, Formatter] = {"json": as_json, "junit": as_junit, "sarif": as_sarif, "markdown": as_markdown}
