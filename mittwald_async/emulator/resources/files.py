"""Files: upload with a token, read content and meta data."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from ..handlers import EmulatedCall, UploadedPart, handles
from ..listing import Key
from ..replies import ContentReply, Fail, Reply, ValueReply
from ..seeded import SeededAccount, kind
from ..state import World
from .base import located, unfit, world_of

_COUNT = 4
_NAMES = (
    ("logo.png", "image/png"),
    ("rechnung.pdf", "application/pdf"),
    ("notiz.txt", "text/plain"),
    ("foto.jpg", "image/jpeg"),
)
_MOST_BYTES = 32 << 20
_TYPES = {
    "avatar": ("image/png", "image/jpeg"),
    "conversation": ("image/png", "image/jpeg", "application/pdf", "text/plain"),
}


def _meta(id: str, short: str, name: str, mime: str, size: int) -> dict[str, Any]:
    return {
        "friendlyURL": f"/v2/files/{id}/{name}",
        "friendlyUrl": f"/v2/files/{id}/{name}",
        "id": id,
        "mimeType": mime,
        "name": name,
        "shortId": short,
        "sizeInBytes": size,
        "type": mime,
    }


@kind("file", 39, parent=None, count=lambda account, _: _COUNT)
def file(account: SeededAccount, number: int) -> dict[str, Any]:
    name, mime = _NAMES[number]
    size = len(_content(account, number))
    return _meta(account.id("file", number), account.ids.short("f", number), name, mime, size)


def _content(account: SeededAccount, number: int) -> bytes:
    """Bytes of a seeded file: no real picture, but the same every time."""
    size = account.dice("file", number).between(200, 40_000)
    pattern = account.id("file", number).encode()
    return (pattern * (size // len(pattern) + 1))[:size]


def _bytes_of(world: World, key: Key) -> bytes:
    if isinstance(key, int):
        return _content(world.seeded, key)
    return world.blobs[f"file/{key}"]


@handles("file-create-file")
def create_file(call: EmulatedCall) -> Reply:
    """The part `file` of a form, with any token that an upload was requested for (or any at all)."""
    world = world_of(call)
    part: Any = call.body.get("file")
    if isinstance(part, str):
        part = UploadedPart(data=part.encode())
    if not isinstance(part, UploadedPart):
        raise unfit("body.file", "is missing")
    if len(part.data) > _MOST_BYTES:
        raise unfit("body.file", f"is larger than {_MOST_BYTES} bytes")
    token = call.headers.get("token", "")
    taken = world.key("file", token) is not None
    id = token if token in world.extras("uploads") and not taken else world.new_id("file")
    value = _meta(id, world.new_short("f"), part.filename or "file", part.content_type, len(part.data))
    world.blobs[f"file/{id}"] = part.data
    world.create("file", None, value)
    return ValueReply(value)


@handles("file-get-file-meta")
def get_meta(call: EmulatedCall) -> Reply:
    return ValueReply(world_of(call).read("file", located(call, "file", "fileId")))


@handles("file-get-file", "file-get-file-with-name")
def get_file(call: EmulatedCall) -> Reply:
    world = world_of(call)
    key = located(call, "file", "fileId")
    value = world.read("file", key)
    if "fileName" in call.path and call.path["fileName"] != value["name"]:
        raise Fail.not_found("file", call.path["fileName"])
    data = _bytes_of(world, key)
    accept = call.query.get("accept") or call.headers.get("accept", "")
    wish = call.query.get("content-disposition") or call.headers.get("content-disposition", "attachment")
    headers = {"content-disposition": f'{wish}; filename="{value["name"]}"'}
    if accept.startswith("text/plain"):
        return ContentReply(b64encode(data), "text/plain;base64", headers)
    return ContentReply(data, "application/octet-stream", headers)


def _rules(kind: str) -> dict[str, Any]:
    mimes = _TYPES.get(kind)
    if mimes is None:
        raise Fail.not_found("upload type", kind)
    extensions = {"image/png": "png", "image/jpeg": "jpg", "application/pdf": "pdf", "text/plain": "txt"}
    return {
        "extensions": [extensions[mime] for mime in mimes],
        "fileTypes": [{"extensions": [extensions[mime]], "mimeType": mime} for mime in mimes],
        "maxNameLength": 255,
        "maxSizeInBytes": _MOST_BYTES,
        "maxSizeInKB": _MOST_BYTES >> 10,
        "maxSizeInKb": _MOST_BYTES >> 10,
        "mimeTypes": list(mimes),
    }


@handles("file-get-file-upload-type-rules", "deprecated-file-get-file-type-rules")
def type_rules(call: EmulatedCall) -> Reply:
    return ValueReply(_rules(call.path.get("fileUploadType") or call.path.get("name", "")))


@handles("file-get-file-upload-token-rules", "deprecated-file-get-file-token-rules")
def token_rules(call: EmulatedCall) -> Reply:
    token = call.path.get("fileUploadToken") or call.path.get("token", "")
    upload = world_of(call).extras("uploads").get(token)
    if upload is None:
        raise Fail.not_found("upload token", token)
    return ValueReply(_rules(upload["type"]))


@handles("conversation-request-file-upload")
def request_upload(call: EmulatedCall) -> Reply:
    world = world_of(call)
    id = world.id("conversation", located(call, "conversation", "conversationId"))
    token = world.new_id("file")
    world.extras("uploads")[token] = {"type": "conversation"}
    rules = {"maxSizeInKB": _MOST_BYTES >> 10, "mimeTypes": list(_TYPES["conversation"])}
    return ValueReply({"conversationId": id, "rules": rules, "uploadToken": token})


@handles("conversation-get-file-access-token")
def file_token(call: EmulatedCall) -> Reply:
    located(call, "conversation", "conversationId")
    expires = call.clock.iso(call.clock.now() + 600)
    return ValueReply({"accessToken": f"file-access-{call.path['fileId']}", "expiresAt": expires})
