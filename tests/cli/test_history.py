"""Accounts, comparisons and the contents of an inventory, as typed."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Generator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from mittwald_async.cli.times import days, moment
from mittwald_async.errors import ConfigurationError
from mittwald_async.inventory.schema import OWN_TABLES, SCHEMA
from mittwald_async.inventory.tables import views

from ..readme.blocks import README, blocks, lines
from .conftest import Command, account, faults

QUERIES = [query for block in blocks(README, "sql") for query in lines(block)]
"""What the README asks an inventory."""

WANTED = ("-r", "project", "-r", "domain")


@pytest.fixture(scope="module")
def server() -> Generator[str]:
    """Two accounts of its own, without surprises: between two sweeps nothing changes but what a test changes."""
    yield from account("--drift", "0", "--accounts", "2")


def edited(statement: str) -> None:
    """Edit the file as if an earlier sweep had seen something else."""
    with closing(sqlite3.connect("inventory.sqlite")) as db:
        db.execute(statement)
        db.commit()


def twice(command: Command) -> None:
    """Two sweeps. The first is edited: one project has another name, and one domain is missing."""
    assert command("sweep", *WANTED)[0] == 0
    edited(
        "UPDATE project SET data = json_set(data, '$.description', '<b>Old</b>'), content_hash = 1 "
        "WHERE row_id = (SELECT min(row_id) FROM project)"
    )
    edited("DELETE FROM domain WHERE row_id = (SELECT min(row_id) FROM domain)")
    assert command("sweep", *WANTED)[0] == 0


def test_a_diff_is_text_json_or_a_page(command: Command) -> None:
    twice(command)
    code, out, err = command("diff", "inventory.sqlite")
    assert (code, err) == (0, "")
    assert "1 added, 1 changed, 0 gone (sweeps 1 → 2 of" in out
    assert "<b>Old</b> →" in out
    found = json.loads(command("diff", "--json")[1])
    assert set(found) == {"added", "changed", "gone", "unknown"}
    assert found["changed"][0]["fields"]["description"][0] == "<b>Old</b>"
    assert set(found["added"][0]) >= {"resource", "id", "account"}
    page = command("diff", "--html")[1]
    assert "&lt;b&gt;Old&lt;/b&gt;" in page
    assert "<b>Old" not in page
    assert command("diff", "--exit-code")[0] == 5
    assert command("diff", "--exit-code", "-r", "domain")[0] == 5
    assert command("diff", "--exit-code", "--from", "2", "--to", "2")[0] == 0


def test_a_diff_reports_what_it_cannot_know(command: Command, server: str) -> None:
    assert command("sweep", *WANTED)[0] == 0
    with faults(server, {"operation": "domain-list-domains", "status": 500}):
        assert command("sweep", *WANTED)[0] == 3
    code, out, err = command("diff", "--exit-code")
    assert code == 0
    assert "0 added, 0 changed, 0 gone, 1 thing unknown" in out
    assert "unknown: domain: 500" in err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("missing.sqlite",), "no such file"),
        (("--from", "yesterday"), "is not a moment"),
        (("--from", "99"), "sweep 99 does not exist"),
        (("--from", "2020-01-01"), "no sweep had ended by 2020-01-01"),
        (("-r", "cronjob"), "has nothing of 'cronjob'"),
        (("--json", "--html"), "not both"),
        ((), "nothing to compare: it has 1 ended sweep"),
    ],
)
def test_an_impossible_diff_gives_one_line(command: Command, arguments: tuple[str, ...], complaint: str) -> None:
    assert command("sweep", *WANTED)[0] == 0
    code, _, err = command("diff", *arguments)
    assert (code, len(err.splitlines())) == (2, 1)
    assert complaint in err


def test_the_accounts_of_a_file_share_an_inventory(
    command: Command, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENCY_TOKEN", "token")
    Path("accounts.toml").write_text(
        f'[accounts.agency]\ntoken_env = "AGENCY_TOKEN"\nbase_url = "{server}"\n'
        f'[accounts.broken]\ntoken_env = "NOT_SET_ANYWHERE"\nbase_url = "{server}"\n'
    )
    os.environ.pop("NOT_SET_ANYWHERE", None)
    code, _, err = command("sweep", "--all-accounts", *WANTED)
    assert code == 3, "the other account is there"
    assert "mittwald-async: account broken: the variable NOT_SET_ANYWHERE is empty" in err
    assert command("sweep", "--account", "agency", *WANTED)[0] == 0
    with closing(sqlite3.connect("inventory.sqlite")) as db:
        assert db.execute("SELECT account, state FROM sweeps").fetchall() == [("agency", "done")] * 2
        assert db.execute("SELECT DISTINCT account FROM v_project").fetchall() == [("agency",)]
    for arguments, complaint in (
        (("--account", "shop"), "unknown account 'shop'; the file has agency, broken"),
        (("--account", "agency", "--all-accounts"), "not both"),
        (("--all-accounts", "-o", "rows.jsonl"), "end the name in .sqlite"),
        (("--accounts", "accounts.toml"), "needs --account NAME or --all-accounts"),
        (("--account", "agency", "--accounts", "no.toml"), "No such file"),
        (("--demo", "--account", "agency"), "leave --account and --all-accounts out"),
    ):
        code, _, err = command("sweep", *arguments)
        assert (code, len(err.splitlines())) == (2, 1)
        assert complaint in err


def test_what_is_said_of_several_accounts_names_each(
    command: Command, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENCY_TOKEN", "token")
    Path("shop.token").write_text("token-2")
    section = '[accounts.{0}]\n{1}\nbase_url = "' + server + '"\n'
    agency = section.format("agency", 'token_env = "AGENCY_TOKEN"')
    same = section.format("same", 'token_env = "AGENCY_TOKEN"')
    shop = section.format('"Köhler & Söhne"', 'token_file = "shop.token"')
    Path("accounts.toml").write_text(agency + same + shop, encoding="utf-8")
    code, out, err = command("sweep", "--all-accounts", *WANTED)
    assert code == 3
    assert "\nagency\nresource  rows\n" in out
    assert "\nKöhler & Söhne: " in out
    assert "account same: " in err
    assert "the accounts agency and same have tokens of the same user" in err
    edited("UPDATE project SET data = json_set(data, '$.description', 'Old'), content_hash = 1 WHERE short_id <> ''")
    Path("accounts.toml").write_text(agency + shop, encoding="utf-8")
    code, out, err = command("diff", "--from", "2999-01-01")
    assert "Köhler & Söhne: no sweep has ended since; sweep 2 is compared with itself" in err
    assert command("sweep", "--all-accounts", *WANTED)[0] == 0
    out = command("diff")[1]
    assert out.split()[:2] == ["account", "resource"]
    assert {line[3:17].rstrip() for line in out.splitlines() if line.startswith("~")} == {"agency", "Köhler & Söhne"}
    # A token that is another user's concerns its own account only.
    monkeypatch.setenv("AGENCY_TOKEN", "token-2")
    code, out, err = command("sweep", "--all-accounts", *WANTED)
    assert (code, len(err.splitlines())) == (3, 1)
    assert "account agency: inventory.sqlite: the account agency belongs to user" in err
    assert "\nKöhler & Söhne: " in out
    code, out, err = command("sweep", "--account", "Köhler & Söhne", *WANTED, "--resume", "--quiet")
    assert (code, out, err) == (0, "", "")
    for arguments, complaint in (
        (("--account", "agency", "--token-file", "shop.token"), "leave --token-file out"),
        (("--account", "agency", "--base-url", "http://127.0.0.1:1"), "leave --base-url out"),
        (("--all-accounts", "--base-url", "http://127.0.0.1:1"), "leave --base-url out"),
        (("--account", ""), "an account needs a name"),
        (("--account", "a\nb"), "cannot be printed"),
    ):
        code, _, err = command("sweep", *arguments)
        assert (code, len(err.splitlines())) == (2, 1)
        assert complaint in err


def test_resuming_a_finished_sweep_does_nothing_and_succeeds(command: Command) -> None:
    assert command("sweep", *WANTED)[0] == 0
    code, out, err = command("sweep", "--resume")
    assert (code, out) == (0, "")
    assert "the last sweep is complete, there is nothing to resume" in err


def test_prune_drops_old_versions(command: Command) -> None:
    twice(command)
    assert command("prune", "--keep", "1h")[1] == "forgot 0 versions and 0 sweeps\n"
    edited("UPDATE sweeps SET started_at = '2020-01-01T00:00:00.000+00:00' WHERE id = 1")
    assert "forgot 1 version and 1 sweep" in command("prune", "--keep", "90d")[1]
    assert command("sweep", "--keep", "90d", *WANTED)[0] == 0
    for arguments, complaint in (
        ((), "say what to forget"),
        (("--keep", "soon"), "is not a span of time"),
        (("--account", "nobody"), "unknown account 'nobody'"),
        (("missing.sqlite", "--keep", "1d"), "no such file"),
    ):
        code, _, err = command("prune", *arguments)
        assert code == 2
        assert complaint in err
    code, _, err = command("sweep", "-o", "rows.jsonl", "--keep", "90d", *WANTED)
    assert (code, "leave --keep out, or end the name in .sqlite" in err) == (2, True)


def test_every_view_matches_its_description_and_its_query_runs(command: Command) -> None:
    assert command("sweep", "-r", "default", "-r", "+project_storage", "-r", "+metrics")[0] == 0
    with closing(sqlite3.connect("inventory.sqlite")) as db:
        present = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'view'")}
        described = [view for view in views() if view.default or view.resource in ("project_storage", "metrics")]
        for view in described:
            columns = [row[1] for row in db.execute(f"PRAGMA table_xinfo({view.name})")]
            assert columns == [column.name for column in view.columns], view.name
            db.execute(view.query).fetchall()
        assert {view.name for view in described} <= present
        assert db.execute("SELECT count(*) FROM v_project_storage").fetchone() == (12,)
        found = db.execute("SELECT customer, project, metric, latest_value, maximum_of_30_days, unit FROM v_metrics")
        assert all(None not in row and row[3] <= row[4] for row in found)
    assert "v_dns_record" in command("tables")[1]
    assert "further in v_domain_history" in command("tables", "domain")[1]
    assert json.loads(command("tables", "v_dns_record", "--json")[1])[0]["resource"] == "dns_zone"
    code, _, err = command("tables", "v_domian")
    assert code == 2
    assert "did you mean v_domain" in err


def test_queries_run_also_where_only_certificates_were_swept(command: Command) -> None:
    code, out, _ = command("sweep", "-r", "certificate")
    assert code == 0
    assert "customer names are NULL in all views until you sweep them: add -r customer\n" in out
    with closing(sqlite3.connect("inventory.sqlite")) as db:
        found = db.execute("SELECT customer, project, common_name FROM v_certificate").fetchall()
        assert found
        assert {customer for customer, _, _ in found} == {None}
        for query in QUERIES:
            db.execute(query).fetchall()
        # A resource that none of the README's queries asks for, and what is nested in one.
        assert db.execute("SELECT * FROM v_notification UNION ALL SELECT * FROM v_notification").fetchall() == []
        assert db.execute("SELECT name FROM v_dns_record").fetchall() == []
    code, _, err = command("export", "inventory.sqlite", "--view", "dns_record", "-o", "-")
    assert (code, err) == (
        2,
        "mittwald-async: 'dns_record' has never been swept into this file; sweep it with -r dns_zone\n",
    )


def test_resources_can_be_added_to_the_default_and_removed(command: Command) -> None:
    steps = {
        step["resource"]
        for step in json.loads(command("plan", "--json", "-r", "+project_storage", "-r", "-backup")[1])["steps"]
        if step["delivered"]
    }
    assert "project_storage" in steps
    assert "backup" not in steps
    assert "domain" in steps


def test_a_plan_is_never_based_on_the_demo(command: Command) -> None:
    assert command("sweep", *WANTED)[0] == 0
    edited("UPDATE sweeps SET source = 'demo'")
    assert "the numbers are known once there is an inventory" in command("plan", "-r", "cronjob")[1]


def test_durations_and_moments_are_read_as_people_type_them() -> None:
    assert (days("90d"), days("12H"), days("2w")) == (timedelta(90), timedelta(hours=12), timedelta(14))
    for wrong in ("", "0d", "d", "1", "-1d", "1y", "１d"):
        with pytest.raises(ConfigurationError, match="is not a span of time"):
            days(wrong)
    for wrong in ("40000d", "999999w"):
        with pytest.raises(ConfigurationError, match="is more than a hundred years"):
            days(wrong)
    for wrong in ("0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00", "１d"):
        with pytest.raises(ConfigurationError, match="is not a moment"):
            moment(wrong)
    assert moment("2026-05-01T12:00+02:00").isoformat() == "2026-05-01T10:00:00+00:00"


def test_a_rolling_sweep_reports_what_stayed_stale(command: Command) -> None:
    wanted = ("-r", "customer", "-r", "project", "-r", "cronjob")
    code, out, err = command("sweep", *wanted, "--rolling", "--max-requests", "3", "--max-age", "3d")
    assert code == 4
    assert re.search(
        r"never read so far; the next rolling sweeps ask for them first; about \d+ requests a sweep would do\n", err
    )
    code, out, err = command("sweep", *wanted, "--rolling", "--max-requests", "500", "--max-age", "3d")
    assert (code, err) == (0, "")
    assert "lists known, the oldest reading" in out
    edited("UPDATE list_reads SET verified_at = '2020-01-01T00:00:00.000+00:00' WHERE resource = 'cronjob'")
    code, out, err = command("sweep", *wanted, "--rolling", "--max-requests", "3", "--max-age", "3d")
    assert code == 4
    assert "older than --max-age allows; about " in err
    code, out, err = command("sweep", *wanted, "--rolling", "--max-requests", "3", "--max-age", "3d", "--quiet")
    assert code == 4
    assert len(out.splitlines()) == len(err.splitlines()) == 1
    assert "older than --max-age allows; about " in err
    for arguments, complaint in (
        (("--rolling",), "add --max-requests N or --max-age TIME"),
        (("--max-age", "3d"), "add --rolling"),
    ):
        code, out, err = command("sweep", *wanted, *arguments)
        assert code == 2
        assert complaint in err


def test_an_inventory_is_never_overwritten_by_its_own_export(command: Command) -> None:
    assert command("sweep", *WANTED)[0] == 0
    before = Path("inventory.sqlite").read_bytes()
    Path("link.html").symlink_to("inventory.sqlite")
    for arguments in (
        ("export", "inventory.sqlite", "--view", "project", "--format", "csv", "-o", "inventory.sqlite"),
        ("report", "inventory.sqlite", "-o", "link.html"),
        ("sweep", "-r", "project", "--prometheus", "./inventory.sqlite"),
    ):
        code, _, err = command(*arguments)
        assert code == 2
        assert "as well and would be lost; choose another name" in err
        assert Path("inventory.sqlite").read_bytes() == before


def test_resuming_with_another_account_is_not_reported_as_complete(
    command: Command, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a nightly run with --resume and a new token would do nothing and report success."""
    assert command("sweep", "--demo", "-r", "project", "-o", "inventory.sqlite")[0] == 0
    code, out, err = command("sweep", "-r", "project", "--resume")
    assert (code, "nothing to resume" in err) == (0, False)
    assert "12 rows" in out
    code, _, err = command("sweep", "-r", "project", "--resume")
    assert (code, "nothing to resume" in err) == (0, True)


def test_a_folder_is_not_reported_as_missing(command: Command) -> None:
    Path("lake").mkdir()
    code, _, err = command("export", "lake", "--view", "project", "-o", "p.csv")
    assert (code, err) == (2, "mittwald-async: lake: is a folder, not an inventory\n")


def test_tables_are_named_in_english(command: Command) -> None:
    out = command("tables")[1]
    assert "an ingress" in out
    assert "an app installation" in out
    assert "an SSH user" in out
    assert "a domain" in out
    assert "a MySQL database" in out
    assert "an unlocked lead" in out
    assert "a customer membership of the caller" in out


def test_every_table_says_the_type_and_meaning_of_each_column(command: Command) -> None:
    out = command("tables", "failures")[1]
    assert "HTTP status; NULL where there was no answer" in out
    assert "SELECT * FROM failures ORDER BY sweep;" in out
    known = {view["name"]: view for view in json.loads(command("tables", "--json")[1])}
    for view in known.values():
        assert all(column["type"] and column["means"] for column in view["columns"]), view["name"]
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(SCHEMA)
        for name in OWN_TABLES - {"seen", "resource_tables"}:  # Of use to a sweep only.
            columns = {column["name"] for column in known[name]["columns"]}
            assert columns == {row[1] for row in db.execute(f"PRAGMA table_info({name})")}, name
    (ttl,) = [column for column in known["v_dns_record"]["columns"] if column["name"] == "ttl"]
    assert ttl["type"] == "int"
    assert "property `readiness`: creating, ready, unready" in command("tables", "project")[1]


def test_a_second_sweep_of_the_demo_finds_no_changes(command: Command) -> None:
    for _ in range(2):
        assert command("sweep", "--demo", "--quiet", *WANTED)[0] == 0
    assert command("diff", "demo.sqlite")[1].startswith("0 added, 0 changed, 0 gone")
