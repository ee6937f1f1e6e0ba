"""Which route of a resource is chosen, with made-up resources and costs worked out by hand."""

from __future__ import annotations

import pytest

from mittwald_async.errors import ConfigurationError
from mittwald_async.inventory import Known, Plan, make_plan, target
from mittwald_async.inventory.catalog import ListRoute, Resource, Scope, catalog
from mittwald_async.inventory.plan import Step

OPERATION = catalog()["contract"].routes[0].operation_id
"""Its items name their customer, so no other list is needed to find it."""


def route(scope: Scope, *, last_resort: bool = False) -> ListRoute:
    return ListRoute(OPERATION, scope, None if scope == "account" else f"{scope}Id", last_resort=last_resort)


ACCOUNT, CUSTOMER, PROJECT, PARENT = (route(scope) for scope in ("account", "customer", "project", "parent"))


def planned(
    *routes: ListRoute,
    name: str = "contract",
    parent: str | None = None,
    projects: list[str] | None = None,
    **known: int,
) -> Plan:
    resource = Resource(name=name, routes=routes, key="id", parent=parent)
    return make_plan([resource], target(projects=projects), Known(items=known))


def step(found: Plan, name: str = "contract") -> Step:
    taken = found.step(name)
    assert taken is not None
    return taken


@pytest.mark.parametrize(
    ("routes", "projects", "requests"),
    [
        ((ACCOUNT,), 5, 1),
        ((ACCOUNT, PARENT), 5, 1),
        ((ACCOUNT, route("project", last_resort=True)), 5, 1),
        ((ACCOUNT, CUSTOMER), 0, 1),
        ((ACCOUNT, CUSTOMER), 1, 2),
        ((ACCOUNT, PROJECT), 5, 2),
    ],
)
def test_an_empty_list_of_the_account_costs_a_verification_where_a_narrower_list_exists(
    routes: tuple[ListRoute, ...], projects: int, requests: int
) -> None:
    found = step(planned(*routes, parent="customer", contract=0, project=projects, customer=9))
    assert (found.route.scope, found.lists, found.requests) == ("account", 1, requests)


def test_a_list_of_the_account_is_one_list_for_any_number_of_projects() -> None:
    found = step(planned(ACCOUNT, PROJECT, contract=2500, project=1000))
    assert (found.route.scope, found.lists, found.requests) == ("account", 1, 3)


def test_there_are_as_many_lists_as_parents() -> None:
    found = planned(PARENT, parent="domain", domain=7, project=1000, customer=3)
    assert (step(found).lists, step(found).requests) == (7, 7)
    assert not step(found, "domain").delivered


def test_a_parent_is_listed_only_where_its_children_are_requested() -> None:
    found = planned(ACCOUNT, PARENT, parent="domain", contract=10, domain=7)
    assert [one.resource for one in found.steps] == ["contract"]


def test_a_known_cost_is_not_replaced_by_an_estimate() -> None:
    assert step(planned(ACCOUNT, PROJECT, contract=3000, project=1)).route.scope == "project"
    assert step(planned(ACCOUNT, PROJECT, contract=3000, project=4)).route.scope == "account"
    assert step(planned(ACCOUNT, PROJECT, project=4)).route.scope == "account"


def test_a_last_resort_comes_last_even_if_no_cost_is_known() -> None:
    last = route("account", last_resort=True)
    found = step(planned(last, PROJECT, CUSTOMER))
    assert [found.route, *found.spare] == [CUSTOMER, PROJECT, last]
    assert step(planned(last, PROJECT, project=4)).route.scope == "project"


def test_one_project_has_one_customer_and_several_may_share_one() -> None:
    assert (step(planned(CUSTOMER, projects=["p-1"])).lists, step(planned(CUSTOMER, projects=["a", "b"])).lists) == (
        1,
        None,
    )


def test_projects_are_needed_to_attribute_things_of_the_account() -> None:
    some = ["p-1", "p-2", "p-3"]
    for narrower in (PROJECT, CUSTOMER):
        found = planned(ACCOUNT, narrower, projects=some, contract=10)
        assert (step(found).route.scope, step(found, "project").delivered) == ("account", False)
    assert [one.resource for one in planned(ACCOUNT, PARENT, parent="customer", projects=some, contract=10).steps] == [
        "contract"
    ]


def test_projects_themselves_need_no_projects() -> None:
    found = planned(ACCOUNT, CUSTOMER, name="project", projects=["p-1", "p-2", "p-3"], project=10)
    assert [(one.resource, one.route.scope, one.delivered) for one in found.steps] == [("project", "account", True)]


def test_an_open_cost_names_the_parents_it_depends_on() -> None:
    assert [step(planned(one)).price for one in (ACCOUNT, CUSTOMER, PROJECT)] == [
        "1 per page",
        "1 per customer",
        "1 per project",
    ]
    user = catalog()["mysql_user"]
    assert step(make_plan([user], target()), "mysql_user").owner == "mysql_database"


@pytest.mark.parametrize("name", ["customers", "projects"])
@pytest.mark.parametrize("wrong", [[], [""], [7]])
def test_a_target_without_usable_ids_is_refused_by_name(name: str, wrong: list[str]) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name} must name at least one id"):
        target(**{name: wrong})
    with pytest.raises(ConfigurationError, match=f"^{name} is a list of ids, not one string"):
        target(**{name: "c-1"})
