"""The catalog: every list of an account is a resource, or is excluded with a reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from mittwald_async.codec import resolve
from mittwald_async.errors import ConfigurationError
from mittwald_async.inventory import Resource, catalog, chosen, default_resources
from mittwald_async.inventory.catalog import NOT_OF_AN_ACCOUNT, VOLATILE, judged_operations
from mittwald_async.inventory.computed import COMPUTED
from mittwald_async.inventory.fields import changed_fields, is_volatile
from mittwald_async.operations import OPERATIONS


def test_every_current_list_operation_is_in_the_catalog_or_excluded() -> None:
    lists = {op.operation_id for op in OPERATIONS.values() if op.paging is not None and not op.deprecated}
    judged = judged_operations()
    assert lists - judged - set(NOT_OF_AN_ACCOUNT) == set()


def test_the_catalog_names_only_existing_operations() -> None:
    assert {op for op in judged_operations() if op not in OPERATIONS} == set(COMPUTED)
    assert {op for op in NOT_OF_AN_ACCOUNT if op not in OPERATIONS or OPERATIONS[op].paging is None} == set()
    assert len(catalog()) == len({route.operation_id for r in catalog().values() for route in r.routes[:1]})


def test_deprecated_lists_are_a_last_resort() -> None:
    used = [route for r in catalog().values() for route in r.routes if route.operation_id in OPERATIONS]
    assert all(route.last_resort for route in used if OPERATIONS[route.operation_id].deprecated)
    assert {route.operation_id for route in used if OPERATIONS[route.operation_id].deprecated} == {
        "deprecated-domain-list-domains",
        "deprecated-ingress-list-ingresses",
    }


def test_about_25_resources_are_on_by_default_and_parents_come_first() -> None:
    names = list(catalog())
    assert 22 <= len(default_resources()) <= 30
    for resource in catalog().values():
        for needed in (resource.parent, resource.requires):
            if needed is not None:
                assert names.index(needed) < names.index(resource.name)


def test_lists_of_only_the_callers_own_items_do_not_count_as_complete() -> None:
    for name in ("customer_membership", "customer_invite", "project_membership", "project_invite"):
        assert catalog()[name].route("account") is None


def test_a_filter_parameter_makes_a_list_a_route_of_that_scope() -> None:
    by_project = catalog()["domain"].route("project")
    assert by_project is not None
    assert by_project.by_filter
    assert by_project.arguments("p-1") == ({}, {"projectId": "p-1"})
    instances = catalog()["extension_instance"].route("project")
    assert instances is not None
    assert instances.arguments("p-1") == ({}, {"contextId": "p-1", "context": "project"})


def test_items_of_every_list_have_a_type() -> None:
    assert catalog()["project"].item_type == "project.ProjectListItem"
    assert catalog()["unlocked_lead"].item_type == "Any"


def test_resource_names_are_checked_and_near_misses_suggested() -> None:
    assert [resource.name for resource in chosen(["domain", "project"])] == ["project", "domain"]
    assert len(chosen(["all"])) == len(catalog())
    with pytest.raises(ConfigurationError, match=r"no resource 'domains'; did you mean .*domain"):
        chosen(["domains"])
    with pytest.raises(ConfigurationError, match=r"no resource 'zzz'; `mittwald-async plan --list` shows"):
        chosen(["zzz"])
    with pytest.raises(ConfigurationError, match="no resources"):
        chosen([])
    with pytest.raises(ConfigurationError, match="not one string"):
        chosen("project")
    with pytest.raises(ConfigurationError, match="no resource '7'"):
        chosen([7])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


def test_every_measurement_in_a_model_is_judged_volatile_and_nothing_else_is() -> None:
    """Usage and the moments of its measuring change each night: a diff that lists them is read once."""
    paths = {path for resource in catalog().values() for path in properties(resource_model(resource), "", 0)}
    measured = re.compile(
        r"SetAt$|usageInBytes$|usedBytes$|UsageInBytes$|InPercentage$|TotalExceedanceInBytes$|uptimeSeconds$"
    )
    assert {path for path in paths if measured.search(path) and not is_volatile(path)} == set()
    assert {name for name in VOLATILE if not any(f".{path}".endswith(f".{name}") for path in paths)} == set()


def test_what_runs_and_is_used_each_day_is_no_change_and_how_it_goes_is() -> None:
    def cronjob(day: int, *, successful: bool = True) -> bytes:
        at = f"2026-11-{day}T03:00:00Z"
        latest = {"id": f"e-{day}", "executionStart": at, "durationInMilliseconds": day, "successful": successful}
        return msgspec.json.encode({"id": "c-1", "nextExecutionTime": at, "latestExecution": latest})

    def storage(used: int, *, limit: int = 100) -> bytes:
        meta = {"limitInBytes": limit, "totalUsageInBytes": used, "totalFreeInPercentage": used}
        categories = [{"kind": "webspace", "totalUsageInBytes": used, "resources": [{"id": "r", "usageInBytes": used}]}]
        return msgspec.json.encode({"id": "p-1", "meta": meta, "statisticCategories": categories})

    assert changed_fields(cronjob(10), cronjob(11)) == {}
    assert changed_fields(cronjob(10), cronjob(11, successful=False)) == {"latestExecution.successful": (True, False)}
    assert changed_fields(storage(1), storage(2)) == {}
    assert changed_fields(storage(1), storage(2, limit=200)) == {"meta.limitInBytes": (100, 200)}
    assert len(changed_fields(storage(1), storage(2), all_fields=True)) == 3


def resource_model(resource: Resource) -> Any:
    return resolve(resource.item_type, models=resource.models)


def properties(hint: Any, path: str, depth: int) -> Iterator[str]:
    """Dotted paths of all properties below a type."""
    for part in get_args(hint):
        yield from properties(part, path, depth)
    if depth < 4 and isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        hints = get_type_hints(hint)
        for field in msgspec.structs.fields(hint):
            own = f"{path}.{field.encode_name}".removeprefix(".")
            yield own
            yield from properties(hints[field.name], own, depth + 1)
