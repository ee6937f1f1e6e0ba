"""What lies in a project's home directory: small, the same for every project, and only to be read."""

from __future__ import annotations

from typing import Any, TypeAlias

from ..handlers import EmulatedCall, handles
from ..replies import ContentReply, Fail, Reply, ValueReply
from .base import located, unfit, world_of

Tree: TypeAlias = dict[str, "Tree | bytes"]


def tree() -> Tree:
    """Directories and the contents of files."""
    return {
        "html": {
            "index.php": b"<?php\necho 'Hallo';\n",
            "robots.txt": b"User-agent: *\nAllow: /\n",
            "assets": {"logo.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>\n"},
        },
        "files": {"preise.csv": b"artikel;preis\nA1;9,90\n"},
        "logs": {"access.log": b"203.0.113.5 - - GET / 200\n" * 20},
    }


def find(path: str, root: Tree) -> Tree | bytes:
    """What is at a path. Raises Fail 404."""
    here: Tree | bytes = root
    for part in path.strip("/").split("/"):
        if not part:
            continue
        if not isinstance(here, dict) or part not in here:
            raise Fail.not_found("path", path)
        here = here[part]
    return here


def entry(path: str, root: Tree, depth: int = 1) -> dict[str, Any]:
    """A path as a listing, with its contents to some depth. Raises Fail 404."""
    here = find(path, root)
    name = path.rstrip("/").rpartition("/")[2] or "/"
    directory = isinstance(here, dict)
    value: dict[str, Any] = {
        "absolutePath": "/" + path.strip("/"),
        "isDirectory": directory,
        "isExecutable": directory,
        "isFile": not directory,
        "isSymlink": False,
        "name": name,
        "size": 4096 if isinstance(here, dict) else len(here),
    }
    if isinstance(here, dict) and depth > 0:
        value["items"] = [entry(f"{path.rstrip('/')}/{below}", root, depth - 1) for below in here]
    return value


@handles("project-file-system-get-directories")
def directories(call: EmulatedCall) -> Reply:
    located(call, "project", "projectId")
    depth = call.query.get("max_depth", 1)
    return ValueReply(entry(call.query.get("directory", "/"), tree(), max(1, min(5, int(depth)))))


@handles("project-file-system-list-files")
def files(call: EmulatedCall) -> Reply:
    located(call, "project", "projectId")
    return ValueReply(entry(call.query.get("file", "/"), tree()))


@handles("project-file-system-get-disk-usage")
def disk_usage(call: EmulatedCall) -> Reply:
    project = world_of(call).read("project", located(call, "project", "projectId"))
    used = project["webStorageUsageInBytes"]
    return ValueReply({"path": call.query.get("directory", "/"), "totalBytes": 50 << 30, "usedBytes": used})


@handles("project-file-system-get-file-content")
def file_content(call: EmulatedCall) -> Reply:
    located(call, "project", "projectId")
    found = find(call.query.get("file", "/html/index.php"), tree())
    if isinstance(found, dict):
        raise unfit("query.file", "is a directory")
    return ContentReply(found)


@handles("project-file-system-get-jwt")
def jwt(call: EmulatedCall) -> Reply:
    id = world_of(call).id("project", located(call, "project", "projectId"))
    return ValueReply({"jwt": f"emulated.{id}.token"})
