"""What happens in an account from one day to the next: a trace of changes, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

from .ids import Dice
from .listing import Key
from .seeded import DAY, KINDS, iso
from .state import World

_CHANGES_PER_HUNDRED_PROJECTS: Final = 12
"""Changes by people per day, beside the automatic ones every night."""
_KEPT_BACKUPS: Final = 14
_RENEWED_BEFORE: Final = 30
"""Days before its end at which a certificate is renewed."""


class AccountChange(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened."""

    at: float
    """Unix seconds of the emulator's clock."""
    account: str
    action: Literal["added", "changed", "removed"]
    kind: str
    """As the emulator's `world` calls it: `project`, `mail_address`, `mysql_database` and so on."""
    id: str
    properties: tuple[str, ...] = ()
    """Wire names of what changed; empty for what was added or removed."""


class Churn:
    """A day after the other in one account.

    Args:
        world: what changes.
        account: its name, for the trace.
        seed: same seed and same account, same trace.
    """

    def __init__(self, world: World, account: str, seed: int) -> None:
        self._world = world
        self._account = account
        self._seed = seed
        self._trace: list[AccountChange] = []

    def day(self, number: int) -> list[AccountChange]:
        """Simulate the day that ends at the clock's time, and return what happened, in order."""
        self._trace = []
        world = self._world
        self._renew_certificates()
        self._back_up()
        dice = world.seeded.ids.dice_of(f"churn {self._seed} {number}")
        projects = len(world.keys("project"))
        for _ in range(max(1, projects * _CHANGES_PER_HUNDRED_PROJECTS // 100)):
            _happens(dice)(self, dice)
        return self._trace

    # every night

    def _renew_certificates(self) -> None:
        world, now = self._world, self._world.clock.now()
        soon = iso(now + _RENEWED_BEFORE * DAY)
        late = iso(now + (_RENEWED_BEFORE - 2) * DAY)
        for key in list(world.keys("certificate")):
            value = world.read("certificate", key)
            until = str(value["validTo"])
            if until <= iso(now) and not value["isExpired"]:
                self._change("certificate", key, isExpired=True)
            elif late <= until < soon and value["issuer"].startswith("Let's Encrypt"):
                self._change("certificate", key, validFrom=iso(now), validTo=iso(now + 90 * DAY))

    def _back_up(self) -> None:
        world, now = self._world, self._world.clock.now()
        for project in list(world.keys("project")):
            schedules = world.keys("backup_schedule", ("project", project))[:1]
            if not schedules:
                continue
            project_id = world.id("project", project)
            value = {
                "createdAt": iso(now - 7140),
                "deletable": False,
                "description": "Systembackup",
                "expiresAt": iso(now + _KEPT_BACKUPS * DAY),
                "id": world.new_id("backup"),
                "parentId": world.id("backup_schedule", schedules[0]),
                "projectId": project_id,
                "requestedAt": iso(now - 7200),
                "status": "Completed",
            }
            self._add("backup", project_id, value)
            for old in world.keys("backup", ("project", project))[:-_KEPT_BACKUPS]:
                self._remove("backup", old)

    # what people do

    def describe_project(self, dice: Dice) -> None:
        if (key := self._any("project", dice)) is not None:
            self._change("project", key, description=f"Relaunch {dice.between(2, 99)}")

    def add_mailbox(self, dice: Dice) -> None:
        key = self._any("mail_address", dice)
        if key is None:
            return
        value = self._world.read("mail_address", key)
        name = f"team{dice.below(1_000_000)}"
        fresh = {"id": self._world.new_id("mail_address"), "address": f"{name}@{value['address'].partition('@')[2]}"}
        self._add("mail_address", value["projectId"], value | fresh | {"updatedAt": self._world.now()})

    def remove_mailbox(self, dice: Dice) -> None:
        if (key := self._any("mail_address", dice)) is not None:
            self._remove("mail_address", key)

    def answer_mail(self, dice: Dice) -> None:
        if (key := self._any("mail_address", dice)) is not None:
            active = not self._world.read("mail_address", key)["autoResponder"]["active"]
            responder = {"active": True, "message": "Bis Montag"} if active else {"active": False}
            self._change("mail_address", key, autoResponder=responder)

    def upgrade_database(self, dice: Dice) -> None:
        if (key := self._any("mysql_database", dice)) is not None:
            value = self._world.read("mysql_database", key)
            version = "8.4" if value["version"] != "8.4" else "8.0"
            now = self._world.now()
            self._change("mysql_database", key, version=version, statusSetAt=now, updatedAt=now)

    def fill_database(self, dice: Dice) -> None:
        if (key := self._any("mysql_database", dice)) is not None:
            self._change(
                "mysql_database",
                key,
                storageUsageInBytes=dice.below(2 << 30),
                storageUsageInBytesSetAt=self._world.now(),
            )

    def change_dns(self, dice: Dice) -> None:
        if (key := self._any("dns_zone", dice)) is not None:
            records: dict[str, Any] = self._world.read("dns_zone", key)["recordSet"]
            text = f"verification={dice.text(20)}"
            txt = {"entries": [text], "settings": {"ttl": {"auto": True}}}
            self._change("dns_zone", key, recordSet=records | {"txt": txt})

    def switch_cronjob(self, dice: Dice) -> None:
        if (key := self._any("cronjob", dice)) is not None:
            active = not self._world.read("cronjob", key)["active"]
            self._change("cronjob", key, active=active, updatedAt=self._world.now())

    def remove_project(self, dice: Dice) -> None:
        if len(self._world.keys("project")) > 1 and (key := self._any("project", dice)) is not None:
            self._remove("project", key)

    # in the world, and in the trace

    def _any(self, kind: str, dice: Dice) -> Key | None:
        keys = self._world.keys(kind)
        if not len(keys):
            return None
        at = dice.below(len(keys))
        return keys[at : at + 1][0]

    def _note(
        self, action: Literal["added", "changed", "removed"], kind: str, id: str, properties: tuple[str, ...] = ()
    ) -> None:
        at = self._world.clock.now()
        self._trace.append(
            AccountChange(at=at, account=self._account, action=action, kind=kind, id=id, properties=properties)
        )

    def _add(self, kind: str, parent_id: str, value: dict[str, Any]) -> None:
        self._note("added", kind, self._world.create(kind, parent_id, value))

    def _change(self, kind: str, key: Key, **changes: Any) -> None:
        before = self._world.read(kind, key)
        changed = tuple(sorted(name for name, value in changes.items() if before.get(name) != value))
        if changed:
            self._world.change(kind, key, **changes)
            self._note("changed", kind, self._world.id(kind, key), changed)

    def _remove(self, kind: str, key: Key) -> None:
        """With everything below it, which is in the trace as well, before it."""
        for name, facts in KINDS.items():
            if facts.parent == kind:
                for child in list(self._world.keys(name, (kind, key))):
                    if self._world.key(name, self._world.id(name, child)) is not None:
                        self._remove(name, child)
        id = self._world.id(kind, key)
        self._world.remove(kind, key)
        self._note("removed", kind, id)


_Happening = Callable[[Churn, Dice], None]

_HAPPENINGS: tuple[tuple[int, _Happening], ...] = (
    (20, Churn.fill_database),
    (15, Churn.describe_project),
    (15, Churn.add_mailbox),
    (12, Churn.answer_mail),
    (10, Churn.change_dns),
    (10, Churn.switch_cronjob),
    (9, Churn.remove_mailbox),
    (8, Churn.upgrade_database),
    (1, Churn.remove_project),
)
"""What people do, by how often in a hundred."""


def _happens(dice: Dice) -> _Happening:
    at = dice.below(sum(weight for weight, _ in _HAPPENINGS))
    for weight, happening in _HAPPENINGS:
        if at < weight:
            return happening
        at -= weight
    raise AssertionError("weights are summed above")
