"""Users, their tokens and keys, SSH and SFTP users, files and messages."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from mittwald_async.emulator.options import MFA_CODE
from mittwald_async.emulator.options import PASSWORD as DEFAULT_PASSWORD

from ...support.emulator_state import Scenario

PERSON = {"firstName": "Kim", "lastName": "Muster", "title": "other"}


async def test_the_caller_and_what_others_see_of_them() -> None:
    scenario = Scenario()
    me = await scenario.fetch("/v2/users/self")
    assert me["userId"] == scenario.world.main_user
    assert await scenario.fetch(f"/v2/users/{me['userId']}") == me
    other = scenario.world.seeded.id("user", 3)
    assert set(await scenario.fetch(f"/v2/users/{other}")) == {"isEmployee", "person", "userId"}
    assert (await scenario.put(f"/v2/users/{other}", {"person": PERSON})).status == 403
    await scenario.perform("PUT", "/v2/users/self", {"person": PERSON})
    assert (await scenario.fetch("/v2/users/self"))["person"] == PERSON
    account = await scenario.fetch("/v2/users/self/personal-information")
    assert (account["person"], account["email"]) == (PERSON, me["email"])
    await scenario.perform("PUT", "/v2/users/self/credentials/email", {"email": "neu@example.org"})
    assert await scenario.fetch("/v2/users/self/credentials/email") == {"email": "neu@example.org"}
    assert (await scenario.fetch("/v2/users/self/credentials/password-updated-at"))["passwordUpdatedAt"]


async def test_a_phone_number_takes_effect_once_verified() -> None:
    scenario = Scenario()
    number = {"phoneNumber": "+49 5772 1"}
    verify = f"/v2/users/{scenario.world.main_user}/actions/verify-phone"
    assert (await scenario.post(verify, number | {"code": "123456"})).status == 412
    await scenario.perform("POST", f"/v2/users/{scenario.world.main_user}/phone", number)
    await scenario.perform("POST", verify, number | {"code": "123456"})
    assert (await scenario.fetch("/v2/users/self"))["phoneNumber"] == "+49 5772 1"
    await scenario.perform("DELETE", f"/v2/users/{scenario.world.main_user}/phone")
    assert "phoneNumber" not in await scenario.fetch("/v2/users/self")


async def test_settings_and_feedback() -> None:
    scenario = Scenario()
    url = f"/v2/users/{scenario.world.main_user}"
    assert base64.b64decode((await scenario.fetch(f"{url}/settings"))["settingsString"]) == b"{}"
    text = base64.b64encode(b'{"a":1}').decode()
    await scenario.perform("PUT", f"{url}/settings", {"settingsString": text})
    assert await scenario.fetch(f"{url}/settings") == {"settingsString": text}
    await scenario.perform("POST", "/v2/users/self/feedback", {"subject": "Lob", "message": "Gut", "vote": 9})
    assert [entry["vote"] for entry in await scenario.fetch(f"{url}/feedback")] == [9]
    assert await scenario.fetch(f"{url}/feedback?subject=Tadel") == []


async def test_a_second_factor_is_enabled_and_disabled() -> None:
    scenario = Scenario()
    url = "/v2/users/self/credentials"
    code = {"multiFactorCode": MFA_CODE}
    assert (await scenario.post(f"{url}/mfa", code)).status == 412, "not begun"
    await scenario.perform("POST", f"{url}/init-mfa", {})
    assert await scenario.fetch(f"{url}/mfa") == {"confirmed": False, "initialized": True}
    assert (await scenario.post(f"{url}/mfa", {"multiFactorCode": "000000"})).status == 412
    assert len((await scenario.perform("POST", f"{url}/mfa", code)).json["recoveryCodesList"]) == 8
    assert (await scenario.post(f"{url}/init-mfa", {})).status == 412
    await scenario.perform("PUT", f"{url}/mfa", code)
    email = (await scenario.fetch("/v2/users/self"))["email"]
    login = await scenario.post("/v2/authenticate", {"email": email, "password": DEFAULT_PASSWORD})
    assert login.status == 202
    await scenario.perform("DELETE", f"{url}/mfa", code)
    assert (await scenario.post("/v2/authenticate", {"email": email, "password": DEFAULT_PASSWORD})).status == 200


async def test_a_registered_user_can_log_in() -> None:
    scenario = Scenario()
    body = {"email": "kim@example.org", "password": "Another-password-4-tests", "person": PERSON}
    id = await scenario.create("/v2/register", body, "userId")
    assert (await scenario.post("/v2/register", body)).status == 409
    login = {name: body[name] for name in ("email", "password")}
    token = (await scenario.perform("POST", "/v2/authenticate", login)).json["token"]
    me = (await scenario.get("/v2/users/self", x_access_token=token)).json
    assert me["userId"] == id
    assert scenario.world.login_of(email="nobody@example.org") is None


async def test_sessions_are_listed_and_ended() -> None:
    scenario = Scenario()
    email = (await scenario.fetch("/v2/users/self"))["email"]
    login = {"email": email, "password": DEFAULT_PASSWORD}
    tokens = [(await scenario.perform("POST", "/v2/authenticate", login)).json["token"] for _ in range(3)]
    sessions = await scenario.fetch("/v2/users/self/sessions")
    assert len(sessions) == 3
    single = f"/v2/users/self/sessions/{sessions[0]['tokenId']}"
    assert (await scenario.fetch(single))["tokenId"] == sessions[0]["tokenId"]
    await scenario.perform("DELETE", single)
    assert await scenario.status(single) == 404
    assert (await scenario.get("/v2/users/self", x_access_token=tokens[0])).status == 401
    await scenario.perform("DELETE", "/v2/users/self/sessions")
    assert (await scenario.get("/v2/users/self", x_access_token=tokens[1])).status == 401


async def test_api_tokens_grant_access_until_deleted() -> None:
    scenario = Scenario()
    url = "/v2/users/self/api-tokens"
    before = len(await scenario.fetch(url))
    body: dict[str, Any] = {"description": "CI", "roles": ["api_read"], "expiresAt": "2027-01-01T00:00:00Z"}
    token = (await scenario.perform("POST", url, body)).json["token"]
    assert (await scenario.get("/v2/projects", x_access_token=token)).status == 200
    listed = await scenario.fetch(url)
    assert len(listed) == before + 1
    value = next(entry for entry in listed if entry["description"] == "CI")
    assert (value["roles"], value["expiresAt"]) == (["api_read"], "2027-01-01T00:00:00.000Z")
    single = f"{url}/{value['apiTokenId']}"
    await scenario.perform("PUT", single, {"description": "CD", "expiresAt": "2026-06-01T00:00:00+02:00"})
    changed = await scenario.fetch(single)
    assert (changed["description"], changed["expiresAt"]) == ("CD", "2026-05-31T22:00:00.000Z")
    past = body | {"expiresAt": "2020-01-01T00:00:00Z"}
    assert (await scenario.post(url, past)).status == 412
    await scenario.perform("DELETE", single)
    assert (await scenario.get("/v2/projects", x_access_token=token)).status == 401


async def test_ssh_keys() -> None:
    scenario = Scenario()
    url = "/v2/users/self/ssh-keys"
    before = len((await scenario.fetch(url))["sshKeys"])
    await scenario.perform("POST", url, {"publicKey": "ssh-ed25519 AAAATEST laptop"})
    assert (await scenario.post(url, {"publicKey": "nonsense"})).status == 412
    keys = (await scenario.fetch(url))["sshKeys"]
    assert (len(keys), keys[-1]["comment"], keys[-1]["algorithm"]) == (before + 1, "laptop", "ssh-ed25519")
    single = f"{url}/{keys[-1]['sshKeyId']}"
    await scenario.perform("PUT", single, {"comment": "Rechner"})
    assert (await scenario.fetch(single))["sshKey"]["comment"] == "Rechner"
    await scenario.perform("DELETE", single)
    assert await scenario.status(single) == 404


@pytest.mark.parametrize(
    ("path", "extra"), [("ssh-users", {}), ("sftp-users", {"directories": ["/html"], "accessLevel": "full"})]
)
async def test_ssh_and_sftp_users(path: str, extra: dict[str, Any]) -> None:
    scenario = Scenario()
    project = f"/v2/projects/{scenario.read('project')['id']}"
    body = {"description": "Deploy", "authentication": {"password": "Secret-4-tests"}, **extra}
    made = (await scenario.perform("POST", f"{project}/{path}", body)).json
    url = f"/v2/{path}/{made['id']}"
    assert await scenario.fetch(url) == made
    assert made["hasPassword"] is True
    assert (await scenario.fetch(f"{project}/{path}"))[-1] == made
    keys = [{"comment": "x", "key": "ssh-ed25519 AAAATEST"}]
    scenario.advance()
    await scenario.perform("PATCH", url, {"publicKeys": keys, "active": False})
    value = await scenario.fetch(url)
    assert (value["hasPassword"], value["publicKeys"], value["active"]) == (False, keys, False)
    assert value["authUpdatedAt"] > made["authUpdatedAt"]
    await scenario.perform("PATCH", url, {"password": "Another-secret-4-tests", "description": "Neu"})
    value = await scenario.fetch(url)
    assert (value["hasPassword"], "publicKeys" in value, value["description"]) == (True, False, "Neu")
    await scenario.perform("DELETE", url)
    assert await scenario.status(url) == 404


# files

BOUNDARY = "for-tests"


def form(name: str, data: bytes, kind: str = "text/plain") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'
    return head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


async def test_a_file_is_uploaded_and_downloaded() -> None:
    scenario = Scenario()
    conversation = scenario.read("conversation")["conversationId"]
    token = (await scenario.perform("POST", f"/v2/conversations/{conversation}/files", {})).json["uploadToken"]
    rules = await scenario.fetch(f"/v2/file-upload-tokens/{token}/rules")
    assert "text/plain" in rules["mimeTypes"]
    data = bytes(range(256)) * 8
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    answer = await scenario.send("POST", "/v2/files", data=form("notiz.txt", data), content_type=kind, token=token)
    assert answer.status == 201, answer
    meta = answer.json
    assert (meta["id"], meta["name"], meta["sizeInBytes"]) == (token, "notiz.txt", len(data))
    assert await scenario.fetch(f"/v2/files/{token}/meta") == meta
    content = await scenario.get(f"/v2/files/{token}", accept="application/octet-stream")
    assert content.body == data
    assert 'filename="notiz.txt"' in content.headers["content-disposition"]
    encoded = await scenario.get(f"/v2/files/{token}/notiz.txt?accept=text/plain;base64")
    assert base64.b64decode(encoded.body) == data
    assert await scenario.status(f"/v2/files/{token}/anders.txt") == 404
    again = await scenario.send("POST", "/v2/files", data=form("b.txt", b"b"), content_type=kind, token=token)
    assert again.json["id"] != token, "a token is used up"
    assert (await scenario.fetch(f"/v2/conversations/{conversation}/files/{token}/access-token"))["accessToken"]
    part = await scenario.get(f"/v2/files/{token}", range="bytes=10-19")
    assert (part.status, part.body) == (206, data[10:20])


async def test_seeded_files_and_rules() -> None:
    scenario = Scenario()
    value = scenario.read("file")
    content = await scenario.get(f"/v2/files/{value['id']}")
    assert len(content.body) == value["sizeInBytes"]
    assert (await scenario.fetch("/v2/file-upload-types/avatar/rules"))["maxNameLength"] == 255
    assert await scenario.status("/v2/file-upload-types/nothing/rules") == 400
    assert await scenario.status(f"/v2/file-upload-tokens/{value['id']}/rules") == 404


async def test_the_file_system_of_a_project() -> None:
    scenario = Scenario()
    project = f"/v2/projects/{scenario.read('project')['id']}"
    root = await scenario.fetch(f"{project}/filesystem-directories?directory=/&max_depth=2")
    assert "index.php" in [entry["name"] for entry in root["items"][0]["items"]]
    listed = await scenario.fetch(f"{project}/filesystem-files?file=/files/preise.csv")
    content = await scenario.get(f"{project}/filesystem-file-content?file=/files/preise.csv")
    assert (listed["isFile"], listed["size"]) == (True, len(content.body))
    assert await scenario.status(f"{project}/filesystem-file-content?file=/nie") == 404
    assert await scenario.status(f"{project}/filesystem-file-content?file=/html") == 412
    assert (await scenario.fetch(f"{project}/filesystem-disk-usage"))["usedBytes"] >= 0
    assert (await scenario.fetch(f"{project}/jwt"))["jwt"]


# conversations and notifications


async def test_a_conversation_continues_until_closed() -> None:
    scenario = Scenario()
    category = (await scenario.fetch("/v2/conversation-categories"))[0]
    assert await scenario.fetch(f"/v2/conversation-categories/{category['categoryId']}") == category
    unknown = scenario.world.new_id("conversation")
    assert await scenario.status(f"/v2/conversation-categories/{unknown}") == 404
    body = {"title": "Frage", "messageContent": "Hallo", "categoryId": category["categoryId"]}
    id = await scenario.create("/v2/conversations", body, "conversationId")
    url = f"/v2/conversations/{id}"
    scenario.advance()
    value = await scenario.fetch(url)
    assert (value["status"], value["category"], value["lastMessageBy"]["userId"]) == (
        "open",
        category,
        scenario.world.main_user,
    )
    message = await scenario.create(f"{url}/messages", {"messageContent": "Noch etwas", "fileIds": [id]}, "messageId")
    messages = await scenario.fetch(f"{url}/messages")
    assert [entry["messageContent"] for entry in messages] == ["Hallo", "Noch etwas"]
    await scenario.perform("PATCH", f"{url}/messages/{message}", {"messageContent": "Nichts mehr"})
    assert (await scenario.fetch(f"{url}/messages"))[-1]["messageContent"] == "Nichts mehr"
    assert (await scenario.patch(f"{url}/messages/{unknown}", {"messageContent": "x"})).status == 404
    await scenario.perform("PUT", url, {"title": "Antwort", "categoryId": category["categoryId"]})
    assert [entry["title"] for entry in await scenario.fetch("/v2/conversations?fullTextSearch=antwort")] == ["Antwort"]
    assert (await scenario.fetch(f"{url}/members"))[0]["userId"] == scenario.world.main_user
    await scenario.perform("PUT", f"{url}/status", {"status": "closed"})
    assert (await scenario.post(f"{url}/messages", {"messageContent": "x"})).status == 412
    assert id in [entry["conversationId"] for entry in await scenario.fetch("/v2/conversations?status=closed")]
    latest = await scenario.fetch("/v2/conversations?sort=lastMessage.createdAt&order=desc")
    assert latest[0]["conversationId"] == id


async def test_only_the_callers_own_messages_can_be_changed() -> None:
    scenario = Scenario()
    me = scenario.world.main_user
    key = next(
        key
        for key in scenario.world.keys("message")
        if scenario.world.read("message", key)["createdBy"]["userId"] != me
    )
    value = scenario.world.read("message", key)
    url = f"/v2/conversations/{value['conversationId']}/messages/{value['messageId']}"
    assert (await scenario.patch(url, {"messageContent": "x"})).status == 403


async def test_notifications_are_marked_as_read() -> None:
    scenario = Scenario()
    counts = await scenario.fetch("/v2/notification-unread-counts")
    unread = await scenario.fetch("/v2/notifications?status=unread")
    assert counts["total"] == len(unread) == sum(counts[name] for name in ("error", "info", "success", "warning")) > 2
    errors = await scenario.fetch("/v2/notifications?severity=error&status=unread")
    assert counts["error"] == len(errors)
    some = await scenario.fetch(f"/v2/notifications?type={unread[0]['type']}")
    rest = await scenario.fetch(f"/v2/notifications?type-not={unread[0]['type']}")
    assert len(some) + len(rest) == len(await scenario.fetch("/v2/notifications"))
    await scenario.perform("PUT", f"/v2/notifications/{unread[0]['id']}/status", {"status": "read"})
    assert (await scenario.fetch("/v2/notification-unread-counts"))["total"] == counts["total"] - 1
    reference = unread[1]["reference"]["id"]
    await scenario.perform("POST", f"/v2/notifications/actions/read-all?referenceId={reference}", {})
    left = await scenario.fetch("/v2/notifications?status=unread")
    assert reference not in {entry["reference"]["id"] for entry in left}
    answer = (await scenario.perform("POST", "/v2/notifications/actions/read-all", {})).json
    assert answer == {"status": "read", "updatedCount": len(left)}
    assert await scenario.fetch("/v2/notifications?status=unread") == []


async def test_the_callers_avatar() -> None:
    scenario = Scenario()
    reference = (await scenario.perform("POST", f"/v2/users/{scenario.world.main_user}/avatar", {})).json["refId"]
    assert (await scenario.fetch("/v2/users/self"))["avatarRef"] == reference
    rules = await scenario.fetch(f"/v2/file-upload-tokens/{reference}/rules")
    assert rules["mimeTypes"] == ["image/png", "image/jpeg"]
    await scenario.perform("DELETE", f"/v2/users/{scenario.world.main_user}/avatar")
    assert "avatarRef" not in await scenario.fetch("/v2/users/self")
    other = scenario.world.seeded.id("user", 3)
    assert (await scenario.post(f"/v2/users/{other}/avatar", {})).status == 403


async def test_platform_announcements() -> None:
    scenario = Scenario()
    assert "Europe/Berlin" in await scenario.fetch("/v2/time-zones")
    assert "de" in [entry["tld"] for entry in await scenario.fetch("/v2/domain-tlds")]
    brand = scenario.read("domain")["domain"].rpartition(".")[0]
    names = (await scenario.fetch(f"/v2/domain-suggestions?prompt={brand}&domainCount=3"))["domains"]
    assert len(names) == 3
    assert not {entry["domain"] for entry in await scenario.fetch("/v2/domains")} & set(names)


async def test_categories_of_customers() -> None:
    scenario = Scenario()
    id = scenario.world.new_id("customer")
    url = f"/v2/customer-categories/{id}"
    value = {
        "id": id,
        "isPublic": True,
        "name": "Agenturen",
        "useAgencyDomainPrices": True,
        "useAgencySslPrices": False,
    }
    await scenario.perform("POST", "/v2/customer-categories", value)
    assert await scenario.fetch(url) == value
    await scenario.perform("PUT", url, value | {"name": "Partner"})
    [listed] = (await scenario.fetch("/v2/customer-categories"))["categories"]
    assert listed["name"] == "Partner"
    await scenario.perform("DELETE", url)
    assert await scenario.status(url) == 404
