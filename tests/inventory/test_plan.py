"""The planner: costs are requests, and every number here is worked out by hand."""

from __future__ import annotations

import pytest

from mittwald_async.errors import ConfigurationError
from mittwald_async.inventory import Known, Plan, chosen, default_resources, make_plan, seconds_for, target

ACCOUNT = Known(
    items={
        "customer": 200,
        "project": 1000,
        "app_installation": 1800,
        "domain": 2500,
        "stack": 40,
        "mysql_database": 900,
    },
    owners={"stack": 30},
)


def plan(*resources: str, known: Known | None = None, **part: list[str]) -> Plan:
    return make_plan(chosen(resources or None), target(**part), known)


def prices(found: Plan) -> dict[str, int | None]:
    return {step.resource: step.requests for step in found.steps}


def test_projects_installations_and_domains_of_a_thousand_projects_take_four_requests() -> None:
    found = plan("project", "app_installation", "domain", known=ACCOUNT)
    # Pages of 10,000 (projects, domains) and of 1,000 (installations).
    assert prices(found) == {"project": 1, "app_installation": 2, "domain": 1}
    assert found.requests == 4
    assert found.open == ()


def test_the_default_set_costs_at_least_30_percent_less_than_a_list_per_project_and_resource() -> None:
    found = plan(known=ACCOUNT)
    unknown_extra = 2 * len(found.open)  # account-wide lists of unknown length: two pages each are plenty
    assert found.requests + unknown_extra <= 0.7 * 1000 * len(default_resources())


def test_volumes_are_requested_only_for_projects_with_stacks() -> None:
    step = plan("volume", known=ACCOUNT).step("volume")
    assert step is not None
    assert (step.lists, step.requests) == (30, 30)
    stacks = plan("volume", known=ACCOUNT).step("stack")
    assert stacks is not None
    assert not stacks.delivered


def test_unknown_numbers_stay_open_and_name_what_they_depend_on() -> None:
    found = plan("dns_zone", "contract", "mysql_user")
    assert {step.resource: step.price for step in found.steps} == {
        "customer": "1 per page",
        "project": "1 per page",
        "contract": "1 per customer",
        "dns_zone": "1 per project",
        "mysql_database": "1 per project",
        "mysql_user": "1 per mysql_database",
    }
    assert [step.resource for step in found.steps if step.delivered] == ["contract", "dns_zone", "mysql_user"]


def test_a_list_of_unknown_length_is_still_cheaper_than_one_per_project() -> None:
    found = plan("app_installation", known=Known(items={"project": 1000}))
    step = found.step("app_installation")
    assert step is not None
    assert (step.route.scope, step.requests) == ("account", None)


def test_one_project_uses_its_own_lists_where_the_accounts_list_is_longer() -> None:
    found = plan("app_installation", "dns_zone", known=ACCOUNT, projects=["p-1"])
    step = found.step("app_installation")
    assert step is not None
    assert step.route.scope == "project"
    # The third request reads the project itself, to learn its customer.
    assert found.requests == 3


def test_many_projects_use_the_accounts_list() -> None:
    found = plan("app_installation", known=ACCOUNT, projects=[f"p-{n}" for n in range(500)])
    step = found.step("app_installation")
    assert step is not None
    assert step.route.scope == "account"
    assert found.requests == 3


def test_only_projects_show_which_customer_their_things_belong_to() -> None:
    for name in ("customer", "server", "customer_order", "extension_instance"):
        steps = {step.resource for step in plan(name, known=ACCOUNT, projects=["p-1", "p-2"]).steps}
        assert steps == {name, "project"}
    # Items without a customer need none.
    assert [step.resource for step in plan("app", known=ACCOUNT, projects=["p-1"]).steps] == ["app"]


def test_invalid_parts_of_an_account_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="not for both"):
        target(customers=["c"], projects=["p"])
    with pytest.raises(ConfigurationError, match="at least one id"):
        target(projects=[])
    with pytest.raises(ConfigurationError, match="at least one id"):
        target(customers=[""])
    with pytest.raises(ConfigurationError, match="not one string"):
        target(customers="c-1")
    with pytest.raises(ConfigurationError, match="all of them text"):
        target(projects=["p-1", 7])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


def test_time_is_whole_windows_of_the_budget() -> None:
    assert seconds_for(3000) == 0
    assert seconds_for(3001) == 600
    assert seconds_for(9000, (3000, 600.0), left=0) == 1800
    assert seconds_for(10, (3000, 600.0), left=9) == 600


def test_a_target_includes_what_belongs_to_it() -> None:
    of_customer = target(customers=["c-1"])
    assert of_customer.admits("c-1", "p-9")
    assert not of_customer.admits("c-2", None)
    assert not of_customer.admits(None, "p-9")
    assert of_customer.admits(None, None)
    of_project = target(projects=["p-1"])
    assert of_project.admits("c-1", "p-1")
    assert not of_project.admits("c-1", "p-2")
    # The customer's own items: included for everyone while the projects' customers are unknown.
    assert of_project.admits("c-2", None)
    assert of_project.admits("c-1", None, {"c-1"})
    assert not of_project.admits("c-2", None, {"c-1"})
    assert of_project.admits(None, None, {"c-1"})
