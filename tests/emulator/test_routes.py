"""Every request finds its operation, and redirect stubs lead to one."""

from __future__ import annotations

import re

import pytest

from mittwald_async.emulator.routes import PLACEHOLDER, Route, Routes, Stub
from mittwald_async.operations import OPERATIONS, REDIRECTS
from mittwald_async.runtime.operation import Operation, Redirect

from ..support.emulator_requests import EmulatorClient

ROUTES = Routes(list(OPERATIONS.values()), list(REDIRECTS))


def operation(method: str, path: str) -> Operation[None]:
    return Operation(operation_id=f"{method} {path}", method=method, path=path, group="g", name="n", tag="T")


def found(routes: Routes, method: str, path: str) -> tuple[str, dict[str, str]]:
    hit = routes.find(method, path)
    assert not isinstance(hit, frozenset)
    assert isinstance(hit[0], Route)
    return hit[0].operation.operation_id, hit[1]


@pytest.mark.parametrize("known", OPERATIONS.values(), ids=lambda known: known.operation_id)
def test_each_operation_is_reached_by_its_own_path(known: Operation[object]) -> None:
    path = PLACEHOLDER.sub(lambda name: f"value-of-{name[1]}", known.path)
    assert found(ROUTES, known.method, path) == (
        known.operation_id,
        {name: f"value-of-{name}" for name in PLACEHOLDER.findall(known.path)},
    )


@pytest.mark.parametrize("known", REDIRECTS, ids=lambda known: f"{known.method} {known.path}")
async def test_each_stub_leads_to_an_operation_of_the_same_method(known: Redirect) -> None:
    path = PLACEHOLDER.sub(lambda name: f"value-of-{name[1]}", known.path)
    hit = ROUTES.find(known.method, path)
    assert not isinstance(hit, frozenset)
    assert isinstance(hit[0], Stub)
    target = hit[0].target(hit[1], "limit=3")
    location, _, query = target.partition("?")
    assert query == "limit=3"
    assert "{" not in location
    _, values = found(ROUTES, known.method, location)
    assert set(values.values()) <= set(hit[1].values())


def test_the_number_of_routes_matches_the_document() -> None:
    assert (len(ROUTES.by_id), len(ROUTES.stubs)) == (576, 109)


@pytest.mark.parametrize(
    ("stub", "successor"),
    [
        ("GET /v2/appinstallations/a/status", "/v2/app-installations/a/status"),
        ("GET /v2/signup/token/api/t", "/v2/users/self/api-tokens/t"),
        ("POST /v2/signup/authentication/mfa", "/v2/authenticate-mfa"),
        ("GET /experimental-v2/cities", "/v2/cities"),
        ("PATCH /v2/sshusers/s", "/v2/ssh-users/s"),
        ("POST /v2/users/u/phone/verify", "/v2/users/u/actions/verify-phone"),
    ],
)
async def test_stubs_lead_to_their_successors(stub: str, successor: str) -> None:
    method, _, path = stub.partition(" ")
    answer = await EmulatorClient().send(method, path)
    assert (answer.status, answer.headers["location"]) == (308, successor)


async def test_a_configured_location_takes_precedence() -> None:
    client = EmulatorClient(redirects={"GET /v2/signup/ssh": "https://elsewhere.example/keys"})
    assert (await client.get("/v2/signup/ssh")).headers["location"] == "https://elsewhere.example/keys"


async def test_unknown_routes_and_wrong_methods_are_distinguished() -> None:
    client = EmulatorClient()
    assert (await client.get("/v2/nothing")).status == 404
    refused = await client.send("TRACE", "/v2/projects")
    assert (refused.status, refused.headers["allow"]) == (405, "GET")


def test_literals_win_over_placeholders_and_escapes_are_decoded() -> None:
    routes = Routes(
        [
            operation("GET", "/v2/users/{userId}"),
            operation("GET", "/v2/users/self"),
            operation("PUT", "/v2/users/{id}/x"),
        ],
        [],
    )
    assert found(routes, "GET", "/v2/users/self") == ("GET /v2/users/self", {})
    assert found(routes, "GET", "/v2/users/a%2Fb%20c") == ("GET /v2/users/{userId}", {"userId": "a/b c"})
    assert found(routes, "PUT", "/v2/users/self/x") == ("PUT /v2/users/{id}/x", {"id": "self"})
    assert routes.find("GET", "/v2/users/") == frozenset()


def test_a_stub_without_a_similar_route_leads_to_the_root() -> None:
    routes = Routes([], [Redirect(method="GET", path="/v2/old/{oldId}", tag="T")])
    assert routes.stubs[0].location == "/v2"


def test_placeholders_are_spelled_alike_everywhere() -> None:
    assert all(re.fullmatch(r"(/[^{}/]*|/\{\w+\})+", known.path) for known in OPERATIONS.values())
