"""Who may call: tokens, logins, second factors, refreshing, retrieval keys, extension instances."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from mittwald_async.emulator.identity import Identity

from ..support.emulator_requests import Talk


def credentials(talk: Talk) -> dict[str, str]:
    account = talk.core.world.login_of(user_id=talk.core.world.main_user)
    assert account is not None
    return {"email": account.email, "password": account.password}


async def logged_in(talk: Talk) -> dict[str, Any]:
    answer = await talk.post("/v2/authenticate", credentials(talk))
    assert answer.status == 200, answer
    session: dict[str, Any] = answer.json
    return session


async def test_a_token_is_required_and_accepted_in_either_header() -> None:
    talk = Talk()
    talk.token = None
    missing = await talk.get("/v2/projects")
    assert (missing.status, missing.json["type"]) == (401, "Unauthorized")
    assert (await talk.get("/v2/projects", x_access_token="wrong")).status == 401
    assert (await talk.get("/v2/projects", x_access_token="token")).status == 200
    assert (await talk.get("/v2/projects", authorization="Bearer token")).status == 200
    assert (await talk.get("/v2/projects", authorization="Basic token")).status == 401


async def test_public_routes_need_no_token() -> None:
    talk = Talk()
    talk.token = None
    assert (await talk.get("/v2/articles")).status == 200


async def test_without_auth_every_caller_is_the_user() -> None:
    talk = Talk(auth=False)
    talk.token = None
    assert (await talk.get("/v2/projects")).status == 200


async def test_login_gives_a_session_that_expires() -> None:
    talk = Talk(clock="virtual", session_seconds=100.0)
    session = await logged_in(talk)
    assert set(session) == {"token", "refreshToken", "expires"}
    expires = datetime.fromisoformat(session["expires"]).timestamp()
    assert expires == pytest.approx(talk.core.clock.now() + 100, abs=0.01)
    talk.token = session["token"]
    assert (await talk.get("/v2/projects")).status == 200
    talk.emulator.advance(101)
    assert (await talk.get("/v2/projects")).status == 401


@pytest.mark.parametrize("wrong", ["email", "password"])
async def test_wrong_credentials_are_refused(wrong: str) -> None:
    talk = Talk()
    answer = await talk.post("/v2/authenticate", {**credentials(talk), wrong: "nobody@nowhere.example"})
    assert answer.status == 401
    body = {**credentials(talk), wrong: "nobody@nowhere.example", "multiFactorCode": "123456"}
    assert (await talk.post("/v2/authenticate-mfa", body)).status == 401


async def test_a_second_factor_is_requested() -> None:
    talk = Talk(mfa=True)
    first = await talk.post("/v2/authenticate", credentials(talk))
    assert (first.status, first.json) == (202, {"name": "SecondFactorRequired"})
    account = talk.core.world.login_of(user_id=talk.core.world.main_user)
    assert account is not None
    assert account.mfa_code is not None
    wrong = await talk.post("/v2/authenticate-mfa", {**credentials(talk), "multiFactorCode": "000000"})
    assert wrong.status == 401
    right = await talk.post("/v2/authenticate-mfa", {**credentials(talk), "multiFactorCode": account.mfa_code})
    assert right.status == 200
    assert (await talk.get("/v2/projects", x_access_token=right.json["token"])).status == 200


async def test_refreshing_invalidates_the_old_session() -> None:
    talk = Talk(clock="virtual", session_seconds=100.0)
    old = await logged_in(talk)
    talk.emulator.advance(200)
    answer = await talk.put("/v2/users/self/sessions", {"refreshToken": old["refreshToken"]}, x_access_token="expired")
    assert answer.status == 200
    assert set(answer.json) == {"token", "refreshToken", "expiresAt"}
    assert (await talk.get("/v2/projects", x_access_token=answer.json["token"])).status == 200
    assert (await talk.get("/v2/projects", x_access_token=old["token"])).status == 401
    assert (await talk.put("/v2/users/self/sessions", {"refreshToken": old["refreshToken"]})).status == 401


async def test_a_retrieval_key_works_once_and_expires() -> None:
    talk = Talk(clock="virtual")
    made = await talk.post("/v2/users/self/token-retrieval-key")
    assert made.status == 201
    key = made.json
    assert len(key["accessTokenRetrievalKey"]) == 37
    assert (await talk.get("/v2/projects", x_access_token=key["accessTokenRetrievalKey"])).status == 401
    redeemed = await talk.post("/v2/authenticate-token-retrieval-key", key)
    assert set(redeemed.json) == {"token", "refreshToken", "expiresAt"}
    assert (await talk.post("/v2/authenticate-token-retrieval-key", key)).status == 401
    late = (await talk.post("/v2/users/self/token-retrieval-key")).json
    talk.emulator.advance(61)
    assert (await talk.post("/v2/authenticate-token-retrieval-key", late)).status == 401


async def test_an_extension_instance_sees_no_account_wide_lists() -> None:
    talk = Talk(clock="virtual", extension_seconds=50.0)
    instance = talk.core.world.sample("extensionInstanceId")
    assert instance is not None
    found = talk.core.world.extension_secret(instance)
    assert found is not None
    url = f"/v2/extension-instances/{instance}/tokens"
    assert (await talk.post(url, {"extensionInstanceSecret": "wrong"})).status == 401
    answer = await talk.post(url, {"extensionInstanceSecret": found[0]})
    assert (answer.status, set(answer.json)) == (201, {"publicToken", "expiry"})
    talk.token = answer.json["publicToken"]
    assert (await talk.get("/v2/projects")).status == 403
    project = found[1].project_id or (await talk.get("/v2/projects", x_access_token="token")).ids[0]
    assert (await talk.get(f"/v2/projects/{project}/mysql-databases")).status == 200
    assert (await talk.post("/v2/users/self/token-retrieval-key")).status == 403
    talk.emulator.advance(51)
    assert (await talk.get("/v2/projects")).status == 401
    unknown = "00000000-0000-4000-8000-000000000000"
    missing = await talk.post(f"/v2/extension-instances/{unknown}/tokens", {"extensionInstanceSecret": "any"})
    assert missing.status == 404


async def test_an_extension_can_request_a_retrieval_key() -> None:
    talk = Talk()
    instance = talk.core.world.sample("extensionInstanceId")
    made = await talk.post(f"/v2/extension-instances/{instance}/actions/create-access-token-retrieval-key")
    assert made.status == 200
    assert (await talk.post("/v2/authenticate-token-retrieval-key", made.json)).status == 200


async def test_logging_out_ends_the_session() -> None:
    talk = Talk()
    session = await logged_in(talk)
    assert (await talk.put("/v2/logout", x_access_token=session["token"])).status == 204
    assert (await talk.get("/v2/projects", x_access_token=session["token"])).status == 401


async def test_a_read_only_token_cannot_write() -> None:
    talk = Talk()
    reader = talk.core.tokens.issue(
        "api", Identity("user", talk.core.world.main_user, read_only=True), roles=["api_read"]
    )
    project = await talk.project()
    assert (await talk.get(f"/v2/projects/{project}", x_access_token=reader.secret)).status == 200
    assert (await talk.delete(f"/v2/projects/{project}", x_access_token=reader.secret)).status == 403


async def test_tokens_are_listed_and_revoked_by_their_kind() -> None:
    talk = Talk(clock="virtual")
    tokens, user = talk.core.tokens, talk.core.world.main_user
    before = tokens.of(user, "api")
    made = tokens.issue("api", Identity("user", user), seconds=10, description="short-lived")
    assert [token.id for token in tokens.of(user, "api")] == [*(token.id for token in before), made.id]
    assert tokens.get(made.id) is made
    talk.emulator.advance(11)
    assert tokens.get(made.id) is None
    assert tokens.of(user, "api") == before
    assert tokens.revoke(made.id)
    assert not tokens.revoke(made.id)
