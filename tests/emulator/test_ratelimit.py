"""The budget: counted per user, reported in headers on success, absent from a 429."""

from __future__ import annotations

from mittwald_async.emulator.identity import Identity

from ..support.emulator_requests import EmulatorClient


async def test_headers_count_down_and_a_429_has_none() -> None:
    client = EmulatorClient(clock="virtual", rate_limit=(2, 600.0))
    first = await client.get("/v2/projects")
    assert {n: v for n, v in first.headers.items() if "ratelimit" in n} == {
        "x-ratelimit-limit": "2",
        "x-ratelimit-remaining": "1",
        "x-ratelimit-reset": "600",
    }
    client.emulator.advance(59.5)
    assert (await client.get("/v2/projects")).headers["x-ratelimit-reset"] == "541"
    refused = await client.get("/v2/projects")
    assert (refused.status, refused.json) == (429, {"type": "RateLimitError", "message": "too many requests"})
    assert not any("ratelimit" in name or "retry" in name for name in refused.headers)
    client.emulator.advance(540.5)
    assert (await client.get("/v2/projects")).headers["x-ratelimit-remaining"] == "1"


async def test_a_throttled_request_is_not_executed() -> None:
    client = EmulatorClient(rate_limit=(1, 600.0))
    project = await client.project()
    assert (await client.delete(f"/v2/projects/{project}")).status == 429
    client.emulator.configure(rate_limit=None)
    assert (await client.get(f"/v2/projects/{project}")).status == 200


async def test_all_tokens_of_a_user_share_the_budget_by_default() -> None:
    for per, remaining in (("user", "1"), ("token", "2")):
        client = EmulatorClient(rate_limit=(3, 600.0), rate_limit_per=per)
        other = client.core.tokens.issue("api", Identity("user", client.core.world.main_user))
        assert (await client.get("/v2/projects")).headers["x-ratelimit-remaining"] == "2"
        answer = await client.get("/v2/projects", x_access_token=other.secret)
        assert answer.headers["x-ratelimit-remaining"] == remaining


async def test_public_reads_are_exempt_and_login_has_its_own_limit() -> None:
    client = EmulatorClient(rate_limit=(1, 600.0), login_limit=(2, 60.0))
    assert (await client.get("/v2/articles")).headers["x-ratelimit-exempt"] == "yes"
    wrong = {"email": "a@b.example", "password": "x"}
    received = [await client.post("/v2/authenticate", wrong) for _ in range(3)]
    assert [answer.status for answer in received] == [401, 401, 429]
    assert received[0].headers["x-ratelimit-limit"] == "2"
    assert (await client.get("/v2/projects")).status == 200


async def test_anonymous_requests_count_by_address() -> None:
    client = EmulatorClient(rate_limit=(1, 600.0))
    client.token = None
    body = {"email": "someone@nowhere.example"}
    first = await client.post("/v2/users/self/credentials/actions/init-password-reset", body)
    again = await client.post("/v2/users/self/credentials/actions/init-password-reset", body)
    assert (first.status != 429, again.status) == (True, 429)


async def test_extension_instances_have_their_own_budgets() -> None:
    client = EmulatorClient(rate_limit=(1, 600.0))
    await client.get("/v2/projects")
    instance = client.core.tokens.issue("extension", Identity("extension", extension_instance_id="e"))
    assert (await client.get("/v2/projects", x_access_token=instance.secret)).status == 403
    assert (await client.get("/v2/customers", x_access_token=instance.secret)).status == 403


async def test_a_429_can_be_made_to_send_headers() -> None:
    client = EmulatorClient(rate_limit=(1, 600.0), rate_limit_on_429=True)
    await client.get("/v2/projects")
    assert (await client.get("/v2/projects")).headers["x-ratelimit-remaining"] == "0"


async def test_without_a_limit_there_are_no_headers() -> None:
    assert not any("ratelimit" in name for name in (await EmulatorClient(rate_limit=None).get("/v2/projects")).headers)


async def test_a_reset_refills_the_budget() -> None:
    client = EmulatorClient(rate_limit=(1, 600.0))
    await client.get("/v2/projects")
    client.emulator.reset()
    assert (await client.get("/v2/projects")).status == 200
