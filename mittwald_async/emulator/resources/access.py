"""SSH and SFTP users of projects."""

from __future__ import annotations

from typing import Any

from ..handlers import EmulatedCall, handles
from ..replies import EmptyReply, Reply, ValueReply
from ..seeded import SeededAccount, kind, spread
from ..vocabulary import FIRST_NAMES, slug
from .base import given, located, remove, scope_of, shown, whole, world_of

_SSH = spread("project", (60, 0), (25, 1), (10, 2), (5, 4))
_SFTP = spread("project", (65, 0), (25, 1), (10, 3))


def _key(account: SeededAccount, number: int, comment: str) -> dict[str, str]:
    """Looks like a public key and opens nothing."""
    body = account.ids.uuid(205, number).replace("-", "")
    return {"comment": comment, "key": f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{body}"}


def _user(account: SeededAccount, name: str, number: int) -> dict[str, Any]:
    dice = account.dice(name, number)
    project = account.parent(name, number)
    created = account.moment(dice, 10, 800)
    person = dice.pick(FIRST_NAMES)
    with_keys = dice.chance(55)
    value: dict[str, Any] = {
        "active": dice.chance(92),
        "authUpdatedAt": created,
        "createdAt": created,
        "description": f"{person} ({dice.pick(('Agentur', 'Entwicklung', 'Deployment', 'Extern'))})",
        "hasPassword": not with_keys,
        "id": account.id(name, number),
        "projectId": account.id("project", project),
        "updatedAt": created,
        "userName": account.ids.short(name.partition("_")[0], number),
    }
    if with_keys:
        value["publicKeys"] = [_key(account, number, f"{slug(person)}@laptop")]
    return value


@kind("ssh_user", 27, parent="project", count=_SSH)
def ssh_user(account: SeededAccount, number: int) -> dict[str, Any]:
    return _user(account, "ssh_user", number)


@kind("sftp_user", 28, parent="project", count=_SFTP)
def sftp_user(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("sftp_user", number, 2)
    return _user(account, "sftp_user", number) | {
        "accessLevel": dice.pick(("full", "full", "read")),
        "directories": [dice.pick(("/html", "/files", "/html/upload"))],
    }


@handles("ssh-user-list-ssh-users")
def list_ssh(call: EmulatedCall) -> Reply:
    return whole(call, "ssh_user", scope_of(call, "project", "projectId"))


@handles("sftp-user-list-sftp-users")
def list_sftp(call: EmulatedCall) -> Reply:
    return whole(call, "sftp_user", scope_of(call, "project", "projectId"))


@handles("ssh-user-get-ssh-user")
def get_ssh(call: EmulatedCall) -> Reply:
    return shown(call, "ssh_user", located(call, "ssh_user", "sshUserId"))


@handles("sftp-user-get-sftp-user")
def get_sftp(call: EmulatedCall) -> Reply:
    return shown(call, "sftp_user", located(call, "sftp_user", "sftpUserId"))


def _created(call: EmulatedCall, kind: str, extra: dict[str, Any]) -> Reply:
    world = world_of(call)
    project_id = world.id("project", located(call, "project", "projectId"))
    now = world.now()
    authentication = call.body["authentication"]
    value: dict[str, Any] = {
        "active": True,
        "authUpdatedAt": now,
        "createdAt": now,
        "hasPassword": "password" in authentication,
        "id": world.new_id(kind),
        "projectId": project_id,
        "updatedAt": now,
        "userName": world.new_short(kind.partition("_")[0]),
        **given(call.body, "description", "expiresAt"),
        **given(authentication, "publicKeys"),
        **extra,
    }
    world.create(kind, project_id, value)
    return ValueReply(value)


@handles("ssh-user-create-ssh-user")
def create_ssh(call: EmulatedCall) -> Reply:
    return _created(call, "ssh_user", {})


@handles("sftp-user-create-sftp-user")
def create_sftp(call: EmulatedCall) -> Reply:
    extra = {"accessLevel": call.body.get("accessLevel", "read"), "directories": call.body["directories"]}
    return _created(call, "sftp_user", extra)


def _changed(call: EmulatedCall, kind: str, parameter: str) -> Reply:
    """Keys replace a password and the other way round."""
    world = world_of(call)
    key = located(call, kind, parameter)
    changes = given(call.body, "accessLevel", "active", "description", "directories", "expiresAt", "publicKeys")
    drop: tuple[str, ...] = ()
    if "password" in call.body:
        changes |= {"hasPassword": True, "authUpdatedAt": world.now()}
        drop = ("publicKeys",)
    elif "publicKeys" in call.body:
        changes |= {"hasPassword": False, "authUpdatedAt": world.now()}
    world.change(kind, key, drop, updatedAt=world.now(), **changes)
    return EmptyReply()


@handles("ssh-user-update-ssh-user")
def update_ssh(call: EmulatedCall) -> Reply:
    return _changed(call, "ssh_user", "sshUserId")


@handles("sftp-user-update-sftp-user")
def update_sftp(call: EmulatedCall) -> Reply:
    return _changed(call, "sftp_user", "sftpUserId")


@handles("ssh-user-delete-ssh-user")
def delete_ssh(call: EmulatedCall) -> Reply:
    return remove(call, "ssh_user", "sshUserId")


@handles("sftp-user-delete-sftp-user")
def delete_sftp(call: EmulatedCall) -> Reply:
    return remove(call, "sftp_user", "sftpUserId")
