"""A container image has no version."""

from __future__ import annotations

from collections.abc import Sequence

from ..check import Check

_IMAGE = "json_extract(r.data, '$.deployedState.image')"


def judge(_account: str, _service: str, image: str) -> Sequence[str]:
    return [] if is_pinned(image) else [f"image {image}"]


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
    subject="r.service_name",
    detail=_IMAGE,
    where=f"{_IMAGE} IS NOT NULL",
    judge=lambda _: judge,
)
