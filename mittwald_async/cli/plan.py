"""`plan`: which lists a sweep asks for, and what that costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ..inventory import Known, Plan, Store, catalog, chosen, make_plan, seconds_for
from ..inventory import target as make_target
from ..inventory.existing import require_inventory
from .common import OK, AccountName, Json
from .output import count, duration, emit, put_json, put_table

_DEFAULT = Path("inventory.sqlite")


def _resources(incomplete: str) -> list[str]:
    return [name for name in (*catalog(), "all", "default") if name.startswith(incomplete)]


Resources = Annotated[
    list[str] | None,
    typer.Option(
        "--resource",
        "-r",
        help="What to list (repeatable); `all` is everything, `+name` and `-name` change the default. See `plan --list`.",
        metavar="NAME",
        autocompletion=_resources,
    ),
]
Customers = Annotated[
    list[str] | None, typer.Option("--customer", help="Only of this customer (repeatable).", metavar="ID")
]
Projects = Annotated[
    list[str] | None, typer.Option("--project", help="Only of this project (repeatable).", metavar="ID")
]


def plan(
    resource: Resources = None,
    customer: Customers = None,
    project: Projects = None,
    counts: Annotated[
        Path | None,
        typer.Option(
            "--from", help=f"SQLite inventory whose counts the plan uses: {_DEFAULT} if there is one.", metavar="FILE"
        ),
    ] = None,
    account: AccountName = None,
    list_all: Annotated[bool, typer.Option("--list", help="List every resource and its source.", metavar="")] = False,
    as_json: Json = False,
) -> int:
    """Show the lists that a sweep would request, and their cost. Nothing is sent.

    [bold]Examples[/bold]

      mittwald-async plan

      mittwald-async plan -r project -r app_installation -r domain

      mittwald-async plan --from last-week.sqlite

      mittwald-async plan --list
    """
    if list_all:
        return _list(as_json)
    if counts is not None:
        require_inventory(counts)
    part = make_target(customer or None, project or None)
    return show_plan(make_plan(chosen(resource), part, known_from(counts or _DEFAULT, account)), as_json)


def known_from(path: Path, account: str | None = None) -> Known:
    """Counts of an earlier sweep, if there is one: of an account, or of the last that is not the built-in demo's."""
    if not path.is_file():
        return Known()
    with Store(path, writable=False) as store:
        return store.known(account)


def show_plan(found: Plan, as_json: bool) -> int:
    """Print a plan."""
    least = seconds_for(found.requests)
    if as_json:
        steps = [
            {
                "resource": step.resource,
                "operation": step.route.operation_id,
                "per": step.owner,
                "delivered": step.delivered,
                "lists": step.lists,
                "requests": step.requests,
            }
            for step in found.steps
        ]
        put_json({"steps": steps, "requests": found.requests, "exact": not found.open, "seconds_for_budget": least})
        return OK
    rows = [
        (
            step.resource if step.delivered else f"({step.resource}, for its ids)",
            step.route.operation_id,
            step.price,
        )
        for step in found.steps
    ]
    put_table(("resource", "list", "requests"), rows, right=("requests",))
    emit(_total(found, least) + "\n")
    return OK


def price(found: Plan) -> str:
    """The requests of a plan in words, as far as they are known."""
    per: dict[str, int] = {}
    for step in found.open:
        per[step.owner] = per.get(step.owner, 0) + 1
    parts = [count(found.requests, "request")] if found.requests else []
    parts += [
        f"{number:,} per {owner}" if owner != "account" else f"{count(number, 'list')} by pages"
        for owner, number in per.items()
    ]
    return " + ".join(parts)


def _total(found: Plan, least: float) -> str:
    text = f"total: {price(found)}"
    if found.open:
        return text + "; the numbers are known once there is an inventory"
    wait = f"at least {duration(least)} at 3000 requests per 10 minutes" if least else "within one window of the budget"
    return f"{text}, {wait}"


def _list(as_json: bool) -> int:
    if as_json:
        put_json([msgspec.to_builtins(one) for one in catalog().values()])
        return OK
    rows = [
        (
            one.name,
            "yes" if one.default else "",
            ", ".join(f"{route.operation_id} (per {route.scope})" for route in one.routes),
            one.reason,
        )
        for one in catalog().values()
    ]
    put_table(("resource", "default", "lists", "why"), rows)
    return OK
