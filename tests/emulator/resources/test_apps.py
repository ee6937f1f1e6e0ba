"""The app catalogue, and installations from request to removal."""

from __future__ import annotations

from typing import Any

import pytest

from mittwald_async.emulator.resources.apps import in_range, internal

from ...support.emulator_state import Story


def version_of(story: Story, app: str, index: int = -1) -> dict[str, Any]:
    key = next(key for key in story.world.keys("app") if story.world.read("app", key)["name"] == app)
    versions = list(story.world.keys("app_version", ("app", key)))
    return story.world.read("app_version", versions[index])


async def installed(story: Story, app: str = "WordPress", index: int = -1) -> tuple[str, dict[str, Any]]:
    """A project, and the response of a new installation in it."""
    project = story.where("project", status="ready")["id"]
    body = {
        "appVersionId": version_of(story, app, index)["id"],
        "description": "Neu",
        "updatePolicy": "patchLevel",
        "userInputs": [{"name": "site_title", "value": "Neu"}, {"name": "admin_pass", "value": "Secret-4-tests"}],
    }
    id = await story.made(f"/v2/projects/{project}/app-installations", body)
    return project, await story.seen(f"/v2/app-installations/{id}")


async def test_the_catalogue() -> None:
    story = Story()
    for app in await story.seen("/v2/apps"):
        assert await story.seen(f"/v2/apps/{app['id']}") == app
        versions = await story.seen(f"/v2/apps/{app['id']}/versions")
        assert versions
        assert await story.seen(f"/v2/apps/{app['id']}/versions/{versions[0]['id']}") == versions[0]
        newer = await story.seen(f"/v2/apps/{app['id']}/versions/{versions[0]['id']}/update-candidates")
        assert newer == versions[1:]
        recommended = await story.seen(f"/v2/apps/{app['id']}/versions?recommended=true")
        assert recommended == [version for version in versions if version["recommended"]]
    apps = await story.seen("/v2/apps")
    foreign = version_of(story, "TYPO3")["id"]
    assert await story.status(f"/v2/apps/{apps[0]['id']}/versions/{foreign}") == 404
    for software in await story.seen("/v2/system-softwares"):
        url = f"/v2/system-softwares/{software['id']}"
        assert await story.seen(url) == software
        versions = await story.seen(f"{url}/versions")
        assert await story.seen(f"{url}/versions/{versions[0]['id']}") == versions[0]
        assert await story.seen(f"{url}/versions?versionRange=<0.1") == []


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [
        ("8.2.27", ">=8.1 <8.4", True),
        ("8.4.2", ">=8.1 <8.4", False),
        ("12.4.25", "^12.4", True),
        ("13.0.0", "^12.4", False),
        ("6.6.10", "~6.6.2", True),
        ("6.7.0", "~6.6.2", False),
        ("8.3.15", "8.3", True),
        ("8.3.15", "=8.2", False),
        ("8.3.15", "7 || 8", True),
        ("8.3.15", "*", True),
        ("8.3.15", "", True),
        ("8.3.15", ">8.3.15", False),
        ("8.3.15", "<=8.3.15", True),
    ],
)
def test_version_ranges(version: str, wanted: str, fits: bool) -> None:
    assert in_range(version, wanted) is fits
    assert internal("13.4") == "13.4.0-0"


async def test_an_app_is_installed_with_its_database() -> None:
    story = Story()
    project, value = await installed(story)
    url = f"/v2/app-installations/{value['id']}"
    assert (value["phase"], "current" in value["appVersion"]) == ("pending", False)
    assert value["userInputs"] == [{"name": "site_title", "value": "Neu"}], "passwords are not kept"
    assert [entry["id"] for entry in await story.seen(f"/v2/projects/{project}/app-installations")][-1] == value["id"]
    assert value["id"] in [entry["id"] for entry in await story.seen("/v2/app-installations")]
    story.wait()
    assert (await story.seen(url))["phase"] == "installing"
    story.wait()
    value = await story.seen(url)
    assert value["phase"] == "ready"
    assert value["appVersion"]["current"] == value["appVersion"]["desired"]
    [link] = value["linkedDatabases"]
    database = await story.seen(f"/v2/mysql-databases/{link['databaseId']}")
    assert (database["status"], database["projectId"]) == ("ready", project)
    assert database["mainUser"]["id"] == link["databaseUserIds"]["admin"]
    assert (await story.seen(f"{url}/status"))["state"] == "running"
    assert (await story.seen(f"/v2/app-installations/{value['shortId']}"))["id"] == value["id"]


async def test_an_installation_can_fail() -> None:
    story = Story(failing=1.0)
    _, value = await installed(story)
    story.wait(2)
    value = await story.seen(f"/v2/app-installations/{value['id']}")
    assert (value["phase"], value["disabled"]) == ("disabled", True)
    assert "failed" in value["lastError"]


async def test_an_installation_is_upgraded_only_when_ready() -> None:
    story = Story()
    _, value = await installed(story, index=0)
    url = f"/v2/app-installations/{value['id']}"
    newest = version_of(story, "WordPress")
    answer = await story.patch(url, {"appVersionId": newest["id"]})
    assert answer.status == 412
    assert answer.json["message"] == "expected phase APP_PHASE_READY, current phase is APP_PHASE_PENDING"
    story.wait(2)
    missing = await story.seen(f"{url}/missing-dependencies?targetAppVersionID={newest['id']}")
    assert missing["missingSystemSoftwareDependencies"] == []
    other = version_of(story, "TYPO3")["id"]
    assert (await story.patch(url, {"appVersionId": other})).status == 412
    missing = await story.seen(f"{url}/missing-dependencies?targetAppVersionID={other}")
    assert len(missing["missingSystemSoftwareDependencies"]) == 1
    await story.done("PATCH", url, {"appVersionId": newest["id"], "description": "Aktuell"})
    value = await story.seen(url)
    assert (value["phase"], value["description"]) == ("upgrading", "Aktuell")
    assert value["appVersion"]["current"] != newest["id"]
    story.wait()
    value = await story.seen(url)
    assert (value["phase"], value["appVersion"]["current"]) == ("ready", newest["id"])
    assert value["appExternalVersion"] == newest["externalVersion"]


async def test_system_software_can_be_chosen() -> None:
    story = Story()
    _, value = await installed(story)
    url = f"/v2/app-installations/{value['id']}"
    software = next(entry for entry in await story.seen("/v2/system-softwares") if entry["name"] == "node")
    version = (await story.seen(f"/v2/system-softwares/{software['id']}/versions"))[0]
    wanted = {software["id"]: {"systemSoftwareVersion": version["id"], "updatePolicy": "none"}}
    await story.done("PATCH", url, {"systemSoftware": wanted, "userInputs": [], "customDocumentRoot": "/web"})
    installed_now = {entry["name"]: entry for entry in (await story.seen(url))["systemSoftware"]}
    assert installed_now["node"]["systemSoftwareVersion"] == {"desired": version["id"]}, "wanted, and not yet there"
    story.wait(4)
    installed_now = {entry["name"]: entry for entry in (await story.seen(url))["systemSoftware"]}
    assert installed_now["node"]["systemSoftwareVersion"]["current"] == version["id"]
    named = await story.seen(f"{url}/system-software?tagFilter=node")
    assert [entry["name"] for entry in named] == ["node"]
    await story.done("PATCH", url, {"systemSoftware": {software["id"]: {"updatePolicy": "all"}}})
    installed_now = {entry["name"]: entry for entry in (await story.seen(url))["systemSoftware"]}
    assert installed_now["node"]["updatePolicy"] == "all"


async def test_current_system_software_follows_the_desired_one_after_a_delay() -> None:
    story = Story()
    _, value = await installed(story)
    url = f"/v2/app-installations/{value['id']}"
    story.wait(2)
    software = next(entry for entry in await story.seen("/v2/system-softwares") if entry["name"] == "php")
    versions = await story.seen(f"/v2/system-softwares/{software['id']}/versions")

    async def php() -> tuple[str, dict[str, str], str]:
        seen = await story.seen(url)
        entry = next(entry for entry in seen["systemSoftware"] if entry["name"] == "php")
        return seen["phase"], entry["systemSoftwareVersion"], entry["externalVersion"]

    _, before, external = await php()
    wanted = next(version for version in versions if version["id"] != before["current"])
    await story.done("PATCH", url, {"systemSoftware": {software["id"]: {"systemSoftwareVersion": wanted["id"]}}})
    lagging = {"current": before["current"], "desired": wanted["id"]}
    assert await php() == ("ready", lagging, external), "the phase does not show it yet"
    story.wait()
    assert await php() == ("reconfiguring", lagging, external)
    story.wait()
    reached = {"current": wanted["id"], "desired": wanted["id"]}
    assert await php() == ("ready", reached, wanted["externalVersion"])


async def test_a_version_is_refused_during_an_invisible_phase() -> None:
    story = Story()
    _, value = await installed(story)
    url = f"/v2/app-installations/{value['id']}"
    story.wait(2)
    software = next(entry for entry in await story.seen("/v2/system-softwares") if entry["name"] == "node")
    version = (await story.seen(f"/v2/system-softwares/{software['id']}/versions"))[0]["id"]
    await story.done("PATCH", url, {"systemSoftware": {software["id"]: {"systemSoftwareVersion": version}}})
    assert (await story.seen(url))["phase"] == "ready"
    other = next(
        entry["id"]
        for entry in await story.seen(f"/v2/apps/{value['appId']}/versions")
        if entry["id"] != value["appVersion"]["desired"]
    )
    refused = await story.patch(url, {"appVersionId": other})
    assert (refused.status, refused.json["type"]) == (412, "VError")
    assert "current phase is APP_PHASE_RECONFIGURING" in refused.json["message"]
    story.wait(2)
    await story.done("PATCH", url, {"appVersionId": other})
    story.wait()
    seen = await story.seen(url)
    assert seen["appVersion"] == {"current": other, "desired": other}
    assert {entry["name"]: entry["systemSoftwareVersion"]["current"] for entry in seen["systemSoftware"]}[
        "node"
    ] == version


async def test_a_second_software_change_keeps_the_first() -> None:
    story = Story()
    _, value = await installed(story)
    url = f"/v2/app-installations/{value['id']}"
    wanted: dict[str, str] = {}
    for name in ("php", "node"):
        software = next(entry for entry in await story.seen("/v2/system-softwares") if entry["name"] == name)
        version = (await story.seen(f"/v2/system-softwares/{software['id']}/versions"))[0]["id"]
        wanted[name] = version
        await story.done("PATCH", url, {"systemSoftware": {software["id"]: {"systemSoftwareVersion": version}}})
    story.wait(4)
    now = {entry["name"]: entry["systemSoftwareVersion"] for entry in (await story.seen(url))["systemSoftware"]}
    assert {name: now[name] for name in wanted} == {name: {"current": v, "desired": v} for name, v in wanted.items()}


async def test_databases_are_linked_and_unlinked() -> None:
    story = Story()
    project, value = await installed(story)
    url = f"/v2/app-installations/{value['id']}"
    body = {"description": "Cache", "version": "7.2"}
    redis = await story.made(f"/v2/projects/{project}/redis-databases", body)
    await story.done("PATCH", f"{url}/database", {"databaseId": redis, "purpose": "cache"})
    links = {link["databaseId"]: link for link in (await story.seen(url))["linkedDatabases"]}
    assert (links[redis]["kind"], links[redis]["purpose"]) == ("redis", "cache")
    await story.done("PUT", f"{url}/databases/{redis}/users", {"databaseUserIds": {"x": "y"}})
    links = {link["databaseId"]: link for link in (await story.seen(url))["linkedDatabases"]}
    assert links[redis]["databaseUserIds"] == {"x": "y"}
    await story.done("DELETE", f"{url}/databases/{redis}")
    assert redis not in [link["databaseId"] for link in (await story.seen(url))["linkedDatabases"]]
    assert (await story.delete(f"{url}/databases/{redis}")).status == 404
    [old] = (await story.seen(url))["linkedDatabases"]
    await story.done(
        "PATCH", url, {"databases": {redis: {"purpose": "custom", "replacesDatabaseId": old["databaseId"]}}}
    )
    assert [link["databaseId"] for link in (await story.seen(url))["linkedDatabases"]] == [redis]
    replace: dict[str, Any] = {"oldDatabaseId": redis, "newDatabaseId": old["databaseId"], "databaseUserIds": {}}
    await story.done("PATCH", f"{url}/database/replace", replace)
    assert [link["databaseId"] for link in (await story.seen(url))["linkedDatabases"]] == [old["databaseId"]]


async def test_an_installation_is_copied_and_uninstalled_with_its_links() -> None:
    story = Story()
    _, value = await installed(story)
    story.wait(2)
    target = story.where("project", status="ready")["id"]
    copy = f"/v2/app-installations/{value['id']}/actions/copy"
    id = await story.made(copy, {"description": "Kopie", "targetProjectId": target})
    story.wait(2)
    assert (await story.seen(f"/v2/app-installations/{id}"))["phase"] == "ready"

    hostname = "neu.example.org"
    path = {"path": "/", "target": {"installationId": id}}
    ingress = await story.made("/v2/ingresses", {"hostname": hostname, "paths": [path], "projectId": target})
    cronjob = await story.made(
        f"/v2/projects/{target}/cronjobs",
        {
            "active": True,
            "appInstallationId": id,
            "description": "x",
            "destination": {"url": "https://example.org"},
            "interval": "* * * * *",
            "timeout": 60,
        },
    )
    assert [entry["id"] for entry in await story.seen(f"/v2/ingresses?appInstallationId={id}")] == [ingress]
    await story.done("DELETE", f"/v2/app-installations/{id}")
    assert (await story.seen(f"/v2/app-installations/{id}"))["deletionRequested"] is True
    story.wait()
    assert await story.status(f"/v2/app-installations/{id}") == 404
    assert await story.status(f"/v2/cronjobs/{cronjob}") == 404
    assert (await story.seen(f"/v2/ingresses/{ingress}"))["paths"] == [
        {"path": "/", "target": {"useDefaultPage": True}}
    ]


async def test_installations_are_filtered_and_sorted() -> None:
    story = Story()
    everything = await story.seen("/v2/app-installations")
    wordpress = version_of(story, "WordPress")["appId"]
    listed = await story.seen(f"/v2/app-installations?appIds={wordpress}")
    assert listed == [entry for entry in everything if entry["appId"] == wordpress] != []
    newest = await story.seen("/v2/app-installations?sortOrder=newestFirst")
    assert [entry["createdAt"] for entry in newest] == sorted(
        (entry["createdAt"] for entry in everything), reverse=True
    )
    by_php = await story.seen("/v2/app-installations?sortOrder=sortByPhpVersionAsc")
    assert len(by_php) == len(everything)
    assert (await story.seen(f"/v2/app-installations?searchTerm={everything[3]['shortId']}")) == [everything[3]]


async def test_actions_work_on_apps_that_support_them() -> None:
    story = Story()
    _, value = await installed(story, "Node.js")
    url = f"/v2/app-installations/{value['id']}"
    await story.done("POST", f"{url}/actions/stop")
    assert (await story.seen(f"{url}/status"))["state"] == "stopped"
    _, value = await installed(story)
    assert (await story.post(f"/v2/app-installations/{value['id']}/actions/stop")).status == 412


async def test_nothing_is_installed_in_a_project_that_is_not_ready() -> None:
    story = Story()
    server = story.read("server")
    project = await story.made(f"/v2/servers/{server['id']}/projects", {"description": "x"})
    body: dict[str, Any] = {
        "appVersionId": version_of(story, "PHP")["id"],
        "description": "x",
        "updatePolicy": "none",
        "userInputs": [],
    }
    assert (await story.post(f"/v2/projects/{project}/app-installations", body)).status == 412
    story.wait()
    software = next(entry for entry in await story.seen("/v2/system-softwares") if entry["name"] == "php")
    version = (await story.seen(f"/v2/system-softwares/{software['id']}/versions"))[0]
    body["systemSoftware"] = {software["id"]: {"systemSoftwareVersion": version["id"]}}
    id = await story.made(f"/v2/projects/{project}/app-installations", body)
    value = await story.seen(f"/v2/app-installations/{id}")
    assert value["systemSoftware"][0]["externalVersion"] == version["externalVersion"]
    assert value["linkedDatabases"] == []
