"""Who may call: tokens, logins, second factors, refreshing, retrieval keys, extension instances."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from mittwald_async.emulator.identity import Identity

from ..support.emulator_requests import EmulatorClient


def credentials(client: EmulatorClient) -> dict[str, str]:
    account = client.core.world.login_of(user_id=client.core.world.main_user)
    assert account is not None
    return {"email": account.email, "password": account.password}


async def logged_in(client: EmulatorClient) -> dict[str, Any]:
    answer = await client.post("/v2/authenticate", credentials(client))
    assert answer.status == 200, answer
    session: dict[str, Any] = answer.json
    return session


async def test_a_token_is_required_and_accepted_in_either_header() -> None:
    client = EmulatorClient()
    client.token = None
    missing = await client.get("/v2/projects")
    assert (missing.status, missing.json["type"]) == (401, "Unauthorized")
    assert (await client.get("/v2/projects", x_access_token="wrong")).status == 401
    assert (await client.get("/v2/projects", x_access_token="token")).status == 200
    assert (await client.get("/v2/projects", authorization="Bearer token")).status == 200
    assert (await client.get("/v2/projects", authorization="Basic token")).status == 401


async def test_public_routes_need_no_token() -> None:
    client = EmulatorClient()
    client.token = None
    assert (await client.get("/v2/articles")).status == 200


async def test_without_auth_every_caller_is_the_user() -> None:
    client = EmulatorClient(auth=False)
    client.token = None
    assert (await client.get("/v2/projects")).status == 200


async def test_login_gives_a_session_that_expires() -> None:
    client = EmulatorClient(clock="virtual", session_seconds=100.0)
    session = await logged_in(client)
    assert set(session) == {"token", "refreshToken", "expires"}
    expires = datetime.fromisoformat(session["expires"]).timestamp()
    assert expires == pytest.approx(client.core.clock.now() + 100, abs=0.01)
    client.token = session["token"]
    assert (await client.get("/v2/projects")).status == 200
    client.emulator.advance(101)
    assert (await client.get("/v2/projects")).status == 401


@pytest.mark.parametrize("wrong", ["email", "password"])
async def test_wrong_credentials_are_refused(wrong: str) -> None:
    client = EmulatorClient()
    answer = await client.post("/v2/authenticate", {**credentials(client), wrong: "nobody@nowhere.example"})
    assert answer.status == 401
    body = {**credentials(client), wrong: "nobody@nowhere.example", "multiFactorCode": "123456"}
    assert (await client.post("/v2/authenticate-mfa", body)).status == 401


async def test_a_second_factor_is_requested() -> None:
    client = EmulatorClient(mfa=True)
    first = await client.post("/v2/authenticate", credentials(client))
    assert (first.status, first.json) == (202, {"name": "SecondFactorRequired"})
    account = client.core.world.login_of(user_id=client.core.world.main_user)
    assert account is not None
    assert account.mfa_code is not None
    wrong = await client.post("/v2/authenticate-mfa", {**credentials(client), "multiFactorCode": "000000"})
    assert wrong.status == 401
    right = await client.post("/v2/authenticate-mfa", {**credentials(client), "multiFactorCode": account.mfa_code})
    assert right.status == 200
    assert (await client.get("/v2/projects", x_access_token=right.json["token"])).status == 200


async def test_refreshing_invalidates_the_old_session() -> None:
    client = EmulatorClient(clock="virtual", session_seconds=100.0)
    old = await logged_in(client)
    client.emulator.advance(200)
    answer = await client.put(
        "/v2/users/self/sessions", {"refreshToken": old["refreshToken"]}, x_access_token="expired"
    )
    assert answer.status == 200
    assert set(answer.json) == {"token", "refreshToken", "expiresAt"}
    assert (await client.get("/v2/projects", x_access_token=answer.json["token"])).status == 200
    assert (await client.get("/v2/projects", x_access_token=old["token"])).status == 401
    assert (await client.put("/v2/users/self/sessions", {"refreshToken": old["refreshToken"]})).status == 401


async def test_a_retrieval_key_works_once_and_expires() -> None:
    client = EmulatorClient(clock="virtual")
    made = await client.post("/v2/users/self/token-retrieval-key")
    assert made.status == 201
    key = made.json
    assert len(key["accessTokenRetrievalKey"]) == 37
    assert (await client.get("/v2/projects", x_access_token=key["accessTokenRetrievalKey"])).status == 401
    redeemed = await client.post("/v2/authenticate-token-retrieval-key", key)
    assert set(redeemed.json) == {"token", "refreshToken", "expiresAt"}
    assert (await client.post("/v2/authenticate-token-retrieval-key", key)).status == 401
    late = (await client.post("/v2/users/self/token-retrieval-key")).json
    client.emulator.advance(61)
    assert (await client.post("/v2/authenticate-token-retrieval-key", late)).status == 401


async def test_an_extension_instance_sees_no_account_wide_lists() -> None:
    client = EmulatorClient(clock="virtual", extension_seconds=50.0)
    instance = client.core.world.sample("extensionInstanceId")
    assert instance is not None
    found = client.core.world.extension_secret(instance)
    assert found is not None
    url = f"/v2/extension-instances/{instance}/tokens"
    assert (await client.post(url, {"extensionInstanceSecret": "wrong"})).status == 401
    answer = await client.post(url, {"extensionInstanceSecret": found[0]})
    assert (answer.status, set(answer.json)) == (201, {"publicToken", "expiry"})
    client.token = answer.json["publicToken"]
    assert (await client.get("/v2/projects")).status == 403
    project = found[1].project_id or (await client.get("/v2/projects", x_access_token="token")).ids[0]
    assert (await client.get(f"/v2/projects/{project}/mysql-databases")).status == 200
    assert (await client.post("/v2/users/self/token-retrieval-key")).status == 403
    client.emulator.advance(51)
    assert (await client.get("/v2/projects")).status == 401
    unknown = "00000000-0000-4000-8000-000000000000"
    missing = await client.post(f"/v2/extension-instances/{unknown}/tokens", {"extensionInstanceSecret": "any"})
    assert missing.status == 404


async def test_an_extension_can_request_a_retrieval_key() -> None:
    client = EmulatorClient()
    instance = client.core.world.sample("extensionInstanceId")
    made = await client.post(f"/v2/extension-instances/{instance}/actions/create-access-token-retrieval-key")
    assert made.status == 200
    assert (await client.post("/v2/authenticate-token-retrieval-key", made.json)).status == 200


async def test_logging_out_ends_the_session() -> None:
    client = EmulatorClient()
    session = await logged_in(client)
    assert (await client.put("/v2/logout", x_access_token=session["token"])).status == 204
    assert (await client.get("/v2/projects", x_access_token=session["token"])).status == 401


async def test_a_read_only_token_cannot_write() -> None:
    client = EmulatorClient()
    reader = client.core.tokens.issue(
        "api", Identity("user", client.core.world.main_user, read_only=True), roles=["api_read"]
    )
    project = await client.project()
    assert (await client.get(f"/v2/projects/{project}", x_access_token=reader.secret)).status == 200
    assert (await client.delete(f"/v2/projects/{project}", x_access_token=reader.secret)).status == 403


async def test_tokens_are_listed_and_revoked_by_their_kind() -> None:
    client = EmulatorClient(clock="virtual")
    tokens, user = client.core.tokens, client.core.world.main_user
    before = tokens.of(user, "api")
    made = tokens.issue("api", Identity("user", user), seconds=10, description="short-lived")
    assert [token.id for token in tokens.of(user, "api")] == [*(token.id for token in before), made.id]
    assert tokens.get(made.id) is made
    client.emulator.advance(11)
    assert tokens.get(made.id) is None
    assert tokens.of(user, "api") == before
    assert tokens.revoke(made.id)
    assert not tokens.revoke(made.id)
