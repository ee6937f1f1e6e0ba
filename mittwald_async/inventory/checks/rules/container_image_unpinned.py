"""A container image has no version."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from ..check import Check, Hit, InventoryReader


def find(state: InventoryReader) -> Iterator[Hit]:
    image = "json_extract(r.data, '$.deployedState.image')"
    for hit in state.hits("service", "r.service_name", image, f"{image} IS NOT NULL"):
        if not is_pinned(hit.detail):
            yield replace(hit, detail=f"image {hit.detail}")


def is_pinned(image: str) -> bool:
    """Does the reference name a digest, or a tag other than `latest`? A colon before the last slash is a port."""
    if "@" in image:
        return True
    tag = image.rpartition("/")[2].partition(":")[2]
    return tag not in ("", "latest")


CHECK = Check(
    id="container-image-unpinned",
    family="containers",
    severity="medium",
    title="A container image has no version",
    why="The next restart may bring another version than the one that was tested.",
    fix="Name a version or a digest in the image, such as redis:7.4.2.",
    table="service",
    find=find,
)
