"""Which route uses which budget."""

from __future__ import annotations

from mittwald_async.runtime.operation import RateLimit
from mittwald_async.runtime.ratelimit import route_budgets as room
from mittwald_async.runtime.ratelimit.route_budgets import RouteBudgets


class Picture:
    def __init__(self) -> None:
        self.limit: int | None = None


class Pot:
    """Stands for a budget; tests set the limit that its window would have learned."""

    def __init__(self) -> None:
        self.estimate = Picture()


def learn(
    scopes: RouteBudgets[Pot], route: str, limit: int | None, sent_at: float = 0.0, now: float = 0.0
) -> Pot | None:
    """As the limiter does: assign the route, then let the budget read the response."""
    pot = scopes.learn(route, RateLimit(limit, 1, 1.0), sent_at, now)
    if pot is not None and limit is not None:
        pot.estimate.limit = limit
    return pot


def known() -> RouteBudgets[Pot]:
    """Two routes have shown the common limit of 3000."""
    scopes = RouteBudgets(Pot)
    assert learn(scopes, "a", 3000) is scopes.common
    assert learn(scopes, "b", 3000) is scopes.common
    return scopes


def test_unknown_routes_use_the_common_budget() -> None:
    scopes = known()
    assert scopes.of("never seen") is scopes.common


def test_a_route_with_another_limit_gets_its_own_budget() -> None:
    scopes = known()
    login = learn(scopes, "login", 10)
    assert login is not scopes.common
    assert scopes.of("login") is login
    assert learn(scopes, "second factor", 10) is login
    assert scopes.common.estimate.limit == 3000


def test_a_route_without_a_limit_stays_where_it_is() -> None:
    scopes = known()
    assert learn(scopes, "c", None) is scopes.common
    login = learn(scopes, "login", 10)
    assert learn(scopes, "login", None) is login


def test_exempt_routes_use_no_budget_until_they_show_a_limit() -> None:
    scopes = known()
    assert scopes.learn("ping", RateLimit(exempt=True), 0.0, 0.0) is scopes.free
    assert scopes.of("ping") is scopes.free
    assert learn(scopes, "ping", 3000) is scopes.common
    assert scopes.of("ping") is scopes.common


def test_the_larger_budget_becomes_the_common_one_in_any_order() -> None:
    scopes = RouteBudgets(Pot)
    login = learn(scopes, "login", 10)
    large = learn(scopes, "a", 3000)
    assert scopes.common is large
    assert scopes.of("login") is login
    assert scopes.of("never seen") is large


def test_a_changed_limit_changes_the_common_budget() -> None:
    scopes = known()
    assert learn(scopes, "a", 1000, sent_at=5, now=6) is scopes.common
    assert learn(scopes, "b", 1000, sent_at=6, now=7) is scopes.common
    assert scopes.own == []


def test_responses_from_before_the_change_teach_nothing() -> None:
    scopes = known()
    learn(scopes, "a", 1000, sent_at=5, now=6)
    assert learn(scopes, "b", 3000, sent_at=5, now=7) is None
    assert scopes.common.estimate.limit == 1000


def test_a_route_that_changed_alone_is_split_off() -> None:
    scopes = known()
    learn(scopes, "a", 1000, sent_at=5, now=6)
    assert learn(scopes, "b", 3000, sent_at=7, now=8) is scopes.common
    assert scopes.of("a") is not scopes.common
    assert scopes.of("a").estimate.limit == 1000
    assert scopes.common.estimate.limit == 3000


def test_budgets_with_the_same_limit_are_merged() -> None:
    scopes = known()
    learn(scopes, "small", 1000)
    assert learn(scopes, "a", 1000, sent_at=5, now=6) is scopes.common
    assert scopes.of("small") is scopes.common
    assert scopes.own == []


def test_a_routes_own_budget_may_change_or_join_another() -> None:
    scopes = known()
    login = learn(scopes, "login", 10)
    assert learn(scopes, "login", 20) is login
    assert learn(scopes, "login", 3000) is scopes.common
    assert scopes.own == []


def test_the_number_of_remembered_routes_is_bounded() -> None:
    scopes = known()
    for n in range(room.MOST_SCOPES):
        learn(scopes, f"own {n}", 10 + n)
    assert learn(scopes, "one more", 9) is None
    for n in range(room.MOST_ROUTES):
        learn(scopes, f"common {n}", 3000)
    assert learn(scopes, "too many", 3000) is scopes.common
    assert learn(scopes, "too many", 10) is None
    assert scopes.learn("too many", RateLimit(exempt=True), 0.0, 0.0) is None
    assert len(scopes.all()) == room.MOST_SCOPES + 2
