"""Which writes can be read back, and how. Data; every entry is tried against the emulator by the tests."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["update", "delete", "create"]


class ReadBack(msgspec.Struct, frozen=True, kw_only=True):
    """How one write is read back."""

    kind: Kind
    read: str
    """Operation id of what is read: the thing itself, or for a create the list it will be in."""
    compare: tuple[tuple[str, str], ...] = ()
    """For updates: properties that are sent, dotted, and where they are read, if by another name. A property that is
    not named here is read by its own name. Of a body that is one value, `""` is the whole."""
    unreadable: frozenset[str] = frozenset()
    """Properties that no read shows, such as passwords."""
    unique: tuple[str, str] | None = None
    """For creates: the property that is unique, and its location in the list."""
    marker: tuple[str, str] | None = None
    """For creates without one: a property that the creator can make unique."""
    narrow: tuple[tuple[str, str], ...] = ()
    """Query parameters of the list that are taken from properties sent."""

    @property
    def how(self) -> str:
        """In words."""
        if self.kind == "delete":
            return f"reads it ({self.read}): gone is done"
        if self.kind == "update":
            hidden = f", except {', '.join(sorted(self.unreadable))}" if self.unreadable else ""
            return f"reads it ({self.read}) and compares what was sent{hidden}"
        if self.unique is not None:
            return f"looks for its {self.unique[0]} in the list ({self.read})"
        assert self.marker is not None
        return f"looks for its {self.marker[0]} in the list ({self.read}), if that is unique: marker={self.marker[0]}"


def _update(read: str, *compare: tuple[str, str], unreadable: str = "") -> ReadBack:
    return ReadBack(kind="update", read=read, compare=compare, unreadable=frozenset(unreadable.split()))


def _delete(read: str) -> ReadBack:
    return ReadBack(kind="delete", read=read)


def _unique(read: str, sent: str, listed: str = "", *narrow: tuple[str, str]) -> ReadBack:
    return ReadBack(kind="create", read=read, unique=(sent, listed or sent), narrow=narrow)


def _marked(read: str, sent: str, listed: str = "", *narrow: tuple[str, str]) -> ReadBack:
    return ReadBack(kind="create", read=read, marker=(sent, listed or sent), narrow=narrow)


READ_BACK: dict[str, ReadBack] = {
    # Updates
    "app-patch-appinstallation": _update(
        "app-get-appinstallation",
        ("appVersionId", "appVersion.desired"),
        unreadable="databases systemSoftware userInputs",
    ),
    "backup-update-project-backup": _update("backup-get-project-backup", ("expirationTime", "expiresAt")),
    "backup-update-project-backup-schedule": _update("backup-get-project-backup-schedule"),
    "container-update-registry": _update("container-get-registry", unreadable="credentials"),
    "conversation-set-conversation-status": _update("conversation-get-conversation"),
    "conversation-update-conversation": _update("conversation-get-conversation", ("categoryId", "category.categoryId")),
    "cronjob-update-cronjob": _update("cronjob-get-cronjob", unreadable="destination target"),
    "customer-update-customer": _update("customer-get-customer"),
    "customer-update-customer-membership": _update("customer-get-customer-membership"),
    "database-patch-mysql-database": _update("database-get-mysql-database", unreadable="characterSettings"),
    "database-patch-redis-database": _update("database-get-redis-database", unreadable="configuration"),
    "database-update-mysql-user": _update("database-get-mysql-user", unreadable="password"),
    "ingress-update-ingress-paths": _update("ingress-get-ingress", ("", "paths")),
    "mail-update-delivery-box-description": _update("mail-get-delivery-box"),
    "mail-update-mail-address-address": _update("mail-get-mail-address"),
    "mail-update-mail-address-catch-all": _update("mail-get-mail-address", ("active", "isCatchAll")),
    "mail-update-mail-address-forward-addresses": _update("mail-get-mail-address"),
    "mail-update-mail-address-quota": _update(
        "mail-get-mail-address", ("quotaInBytes", "mailbox.storageInBytes.limit")
    ),
    "mail-update-mail-address-spam-protection": _update(
        "mail-get-mail-address", ("spamProtection", "mailbox.spamProtection")
    ),
    "project-update-project": _update("project-get-project"),
    "project-update-project-membership": _update("project-get-project-membership"),
    "project-update-server": _update("project-get-server"),
    "sftp-user-update-sftp-user": _update("sftp-user-get-sftp-user", unreadable="password publicKeys"),
    "ssh-user-update-ssh-user": _update("ssh-user-get-ssh-user", unreadable="password publicKeys"),
    "storagespace-update-project-statistics": _update("storagespace-get-project-statistics"),
    "storagespace-update-server-statistics": _update("storagespace-get-server-statistics"),
    "user-edit-api-token": _update("user-get-api-token"),
    # Deletes
    "app-uninstall-appinstallation": _delete("app-get-appinstallation"),
    "backup-delete-project-backup": _delete("backup-get-project-backup"),
    "backup-delete-project-backup-schedule": _delete("backup-get-project-backup-schedule"),
    "container-delete-registry": _delete("container-get-registry"),
    "cronjob-delete-cronjob": _delete("cronjob-get-cronjob"),
    "customer-delete-customer-invite": _delete("customer-get-customer-invite"),
    "database-delete-mysql-database": _delete("database-get-mysql-database"),
    "database-delete-mysql-user": _delete("database-get-mysql-user"),
    "database-delete-redis-database": _delete("database-get-redis-database"),
    "domain-delete-domain": _delete("domain-get-domain"),
    "ingress-delete-ingress": _delete("ingress-get-ingress"),
    "mail-delete-delivery-box": _delete("mail-get-delivery-box"),
    "mail-delete-mail-address": _delete("mail-get-mail-address"),
    "project-delete-project": _delete("project-get-project"),
    "project-delete-project-invite": _delete("project-get-project-invite"),
    "sftp-user-delete-sftp-user": _delete("sftp-user-get-sftp-user"),
    "ssh-user-delete-ssh-user": _delete("ssh-user-get-ssh-user"),
    "user-delete-api-token": _delete("user-get-api-token"),
    # Creates with a unique property
    "customer-create-customer-invite": _unique("customer-list-invites-for-customer", "mailAddress"),
    "ingress-create-ingress": _unique(
        "ingress-list-ingresses", "hostname", "hostname", ("projectId", "projectId"), ("hostnameSubstring", "hostname")
    ),
    "mail-create-mail-address": _unique("mail-list-mail-addresses", "address"),
    "project-create-project-invite": _unique("project-list-invites-for-project", "mailAddress"),
    # Creates that need a marker
    "app-request-appinstallation": _marked("app-list-appinstallations", "description"),
    "backup-create-project-backup": _marked("backup-list-project-backups", "description"),
    "backup-create-project-backup-schedule": _marked("backup-list-project-backup-schedules", "description"),
    "container-create-registry": _marked("container-list-registries", "description"),
    "container-create-stack": _marked("container-list-stacks", "description"),
    "cronjob-create-cronjob": _marked("cronjob-list-cronjobs", "description"),
    "database-create-mysql-database": _marked("database-list-mysql-databases", "database.description", "description"),
    "database-create-mysql-user": _marked("database-list-mysql-users", "description"),
    "database-create-redis-database": _marked("database-list-redis-databases", "description"),
    "mail-create-deliverybox": _marked("mail-list-delivery-boxes", "description"),
    "project-create-project": _marked("project-list-projects", "description", "description"),
    "sftp-user-create-sftp-user": _marked("sftp-user-list-sftp-users", "description"),
    "ssh-user-create-ssh-user": _marked("ssh-user-list-ssh-users", "description"),
    "user-create-api-token": _marked("user-list-api-tokens", "description"),
}


def how_verified(operation_id: str) -> str | None:
    """In words how a write is read back; `None` where it cannot be."""
    spec = READ_BACK.get(operation_id)
    return None if spec is None else spec.how
