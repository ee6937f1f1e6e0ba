"""What type checkers infer of calls, pages and whole responses. Never run; mypy and pyright read it."""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, assert_type

from mittwald_async import Download, Mittwald, Outcome, Page, Pages, Response, fan_out, fan_out_items, gather_bounded
from mittwald_async.models import app, backup, database, domain, file, project, user


async def single_objects(mw: Mittwald) -> None:
    assert_type(await mw.project.get_project("p-1"), project.Project)
    assert_type(await mw.project.create_project("s-1", description="shop"), project.CreateProjectResult)
    assert_type(await mw.domain.dns_get_zone_file("zone"), str)


async def nothing_comes_back(mw: Mittwald) -> None:
    sent: Coroutine[object, object, None] = mw.project.delete_project("p-1")
    await sent
    await mw.project.delete_project(7)  # type: ignore[arg-type]


async def one_of_several_successes(mw: Mittwald) -> None:
    found = await mw.user.authenticate(email="kim@example.org", password="password-for-tests")
    if isinstance(found, user.AuthenticateAccepted):
        return
    assert_type(found, user.AuthenticateResult | None)


async def pages(mw: Mittwald) -> None:
    listed = mw.project.list_projects(limit=10)
    assert_type(listed, Pages[project.ProjectListItem])
    assert_type(await listed, Page[project.ProjectListItem])
    assert_type((await listed).items, list[project.ProjectListItem])
    assert_type((await listed).total, int | None)
    assert_type(await listed.collect(max_items=3), list[project.ProjectListItem])
    assert_type(await listed.first(), project.ProjectListItem | None)
    assert_type(await listed.count(), int)
    assert_type(listed.with_options(ahead=2, unique=True), Pages[project.ProjectListItem])
    assert_type(listed.resume("token"), Pages[project.ProjectListItem])
    async for item in listed:
        assert_type(item, project.ProjectListItem)
    async for page in listed.pages():
        assert_type(page, Page[project.ProjectListItem])


async def downloads(mw: Mittwald) -> None:
    assert_type(mw.file.get_file("id"), Download)
    assert_type(await mw.file.get_file("id"), bytes)
    async with mw.file.get_file("id") as stream:
        async for chunk in stream:
            assert_type(chunk, bytes)


async def downloads_by_address(mw: Mittwald) -> None:
    download = mw.download("https://backups.example.org/1", sha256="0" * 64)
    assert_type(download, Download)
    assert_type(await download.save("backup.tar"), Path)
    mw.download(7)  # type: ignore[arg-type]


async def uploads(mw: Mittwald) -> None:
    assert_type(await mw.file.create_file(token="upload", file=b"content"), file.FileMeta)
    await mw.file.create_file(token="upload", file=7)  # type: ignore[arg-type]


async def whole_answers(mw: Mittwald) -> None:
    one = await mw.response_of(mw.project.get_project, "p-1")
    assert_type(one, Response[project.Project])
    assert_type(one.data, project.Project)
    assert_type(one.event_id, str | None)
    many = await mw.response_of(mw.project.list_projects, limit=10)
    assert_type(many, Response[Page[project.ProjectListItem]])
    assert_type(await mw.request("GET", "/v2/projects"), Response[bytes])
    assert_type(await mw.response_of(mw.project.delete_project, "p-1"), Response[None])


async def by_id(mw: Mittwald) -> None:
    assert_type(await mw.call("project-get-project", path={"projectId": "p-1"}), Any)
    assert_type(Mittwald.anonymous(), Mittwald)
    await mw.call(project="p-1")  # type: ignore[call-arg]


async def arguments_of_whole_answers_are_checked(mw: Mittwald) -> None:
    await mw.response_of(mw.project.get_project, "p-1", limit=10)  # type: ignore[call-arg,arg-type]
    await mw.response_of(mw.project.get_project, 7)  # type: ignore[call-overload]


async def fanned_out(mw: Mittwald) -> None:
    async for done in fan_out(mw.project.list_projects(), lambda p: mw.database.list_mysql_databases(p.id).collect()):
        assert_type(done, Outcome[project.ProjectListItem, list[database.MySqlDatabase]])
        assert_type(done.item, project.ProjectListItem)
        assert_type(done.result, list[database.MySqlDatabase] | None)
        assert_type(done.value(), list[database.MySqlDatabase])
        assert_type(done.error, Exception | None)
    async for owner, installation in fan_out_items(["p-1", "p-2"], mw.app.list_appinstallations):
        assert_type(owner, str)
        assert_type(installation, app.AppInstallation)
    assert_type(await gather_bounded(["p-1", "p-2"], mw.project.get_project), list[project.Project])


async def fanned_out_over_any_source(mw: Mittwald) -> None:
    async def ids() -> AsyncIterator[str]:
        yield "p-1"

    async for done in fan_out(ids(), mw.project.get_project, limit=8):
        assert_type(done, Outcome[str, project.Project])
    async for one in fan_out({"p-1", "p-2"}, mw.project.delete_project):
        assert_type(one, Outcome[str, None])
    async for number in fan_out([1, 2], mw.project.get_project):  # type: ignore[arg-type]
        print(number)


async def waited_for(mw: Mittwald) -> None:
    assert_type(await mw.wait.app_installation_ready("a-1", timeout=60), app.AppInstallation)
    assert_type(await mw.wait.backup_export_completed("b-1"), backup.ProjectBackup)
    ready = await mw.wait.until(lambda: mw.domain.get_domain("d-1"), done=lambda found: found.connected)
    assert_type(ready, domain.Domain)


async def mistakes(mw: Mittwald) -> None:
    """Each line is an error for both checkers; an ignore comment without an error would be one, too."""
    await mw.project.create_project("s-1", describtion="shop")  # type: ignore[call-arg]
    await mw.project.create_project("s-1")  # type: ignore[call-arg]
    await mw.project.get_project(project_id=None)  # type: ignore[arg-type]
    await mw.project.get_project("p-1", "p-2")  # type: ignore[call-arg]
    await mw.project.get_projekt("p-1")  # type: ignore[attr-defined]
    mw.project.list_projects(limt=10)  # type: ignore[call-arg]
    mw.project.list_projects(limit="10")  # type: ignore[arg-type]
    mw.projects  # type: ignore[attr-defined]
    for _ in mw.project.list_projects():  # type: ignore[attr-defined]
        pass
    (await mw.project.get_project("p-1")).descripton  # type: ignore[attr-defined]
