"""Cronjobs and their executions."""

from __future__ import annotations

from typing import Any

from ..handlers import EmulatedCall, handles
from ..lifecycle import TransitionStep
from ..listing import Key
from ..replies import EmptyReply, Fail, Reply, ValueReply
from ..seeded import SeededAccount, iso, kind, spread
from ..views import Objects, view
from ..vocabulary import CRONJOBS
from .base import Sort, Test, equal, filtered, given, known, located, remove, scope_of, shown, unfit, world_of

_COUNT = spread("project", (45, 0), (35, 1), (15, 2), (5, 4))
_EXECUTIONS = spread("cronjob", (10, 0), (20, 5), (40, 10), (30, 20))


def _cronjob_count(account: SeededAccount, project: int) -> int:
    return _COUNT(account, project) if account.span("app_installation", project) else 0


@kind("cronjob", 23, parent="project", count=_cronjob_count)
def cronjob(account: SeededAccount, number: int) -> dict[str, Any]:
    dice = account.dice("cronjob", number)
    project, index = account.place("cronjob", number)
    installations = account.span("app_installation", project)
    installation = installations[index % len(installations)]
    installation_id = account.id("app_installation", installation)
    description, interval, path, parameters = dice.pick(CRONJOBS)
    created = account.moment(dice, 20, 700)
    destination: dict[str, Any] = {
        "interpreter": "/usr/bin/php",
        "path": path.format(short=account.ids.short("a", installation)),
    }
    if parameters:
        destination["parameters"] = parameters
    return {
        "active": dice.chance(90),
        "appId": installation_id,
        "appInstallationId": installation_id,
        "concurrencyPolicy": dice.pick(("allow", "forbid", "forbid")),
        "createdAt": created,
        "description": description,
        "destination": destination,
        "failedExecutionAlertThreshold": dice.between(1, 10),
        "id": account.id("cronjob", number),
        "interval": interval,
        "nextExecutionTime": iso(account.epoch + 300),
        "projectId": account.id("project", project),
        "shortId": account.ids.short("cron", number),
        "target": {"appInstallationId": installation_id, "destination": destination},
        "timeZone": "Europe/Berlin",
        "timeout": dice.pick((60, 300, 3600)),
        "updatedAt": created,
    }


@kind("cronjob_execution", 24, parent="cronjob", count=_EXECUTIONS)
def cronjob_execution(account: SeededAccount, number: int) -> dict[str, Any]:
    """Newest last, five minutes apart."""
    dice = account.dice("cronjob_execution", number)
    cronjob, index = account.place("cronjob_execution", number)
    before = len(account.span("cronjob_execution", cronjob)) - index
    start = account.epoch - 300 * before
    took = 200 + dice.below(40_000)
    status = "Complete" if dice.chance(94) else dice.pick(("Failed", "TimedOut", "AbortedBySystem"))
    end = iso(start + took / 1000, took % 1000)
    return {
        "cronjobId": account.id("cronjob", cronjob),
        "durationInMilliseconds": took,
        "end": end,
        "executionEnd": end,
        "executionStart": iso(start),
        "exitCode": 0 if status == "Complete" else 1,
        "id": account.ids.short("ce", number),
        "logPath": f"/var/log/cron/{number}.log",
        "start": iso(start),
        "status": status,
        "successful": status == "Complete",
    }


@view("cronjob", needs=("cronjob_execution",))
def present(world: Objects, key: Key, stored: dict[str, Any]) -> dict[str, Any]:
    """With its latest execution."""
    executions = world.keys("cronjob_execution", ("cronjob", key))
    newest = executions[len(executions) - 1 :] if len(executions) else []
    return stored | {"latestExecution": world.read("cronjob_execution", newest[0])} if newest else stored


def _cronjob(call: EmulatedCall) -> Key:
    return located(call, "cronjob", "cronjobId")


@handles("cronjob-list-cronjobs")
def list_cronjobs(call: EmulatedCall) -> Reply:
    tests: list[Test | None] = []
    if not call.query.get("includeServiceCronjobs") and "stackId" not in call.query:
        tests.append(lambda value: "stackId" not in value.get("target", {}))
    if "stackId" in call.query:
        stack_id = call.query["stackId"]
        tests.append(lambda value: value.get("target", {}).get("stackId") == stack_id)
    scope = scope_of(call, "project", "projectId")
    return filtered(
        call, "cronjob", scope, tests if world_of(call).created["cronjob"] or "stackId" in call.query else ()
    )


@handles("cronjob-get-cronjob")
def get_cronjob(call: EmulatedCall) -> Reply:
    return shown(call, "cronjob", _cronjob(call))


def _target(call: EmulatedCall, body: dict[str, Any], project: Key | None) -> dict[str, Any]:
    """The properties that say what runs, from either way of naming it."""
    world = world_of(call)
    target = body.get("target")
    if target and "stackId" in target:
        stack = world.read("stack", known(call, "stack", target["stackId"]))
        return {
            "appId": stack["id"],
            "target": {
                "command": target["command"],
                "serviceShortId": _service_short_id(call, stack["id"], target["serviceIdentifier"]),
                "stackId": stack["id"],
            },
        }
    id = (target or body).get("appInstallationId") or body.get("appId")
    if not id:
        raise unfit("body.target", "needs an app installation or a service")
    installation = known(call, "app_installation", id)
    if project is not None and world.parent("app_installation", installation) != project:
        raise unfit("body.target.appInstallationId", "belongs to another project")
    id = world.id("app_installation", installation)
    destination = (target or body).get("destination")
    if not destination:
        raise unfit("body.destination", "is missing")
    return {
        "appId": id,
        "appInstallationId": id,
        "destination": destination,
        "target": {"appInstallationId": id, "destination": destination},
    }


def _service_short_id(call: EmulatedCall, stack_id: str, identifier: str) -> str:
    """Short id (`c-…`) of a service that is named by id, short id or name within its stack."""
    world = world_of(call)
    for key in world.keys("service", ("stack", known(call, "stack", stack_id))):
        value = world.read("service", key)
        if identifier in (value["id"], value["shortId"], value["serviceName"]):
            return str(value["shortId"])
    raise Fail.not_found("service", identifier)


_PLAIN = (
    "active",
    "concurrencyPolicy",
    "description",
    "email",
    "failedExecutionAlertThreshold",
    "interval",
    "timeZone",
    "timeout",
)


def _checked_interval(body: dict[str, Any]) -> None:
    if "interval" in body and len(body["interval"].split()) != 5:
        raise unfit("body.interval", "is not a cron expression of five fields")


@handles("cronjob-create-cronjob")
def create_cronjob(call: EmulatedCall) -> Reply:
    world = world_of(call)
    project = located(call, "project", "projectId")
    project_id = world.id("project", project)
    body = call.body
    _checked_interval(body)
    now = world.now()
    value: dict[str, Any] = {
        "createdAt": now,
        "failedExecutionAlertThreshold": 1,
        "id": world.new_id("cronjob"),
        "nextExecutionTime": world.clock.iso(world.clock.now() + 300),
        "projectId": project_id,
        "shortId": world.new_short("cron"),
        "updatedAt": now,
        **given(body, *_PLAIN),
        **_target(call, body, project),
    }
    return ValueReply({"id": world.create("cronjob", project_id, value)})


@handles("cronjob-update-cronjob")
def update_cronjob(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = _cronjob(call)
    body = call.body
    _checked_interval(body)
    changes = given(body, *_PLAIN)
    if "target" in body or "destination" in body:
        value = world.read("cronjob", key)
        wanted = body if "target" in body else {**given(value, "appInstallationId"), **body}
        changes |= _target(call, wanted, world.parent("cronjob", key))
    world.change("cronjob", key, updatedAt=world.now(), **changes)
    return EmptyReply()


@handles("deprecated-cronjob-replace-cronjob-app-installation-id", "deprecated-cronjob-update-cronjob-app-id")
def move_cronjob(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = _cronjob(call)
    id = call.body.get("appInstallationId") or call.body.get("appId")
    value = world.read("cronjob", key)
    wanted = {"appInstallationId": id, "destination": value.get("destination")}
    world.change("cronjob", key, updatedAt=world.now(), **_target(call, wanted, world.parent("cronjob", key)))
    return EmptyReply()


@handles("cronjob-delete-cronjob")
def delete_cronjob(call: EmulatedCall) -> Reply:
    return remove(call, "cronjob", "cronjobId")


# executions


def _execution(call: EmulatedCall) -> Key:
    """Executions have ids of their own form, below their cronjob."""
    world = world_of(call)
    id = call.path["executionId"]
    for key in world.keys("cronjob_execution", ("cronjob", _cronjob(call))):
        if world.read("cronjob_execution", key)["id"] == id:
            return key
    raise Fail.not_found("execution", id)


_ORDERS: dict[str, tuple[Sort, bool]] = {
    "oldestFirst": (lambda value: value.get("start", ""), False),
    "newestFirst": (lambda value: value.get("start", ""), True),
    "slowestFirst": (lambda value: value.get("durationInMilliseconds", 0), True),
    "fastestFirst": (lambda value: value.get("durationInMilliseconds", 0), False),
}


@handles("cronjob-list-executions")
def list_executions(call: EmulatedCall) -> Reply:
    query = call.query
    tests: list[Test | None] = [equal(call, "status")]
    if "since" in query:
        tests.append(lambda value: value.get("start", "") >= str(query["since"]))
    if "until" in query:
        tests.append(lambda value: value.get("start", "") <= str(query["until"]))
    if "triggeredByUser" in query:
        tests.append(lambda value: ("triggeredBy" in value) is query["triggeredByUser"])
    sort, down = _ORDERS.get(query.get("sortOrder", ""), (None, False))
    return filtered(call, "cronjob_execution", ("cronjob", _cronjob(call)), tests, sort, descending=down)


@handles("cronjob-get-execution")
def get_execution(call: EmulatedCall) -> Reply:
    return shown(call, "cronjob_execution", _execution(call))


@handles("cronjob-get-execution-analysis")
def get_analysis(call: EmulatedCall) -> Reply:
    value = world_of(call).read("cronjob_execution", _execution(call))
    return ValueReply(
        {"message": "Die Ausführung war erfolgreich." if value["successful"] else "Exit-Code 1: siehe Log."}
    )


@handles("cronjob-create-execution")
def create_execution(call: EmulatedCall) -> Reply:
    """Pending, running, complete; a share fails."""
    world = world_of(call)
    key = _cronjob(call)
    id = world.new_short("ce")
    value: dict[str, Any] = {
        "cronjobId": world.id("cronjob", key),
        "id": id,
        "start": world.now(),
        "status": "Pending",
        "successful": False,
        "triggeredBy": {"id": call.identity.user_id or world.main_user},
    }
    world.create("cronjob_execution", world.id("cronjob", key), value)
    done: dict[str, Any] = {"status": "Complete", "successful": True, "exitCode": 0, "durationInMilliseconds": 1500}
    if world.fails("cronjob_execution", id):
        done = {"status": "Failed", "exitCode": 1, "durationInMilliseconds": 1500}
    world.begin(
        "cronjob_execution",
        id,
        TransitionStep(set={"status": "Running"}, stamp=("executionStart",)),
        TransitionStep(set=done, stamp=("executionEnd", "end")),
    )
    return ValueReply({"id": id})


@handles("cronjob-abort-execution")
def abort_execution(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = _execution(call)
    if world.read("cronjob_execution", key)["status"] not in ("Pending", "Running"):
        raise Fail.refused("the execution is over")
    world.transitions.stop(("cronjob_execution", key))
    user = {"id": call.identity.user_id or world.main_user}
    world.change("cronjob_execution", key, status="AbortedByUser", abortedBy=user, end=world.now())
    return EmptyReply()
