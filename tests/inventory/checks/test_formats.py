"""Findings in the forms that other programs read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from mittwald_async.inventory.checks import all_checks, checks_named, run_checks
from mittwald_async.inventory.checks.formats import FORMATS, as_markdown

from ...support.inventory_file import InventoryFile, mail_address

YESTERDAY = "2026-11-26T03:00:00+00:00"
NASTY = "Shop | <b> ~x~ &lt; \u00a0\u200d\x1b[31m]]> 🦊"


@pytest.fixture
def file(tmp_path: Path) -> InventoryFile:
    """Two evenings of one account: a finding stays, one is solved, one is new; and the first evening of another."""
    made = InventoryFile(tmp_path / "inventory.sqlite")
    project = {"id": "p1", "shortId": "p-one", "description": NASTY, "customerId": "c1", "enabled": True}
    customer = {"customerId": "c1", "name": "Braun GmbH"}
    before = [mail_address("stays", True), mail_address("solved", True), mail_address("comes", False)]
    after = [mail_address("stays", True), mail_address("solved", False), mail_address("comes", True)]
    made.sweep({"customer": [customer], "project": [project], "mail_address": before}, at=YESTERDAY)
    made.sweep({"customer": [customer], "project": [project], "mail_address": after})
    made.sweep({"mail_address": [mail_address("other", True)]}, account="second")
    return made


def test_json_has_everything(file: InventoryFile) -> None:
    report = run_checks(file.path)
    found = json.loads(FORMATS["json"](report, all_checks()))
    assert {"fingerprint", "check", "standing", "customer_id"} <= set(found["findings"][0])
    assert found["counts"]["low"] == report.count("low")
    assert found["first_sweeps"] == ["second"]
    assert next(one["project"] for one in found["findings"] if one["subject"] == "stays@example.org") == NASTY


def sarif(file: InventoryFile) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FORMATS["sarif"](run_checks(file.path), all_checks()))
    return found


def test_sarif_is_as_its_schema_has_it(file: InventoryFile) -> None:
    # What SARIF 2.1.0 (OASIS, sarif-schema-2.1.0.json) requires of the objects used here, and which values it allows.
    log = sarif(file)
    assert set(log) <= {"$schema", "version", "runs", "inlineExternalProperties", "properties"}
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert set(run) == {"tool", "results"}
    driver = run["tool"]["driver"]
    assert driver["name"]
    rules = driver["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules) > 0
    for rule in rules:
        for text in ("shortDescription", "fullDescription", "help"):
            assert set(rule[text]) == {"text"}
            assert isinstance(rule[text]["text"], str)
        assert rule["defaultConfiguration"]["level"] in {"none", "note", "warning", "error"}
        assert len(set(rule["properties"]["tags"])) == len(rule["properties"]["tags"])
        assert re.fullmatch(r"(10|\d)\.\d", rule["properties"]["security-severity"])
    assert run["results"]
    for result in run["results"]:
        assert set(result) <= {
            *("ruleId", "ruleIndex", "level", "message", "baselineState", "partialFingerprints", "locations")
        }
        assert isinstance(result["message"]["text"], str)
        assert result["level"] in {"none", "note", "warning", "error"}
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert all(isinstance(value, str) and value for value in result["partialFingerprints"].values())
        (place,) = result["locations"]
        # RFC 3986: a relative reference.
        assert re.fullmatch(r"[A-Za-z0-9/._~%-]+", place["physicalLocation"]["artifactLocation"]["uri"])
        assert all(isinstance(one["name"], str) for one in place["logicalLocations"])


def test_sarif_knows_a_baseline_only_where_there_was_a_sweep_before(file: InventoryFile) -> None:
    (run,) = sarif(file)["runs"]
    states = {
        result["locations"][0]["logicalLocations"][0]["name"]: result.get("baselineState")
        for result in run["results"]
        if result["ruleId"] == "mail-catch-all"
    }
    assert states == {"stays@example.org": "unchanged", "comes@example.org": "new", "other@example.org": None}


def test_junit_is_what_ci_servers_read(file: InventoryFile) -> None:
    report, checks = run_checks(file.path), all_checks()
    suite = ElementTree.fromstring(FORMATS["junit"](report, checks))
    cases = suite.findall("testcase")
    assert suite.tag == "testsuite"
    assert int(suite.attrib["tests"]) == len(checks) == len(cases)
    assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure")) > 0
    assert int(suite.attrib["skipped"]) == len(suite.findall("testcase/skipped")) > 0
    # Jenkins' schema: ISO 8601 to the second, without a zone.
    assert suite.attrib["timestamp"] == "2026-11-27T03:00:00"
    # GitLab tells cases apart by class and name.
    assert len({(case.attrib["classname"], case.attrib["name"]) for case in cases}) == len(cases)
    (failure,) = (case.find("failure") for case in cases if case.attrib["name"] == "mail-catch-all")
    assert failure is not None
    # What XML cannot hold is left out, and nothing else.
    assert NASTY.replace("\x1b", "") in (failure.text or "")


def test_a_check_with_findings_has_failed_even_if_it_could_not_see_everything(tmp_path: Path) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    project = {"id": "p1", "shortId": "p-one", "customerId": "c1", "enabled": True, "createdAt": "2024-01-01T00:00:00Z"}
    rows = {"project": [project, {**project, "id": "p2"}], "backup": []}
    file.sweep(rows, failures=[{"resource": "backup", "project": "p2"}])
    report, checks = run_checks(file.path, only=["backup-missing"]), checks_named(["backup-missing"])
    assert len(report.findings) == len(report.skipped) == 1
    suite = ElementTree.fromstring(FORMATS["junit"](report, checks))
    assert (suite.attrib["failures"], suite.attrib["skipped"]) == ("1", "0")
    assert suite.find("testcase/failure") is not None


def test_locations_in_sarif_are_valid_uris_for_any_key(tmp_path: Path) -> None:
    file = InventoryFile(tmp_path / "inventory.sqlite")
    file.sweep({"project": []}, failures=[{"resource": "backup", "error": "403: not <allowed> für dich %"}])
    report, checks = run_checks(file.path, only=["inventory-incomplete"]), checks_named(["inventory-incomplete"])
    ((result,),) = (run["results"] for run in json.loads(FORMATS["sarif"](report, checks))["runs"])
    address = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert re.fullmatch(r"[A-Za-z0-9/._~%-]+", address)


def test_foreign_names_cannot_break_the_markdown(file: InventoryFile) -> None:
    text = as_markdown(run_checks(file.path, only=["mail-catch-all"]), all_checks())
    assert r"Shop \| \<b\> \~x\~ &amp;lt; " in text
    assert "1 new, 1 solved; first sweep of second: nothing to compare with" in text
