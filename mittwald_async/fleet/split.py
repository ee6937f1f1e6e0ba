"""Cutting a large account into parts that several workers sweep, all with its one token.

They share the token's budget by what the headers say, as processes of this package do that know nothing of each other.
The first part has what is listed for the account and for customers, the others what is listed project by project.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..inventory import Known, chosen, make_plan, target


def by_project(resources: Sequence[str], projects: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Resources that are listed for account and customers, and those that are listed project by project or below.

    Args:
        resources: what to sweep.
        projects: of the account.
    """
    plan = make_plan(chosen(resources), target(), Known({"project": projects, "customer": max(1, projects // 10)}))
    scopes = {step.resource: step.route.scope for step in plan.steps}
    split: list[str] = []
    for step in plan.steps:
        source = step.owner
        if scopes[step.resource] == "project" or source in split:
            split.append(step.resource)
    wide = tuple(name for name in resources if name not in split)
    return wide, tuple(name for name in resources if name in split)


def chunks(projects: Sequence[str], most: int) -> Iterator[tuple[str, ...]]:
    """Projects in groups of nearly the same size, `most` at most."""
    groups = -(-len(projects) // most)
    for number in range(groups):
        yield tuple(projects[number * len(projects) // groups : (number + 1) * len(projects) // groups])
