"""Users, their tokens and keys, SSH and SFTP users, files and messages."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from mittwald_async.emulator.options import MFA_CODE
from mittwald_async.emulator.options import PASSWORD as DEFAULT_PASSWORD

from ...support.emulator_state import Story

PERSON = {"firstName": "Kim", "lastName": "Muster", "title": "other"}


async def test_the_caller_and_what_others_see_of_them() -> None:
    story = Story()
    me = await story.seen("/v2/users/self")
    assert me["userId"] == story.world.main_user
    assert await story.seen(f"/v2/users/{me['userId']}") == me
    other = story.world.seeded.id("user", 3)
    assert set(await story.seen(f"/v2/users/{other}")) == {"isEmployee", "person", "userId"}
    assert (await story.put(f"/v2/users/{other}", {"person": PERSON})).status == 403
    await story.done("PUT", "/v2/users/self", {"person": PERSON})
    assert (await story.seen("/v2/users/self"))["person"] == PERSON
    account = await story.seen("/v2/users/self/personal-information")
    assert (account["person"], account["email"]) == (PERSON, me["email"])
    await story.done("PUT", "/v2/users/self/credentials/email", {"email": "neu@example.org"})
    assert await story.seen("/v2/users/self/credentials/email") == {"email": "neu@example.org"}
    assert (await story.seen("/v2/users/self/credentials/password-updated-at"))["passwordUpdatedAt"]


async def test_a_phone_number_takes_effect_once_verified() -> None:
    story = Story()
    number = {"phoneNumber": "+49 5772 1"}
    verify = f"/v2/users/{story.world.main_user}/actions/verify-phone"
    assert (await story.post(verify, number | {"code": "123456"})).status == 412
    await story.done("POST", f"/v2/users/{story.world.main_user}/phone", number)
    await story.done("POST", verify, number | {"code": "123456"})
    assert (await story.seen("/v2/users/self"))["phoneNumber"] == "+49 5772 1"
    await story.done("DELETE", f"/v2/users/{story.world.main_user}/phone")
    assert "phoneNumber" not in await story.seen("/v2/users/self")


async def test_settings_and_feedback() -> None:
    story = Story()
    url = f"/v2/users/{story.world.main_user}"
    assert base64.b64decode((await story.seen(f"{url}/settings"))["settingsString"]) == b"{}"
    text = base64.b64encode(b'{"a":1}').decode()
    await story.done("PUT", f"{url}/settings", {"settingsString": text})
    assert await story.seen(f"{url}/settings") == {"settingsString": text}
    await story.done("POST", "/v2/users/self/feedback", {"subject": "Lob", "message": "Gut", "vote": 9})
    assert [entry["vote"] for entry in await story.seen(f"{url}/feedback")] == [9]
    assert await story.seen(f"{url}/feedback?subject=Tadel") == []


async def test_a_second_factor_is_enabled_and_disabled() -> None:
    story = Story()
    url = "/v2/users/self/credentials"
    code = {"multiFactorCode": MFA_CODE}
    assert (await story.post(f"{url}/mfa", code)).status == 412, "not begun"
    await story.done("POST", f"{url}/init-mfa", {})
    assert await story.seen(f"{url}/mfa") == {"confirmed": False, "initialized": True}
    assert (await story.post(f"{url}/mfa", {"multiFactorCode": "000000"})).status == 412
    assert len((await story.done("POST", f"{url}/mfa", code)).json["recoveryCodesList"]) == 8
    assert (await story.post(f"{url}/init-mfa", {})).status == 412
    await story.done("PUT", f"{url}/mfa", code)
    email = (await story.seen("/v2/users/self"))["email"]
    login = await story.post("/v2/authenticate", {"email": email, "password": DEFAULT_PASSWORD})
    assert login.status == 202
    await story.done("DELETE", f"{url}/mfa", code)
    assert (await story.post("/v2/authenticate", {"email": email, "password": DEFAULT_PASSWORD})).status == 200


async def test_a_registered_user_can_log_in() -> None:
    story = Story()
    body = {"email": "kim@example.org", "password": "Another-password-4-tests", "person": PERSON}
    id = await story.made("/v2/register", body, "userId")
    assert (await story.post("/v2/register", body)).status == 409
    login = {name: body[name] for name in ("email", "password")}
    token = (await story.done("POST", "/v2/authenticate", login)).json["token"]
    me = (await story.get("/v2/users/self", x_access_token=token)).json
    assert me["userId"] == id
    assert story.world.login_of(email="nobody@example.org") is None


async def test_sessions_are_listed_and_ended() -> None:
    story = Story()
    email = (await story.seen("/v2/users/self"))["email"]
    login = {"email": email, "password": DEFAULT_PASSWORD}
    tokens = [(await story.done("POST", "/v2/authenticate", login)).json["token"] for _ in range(3)]
    sessions = await story.seen("/v2/users/self/sessions")
    assert len(sessions) == 3
    single = f"/v2/users/self/sessions/{sessions[0]['tokenId']}"
    assert (await story.seen(single))["tokenId"] == sessions[0]["tokenId"]
    await story.done("DELETE", single)
    assert await story.status(single) == 404
    assert (await story.get("/v2/users/self", x_access_token=tokens[0])).status == 401
    await story.done("DELETE", "/v2/users/self/sessions")
    assert (await story.get("/v2/users/self", x_access_token=tokens[1])).status == 401


async def test_api_tokens_grant_access_until_deleted() -> None:
    story = Story()
    url = "/v2/users/self/api-tokens"
    before = len(await story.seen(url))
    body: dict[str, Any] = {"description": "CI", "roles": ["api_read"], "expiresAt": "2027-01-01T00:00:00Z"}
    token = (await story.done("POST", url, body)).json["token"]
    assert (await story.get("/v2/projects", x_access_token=token)).status == 200
    listed = await story.seen(url)
    assert len(listed) == before + 1
    value = next(entry for entry in listed if entry["description"] == "CI")
    assert (value["roles"], value["expiresAt"]) == (["api_read"], "2027-01-01T00:00:00.000Z")
    single = f"{url}/{value['apiTokenId']}"
    await story.done("PUT", single, {"description": "CD", "expiresAt": "2026-06-01T00:00:00+02:00"})
    changed = await story.seen(single)
    assert (changed["description"], changed["expiresAt"]) == ("CD", "2026-05-31T22:00:00.000Z")
    past = body | {"expiresAt": "2020-01-01T00:00:00Z"}
    assert (await story.post(url, past)).status == 412
    await story.done("DELETE", single)
    assert (await story.get("/v2/projects", x_access_token=token)).status == 401


async def test_ssh_keys() -> None:
    story = Story()
    url = "/v2/users/self/ssh-keys"
    before = len((await story.seen(url))["sshKeys"])
    await story.done("POST", url, {"publicKey": "ssh-ed25519 AAAATEST laptop"})
    assert (await story.post(url, {"publicKey": "nonsense"})).status == 412
    keys = (await story.seen(url))["sshKeys"]
    assert (len(keys), keys[-1]["comment"], keys[-1]["algorithm"]) == (before + 1, "laptop", "ssh-ed25519")
    single = f"{url}/{keys[-1]['sshKeyId']}"
    await story.done("PUT", single, {"comment": "Rechner"})
    assert (await story.seen(single))["sshKey"]["comment"] == "Rechner"
    await story.done("DELETE", single)
    assert await story.status(single) == 404


@pytest.mark.parametrize(
    ("path", "extra"), [("ssh-users", {}), ("sftp-users", {"directories": ["/html"], "accessLevel": "full"})]
)
async def test_ssh_and_sftp_users(path: str, extra: dict[str, Any]) -> None:
    story = Story()
    project = f"/v2/projects/{story.read('project')['id']}"
    body = {"description": "Deploy", "authentication": {"password": "Secret-4-tests"}, **extra}
    made = (await story.done("POST", f"{project}/{path}", body)).json
    url = f"/v2/{path}/{made['id']}"
    assert await story.seen(url) == made
    assert made["hasPassword"] is True
    assert (await story.seen(f"{project}/{path}"))[-1] == made
    keys = [{"comment": "x", "key": "ssh-ed25519 AAAATEST"}]
    story.wait()
    await story.done("PATCH", url, {"publicKeys": keys, "active": False})
    value = await story.seen(url)
    assert (value["hasPassword"], value["publicKeys"], value["active"]) == (False, keys, False)
    assert value["authUpdatedAt"] > made["authUpdatedAt"]
    await story.done("PATCH", url, {"password": "Another-secret-4-tests", "description": "Neu"})
    value = await story.seen(url)
    assert (value["hasPassword"], "publicKeys" in value, value["description"]) == (True, False, "Neu")
    await story.done("DELETE", url)
    assert await story.status(url) == 404


# files

BOUNDARY = "for-tests"


def form(name: str, data: bytes, kind: str = "text/plain") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'
    return head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


async def test_a_file_is_uploaded_and_downloaded() -> None:
    story = Story()
    conversation = story.read("conversation")["conversationId"]
    token = (await story.done("POST", f"/v2/conversations/{conversation}/files", {})).json["uploadToken"]
    rules = await story.seen(f"/v2/file-upload-tokens/{token}/rules")
    assert "text/plain" in rules["mimeTypes"]
    data = bytes(range(256)) * 8
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    answer = await story.say("POST", "/v2/files", data=form("notiz.txt", data), content_type=kind, token=token)
    assert answer.status == 201, answer
    meta = answer.json
    assert (meta["id"], meta["name"], meta["sizeInBytes"]) == (token, "notiz.txt", len(data))
    assert await story.seen(f"/v2/files/{token}/meta") == meta
    content = await story.get(f"/v2/files/{token}", accept="application/octet-stream")
    assert content.body == data
    assert 'filename="notiz.txt"' in content.headers["content-disposition"]
    encoded = await story.get(f"/v2/files/{token}/notiz.txt?accept=text/plain;base64")
    assert base64.b64decode(encoded.body) == data
    assert await story.status(f"/v2/files/{token}/anders.txt") == 404
    again = await story.say("POST", "/v2/files", data=form("b.txt", b"b"), content_type=kind, token=token)
    assert again.json["id"] != token, "a token is used up"
    assert (await story.seen(f"/v2/conversations/{conversation}/files/{token}/access-token"))["accessToken"]
    part = await story.get(f"/v2/files/{token}", range="bytes=10-19")
    assert (part.status, part.body) == (206, data[10:20])


async def test_seeded_files_and_rules() -> None:
    story = Story()
    value = story.read("file")
    content = await story.get(f"/v2/files/{value['id']}")
    assert len(content.body) == value["sizeInBytes"]
    assert (await story.seen("/v2/file-upload-types/avatar/rules"))["maxNameLength"] == 255
    assert await story.status("/v2/file-upload-types/nothing/rules") == 400
    assert await story.status(f"/v2/file-upload-tokens/{value['id']}/rules") == 404


async def test_the_file_system_of_a_project() -> None:
    story = Story()
    project = f"/v2/projects/{story.read('project')['id']}"
    root = await story.seen(f"{project}/filesystem-directories?directory=/&max_depth=2")
    assert "index.php" in [entry["name"] for entry in root["items"][0]["items"]]
    listed = await story.seen(f"{project}/filesystem-files?file=/files/preise.csv")
    content = await story.get(f"{project}/filesystem-file-content?file=/files/preise.csv")
    assert (listed["isFile"], listed["size"]) == (True, len(content.body))
    assert await story.status(f"{project}/filesystem-file-content?file=/nie") == 404
    assert await story.status(f"{project}/filesystem-file-content?file=/html") == 412
    assert (await story.seen(f"{project}/filesystem-disk-usage"))["usedBytes"] >= 0
    assert (await story.seen(f"{project}/jwt"))["jwt"]


# conversations and notifications


async def test_a_conversation_continues_until_closed() -> None:
    story = Story()
    category = (await story.seen("/v2/conversation-categories"))[0]
    assert await story.seen(f"/v2/conversation-categories/{category['categoryId']}") == category
    unknown = story.world.new_id("conversation")
    assert await story.status(f"/v2/conversation-categories/{unknown}") == 404
    body = {"title": "Frage", "messageContent": "Hallo", "categoryId": category["categoryId"]}
    id = await story.made("/v2/conversations", body, "conversationId")
    url = f"/v2/conversations/{id}"
    story.wait()
    value = await story.seen(url)
    assert (value["status"], value["category"], value["lastMessageBy"]["userId"]) == (
        "open",
        category,
        story.world.main_user,
    )
    message = await story.made(f"{url}/messages", {"messageContent": "Noch etwas", "fileIds": [id]}, "messageId")
    messages = await story.seen(f"{url}/messages")
    assert [entry["messageContent"] for entry in messages] == ["Hallo", "Noch etwas"]
    await story.done("PATCH", f"{url}/messages/{message}", {"messageContent": "Nichts mehr"})
    assert (await story.seen(f"{url}/messages"))[-1]["messageContent"] == "Nichts mehr"
    assert (await story.patch(f"{url}/messages/{unknown}", {"messageContent": "x"})).status == 404
    await story.done("PUT", url, {"title": "Antwort", "categoryId": category["categoryId"]})
    assert [entry["title"] for entry in await story.seen("/v2/conversations?fullTextSearch=antwort")] == ["Antwort"]
    assert (await story.seen(f"{url}/members"))[0]["userId"] == story.world.main_user
    await story.done("PUT", f"{url}/status", {"status": "closed"})
    assert (await story.post(f"{url}/messages", {"messageContent": "x"})).status == 412
    assert id in [entry["conversationId"] for entry in await story.seen("/v2/conversations?status=closed")]
    latest = await story.seen("/v2/conversations?sort=lastMessage.createdAt&order=desc")
    assert latest[0]["conversationId"] == id


async def test_only_the_callers_own_messages_can_be_changed() -> None:
    story = Story()
    me = story.world.main_user
    key = next(
        key for key in story.world.keys("message") if story.world.read("message", key)["createdBy"]["userId"] != me
    )
    value = story.world.read("message", key)
    url = f"/v2/conversations/{value['conversationId']}/messages/{value['messageId']}"
    assert (await story.patch(url, {"messageContent": "x"})).status == 403


async def test_notifications_are_marked_as_read() -> None:
    story = Story()
    counts = await story.seen("/v2/notification-unread-counts")
    unread = await story.seen("/v2/notifications?status=unread")
    assert counts["total"] == len(unread) == sum(counts[name] for name in ("error", "info", "success", "warning")) > 2
    errors = await story.seen("/v2/notifications?severity=error&status=unread")
    assert counts["error"] == len(errors)
    some = await story.seen(f"/v2/notifications?type={unread[0]['type']}")
    rest = await story.seen(f"/v2/notifications?type-not={unread[0]['type']}")
    assert len(some) + len(rest) == len(await story.seen("/v2/notifications"))
    await story.done("PUT", f"/v2/notifications/{unread[0]['id']}/status", {"status": "read"})
    assert (await story.seen("/v2/notification-unread-counts"))["total"] == counts["total"] - 1
    reference = unread[1]["reference"]["id"]
    await story.done("POST", f"/v2/notifications/actions/read-all?referenceId={reference}", {})
    left = await story.seen("/v2/notifications?status=unread")
    assert reference not in {entry["reference"]["id"] for entry in left}
    answer = (await story.done("POST", "/v2/notifications/actions/read-all", {})).json
    assert answer == {"status": "read", "updatedCount": len(left)}
    assert await story.seen("/v2/notifications?status=unread") == []


async def test_the_callers_avatar() -> None:
    story = Story()
    reference = (await story.done("POST", f"/v2/users/{story.world.main_user}/avatar", {})).json["refId"]
    assert (await story.seen("/v2/users/self"))["avatarRef"] == reference
    rules = await story.seen(f"/v2/file-upload-tokens/{reference}/rules")
    assert rules["mimeTypes"] == ["image/png", "image/jpeg"]
    await story.done("DELETE", f"/v2/users/{story.world.main_user}/avatar")
    assert "avatarRef" not in await story.seen("/v2/users/self")
    other = story.world.seeded.id("user", 3)
    assert (await story.post(f"/v2/users/{other}/avatar", {})).status == 403


async def test_platform_announcements() -> None:
    story = Story()
    assert "Europe/Berlin" in await story.seen("/v2/time-zones")
    assert "de" in [entry["tld"] for entry in await story.seen("/v2/domain-tlds")]
    brand = story.read("domain")["domain"].rpartition(".")[0]
    names = (await story.seen(f"/v2/domain-suggestions?prompt={brand}&domainCount=3"))["domains"]
    assert len(names) == 3
    assert not {entry["domain"] for entry in await story.seen("/v2/domains")} & set(names)


async def test_categories_of_customers() -> None:
    story = Story()
    id = story.world.new_id("customer")
    url = f"/v2/customer-categories/{id}"
    value = {
        "id": id,
        "isPublic": True,
        "name": "Agenturen",
        "useAgencyDomainPrices": True,
        "useAgencySslPrices": False,
    }
    await story.done("POST", "/v2/customer-categories", value)
    assert await story.seen(url) == value
    await story.done("PUT", url, value | {"name": "Partner"})
    [listed] = (await story.seen("/v2/customer-categories"))["categories"]
    assert listed["name"] == "Partner"
    await story.done("DELETE", url)
    assert await story.status(url) == 404
