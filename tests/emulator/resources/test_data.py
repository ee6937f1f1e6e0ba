"""Databases, mail, cronjobs and backups."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest

from mittwald_async.emulator.behaviours import passwords
from mittwald_async.emulator.shapes import Choice, Fixed, FreeObject, Many, Record, Shape
from mittwald_async.operations import OPERATIONS

from ...support.emulator_state import Scenario

Key = Callable[[dict[str, Any]], Any]
USER = {"accessLevel": "full", "password": "Secret-4-tests"}
SETTINGS = {"characterSet": "latin1", "collation": "latin1_swedish_ci"}


async def project_of(scenario: Scenario) -> str:
    id: str = scenario.find("project", status="ready")["id"]
    return id


async def test_a_mysql_database_and_its_users() -> None:
    scenario = Scenario()
    project = f"/v2/projects/{await project_of(scenario)}"
    before = len(await scenario.fetch(f"{project}/mysql-databases"))
    body = {"database": {"description": "Neu", "version": "8.4", "characterSettings": SETTINGS}, "user": USER}
    answer = (await scenario.perform("POST", f"{project}/mysql-databases", body)).json
    url = f"/v2/mysql-databases/{answer['id']}"
    assert (await scenario.fetch(url))["status"] == "pending"
    scenario.advance()
    database = await scenario.fetch(url)
    assert (database["status"], database["isReady"], database["characterSettings"]) == ("ready", True, SETTINGS)
    assert database["mainUser"] == await scenario.fetch(f"/v2/mysql-users/{answer['userId']}")
    listed = await scenario.fetch(f"{project}/mysql-databases")
    assert (len(listed), listed[-1]["id"]) == (before + 1, answer["id"])

    more = {
        "databaseId": answer["id"],
        "description": "Lesen",
        "accessLevel": "readonly",
        "password": "Secret-4-tests",
    }
    user = await scenario.create(f"{url}/users", more)
    assert [entry["id"] for entry in await scenario.fetch(f"{url}/users")] == [answer["userId"], user]
    other = more | {"databaseId": scenario.read("mysql_database")["id"]}
    assert (await scenario.post(f"{url}/users", other)).status == 412
    single = f"/v2/mysql-users/{user}"
    scenario.advance()
    updated = (await scenario.fetch(single))["passwordUpdatedAt"]
    await scenario.perform("PATCH", single, {"description": "x", "password": "Another-secret-4-tests"})
    assert (await scenario.fetch(single))["passwordUpdatedAt"] > updated
    await scenario.perform("POST", f"{single}/actions/disable")
    assert (await scenario.fetch(single))["status"] == "disabled"
    await scenario.perform("POST", f"{single}/actions/enable")
    assert (await scenario.fetch(single))["disabled"] is False
    assert "user=" in (await scenario.fetch(f"{single}/php-my-admin-url"))["url"]
    assert (await scenario.delete(f"/v2/mysql-users/{answer['userId']}")).status == 412, "the main user"
    await scenario.perform("DELETE", single)
    assert len(await scenario.fetch(f"{url}/users")) == 1
    await scenario.perform("PATCH", url, {"description": "Umbenannt"})
    assert (await scenario.fetch(url))["description"] == "Umbenannt"
    await scenario.perform("DELETE", url)
    assert await scenario.status(url) == await scenario.status(f"/v2/mysql-users/{answer['userId']}") == 404
    assert len(await scenario.fetch(f"{project}/mysql-databases")) == before


async def test_changing_the_main_user_changes_the_database() -> None:
    scenario = Scenario()
    database = scenario.read("mysql_database")
    url = f"/v2/mysql-databases/{database['id']}"
    user = (await scenario.fetch(url))["mainUser"]["id"]
    await scenario.fetch(f"/v2/projects/{database['projectId']}/mysql-databases")
    await scenario.perform("PATCH", f"/v2/mysql-users/{user}", {"description": "Neu"})
    assert (await scenario.fetch(url))["mainUser"]["description"] == "Neu"
    listed = await scenario.fetch(f"/v2/projects/{database['projectId']}/mysql-databases")
    assert listed[0]["mainUser"]["description"] == "Neu"


async def test_deleting_a_database_unlinks_it() -> None:
    scenario = Scenario()
    installation = next(
        scenario.world.read("app_installation", key)
        for key in scenario.world.keys("app_installation")
        if scenario.world.read("app_installation", key)["linkedDatabases"]
    )
    database = installation["linkedDatabases"][0]["databaseId"]
    await scenario.perform("DELETE", f"/v2/mysql-databases/{database}")
    assert (await scenario.fetch(f"/v2/app-installations/{installation['id']}"))["linkedDatabases"] == []


@pytest.mark.parametrize(
    ("kind", "url"), [("mysql_database", "mysql-databases"), ("redis_database", "redis-databases")]
)
async def test_a_version_upgrade_takes_time(kind: str, url: str) -> None:
    scenario = Scenario()
    before = scenario.find(kind, status="ready")
    single = f"/v2/{url}/{before['id']}"
    version = next(
        v for v in ("8.4", "8.0", "7.2", "7.0") if v != before["version"] and v[0] in ("8" if "my" in kind else "7")
    )
    await scenario.perform("PATCH", single, {"version": version})
    seen = await scenario.fetch(single)
    assert (seen["version"], seen["status"]) == (version, "ready"), "reads as done at once"
    assert seen["statusSetAt"] == before["statusSetAt"]
    scenario.advance()
    assert (await scenario.fetch(single))["status"] == "migrating"
    scenario.advance()
    after = await scenario.fetch(single)
    assert after["status"] == "ready"
    assert after["statusSetAt"] > before["statusSetAt"]
    await scenario.perform("PATCH", single, {"description": "no new version"})
    scenario.advance()
    assert (await scenario.fetch(single))["statusSetAt"] == after["statusSetAt"]
    assert (await scenario.patch(single, {"version": "1.0"})).status == 412


async def test_a_database_is_copied_once_ready() -> None:
    scenario = Scenario()
    source = scenario.find("mysql_database", status="ready")
    copy = f"/v2/mysql-databases/{source['id']}/actions/copy"
    answer = (await scenario.perform("POST", copy, {"description": "Kopie", "user": USER})).json
    scenario.advance()
    database = await scenario.fetch(f"/v2/mysql-databases/{answer['id']}")
    assert (database["version"], database["projectId"]) == (source["version"], source["projectId"])
    scenario.world.change("mysql_database", scenario.world.find("mysql_database", source["id"]), status="migrating")
    assert (await scenario.post(copy, {"description": "Kopie", "user": USER})).status == 412


async def test_database_versions() -> None:
    scenario = Scenario()
    numbers = [version["number"] for version in await scenario.fetch("/v2/mysql-versions")]
    assert "8.4" in numbers
    assert [version["number"] for version in await scenario.fetch("/v2/redis-versions")]
    assert len(await scenario.fetch("/v2/mysql-charsets?version=8.4")) == 2
    project = await project_of(scenario)
    body: dict[str, Any] = {"database": {"description": "x", "version": "1.0"}, "user": USER}
    assert (await scenario.post(f"/v2/projects/{project}/mysql-databases", body)).status == 412
    old = {"description": "x", "version": "1.0"}
    assert (await scenario.post(f"/v2/projects/{project}/redis-databases", old)).status == 412


@pytest.mark.parametrize(("failing", "end"), [(0.0, "ready"), (1.0, "error")])
async def test_a_redis_database(failing: float, end: str) -> None:
    scenario = Scenario(failing=failing)
    project = f"/v2/projects/{await project_of(scenario)}"
    id = await scenario.create(f"{project}/redis-databases", {"description": "Cache", "version": "7.2"})
    url = f"/v2/redis-databases/{id}"
    scenario.advance()
    assert (await scenario.fetch(url))["status"] == end
    assert (await scenario.fetch(f"{project}/redis-databases"))[-1]["id"] == id
    await scenario.perform("PATCH", url, {"description": "Neu", "configuration": {"maxMemory": "1Gi"}})
    assert (await scenario.fetch(url))["configuration"] == {"maxMemory": "1Gi"}
    await scenario.perform("DELETE", url)
    assert await scenario.status(url) == 404


# mail

MAILBOX = {"enableSpamProtection": True, "password": "Secret-4-tests", "quotaInBytes": 1 << 30}


async def test_a_mailbox_from_creation_to_deletion() -> None:
    scenario = Scenario()
    project = f"/v2/projects/{await project_of(scenario)}"
    total = len(await scenario.fetch("/v2/mail-addresses/"))
    body: dict[str, Any] = {"address": "neu@example.org", "isCatchAll": False, "mailbox": MAILBOX}
    id = await scenario.create(f"{project}/mail-addresses", body)
    assert (await scenario.post(f"{project}/mail-addresses", body)).status == 409
    url = f"/v2/mail-addresses/{id}"
    for wire, change, path, seen in (
        ("address", {"address": "anders@example.org"}, "address", "anders@example.org"),
        ("isCatchAll", {"active": True}, "catch-all", True),
        ("forwardAddresses", {"forwardAddresses": ["a@example.org"]}, "forward-addresses", ["a@example.org"]),
        ("autoResponder", {"autoResponder": {"active": True, "message": "weg"}}, "autoresponder", None),
        ("autoResponder", {"autoResponder": None}, "autoresponder", {"active": False}),
    ):
        await scenario.perform("PATCH", f"{url}/{path}", change)
        expected = change[wire] if seen is None else seen
        assert (await scenario.fetch(url))[wire] == expected
    spam = {"active": False, "autoDeleteSpam": True, "folder": "inbox", "relocationMinSpamScore": 7}
    await scenario.perform("PATCH", f"{url}/spam-protection", {"spamProtection": spam})
    await scenario.perform("PATCH", f"{url}/quota", {"quotaInBytes": 5})
    scenario.advance()
    await scenario.perform("PATCH", f"{url}/password", {"password": "Another-secret-4-tests"})
    value = await scenario.fetch(url)
    assert value["mailbox"]["spamProtection"] == spam
    assert value["mailbox"]["storageInBytes"]["limit"] == 5
    assert value["mailbox"]["passwordUpdatedAt"] == value["updatedAt"]
    limits = await scenario.fetch("/v2/mail-rate-limits")
    assert await scenario.fetch(f"/v2/mail-rate-limits/{limits[0]['id']}") == limits[0]
    assert await scenario.status(f"/v2/mail-rate-limits/{id}") == 404
    await scenario.perform("POST", f"{url}/actions/request-rate-limit-change", {"rateLimitId": limits[1]["id"]})
    data = {"mailAddressId": id}
    await scenario.create("/v2/orders", {"orderType": "mailArchive", "orderData": data}, "orderId")
    assert [entry["id"] for entry in await scenario.fetch("/v2/mail-addresses/?mailArchive=true")][-1] == id
    await scenario.perform("DELETE", f"{url}/mail-archive")
    assert (await scenario.fetch(url))["isArchived"] is False
    [backup, *_] = await scenario.fetch(f"{url}/backups")
    await scenario.perform("POST", f"{url}/backups/{backup['name']}/recovery")
    assert (await scenario.post(f"{url}/backups/19990101/recovery")).status == 404
    await scenario.perform("DELETE", url)
    assert await scenario.status(url) == 404
    assert len(await scenario.fetch("/v2/mail-addresses/")) == total


async def test_a_forwarding_address_has_no_mailbox() -> None:
    scenario = Scenario()
    project = f"/v2/projects/{await project_of(scenario)}"
    body = {"address": "weiter@example.org", "forwardAddresses": ["ziel@example.org"]}
    id = await scenario.create(f"{project}/mail-addresses", body)
    url = f"/v2/mail-addresses/{id}"
    assert "mailbox" not in await scenario.fetch(url)
    assert (await scenario.patch(f"{url}/password", {"password": "Secret-4-tests"})).status == 412
    other = await scenario.create(f"{project}/mail-addresses", body | {"address": "zwei@example.org"})
    change = {"address": "weiter@example.org"}
    assert (await scenario.patch(f"/v2/mail-addresses/{other}/address", change)).status == 409


async def test_mail_addresses_are_filtered_and_sorted() -> None:
    scenario = Scenario()
    everything = await scenario.fetch("/v2/mail-addresses/")
    forwards = await scenario.fetch("/v2/mail-addresses/?forwardAddress=true")
    assert forwards == [entry for entry in everything if entry["forwardAddresses"]] != []
    plain = await scenario.fetch("/v2/mail-addresses/?forwardAddress=false&catchAll=false&autoResponder=false")
    assert 0 < len(plain) < len(everything)
    orders: tuple[tuple[str, Key], ...] = (
        ("address.local", lambda entry: entry["address"].partition("@")[0]),
        ("address.domain", lambda entry: entry["address"].partition("@")[2]),
        ("updatedAt", lambda entry: entry["updatedAt"]),
        ("mailbox.name", lambda entry: entry.get("mailbox", {}).get("name", "")),
        (
            "mailbox.storageInBytes.limit",
            lambda entry: entry.get("mailbox", {}).get("storageInBytes", {}).get("limit", 0),
        ),
        (
            "mailbox.storageInBytes.current",
            lambda entry: entry.get("mailbox", {}).get("storageInBytes", {}).get("current", {}).get("value", 0),
        ),
    )
    for sort, key in orders:
        listed = await scenario.fetch(f"/v2/mail-addresses/?sort={sort}&order=asc")
        assert [key(entry) for entry in listed] == sorted(key(entry) for entry in everything)
    project = everything[0]["projectId"]
    word = everything[0]["address"].partition("@")[0]
    found = await scenario.fetch(f"/v2/projects/{project}/mail-addresses?search={word}")
    assert everything[0] in found


async def test_delivery_boxes_and_mail_settings() -> None:
    scenario = Scenario()
    project = f"/v2/projects/{await project_of(scenario)}"
    body = {"description": "Versand", "password": "Secret-4-tests"}
    id = await scenario.create(f"{project}/delivery-boxes", body)
    url = f"/v2/delivery-boxes/{id}"
    await scenario.perform("PATCH", f"{url}/description", {"description": "Neuer Versand"})
    scenario.advance()
    await scenario.perform("PATCH", f"{url}/password", {"password": "Another-secret-4-tests"})
    box = await scenario.fetch(url)
    assert (box["description"], box["passwordUpdatedAt"]) == ("Neuer Versand", box["updatedAt"])
    assert [entry["id"] for entry in await scenario.fetch(f"{project}/delivery-boxes?search=neuer")] == [id]
    await scenario.perform("DELETE", url)
    assert await scenario.status(url) == 404
    await scenario.perform("PATCH", f"{project}/mail-settings/blacklist", {"blacklist": ["*@example.com"]})
    settings = await scenario.fetch(f"{project}/mail-settings")
    assert (settings["blacklist"], settings["whitelist"]) == (["*@example.com"], [])


# cronjobs


async def a_cronjob(scenario: Scenario, **more: Any) -> tuple[str, str]:
    """A project with an app, and a new cronjob for it."""
    installation = scenario.read("app_installation")
    project: str = installation["projectId"]
    body: dict[str, Any] = {
        "active": True,
        "appInstallationId": installation["id"],
        "description": "Neu",
        "destination": {"url": "https://example.org/cron"},
        "interval": "*/5 * * * *",
        "timeout": 60,
        **more,
    }
    return project, await scenario.create(f"/v2/projects/{project}/cronjobs", body)


async def test_a_cronjob_runs() -> None:
    scenario = Scenario()
    project, id = await a_cronjob(scenario)
    url = f"/v2/cronjobs/{id}"
    assert "latestExecution" not in await scenario.fetch(url)
    execution = await scenario.create(f"{url}/executions", None)
    single = f"{url}/executions/{execution}"
    states = [(await scenario.fetch(single))["status"]]
    for _ in range(2):
        scenario.advance()
        states.append((await scenario.fetch(single))["status"])
    assert states == ["Pending", "Running", "Complete"]
    assert (await scenario.fetch(url))["latestExecution"]["id"] == execution
    assert (await scenario.fetch(f"/v2/projects/{project}/cronjobs"))[-1]["latestExecution"]["successful"] is True
    assert "erfolgreich" in (await scenario.fetch(f"{single}/analysis"))["message"]
    assert await scenario.status(f"{url}/executions/ce-000000") == 404
    assert (await scenario.post(f"{single}/actions/abort")).status == 412
    other = await scenario.create(f"{url}/executions", None)
    await scenario.perform("POST", f"{url}/executions/{other}/actions/abort")
    scenario.advance(3)
    assert (await scenario.fetch(f"{url}/executions/{other}"))["status"] == "AbortedByUser"
    await scenario.perform("DELETE", url)
    assert await scenario.status(url) == await scenario.status(single) == 404


async def test_an_execution_can_fail() -> None:
    scenario = Scenario(failing=1.0)
    _, id = await a_cronjob(scenario)
    execution = await scenario.create(f"/v2/cronjobs/{id}/executions", None)
    scenario.advance(2)
    value = await scenario.fetch(f"/v2/cronjobs/{id}/executions/{execution}")
    assert (value["status"], value["exitCode"]) == ("Failed", 1)


async def test_executions_are_filtered_and_sorted() -> None:
    scenario = Scenario()
    key = next(
        key
        for key in scenario.world.keys("cronjob")
        if len(scenario.world.keys("cronjob_execution", ("cronjob", key))) >= 10
    )
    url = f"/v2/cronjobs/{scenario.world.id('cronjob', key)}/executions"
    everything = await scenario.fetch(url)
    starts = [entry["start"] for entry in everything]
    assert starts == sorted(starts)
    assert [entry["start"] for entry in await scenario.fetch(f"{url}?sortOrder=newestFirst")] == starts[::-1]
    slowest = [entry["durationInMilliseconds"] for entry in await scenario.fetch(f"{url}?sortOrder=slowestFirst")]
    assert slowest == sorted(slowest, reverse=True)
    fastest = [entry["durationInMilliseconds"] for entry in await scenario.fetch(f"{url}?sortOrder=fastestFirst")]
    assert fastest == slowest[::-1]
    assert [entry["start"] for entry in await scenario.fetch(f"{url}?sortOrder=oldestFirst")] == starts
    since = await scenario.fetch(f"{url}?since={starts[3]}&until={starts[5]}")
    assert [entry["start"] for entry in since] == starts[3:6]
    assert await scenario.fetch(f"{url}?triggeredByUser=true") == []
    complete = await scenario.fetch(f"{url}?status=Complete")
    assert complete == [entry for entry in everything if entry["status"] == "Complete"]


async def test_a_cronjob_is_updated() -> None:
    scenario = Scenario()
    project, id = await a_cronjob(scenario)
    url = f"/v2/cronjobs/{id}"
    await scenario.perform("PATCH", url, {"active": False, "interval": "0 1 * * *", "timeout": 5})
    value = await scenario.fetch(url)
    assert (value["active"], value["interval"], value["timeout"]) == (False, "0 1 * * *", 5)
    command = {"interpreter": "/usr/bin/php", "path": "/html/x.php"}
    await scenario.perform("PATCH", url, {"destination": command})
    assert (await scenario.fetch(url))["target"]["destination"] == command
    installation = scenario.read("app_installation")["id"]
    target = {"appInstallationId": installation, "destination": {"url": "https://example.org"}}
    await scenario.perform("PATCH", url, {"target": target})
    assert (await scenario.fetch(url))["destination"] == target["destination"]
    await scenario.perform("PUT", f"{url}/app-installation-id", {"appInstallationId": installation})
    assert (await scenario.patch(url, {"interval": "never"})).status == 412
    foreign = next(
        scenario.world.read("app_installation", key)["id"]
        for key in scenario.world.keys("app_installation")
        if scenario.world.read("app_installation", key)["projectId"] != project
    )
    body = {"target": {"appInstallationId": foreign, "destination": {"url": "https://example.org"}}}
    assert (await scenario.patch(url, body)).status == 412


async def test_cronjobs_of_services_are_listed_on_request() -> None:
    scenario = Scenario()
    service = scenario.read("service")
    stack = await scenario.fetch(f"/v2/stacks/{service['stackId']}")
    target = {"command": "ls", "serviceIdentifier": service["serviceName"], "stackId": stack["id"]}
    body = {"active": True, "description": "x", "interval": "* * * * *", "timeout": 60, "target": target}
    url = f"/v2/projects/{stack['projectId']}/cronjobs"
    id = await scenario.create(url, body)
    assert (await scenario.fetch(f"/v2/cronjobs/{id}"))["target"]["serviceShortId"] == service["shortId"]
    assert service["shortId"].startswith("c-")
    other = target | {"serviceIdentifier": "nothing-like-that"}
    assert (await scenario.post(url, body | {"target": other})).status == 404
    assert id not in [entry["id"] for entry in await scenario.fetch(url)]
    assert id in [entry["id"] for entry in await scenario.fetch(f"{url}?includeServiceCronjobs=true")]
    assert [entry["id"] for entry in await scenario.fetch(f"{url}?stackId={stack['id']}")] == [id]
    assert (await scenario.post(url, {key: body[key] for key in body if key != "target"})).status == 412
    nowhere = body | {"target": {"appInstallationId": scenario.read("app_installation")["id"]}}
    assert (await scenario.post(url, nowhere)).status == 400


# backups


@pytest.mark.parametrize("format", ["zip", "tar"])
async def test_a_backup_is_created_exported_and_downloaded(format: str) -> None:
    scenario = Scenario()
    project = f"/v2/projects/{await project_of(scenario)}"
    body = {"expirationTime": "2027-01-01T00:00:00Z", "description": "Vor dem Update"}
    id = await scenario.create(f"{project}/backups", body)
    url = f"/v2/project-backups/{id}"
    assert (await scenario.fetch(url))["status"] == "Pending"
    assert (await scenario.post(f"{url}/export", {"format": format})).status == 412, "not before it is complete"
    assert [entry["id"] for entry in await scenario.fetch(f"{project}/backups?runningBackupsOnly=true")] == [id]
    scenario.advance(2)
    assert (await scenario.fetch(url))["status"] == "Completed"
    assert (await scenario.delete(f"{url}/export")).status == 404
    await scenario.perform("POST", f"{url}/export", {"format": format})
    phases = [(await scenario.fetch(url))["export"]["phase"]]
    for _ in range(2):
        scenario.advance()
        phases.append((await scenario.fetch(url))["export"]["phase"])
    assert phases == ["Pending", "Exporting", "Completed"]
    export = (await scenario.fetch(url))["export"]
    assert [entry["id"] for entry in await scenario.fetch(f"{project}/backups?withExportsOnly=true")] == [id]
    data = scenario.world.blobs[f"export/{id}"]
    assert sha256(data).hexdigest() == export["sha256Checksum"]
    assert export["downloadURL"].endswith(f"/__emulator/downloads/{id}")
    whole = await scenario.get(f"/__emulator/downloads/{id}")
    assert (whole.status, whole.body) == (200, data)
    rest = await scenario.get(f"/__emulator/downloads/{id}", range="bytes=100-")
    assert (rest.status, rest.body) == (206, data[100:])
    assert (await scenario.get(f"/__emulator/downloads/{scenario.world.new_id('backup')}")).status == 404
    if format == "zip":
        names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    else:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            names = archive.getnames()
    assert "databases/main.sql" in names
    await scenario.perform("DELETE", f"{url}/export")
    assert "export" not in await scenario.fetch(url)
    await scenario.perform("PATCH", url, {"description": "Neu", "expirationTime": "2028-01-01T00:00:00Z"})
    value = await scenario.fetch(url)
    assert (value["description"], value["expiresAt"]) == ("Neu", "2028-01-01T00:00:00Z")
    assert [entry["id"] for entry in await scenario.fetch(f"{project}/backups?searchTerm=neu")] == [id]
    await scenario.perform("DELETE", url)
    assert await scenario.status(url) == 404


async def test_backups_and_exports_can_fail() -> None:
    scenario = Scenario(failing=1.0)
    project = f"/v2/projects/{await project_of(scenario)}"
    id = await scenario.create(f"{project}/backups", {"expirationTime": "2027-01-01T00:00:00Z"})
    scenario.advance(2)
    assert (await scenario.fetch(f"/v2/project-backups/{id}"))["status"] == "Failed"
    backup = scenario.find("backup", status="Completed")
    url = f"/v2/project-backups/{backup['id']}"
    await scenario.perform("POST", f"{url}/export", {"format": "zip", "password": "Secret-4-tests"})
    scenario.advance(2)
    export = (await scenario.fetch(url))["export"]
    assert (export["phase"], export["withPassword"], "downloadURL" in export) == ("Failed", True, False)


async def test_backups_are_restored() -> None:
    scenario = Scenario()
    backup = scenario.find("backup", status="Completed")
    project = f"/v2/projects/{backup['projectId']}"
    url = f"/v2/project-backups/{backup['id']}"
    dumps = (await scenario.fetch(f"{url}/database-dumps"))["databases"]
    assert len(dumps) == len(await scenario.fetch(f"{project}/mysql-databases"))
    assert {entry["name"] for entry in (await scenario.fetch(f"{url}/path"))["items"]} == {"html", "files", "logs"}
    body = {"pathRestore": {"sourcePaths": ["/html"], "clearTargetPath": True}}
    await scenario.perform("POST", f"{url}/restore", body)
    assert [entry["id"] for entry in await scenario.fetch(f"{project}/backups?runningRestoresOnly=true")] == [
        backup["id"]
    ]
    scenario.advance()
    assert (await scenario.fetch(url))["restore"]["phase"] == "completed"
    database = (await scenario.fetch(f"{project}/mysql-databases"))[:1]
    if database:
        restores = [{"databaseBackupDump": dumps[0], "targetDatabaseId": database[0]["id"]}]
        await scenario.perform("POST", f"{url}/restore", {"databaseRestores": restores})
        assert (await scenario.fetch(url))["restore"]["databaseRestores"] == restores
    await scenario.perform("POST", f"{url}/restore-path", {"sourcePath": "/html"})
    scenario.advance()
    assert (await scenario.fetch(url))["restorePath"]["phase"] == "completed"


async def test_backup_schedules() -> None:
    scenario = Scenario()
    project = f"/v2/projects/{await project_of(scenario)}"
    body = {"schedule": "0 3 * * *", "ttl": "30d", "description": "Nachts"}
    id = await scenario.create(f"{project}/backup-schedules", body)
    url = f"/v2/project-backup-schedules/{id}"
    assert (await scenario.fetch(f"{project}/backup-schedules"))[-1]["id"] == id
    await scenario.perform("PATCH", url, {"ttl": "7d"})
    assert (await scenario.fetch(url))["ttl"] == "7d"
    assert (await scenario.patch(url, {"schedule": "now"})).status == 412
    await scenario.perform("DELETE", url)
    assert await scenario.status(url) == 404
    system = scenario.find("backup_schedule", isSystemBackup=True)["id"]
    assert (await scenario.delete(f"/v2/project-backup-schedules/{system}")).status == 412
    stuck = scenario.find("backup", deletable=False)["id"]
    assert (await scenario.delete(f"/v2/project-backups/{stuck}")).status == 412
    newest = await scenario.fetch(f"{project}/backups?sortOrder=newestFirst")
    assert [entry["requestedAt"] for entry in newest] == sorted((e["requestedAt"] for e in newest), reverse=True)


# passwords


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("Aa1!", "at least 8 characters"),
        ("-Aa1!aaaa", "must not begin with -"),
        ("_Aa1!aaaa", "must not begin with _"),
        (";Aa1!aaaa", "must not begin with ;"),
        ("AA1!AAAA", "a lower-case letter"),
        ("aa1!aaaa", "an upper-case letter"),
        ("Aaa!aaaa", "a digit"),
        ("Aa1aaaaa", "neither letter nor digit"),
    ],
)
async def test_a_password_against_the_policy_is_refused(password: str, reason: str) -> None:
    scenario = Scenario()
    url = f"/v2/projects/{await project_of(scenario)}/mysql-databases"
    body = {"database": {"description": "x", "version": "8.4"}, "user": {"accessLevel": "full", "password": password}}
    answer = await scenario.post(url, body)
    assert answer.status == 400
    [issue] = answer.json["validationErrors"]
    assert issue["path"] == "body.user.password"
    assert reason in issue["message"]
    assert password not in answer.body.decode()
    scenario.emulator.configure(password_policy=False)
    assert (await scenario.post(url, body)).status == 201


def property_names(shape: Shape | None, depth: int = 0) -> set[str]:
    """Property names of a body at every level."""
    if shape is None or depth > 4:
        return set()
    if isinstance(shape, Record | Fixed):
        below = [property_names(field.shape, depth + 1) for field in shape.fields.values()]
        return set(shape.fields).union(*below)
    if isinstance(shape, Choice):
        return set[str]().union(*(property_names(option, depth + 1) for option in shape.options))
    if isinstance(shape, Many):
        return property_names(shape.item, depth + 1)
    return property_names(shape.value, depth + 1) if isinstance(shape, FreeObject) else set()


def test_every_operation_that_sets_a_password_enforces_the_policy() -> None:
    """The others name an existing password: of a login, a backup or a registry."""
    named = {
        "backup-create-project-backup-export",
        "container-create-registry",
        "container-update-registry",
        "container-create-stack",
        "user-authenticate",
        "user-authenticate-mfa",
        "user-delete-user",
        "mail-migration-create-mail-migration",
        "relocation-create-relocation",
    }
    checker = Scenario().core.checker
    found: set[str] = set()
    for operation_id, route in Scenario().core.routes.by_id.items():
        if operation_id in OPERATIONS and {"password", "newPassword"} & property_names(checker.body_shape(route)):
            found.add(operation_id)
    assert found - named == passwords.SETTERS


async def test_a_certificate_with_dns_validation_completes_by_itself() -> None:
    scenario = Scenario()
    project = await project_of(scenario)
    body = {"projectId": project, "commonName": "*.example.org"}
    id = await scenario.create("/v2/certificate-requests", body)
    url = f"/v2/certificate-requests/{id}"
    assert (await scenario.fetch(url))["isCompleted"] is False
    scenario.advance()
    assert (await scenario.fetch(url))["isCompleted"] is True
    certificates = await scenario.fetch(f"/v2/certificates?projectId={project}")
    assert "*.example.org" in [certificate["commonName"] for certificate in certificates]


async def test_project_directories_have_the_names_of_the_real_ones() -> None:
    scenario = Scenario()
    assert set((await scenario.fetch(f"/v2/projects/{await project_of(scenario)}"))["directories"]) == {"Home", "Web"}
