"""Members and invites of customers and projects."""

from __future__ import annotations

import pytest

from ...support.emulator_state import Scenario

LEVELS = pytest.mark.parametrize(("above", "path"), [("customer", "customers"), ("project", "projects")])


def id_of(scenario: Scenario, above: str, index: int = 0) -> str:
    id: str = scenario.read(above, index)["customerId" if above == "customer" else "id"]
    return id


@LEVELS
async def test_account_wide_lists_hold_only_the_callers_own(above: str, path: str) -> None:
    scenario = Scenario()
    own = await scenario.fetch(f"/v2/{above}-memberships")
    assert {entry["userId"] for entry in own} == {scenario.world.main_user}
    assert len(own) == len(await scenario.fetch(f"/v2/{path}"))
    single = f"/v2/{above}-memberships/{own[0]['id']}"
    assert await scenario.fetch(single) == own[0]


async def test_project_members_are_members_of_the_customer() -> None:
    scenario = Scenario()
    for key in scenario.world.keys("project")[:20]:
        project = scenario.world.read("project", key)
        members = await scenario.fetch(f"/v2/projects/{project['id']}/memberships")
        above = await scenario.fetch(f"/v2/customers/{project['customerId']}/memberships")
        assert {entry["userId"] for entry in members} <= {entry["userId"] for entry in above}
        assert members[0]["userId"] == scenario.world.main_user


async def test_memberships_are_filtered() -> None:
    scenario = Scenario()
    url = f"/v2/customers/{id_of(scenario, 'customer')}/memberships"
    everybody = await scenario.fetch(url)
    owners = await scenario.fetch(f"{url}?role=owner")
    assert owners == [entry for entry in everybody if entry["role"] == "owner"]
    assert await scenario.fetch(f"{url}?hasExpiry=true") == []
    assert await scenario.fetch(f"{url}?searchTerm={everybody[0]['email']}") == [everybody[0]]
    assert await scenario.fetch("/v2/customer-memberships?role=accountant") == []
    assert len(await scenario.fetch("/v2/project-memberships?isInherited=true")) == len(
        await scenario.fetch("/v2/projects")
    )


@LEVELS
async def test_an_invite_is_created_listed_and_withdrawn(above: str, path: str) -> None:
    scenario = Scenario()
    url = f"/v2/{path}/{id_of(scenario, above)}/invites"
    count = len(await scenario.fetch(url))
    body = {"mailAddress": "neu@example.org", "role": "owner", "message": "Hallo"}
    id = await scenario.create(url, body)
    assert len(await scenario.fetch(url)) == count + 1
    assert (await scenario.post(url, body)).status == 409
    assert (await scenario.fetch(f"{url}?searchTerm=NEU@"))[0]["id"] == id
    single = f"/v2/{above}-invites/{id}"
    invite = await scenario.fetch(single)
    assert invite["information"]["invitedBy"] == scenario.world.main_user
    token = scenario.world.extras("invitation_tokens")[id]
    by_token = await scenario.get(f"/v2/{above}-token-invite", token=token)
    assert by_token.json["id"] == id
    assert (await scenario.get(f"/v2/{above}-token-invite", token="wrong")).status == 404
    await scenario.perform("POST", f"{single}/actions/resend")
    assert (await scenario.post(f"{single}/actions/accept", {})).status == 403, "it is for somebody else"
    await scenario.perform("DELETE", single)
    assert await scenario.status(single) == 404
    assert len(await scenario.fetch(url)) == count


@LEVELS
async def test_the_caller_accepts_an_invite(above: str, path: str) -> None:
    scenario = Scenario()
    email = scenario.world.get("user", scenario.world.main_user)["email"]
    parent = f"/v2/{path}/{id_of(scenario, above)}"
    before = len(await scenario.fetch(f"{parent}/memberships"))
    body = {"mailAddress": email, "role": "owner", "membershipExpiresAt": "2027-01-01T00:00:00Z"}
    id = await scenario.create(f"{parent}/invites", body)
    assert id in [entry["id"] for entry in await scenario.fetch(f"/v2/{above}-invites")]
    await scenario.perform("POST", f"/v2/{above}-invites/{id}/actions/accept", {})
    members = await scenario.fetch(f"{parent}/memberships")
    assert len(members) == before + 1
    assert (members[-1]["inviteId"], members[-1]["expiresAt"]) == (id, "2027-01-01T00:00:00Z")
    assert id not in [entry["id"] for entry in await scenario.fetch(f"/v2/{above}-invites")]
    other = await scenario.create(f"{parent}/invites", {"mailAddress": email, "role": "owner"})
    await scenario.perform("POST", f"/v2/{above}-invites/{other}/actions/decline")
    assert await scenario.status(f"/v2/{above}-invites/{other}") == 404


async def test_an_invite_grants_access_to_another_customer() -> None:
    scenario = Scenario(foreign=1)
    [invite] = await scenario.fetch("/v2/customer-invites")
    url = f"/v2/customers/{invite['customerId']}"
    assert await scenario.status(url) == 403
    assert (await scenario.fetch(f"/v2/customer-invites/{invite['id']}"))["customerName"] == invite["customerName"]
    await scenario.perform("POST", f"/v2/customer-invites/{invite['id']}/actions/accept", {})
    assert (await scenario.fetch(url))["name"] == invite["customerName"]
    assert invite["customerId"] in [entry["customerId"] for entry in await scenario.fetch("/v2/customers")]
    assert await scenario.fetch("/v2/customer-invites") == []
    memberships = await scenario.fetch("/v2/customer-memberships")
    assert memberships[-1]["customerId"] == invite["customerId"]


async def test_roles_change_and_members_leave() -> None:
    scenario = Scenario()
    customer = scenario.find("customer")["customerId"]
    url = f"/v2/customers/{customer}"
    members = await scenario.fetch(f"{url}/memberships")
    own = next(entry for entry in members if entry["userId"] == scenario.world.main_user)
    for member in members:
        if member is not own and member["role"] == "owner":
            changed = {"role": "member", "expiresAt": "2027-01-01T00:00:00Z"}
            await scenario.perform("PATCH", f"/v2/customer-memberships/{member['id']}", changed)
            assert (await scenario.fetch(f"/v2/customer-memberships/{member['id']}"))["role"] == "member"
    assert (await scenario.delete(f"/v2/customer-memberships/{own['id']}")).status == 412, "the last owner"
    others = [member for member in members if member is not own]
    for member in others:
        await scenario.perform("DELETE", f"/v2/customer-memberships/{member['id']}")
    assert (await scenario.fetch(url))["memberCount"] == 1
    await scenario.perform("POST", f"{url}/actions/leave")
    assert await scenario.fetch(f"{url}/memberships") == []


async def test_project_memberships_change_unless_inherited() -> None:
    scenario = Scenario()
    inherited = scenario.find("project_membership", inherited=True)
    own = scenario.find("project_membership", inherited=False)
    assert (await scenario.delete(f"/v2/project-memberships/{inherited['id']}")).status == 412
    await scenario.perform("PATCH", f"/v2/project-memberships/{own['id']}", {"role": "emailadmin"})
    assert (await scenario.fetch(f"/v2/project-memberships/{own['id']}"))["role"] == "emailadmin"
    await scenario.perform("DELETE", f"/v2/project-memberships/{own['id']}")
    assert await scenario.status(f"/v2/project-memberships/{own['id']}") == 404
    url = f"/v2/projects/{inherited['projectId']}"
    await scenario.perform("POST", f"{url}/leave")
    assert await scenario.status(f"{url}/memberships/self") == 404
