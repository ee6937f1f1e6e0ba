"""The content of backup exports, apart from the handlers so that the core can serve it at a URL of its own."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from ..handlers import Content, Fail

if TYPE_CHECKING:
    from ..state import World


def exported(world: World, backup_id: str) -> Content:
    """The bytes behind an export's download URL. Raises Fail 404 until the export is complete."""
    data = world.blobs.get(f"export/{backup_id}")
    key = world.key("backup", backup_id)
    if data is None or key is None or world.read("backup", key).get("export", {}).get("phase") != "Completed":
        raise Fail.not_found("export of backup", backup_id)
    return Content(data, headers={"etag": f'"{sha256(data).hexdigest()}"'})
