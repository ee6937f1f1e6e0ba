"""Verifiers: every entry of the table distinguishes done from not done on the emulator."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Literal

import pytest

from mittwald_async import Mittwald, bulk
from mittwald_async.bulk.verifier_table import READ_BACK
from mittwald_async.bulk.verifiers import same
from mittwald_async.emulator import Emulator, Transitions
from mittwald_async.emulator.seeded import KIND_OF_PARAMETER, KINDS
from mittwald_async.errors import InvalidArgumentError, RefusedError
from mittwald_async.operations import OPERATIONS

UPDATES: dict[str, dict[str, Any]] = {
    "app-patch-appinstallation": {"description": "renamed by a test"},
    "backup-update-project-backup": {"description": "renamed by a test"},
    "backup-update-project-backup-schedule": {"description": "renamed by a test", "ttl": "9d"},
    "container-update-registry": {"description": "renamed by a test"},
    "conversation-set-conversation-status": {"status": "open"},
    "conversation-update-conversation": {"title": "renamed by a test"},
    "cronjob-update-cronjob": {"description": "renamed by a test", "timeout": 77},
    "customer-update-customer": {"name": "renamed by a test"},
    "customer-update-customer-membership": {"role": "member", "expiresAt": "2031-01-01T00:00:00+01:00"},
    "database-patch-mysql-database": {"description": "renamed by a test"},
    "database-patch-redis-database": {"description": "renamed by a test"},
    "database-update-mysql-user": {"description": "renamed by a test"},
    "mail-update-delivery-box-description": {"description": "renamed by a test"},
    "mail-update-mail-address-address": {"address": "renamed@by-a-test.example"},
    "mail-update-mail-address-catch-all": {"active": True},
    "mail-update-mail-address-forward-addresses": {"forwardAddresses": ["kim@by-a-test.example"]},
    "mail-update-mail-address-quota": {"quotaInBytes": 7_777_777_777},
    "mail-update-mail-address-spam-protection": {
        "spamProtection": {"active": True, "autoDeleteSpam": True, "folder": "inbox", "relocationMinSpamScore": 7}
    },
    "project-update-project": {"description": "renamed by a test"},
    "project-update-project-membership": {"role": "external", "expiresAt": "2031-01-01T00:00:00Z"},
    "project-update-server": {"description": "renamed by a test"},
    "sftp-user-update-sftp-user": {"description": "renamed by a test", "active": False},
    "ssh-user-update-ssh-user": {"description": "renamed by a test", "active": False},
    "storagespace-update-project-statistics": {"notificationThresholdInBytes": 7_777_777},
    "storagespace-update-server-statistics": {"notificationThresholdInBytes": 7_777_777},
    "user-edit-api-token": {"description": "renamed by a test"},
}

NEW = "made by a test"
ACCESS = {"accessLevel": "full", "password": "Some-password-77"}
CREATES: dict[str, dict[str, Any]] = {
    "customer-create-customer-invite": {"mailAddress": "new@by-a-test.example", "role": "member"},
    "ingress-create-ingress": {"hostname": "new.by-a-test.example", "paths": []},
    "mail-create-mail-address": {"address": "New@By-A-Test.example", "forwardAddresses": ["kim@by-a-test.example"]},
    "project-create-project-invite": {"mailAddress": "new@by-a-test.example", "role": "external"},
    "app-request-appinstallation": {"description": NEW, "updatePolicy": "none", "userInputs": []},
    "backup-create-project-backup": {"description": NEW, "expirationTime": "2031-01-01T00:00:00Z"},
    "backup-create-project-backup-schedule": {"description": NEW, "schedule": "0 3 * * *", "ttl": "7d"},
    "container-create-registry": {"description": NEW, "uri": "registry.by-a-test.example"},
    "container-create-stack": {"description": NEW},
    "cronjob-create-cronjob": {"description": NEW, "active": True, "interval": "0 3 * * *", "timeout": 60},
    "database-create-mysql-database": {
        "database": {"description": NEW, "version": "8.0", "projectId": ""},
        "user": ACCESS,
    },
    "database-create-mysql-user": {"description": NEW, **ACCESS},
    "database-create-redis-database": {"description": NEW, "version": "7.2"},
    "mail-create-deliverybox": {"description": NEW, "password": "Some-password-77"},
    "project-create-project": {"description": NEW},
    "sftp-user-create-sftp-user": {
        "description": NEW,
        "authentication": {"password": "Some-password-77"},
        "directories": ["/html"],
    },
    "ssh-user-create-ssh-user": {"description": NEW, "authentication": {"password": "Some-password-77"}},
    "user-create-api-token": {"description": NEW, "roles": ["api_read"]},
}


@pytest.fixture
async def api() -> AsyncGenerator[Emulator]:
    still = Transitions(length=0, failing=0)
    async with Emulator(seed=3, projects=12, rate_limit=None, lag=0.0, drift=0.0, transitions=still) as running:
        yield running


@pytest.fixture
async def mw(api: Emulator) -> AsyncGenerator[Mittwald]:
    async with Mittwald("token", base_url=api.url) as client:
        yield client


def of_kind(kind: Literal["update", "delete", "create"]) -> list[str]:
    return [name for name, spec in READ_BACK.items() if spec.kind == kind]


async def place(api: Emulator, mw: Mittwald, operation_id: str) -> dict[str, object]:
    """Path arguments of an existing object."""
    found: dict[str, object] = {}
    for parameter in OPERATIONS[operation_id].parameters:
        if parameter.where == "path":
            found[parameter.wire] = api.world.sample(parameter.wire)
    if "apiTokenId" in found:
        await mw.user.create_api_token(description="a token", roles=["api_read"])
        found["apiTokenId"] = (await mw.user.list_api_tokens().collect())[-1].api_token_id
    if operation_id.startswith("mail-update-mail-address"):
        boxes = [box async for p in mw.project.list_projects() async for box in mw.mail.list_mail_addresses(p.id)]
        found["mailAddressId"] = next(box.id for box in boxes if box.mailbox and not box.is_catch_all)
    return found


def others(api: Emulator, operation_id: str) -> list[dict[str, object]]:
    """Path arguments of every object of the kind."""
    (wire,) = (parameter.wire for parameter in OPERATIONS[operation_id].parameters if parameter.where == "path")
    kind = KIND_OF_PARAMETER.get(wire)
    if kind is None:
        return []
    world = api.world
    return [{wire: world.read(kind, key)[KINDS[kind].id_name]} for key in world.keys(kind)]


async def completed(api: Emulator, mw: Mittwald, operation_id: str, body: Any) -> Any:
    """The body, completed with ids that only the account knows."""
    project = api.world.sample("projectId")
    if operation_id == "ingress-create-ingress":
        return {**body, "projectId": project}
    if operation_id == "app-request-appinstallation":
        return {**body, "appVersionId": api.world.sample("appVersionId")}
    if operation_id == "cronjob-create-cronjob":
        installation = api.world.sample("appInstallationId")
        return {**body, "appId": installation, "destination": {"url": "https://by-a-test.example"}}
    if operation_id == "database-create-mysql-user":
        return {**body, "databaseId": api.world.sample("mysqlDatabaseId")}
    if operation_id == "database-create-mysql-database":
        return {**body, "database": {**body["database"], "projectId": project}}
    if operation_id == "customer-update-customer":
        return {**body, "customerId": api.world.sample("customerId")}
    return body


@pytest.mark.parametrize("operation_id", of_kind("update"))
async def test_an_update_is_done_when_a_read_shows_the_values(api: Emulator, mw: Mittwald, operation_id: str) -> None:
    path = await place(api, mw, operation_id)
    if operation_id == "ingress-update-ingress-paths":
        body: Any = [{"path": "/by-a-test", "target": {"useDefaultPage": True}}]
    else:
        body = await completed(api, mw, operation_id, UPDATES[operation_id])
    check = bulk.verifier_for(operation_id)
    assert check is not None
    assert await check(mw, path=path, body=body) is bulk.NOT_DONE
    await mw.call(operation_id, path=path, body=body)
    assert await check(mw, path=path, body=body) is bulk.DONE


@pytest.mark.parametrize("operation_id", of_kind("delete"))
async def test_a_delete_is_done_when_the_object_is_gone(api: Emulator, mw: Mittwald, operation_id: str) -> None:
    check = bulk.verifier_for(operation_id)
    assert check is not None
    for path in [await place(api, mw, operation_id), *others(api, operation_id)]:
        assert await check(mw, path=path) is bulk.NOT_DONE
        try:
            await mw.call(operation_id, path=path)
        except RefusedError:  # some objects disappear with their parent
            continue
        assert await check(mw, path=path) is bulk.DONE
        return
    pytest.fail("none could be deleted")


@pytest.mark.parametrize("operation_id", of_kind("create"))
async def test_a_create_is_done_when_the_list_shows_the_object(api: Emulator, mw: Mittwald, operation_id: str) -> None:
    path = await place(api, mw, operation_id)
    body = await completed(api, mw, operation_id, CREATES[operation_id])
    spec = READ_BACK[operation_id]
    if spec.marker is not None:
        assert bulk.verifier_for(operation_id) is None
    check = bulk.verifier_for(operation_id, marker=spec.marker[0] if spec.marker else None)
    assert check is not None
    assert await check(mw, path=path, body=body) is bulk.NOT_DONE
    created = await mw.call(operation_id, path=path, body=body)
    verdict = await check(mw, path=path, body=body)
    assert isinstance(verdict, tuple)
    assert verdict[0] is bulk.DONE
    made = getattr(created, "id", None)
    if made is not None:
        assert verdict[1] == {"id": made}


async def test_hidden_properties_cannot_be_verified(api: Emulator, mw: Mittwald) -> None:
    path = {"mysqlUserId": api.world.sample("mysqlUserId")}
    check = bulk.verifier_for("database-update-mysql-user")
    assert check is not None
    body = {"description": "a user", "password": "Some-password-77"}
    assert await check(mw, path=path, body=body) is bulk.NOT_DONE
    await mw.call("database-update-mysql-user", path=path, body=body)
    assert await check(mw, path=path, body=body) is bulk.CANNOT_TELL


async def test_two_matching_objects_cannot_be_told_apart(api: Emulator, mw: Mittwald) -> None:
    path = {"projectId": api.world.sample("projectId")}
    body = {"description": "twin", "password": "Some-password-77"}
    check = bulk.verifier_for("mail-create-deliverybox", marker="description")
    assert check is not None
    for _ in range(2):
        await mw.call("mail-create-deliverybox", path=path, body=body)
    assert await check(mw, path=path, body=body) is bulk.CANNOT_TELL


def test_operations_without_a_verifier_have_none_and_unknown_operations_are_refused() -> None:
    assert bulk.verifier_for("mail-update-mail-address-password") is None
    assert bulk.verifier_for("cronjob-create-execution") is None
    with pytest.raises(InvalidArgumentError, match="did you mean"):
        bulk.verifier_for("project-update-projects")
    with pytest.raises(InvalidArgumentError, match="it has description"):
        bulk.verifier_for("project-create-project", marker="name")


def test_the_table_names_existing_operations_and_properties() -> None:
    for name, spec in READ_BACK.items():
        operation, read = OPERATIONS[name], OPERATIONS[spec.read]
        assert not operation.deprecated, name
        assert not read.deprecated, name
        sent = {p.wire for p in operation.body.properties} if operation.body is not None else set[str]()
        if operation.body is not None and operation.body.flat:
            wanted = {one.split(".")[0] for one, _ in spec.compare} | set(spec.unreadable)
            wanted |= {found[0].split(".")[0] for found in (spec.unique, spec.marker) if found is not None}
            assert wanted <= sent, name


@pytest.mark.parametrize(
    ("sent", "found", "equal"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 2, 3]}}, False),
        ("2030-01-01T00:00:00Z", "2030-01-01T01:00:00+01:00", True),
        ("Shop.Example", "shop.example", False),
        (True, 1, False),
        (1, 1.0, True),
        ("", None, False),
    ],
)
def test_values_are_compared_as_sent(sent: Any, found: Any, equal: bool) -> None:
    assert same(sent, found) is equal
