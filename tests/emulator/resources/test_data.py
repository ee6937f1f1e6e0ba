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

from ...support.emulator_state import Story

Key = Callable[[dict[str, Any]], Any]
USER = {"accessLevel": "full", "password": "Secret-4-tests"}
SETTINGS = {"characterSet": "latin1", "collation": "latin1_swedish_ci"}


async def project_of(story: Story) -> str:
    id: str = story.where("project", status="ready")["id"]
    return id


async def test_a_mysql_database_and_its_users() -> None:
    story = Story()
    project = f"/v2/projects/{await project_of(story)}"
    before = len(await story.seen(f"{project}/mysql-databases"))
    body = {"database": {"description": "Neu", "version": "8.4", "characterSettings": SETTINGS}, "user": USER}
    answer = (await story.done("POST", f"{project}/mysql-databases", body)).json
    url = f"/v2/mysql-databases/{answer['id']}"
    assert (await story.seen(url))["status"] == "pending"
    story.wait()
    database = await story.seen(url)
    assert (database["status"], database["isReady"], database["characterSettings"]) == ("ready", True, SETTINGS)
    assert database["mainUser"] == await story.seen(f"/v2/mysql-users/{answer['userId']}")
    listed = await story.seen(f"{project}/mysql-databases")
    assert (len(listed), listed[-1]["id"]) == (before + 1, answer["id"])

    more = {
        "databaseId": answer["id"],
        "description": "Lesen",
        "accessLevel": "readonly",
        "password": "Secret-4-tests",
    }
    user = await story.made(f"{url}/users", more)
    assert [entry["id"] for entry in await story.seen(f"{url}/users")] == [answer["userId"], user]
    other = more | {"databaseId": story.read("mysql_database")["id"]}
    assert (await story.post(f"{url}/users", other)).status == 412
    single = f"/v2/mysql-users/{user}"
    story.wait()
    updated = (await story.seen(single))["passwordUpdatedAt"]
    await story.done("PATCH", single, {"description": "x", "password": "Another-secret-4-tests"})
    assert (await story.seen(single))["passwordUpdatedAt"] > updated
    await story.done("POST", f"{single}/actions/disable")
    assert (await story.seen(single))["status"] == "disabled"
    await story.done("POST", f"{single}/actions/enable")
    assert (await story.seen(single))["disabled"] is False
    assert "user=" in (await story.seen(f"{single}/php-my-admin-url"))["url"]
    assert (await story.delete(f"/v2/mysql-users/{answer['userId']}")).status == 412, "the main user"
    await story.done("DELETE", single)
    assert len(await story.seen(f"{url}/users")) == 1
    await story.done("PATCH", url, {"description": "Umbenannt"})
    assert (await story.seen(url))["description"] == "Umbenannt"
    await story.done("DELETE", url)
    assert await story.status(url) == await story.status(f"/v2/mysql-users/{answer['userId']}") == 404
    assert len(await story.seen(f"{project}/mysql-databases")) == before


async def test_changing_the_main_user_changes_the_database() -> None:
    story = Story()
    database = story.read("mysql_database")
    url = f"/v2/mysql-databases/{database['id']}"
    user = (await story.seen(url))["mainUser"]["id"]
    await story.seen(f"/v2/projects/{database['projectId']}/mysql-databases")
    await story.done("PATCH", f"/v2/mysql-users/{user}", {"description": "Neu"})
    assert (await story.seen(url))["mainUser"]["description"] == "Neu"
    listed = await story.seen(f"/v2/projects/{database['projectId']}/mysql-databases")
    assert listed[0]["mainUser"]["description"] == "Neu"


async def test_deleting_a_database_unlinks_it() -> None:
    story = Story()
    installation = next(
        story.world.read("app_installation", key)
        for key in story.world.keys("app_installation")
        if story.world.read("app_installation", key)["linkedDatabases"]
    )
    database = installation["linkedDatabases"][0]["databaseId"]
    await story.done("DELETE", f"/v2/mysql-databases/{database}")
    assert (await story.seen(f"/v2/app-installations/{installation['id']}"))["linkedDatabases"] == []


@pytest.mark.parametrize(
    ("kind", "url"), [("mysql_database", "mysql-databases"), ("redis_database", "redis-databases")]
)
async def test_a_version_upgrade_takes_time(kind: str, url: str) -> None:
    story = Story()
    before = story.where(kind, status="ready")
    single = f"/v2/{url}/{before['id']}"
    version = next(
        v for v in ("8.4", "8.0", "7.2", "7.0") if v != before["version"] and v[0] in ("8" if "my" in kind else "7")
    )
    await story.done("PATCH", single, {"version": version})
    seen = await story.seen(single)
    assert (seen["version"], seen["status"]) == (version, "ready"), "reads as done at once"
    assert seen["statusSetAt"] == before["statusSetAt"]
    story.wait()
    assert (await story.seen(single))["status"] == "migrating"
    story.wait()
    after = await story.seen(single)
    assert after["status"] == "ready"
    assert after["statusSetAt"] > before["statusSetAt"]
    await story.done("PATCH", single, {"description": "no new version"})
    story.wait()
    assert (await story.seen(single))["statusSetAt"] == after["statusSetAt"]
    assert (await story.patch(single, {"version": "1.0"})).status == 412


async def test_a_database_is_copied_once_ready() -> None:
    story = Story()
    source = story.where("mysql_database", status="ready")
    copy = f"/v2/mysql-databases/{source['id']}/actions/copy"
    answer = (await story.done("POST", copy, {"description": "Kopie", "user": USER})).json
    story.wait()
    database = await story.seen(f"/v2/mysql-databases/{answer['id']}")
    assert (database["version"], database["projectId"]) == (source["version"], source["projectId"])
    story.world.change("mysql_database", story.world.find("mysql_database", source["id"]), status="migrating")
    assert (await story.post(copy, {"description": "Kopie", "user": USER})).status == 412


async def test_database_versions() -> None:
    story = Story()
    numbers = [version["number"] for version in await story.seen("/v2/mysql-versions")]
    assert "8.4" in numbers
    assert [version["number"] for version in await story.seen("/v2/redis-versions")]
    assert len(await story.seen("/v2/mysql-charsets?version=8.4")) == 2
    project = await project_of(story)
    body: dict[str, Any] = {"database": {"description": "x", "version": "1.0"}, "user": USER}
    assert (await story.post(f"/v2/projects/{project}/mysql-databases", body)).status == 412
    old = {"description": "x", "version": "1.0"}
    assert (await story.post(f"/v2/projects/{project}/redis-databases", old)).status == 412


@pytest.mark.parametrize(("failing", "end"), [(0.0, "ready"), (1.0, "error")])
async def test_a_redis_database(failing: float, end: str) -> None:
    story = Story(failing=failing)
    project = f"/v2/projects/{await project_of(story)}"
    id = await story.made(f"{project}/redis-databases", {"description": "Cache", "version": "7.2"})
    url = f"/v2/redis-databases/{id}"
    story.wait()
    assert (await story.seen(url))["status"] == end
    assert (await story.seen(f"{project}/redis-databases"))[-1]["id"] == id
    await story.done("PATCH", url, {"description": "Neu", "configuration": {"maxMemory": "1Gi"}})
    assert (await story.seen(url))["configuration"] == {"maxMemory": "1Gi"}
    await story.done("DELETE", url)
    assert await story.status(url) == 404


# mail

MAILBOX = {"enableSpamProtection": True, "password": "Secret-4-tests", "quotaInBytes": 1 << 30}


async def test_a_mailbox_from_creation_to_deletion() -> None:
    story = Story()
    project = f"/v2/projects/{await project_of(story)}"
    total = len(await story.seen("/v2/mail-addresses/"))
    body: dict[str, Any] = {"address": "neu@example.org", "isCatchAll": False, "mailbox": MAILBOX}
    id = await story.made(f"{project}/mail-addresses", body)
    assert (await story.post(f"{project}/mail-addresses", body)).status == 409
    url = f"/v2/mail-addresses/{id}"
    for wire, change, path, seen in (
        ("address", {"address": "anders@example.org"}, "address", "anders@example.org"),
        ("isCatchAll", {"active": True}, "catch-all", True),
        ("forwardAddresses", {"forwardAddresses": ["a@example.org"]}, "forward-addresses", ["a@example.org"]),
        ("autoResponder", {"autoResponder": {"active": True, "message": "weg"}}, "autoresponder", None),
        ("autoResponder", {"autoResponder": None}, "autoresponder", {"active": False}),
    ):
        await story.done("PATCH", f"{url}/{path}", change)
        expected = change[wire] if seen is None else seen
        assert (await story.seen(url))[wire] == expected
    spam = {"active": False, "autoDeleteSpam": True, "folder": "inbox", "relocationMinSpamScore": 7}
    await story.done("PATCH", f"{url}/spam-protection", {"spamProtection": spam})
    await story.done("PATCH", f"{url}/quota", {"quotaInBytes": 5})
    story.wait()
    await story.done("PATCH", f"{url}/password", {"password": "Another-secret-4-tests"})
    value = await story.seen(url)
    assert value["mailbox"]["spamProtection"] == spam
    assert value["mailbox"]["storageInBytes"]["limit"] == 5
    assert value["mailbox"]["passwordUpdatedAt"] == value["updatedAt"]
    limits = await story.seen("/v2/mail-rate-limits")
    assert await story.seen(f"/v2/mail-rate-limits/{limits[0]['id']}") == limits[0]
    assert await story.status(f"/v2/mail-rate-limits/{id}") == 404
    await story.done("POST", f"{url}/actions/request-rate-limit-change", {"rateLimitId": limits[1]["id"]})
    data = {"mailAddressId": id}
    await story.made("/v2/orders", {"orderType": "mailArchive", "orderData": data}, "orderId")
    assert [entry["id"] for entry in await story.seen("/v2/mail-addresses/?mailArchive=true")][-1] == id
    await story.done("DELETE", f"{url}/mail-archive")
    assert (await story.seen(url))["isArchived"] is False
    [backup, *_] = await story.seen(f"{url}/backups")
    await story.done("POST", f"{url}/backups/{backup['name']}/recovery")
    assert (await story.post(f"{url}/backups/19990101/recovery")).status == 404
    await story.done("DELETE", url)
    assert await story.status(url) == 404
    assert len(await story.seen("/v2/mail-addresses/")) == total


async def test_a_forwarding_address_has_no_mailbox() -> None:
    story = Story()
    project = f"/v2/projects/{await project_of(story)}"
    body = {"address": "weiter@example.org", "forwardAddresses": ["ziel@example.org"]}
    id = await story.made(f"{project}/mail-addresses", body)
    url = f"/v2/mail-addresses/{id}"
    assert "mailbox" not in await story.seen(url)
    assert (await story.patch(f"{url}/password", {"password": "Secret-4-tests"})).status == 412
    other = await story.made(f"{project}/mail-addresses", body | {"address": "zwei@example.org"})
    change = {"address": "weiter@example.org"}
    assert (await story.patch(f"/v2/mail-addresses/{other}/address", change)).status == 409


async def test_mail_addresses_are_filtered_and_sorted() -> None:
    story = Story()
    everything = await story.seen("/v2/mail-addresses/")
    forwards = await story.seen("/v2/mail-addresses/?forwardAddress=true")
    assert forwards == [entry for entry in everything if entry["forwardAddresses"]] != []
    plain = await story.seen("/v2/mail-addresses/?forwardAddress=false&catchAll=false&autoResponder=false")
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
        listed = await story.seen(f"/v2/mail-addresses/?sort={sort}&order=asc")
        assert [key(entry) for entry in listed] == sorted(key(entry) for entry in everything)
    project = everything[0]["projectId"]
    word = everything[0]["address"].partition("@")[0]
    found = await story.seen(f"/v2/projects/{project}/mail-addresses?search={word}")
    assert everything[0] in found


async def test_delivery_boxes_and_mail_settings() -> None:
    story = Story()
    project = f"/v2/projects/{await project_of(story)}"
    body = {"description": "Versand", "password": "Secret-4-tests"}
    id = await story.made(f"{project}/delivery-boxes", body)
    url = f"/v2/delivery-boxes/{id}"
    await story.done("PATCH", f"{url}/description", {"description": "Neuer Versand"})
    story.wait()
    await story.done("PATCH", f"{url}/password", {"password": "Another-secret-4-tests"})
    box = await story.seen(url)
    assert (box["description"], box["passwordUpdatedAt"]) == ("Neuer Versand", box["updatedAt"])
    assert [entry["id"] for entry in await story.seen(f"{project}/delivery-boxes?search=neuer")] == [id]
    await story.done("DELETE", url)
    assert await story.status(url) == 404
    await story.done("PATCH", f"{project}/mail-settings/blacklist", {"blacklist": ["*@example.com"]})
    settings = await story.seen(f"{project}/mail-settings")
    assert (settings["blacklist"], settings["whitelist"]) == (["*@example.com"], [])


# cronjobs


async def a_cronjob(story: Story, **more: Any) -> tuple[str, str]:
    """A project with an app, and a new cronjob for it."""
    installation = story.read("app_installation")
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
    return project, await story.made(f"/v2/projects/{project}/cronjobs", body)


async def test_a_cronjob_runs() -> None:
    story = Story()
    project, id = await a_cronjob(story)
    url = f"/v2/cronjobs/{id}"
    assert "latestExecution" not in await story.seen(url)
    execution = await story.made(f"{url}/executions", None)
    single = f"{url}/executions/{execution}"
    states = [(await story.seen(single))["status"]]
    for _ in range(2):
        story.wait()
        states.append((await story.seen(single))["status"])
    assert states == ["Pending", "Running", "Complete"]
    assert (await story.seen(url))["latestExecution"]["id"] == execution
    assert (await story.seen(f"/v2/projects/{project}/cronjobs"))[-1]["latestExecution"]["successful"] is True
    assert "erfolgreich" in (await story.seen(f"{single}/analysis"))["message"]
    assert await story.status(f"{url}/executions/ce-000000") == 404
    assert (await story.post(f"{single}/actions/abort")).status == 412
    other = await story.made(f"{url}/executions", None)
    await story.done("POST", f"{url}/executions/{other}/actions/abort")
    story.wait(3)
    assert (await story.seen(f"{url}/executions/{other}"))["status"] == "AbortedByUser"
    await story.done("DELETE", url)
    assert await story.status(url) == await story.status(single) == 404


async def test_an_execution_can_fail() -> None:
    story = Story(failing=1.0)
    _, id = await a_cronjob(story)
    execution = await story.made(f"/v2/cronjobs/{id}/executions", None)
    story.wait(2)
    value = await story.seen(f"/v2/cronjobs/{id}/executions/{execution}")
    assert (value["status"], value["exitCode"]) == ("Failed", 1)


async def test_executions_are_filtered_and_sorted() -> None:
    story = Story()
    key = next(
        key for key in story.world.keys("cronjob") if len(story.world.keys("cronjob_execution", ("cronjob", key))) >= 10
    )
    url = f"/v2/cronjobs/{story.world.id('cronjob', key)}/executions"
    everything = await story.seen(url)
    starts = [entry["start"] for entry in everything]
    assert starts == sorted(starts)
    assert [entry["start"] for entry in await story.seen(f"{url}?sortOrder=newestFirst")] == starts[::-1]
    slowest = [entry["durationInMilliseconds"] for entry in await story.seen(f"{url}?sortOrder=slowestFirst")]
    assert slowest == sorted(slowest, reverse=True)
    fastest = [entry["durationInMilliseconds"] for entry in await story.seen(f"{url}?sortOrder=fastestFirst")]
    assert fastest == slowest[::-1]
    assert [entry["start"] for entry in await story.seen(f"{url}?sortOrder=oldestFirst")] == starts
    since = await story.seen(f"{url}?since={starts[3]}&until={starts[5]}")
    assert [entry["start"] for entry in since] == starts[3:6]
    assert await story.seen(f"{url}?triggeredByUser=true") == []
    complete = await story.seen(f"{url}?status=Complete")
    assert complete == [entry for entry in everything if entry["status"] == "Complete"]


async def test_a_cronjob_is_updated() -> None:
    story = Story()
    project, id = await a_cronjob(story)
    url = f"/v2/cronjobs/{id}"
    await story.done("PATCH", url, {"active": False, "interval": "0 1 * * *", "timeout": 5})
    value = await story.seen(url)
    assert (value["active"], value["interval"], value["timeout"]) == (False, "0 1 * * *", 5)
    command = {"interpreter": "/usr/bin/php", "path": "/html/x.php"}
    await story.done("PATCH", url, {"destination": command})
    assert (await story.seen(url))["target"]["destination"] == command
    installation = story.read("app_installation")["id"]
    target = {"appInstallationId": installation, "destination": {"url": "https://example.org"}}
    await story.done("PATCH", url, {"target": target})
    assert (await story.seen(url))["destination"] == target["destination"]
    await story.done("PUT", f"{url}/app-installation-id", {"appInstallationId": installation})
    assert (await story.patch(url, {"interval": "never"})).status == 412
    foreign = next(
        story.world.read("app_installation", key)["id"]
        for key in story.world.keys("app_installation")
        if story.world.read("app_installation", key)["projectId"] != project
    )
    body = {"target": {"appInstallationId": foreign, "destination": {"url": "https://example.org"}}}
    assert (await story.patch(url, body)).status == 412


async def test_cronjobs_of_services_are_listed_on_request() -> None:
    story = Story()
    service = story.read("service")
    stack = await story.seen(f"/v2/stacks/{service['stackId']}")
    target = {"command": "ls", "serviceIdentifier": service["serviceName"], "stackId": stack["id"]}
    body = {"active": True, "description": "x", "interval": "* * * * *", "timeout": 60, "target": target}
    url = f"/v2/projects/{stack['projectId']}/cronjobs"
    id = await story.made(url, body)
    assert (await story.seen(f"/v2/cronjobs/{id}"))["target"]["serviceShortId"] == service["shortId"]
    assert service["shortId"].startswith("c-")
    other = target | {"serviceIdentifier": "nothing-like-that"}
    assert (await story.post(url, body | {"target": other})).status == 404
    assert id not in [entry["id"] for entry in await story.seen(url)]
    assert id in [entry["id"] for entry in await story.seen(f"{url}?includeServiceCronjobs=true")]
    assert [entry["id"] for entry in await story.seen(f"{url}?stackId={stack['id']}")] == [id]
    assert (await story.post(url, {key: body[key] for key in body if key != "target"})).status == 412
    nowhere = body | {"target": {"appInstallationId": story.read("app_installation")["id"]}}
    assert (await story.post(url, nowhere)).status == 400


# backups


@pytest.mark.parametrize("format", ["zip", "tar"])
async def test_a_backup_is_created_exported_and_downloaded(format: str) -> None:
    story = Story()
    project = f"/v2/projects/{await project_of(story)}"
    body = {"expirationTime": "2027-01-01T00:00:00Z", "description": "Vor dem Update"}
    id = await story.made(f"{project}/backups", body)
    url = f"/v2/project-backups/{id}"
    assert (await story.seen(url))["status"] == "Pending"
    assert (await story.post(f"{url}/export", {"format": format})).status == 412, "not before it is complete"
    assert [entry["id"] for entry in await story.seen(f"{project}/backups?runningBackupsOnly=true")] == [id]
    story.wait(2)
    assert (await story.seen(url))["status"] == "Completed"
    assert (await story.delete(f"{url}/export")).status == 404
    await story.done("POST", f"{url}/export", {"format": format})
    phases = [(await story.seen(url))["export"]["phase"]]
    for _ in range(2):
        story.wait()
        phases.append((await story.seen(url))["export"]["phase"])
    assert phases == ["Pending", "Exporting", "Completed"]
    export = (await story.seen(url))["export"]
    assert [entry["id"] for entry in await story.seen(f"{project}/backups?withExportsOnly=true")] == [id]
    data = story.world.blobs[f"export/{id}"]
    assert sha256(data).hexdigest() == export["sha256Checksum"]
    assert export["downloadURL"].endswith(f"/__emulator/downloads/{id}")
    whole = await story.get(f"/__emulator/downloads/{id}")
    assert (whole.status, whole.body) == (200, data)
    rest = await story.get(f"/__emulator/downloads/{id}", range="bytes=100-")
    assert (rest.status, rest.body) == (206, data[100:])
    assert (await story.get(f"/__emulator/downloads/{story.world.new_id('backup')}")).status == 404
    if format == "zip":
        names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    else:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            names = archive.getnames()
    assert "databases/main.sql" in names
    await story.done("DELETE", f"{url}/export")
    assert "export" not in await story.seen(url)
    await story.done("PATCH", url, {"description": "Neu", "expirationTime": "2028-01-01T00:00:00Z"})
    value = await story.seen(url)
    assert (value["description"], value["expiresAt"]) == ("Neu", "2028-01-01T00:00:00Z")
    assert [entry["id"] for entry in await story.seen(f"{project}/backups?searchTerm=neu")] == [id]
    await story.done("DELETE", url)
    assert await story.status(url) == 404


async def test_backups_and_exports_can_fail() -> None:
    story = Story(failing=1.0)
    project = f"/v2/projects/{await project_of(story)}"
    id = await story.made(f"{project}/backups", {"expirationTime": "2027-01-01T00:00:00Z"})
    story.wait(2)
    assert (await story.seen(f"/v2/project-backups/{id}"))["status"] == "Failed"
    backup = story.where("backup", status="Completed")
    url = f"/v2/project-backups/{backup['id']}"
    await story.done("POST", f"{url}/export", {"format": "zip", "password": "Secret-4-tests"})
    story.wait(2)
    export = (await story.seen(url))["export"]
    assert (export["phase"], export["withPassword"], "downloadURL" in export) == ("Failed", True, False)


async def test_backups_are_restored() -> None:
    story = Story()
    backup = story.where("backup", status="Completed")
    project = f"/v2/projects/{backup['projectId']}"
    url = f"/v2/project-backups/{backup['id']}"
    dumps = (await story.seen(f"{url}/database-dumps"))["databases"]
    assert len(dumps) == len(await story.seen(f"{project}/mysql-databases"))
    assert {entry["name"] for entry in (await story.seen(f"{url}/path"))["items"]} == {"html", "files", "logs"}
    body = {"pathRestore": {"sourcePaths": ["/html"], "clearTargetPath": True}}
    await story.done("POST", f"{url}/restore", body)
    assert [entry["id"] for entry in await story.seen(f"{project}/backups?runningRestoresOnly=true")] == [backup["id"]]
    story.wait()
    assert (await story.seen(url))["restore"]["phase"] == "completed"
    database = (await story.seen(f"{project}/mysql-databases"))[:1]
    if database:
        restores = [{"databaseBackupDump": dumps[0], "targetDatabaseId": database[0]["id"]}]
        await story.done("POST", f"{url}/restore", {"databaseRestores": restores})
        assert (await story.seen(url))["restore"]["databaseRestores"] == restores
    await story.done("POST", f"{url}/restore-path", {"sourcePath": "/html"})
    story.wait()
    assert (await story.seen(url))["restorePath"]["phase"] == "completed"


async def test_backup_schedules() -> None:
    story = Story()
    project = f"/v2/projects/{await project_of(story)}"
    body = {"schedule": "0 3 * * *", "ttl": "30d", "description": "Nachts"}
    id = await story.made(f"{project}/backup-schedules", body)
    url = f"/v2/project-backup-schedules/{id}"
    assert (await story.seen(f"{project}/backup-schedules"))[-1]["id"] == id
    await story.done("PATCH", url, {"ttl": "7d"})
    assert (await story.seen(url))["ttl"] == "7d"
    assert (await story.patch(url, {"schedule": "now"})).status == 412
    await story.done("DELETE", url)
    assert await story.status(url) == 404
    system = story.where("backup_schedule", isSystemBackup=True)["id"]
    assert (await story.delete(f"/v2/project-backup-schedules/{system}")).status == 412
    stuck = story.where("backup", deletable=False)["id"]
    assert (await story.delete(f"/v2/project-backups/{stuck}")).status == 412
    newest = await story.seen(f"{project}/backups?sortOrder=newestFirst")
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
    story = Story()
    url = f"/v2/projects/{await project_of(story)}/mysql-databases"
    body = {"database": {"description": "x", "version": "8.4"}, "user": {"accessLevel": "full", "password": password}}
    answer = await story.post(url, body)
    assert answer.status == 400
    [issue] = answer.json["validationErrors"]
    assert issue["path"] == "body.user.password"
    assert reason in issue["message"]
    assert password not in answer.body.decode()
    story.emulator.configure(password_policy=False)
    assert (await story.post(url, body)).status == 201


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
    checker = Story().core.checker
    found: set[str] = set()
    for operation_id, route in Story().core.routes.by_id.items():
        if operation_id in OPERATIONS and {"password", "newPassword"} & property_names(checker.body_shape(route)):
            found.add(operation_id)
    assert found - named == passwords.SETTERS


async def test_a_certificate_with_dns_validation_completes_by_itself() -> None:
    story = Story()
    project = await project_of(story)
    body = {"projectId": project, "commonName": "*.example.org"}
    id = await story.made("/v2/certificate-requests", body)
    url = f"/v2/certificate-requests/{id}"
    assert (await story.seen(url))["isCompleted"] is False
    story.wait()
    assert (await story.seen(url))["isCompleted"] is True
    certificates = await story.seen(f"/v2/certificates?projectId={project}")
    assert "*.example.org" in [certificate["commonName"] for certificate in certificates]


async def test_project_directories_have_the_names_of_the_real_ones() -> None:
    story = Story()
    assert set((await story.seen(f"/v2/projects/{await project_of(story)}"))["directories"]) == {"Home", "Web"}
