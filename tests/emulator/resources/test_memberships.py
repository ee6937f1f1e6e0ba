"""Members and invites of customers and projects."""

from __future__ import annotations

import pytest

from ...support.emulator_state import Story

LEVELS = pytest.mark.parametrize(("above", "path"), [("customer", "customers"), ("project", "projects")])


def id_of(story: Story, above: str, index: int = 0) -> str:
    id: str = story.read(above, index)["customerId" if above == "customer" else "id"]
    return id


@LEVELS
async def test_account_wide_lists_hold_only_the_callers_own(above: str, path: str) -> None:
    story = Story()
    own = await story.seen(f"/v2/{above}-memberships")
    assert {entry["userId"] for entry in own} == {story.world.main_user}
    assert len(own) == len(await story.seen(f"/v2/{path}"))
    single = f"/v2/{above}-memberships/{own[0]['id']}"
    assert await story.seen(single) == own[0]


async def test_project_members_are_members_of_the_customer() -> None:
    story = Story()
    for key in story.world.keys("project")[:20]:
        project = story.world.read("project", key)
        members = await story.seen(f"/v2/projects/{project['id']}/memberships")
        above = await story.seen(f"/v2/customers/{project['customerId']}/memberships")
        assert {entry["userId"] for entry in members} <= {entry["userId"] for entry in above}
        assert members[0]["userId"] == story.world.main_user


async def test_memberships_are_filtered() -> None:
    story = Story()
    url = f"/v2/customers/{id_of(story, 'customer')}/memberships"
    everybody = await story.seen(url)
    owners = await story.seen(f"{url}?role=owner")
    assert owners == [entry for entry in everybody if entry["role"] == "owner"]
    assert await story.seen(f"{url}?hasExpiry=true") == []
    assert await story.seen(f"{url}?searchTerm={everybody[0]['email']}") == [everybody[0]]
    assert await story.seen("/v2/customer-memberships?role=accountant") == []
    assert len(await story.seen("/v2/project-memberships?isInherited=true")) == len(await story.seen("/v2/projects"))


@LEVELS
async def test_an_invite_is_created_listed_and_withdrawn(above: str, path: str) -> None:
    story = Story()
    url = f"/v2/{path}/{id_of(story, above)}/invites"
    count = len(await story.seen(url))
    body = {"mailAddress": "neu@example.org", "role": "owner", "message": "Hallo"}
    id = await story.made(url, body)
    assert len(await story.seen(url)) == count + 1
    assert (await story.post(url, body)).status == 409
    assert (await story.seen(f"{url}?searchTerm=NEU@"))[0]["id"] == id
    single = f"/v2/{above}-invites/{id}"
    invite = await story.seen(single)
    assert invite["information"]["invitedBy"] == story.world.main_user
    token = story.world.extras("invitation_tokens")[id]
    by_token = await story.get(f"/v2/{above}-token-invite", token=token)
    assert by_token.json["id"] == id
    assert (await story.get(f"/v2/{above}-token-invite", token="wrong")).status == 404
    await story.done("POST", f"{single}/actions/resend")
    assert (await story.post(f"{single}/actions/accept", {})).status == 403, "it is for somebody else"
    await story.done("DELETE", single)
    assert await story.status(single) == 404
    assert len(await story.seen(url)) == count


@LEVELS
async def test_the_caller_accepts_an_invite(above: str, path: str) -> None:
    story = Story()
    email = story.world.get("user", story.world.main_user)["email"]
    parent = f"/v2/{path}/{id_of(story, above)}"
    before = len(await story.seen(f"{parent}/memberships"))
    body = {"mailAddress": email, "role": "owner", "membershipExpiresAt": "2027-01-01T00:00:00Z"}
    id = await story.made(f"{parent}/invites", body)
    assert id in [entry["id"] for entry in await story.seen(f"/v2/{above}-invites")]
    await story.done("POST", f"/v2/{above}-invites/{id}/actions/accept", {})
    members = await story.seen(f"{parent}/memberships")
    assert len(members) == before + 1
    assert (members[-1]["inviteId"], members[-1]["expiresAt"]) == (id, "2027-01-01T00:00:00Z")
    assert id not in [entry["id"] for entry in await story.seen(f"/v2/{above}-invites")]
    other = await story.made(f"{parent}/invites", {"mailAddress": email, "role": "owner"})
    await story.done("POST", f"/v2/{above}-invites/{other}/actions/decline")
    assert await story.status(f"/v2/{above}-invites/{other}") == 404


async def test_an_invite_grants_access_to_another_customer() -> None:
    story = Story(foreign=1)
    [invite] = await story.seen("/v2/customer-invites")
    url = f"/v2/customers/{invite['customerId']}"
    assert await story.status(url) == 403
    assert (await story.seen(f"/v2/customer-invites/{invite['id']}"))["customerName"] == invite["customerName"]
    await story.done("POST", f"/v2/customer-invites/{invite['id']}/actions/accept", {})
    assert (await story.seen(url))["name"] == invite["customerName"]
    assert invite["customerId"] in [entry["customerId"] for entry in await story.seen("/v2/customers")]
    assert await story.seen("/v2/customer-invites") == []
    memberships = await story.seen("/v2/customer-memberships")
    assert memberships[-1]["customerId"] == invite["customerId"]


async def test_roles_change_and_members_leave() -> None:
    story = Story()
    customer = story.where("customer")["customerId"]
    url = f"/v2/customers/{customer}"
    members = await story.seen(f"{url}/memberships")
    own = next(entry for entry in members if entry["userId"] == story.world.main_user)
    for member in members:
        if member is not own and member["role"] == "owner":
            changed = {"role": "member", "expiresAt": "2027-01-01T00:00:00Z"}
            await story.done("PATCH", f"/v2/customer-memberships/{member['id']}", changed)
            assert (await story.seen(f"/v2/customer-memberships/{member['id']}"))["role"] == "member"
    assert (await story.delete(f"/v2/customer-memberships/{own['id']}")).status == 412, "the last owner"
    others = [member for member in members if member is not own]
    for member in others:
        await story.done("DELETE", f"/v2/customer-memberships/{member['id']}")
    assert (await story.seen(url))["memberCount"] == 1
    await story.done("POST", f"{url}/actions/leave")
    assert await story.seen(f"{url}/memberships") == []


async def test_project_memberships_change_unless_inherited() -> None:
    story = Story()
    inherited = story.where("project_membership", inherited=True)
    own = story.where("project_membership", inherited=False)
    assert (await story.delete(f"/v2/project-memberships/{inherited['id']}")).status == 412
    await story.done("PATCH", f"/v2/project-memberships/{own['id']}", {"role": "emailadmin"})
    assert (await story.seen(f"/v2/project-memberships/{own['id']}"))["role"] == "emailadmin"
    await story.done("DELETE", f"/v2/project-memberships/{own['id']}")
    assert await story.status(f"/v2/project-memberships/{own['id']}") == 404
    url = f"/v2/projects/{inherited['projectId']}"
    await story.done("POST", f"{url}/leave")
    assert await story.status(f"{url}/memberships/self") == 404
