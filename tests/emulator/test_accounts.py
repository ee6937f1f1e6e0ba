"""Several users of one emulator, each with their own token, login, budget and data."""

from __future__ import annotations

from typing import Any

import pytest

from mittwald_async.emulator import MFA_CODE, PASSWORD, EmulatedAccount, Emulator, OptionError
from mittwald_async.emulator.behaviours.auth import TokenStore
from mittwald_async.emulator.state import World

from ..support.emulator_requests import EmulatorClient, ReceivedResponse

TWO = (
    EmulatedAccount(name="agency", projects=5, rate_limit=(3, 60.0)),
    EmulatedAccount(name="shop", projects=2, customers=1),
)


async def asked(client: EmulatorClient, token: str, url: str = "/v2/projects") -> ReceivedResponse:
    return await client.get(url, x_access_token=token)


async def test_every_account_sees_only_its_own_projects() -> None:
    client = EmulatorClient(accounts=TWO)
    first, second = client.emulator.accounts
    mine, theirs = (await asked(client, first.token)).ids, (await asked(client, second.token)).ids
    assert (len(mine), len(theirs)) == (5, 2)
    assert not set(mine) & set(theirs)
    assert (await asked(client, first.token, f"/v2/projects/{mine[0]}")).status == 200
    assert (await asked(client, second.token, f"/v2/projects/{mine[0]}")).status == 403
    assert (await asked(client, "unknown", f"/v2/projects/{mine[0]}")).status == 401


async def test_every_account_has_its_own_budget() -> None:
    client = EmulatorClient(accounts=TWO, rate_limit=(100, 60.0))
    first, second = client.emulator.accounts
    statuses = [(await asked(client, first.token)).status for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    answer = await asked(client, second.token)
    assert (answer.status, answer.headers["x-ratelimit-remaining"]) == (200, "99")


async def test_logins_are_documented_and_lead_to_their_account() -> None:
    client = EmulatorClient(
        accounts=[
            EmulatedAccount(),
            EmulatedAccount(mfa=True, projects=1),
            EmulatedAccount(email="own@example.org", password="own"),
        ]
    )
    client.token = None
    plain, careful, own = client.emulator.accounts
    assert [account.email for account in client.emulator.accounts] == [
        "user@example.org",
        "user-2@example.org",
        "own@example.org",
    ]
    login = await client.post("/v2/authenticate", {"email": plain.email, "password": PASSWORD})
    assert len((await asked(client, login.json["token"])).ids) == 20
    credentials = {"email": careful.email, "password": careful.password}
    assert (await client.post("/v2/authenticate", credentials)).status == 202
    assert careful.mfa_code == MFA_CODE
    session = await client.post("/v2/authenticate-mfa", {**credentials, "multiFactorCode": MFA_CODE})
    assert len((await asked(client, session.json["token"])).ids) == 1
    renewed = await client.put("/v2/users/self/sessions", {"refreshToken": session.json["refreshToken"]})
    assert len((await asked(client, renewed.json["token"])).ids) == 1
    assert (await client.post("/v2/authenticate", {"email": own.email, "password": "own"})).status == 200
    assert (await client.post("/v2/authenticate", {"email": own.email, "password": PASSWORD})).status == 401


async def test_the_write_log_records_account_operation_and_time() -> None:
    client = EmulatorClient(accounts=TWO, clock="virtual", on="2026-03-01")
    second = client.emulator.accounts[1]
    project = (await asked(client, second.token)).ids[0]
    url = f"/v2/projects/{project}/description"
    client.emulator.advance(60)
    refused = await client.patch(url, {"description": 5}, x_access_token=second.token)
    done = await client.patch(url, {"description": "new"}, x_access_token=second.token)
    assert (refused.status, done.status) == (400, 204)
    [write] = client.emulator.writes
    assert (write.account, write.method, write.path) == ("shop", "PATCH", url)
    assert write.operation_id == "deprecated-project-update-project-description"
    assert (write.body, write.event_id) == ({"description": "new"}, done.headers["etag"])
    assert client.core.clock.iso(write.at) == "2026-03-01T00:01:00.000Z"
    assert [entry.account for entry in client.emulator.requests] == ["shop"] * 3
    client.emulator.reset()
    assert client.emulator.writes == []


async def test_account_wide_lists_can_be_empty() -> None:
    client = EmulatorClient(accounts=[EmulatedAccount(empty_lists=True), EmulatedAccount()])
    narrow, plain = client.emulator.accounts
    assert (await asked(client, narrow.token, "/v2/ingresses")).json == []
    assert (await asked(client, plain.token, "/v2/ingresses")).json
    project = client.emulator.accounts[0].world.seeded.id("project", 0)
    assert (await asked(client, narrow.token, f"/v2/ingresses?projectId={project}")).json


async def test_a_dump_holds_all_accounts() -> None:
    client, other = EmulatorClient(accounts=TWO), EmulatorClient(accounts=TWO)
    token = client.emulator.accounts[1].token
    project = (await asked(client, token)).ids[0]
    await client.patch(f"/v2/projects/{project}/description", {"description": "kept"}, x_access_token=token)
    other.core.load(client.core.dump())
    assert (await asked(other, token, f"/v2/projects/{project}")).json["description"] == "kept"
    with pytest.raises(ValueError, match="a state of 2 accounts; this emulator has 1"):
        EmulatorClient().core.load(client.core.dump())


@pytest.mark.parametrize("name", ["name", "token", "email", "seed"])
def test_indistinguishable_accounts_are_refused(name: str) -> None:
    values: dict[str, Any] = {name: 5 if name == "seed" else "same"}
    with pytest.raises(OptionError, match=f"accounts must differ in {name}"):
        Emulator(accounts=[EmulatedAccount(**values), EmulatedAccount(**values)])


def test_invalid_account_settings_are_refused() -> None:
    with pytest.raises(OptionError, match="projects must be 0 to 1000000"):
        Emulator(accounts=[EmulatedAccount(projects=-1)])
    with pytest.raises(OptionError, match="rate_limit"):
        Emulator(accounts=[EmulatedAccount(rate_limit=(0, 1.0))])


async def test_a_request_for_what_is_an_accounts_own_asks_no_other_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise an emulator of thousands of accounts would answer a few requests a second."""
    client = EmulatorClient(accounts=[EmulatedAccount(name=f"a{number}", projects=1) for number in range(30)])
    last = client.emulator.accounts[-1]
    (project,) = (await asked(client, last.token)).ids
    looked: list[str] = []
    owns, knows = World.owns, TokenStore.knows

    def counted_owns(self: World, id: str) -> bool:
        looked.append(id)
        return owns(self, id)

    def counted_knows(self: TokenStore, secret: str) -> bool:
        looked.append(secret)
        return knows(self, secret)

    monkeypatch.setattr(World, "owns", counted_owns)
    monkeypatch.setattr(TokenStore, "knows", counted_knows)
    assert (await asked(client, last.token, f"/v2/projects/{project}")).status == 200
    assert looked == [last.token, project]
