"""How others turn the same parsed JSON into objects: the official SDK's generated classes and pydantic models.

The pydantic models are what a user would write by hand: the properties of the page, typed, nothing more.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import datetime
from types import GenericAlias
from typing import Any

from .frame import installed

Convert = Callable[[Any], object]

_CLASSES = {
    "projects": ("project_list_projects_response_200_item", "ProjectListProjectsResponse200Item"),
    "ingresses": ("de_mittwald_v1_ingress_ingress", "DeMittwaldV1IngressIngress"),
    "DNS zones": ("de_mittwald_v1_dns_zone", "DeMittwaldV1DnsZone"),
}


def official_class(page: str) -> Any:
    """The official SDK's class for the items of a page; `None` where it has none or is not installed."""
    if page not in _CLASSES or not installed("mittwald_api_client"):
        return None
    module, name = _CLASSES[page]
    return getattr(importlib.import_module(f"mittwald_api_client.models.{module}"), name)


def pydantic_project() -> Any:
    """A pydantic `TypeAdapter` of a page of projects."""
    pydantic = importlib.import_module("pydantic")
    alias = importlib.import_module("pydantic.alias_generators").to_camel
    config = pydantic.ConfigDict(alias_generator=alias)

    class CustomerMeta(pydantic.BaseModel):  # type: ignore[misc,name-defined]
        id: str

    fields: dict[str, Any] = {
        "id": str,
        "short_id": str,
        "description": str,
        "enabled": bool,
        "customer_meta": CustomerMeta,
        "customer_id": str,
        "created_at": datetime,
        "is_ready": bool,
        "readiness": str,
        "status": str,
        "status_set_at": datetime,
        "web_storage_usage_in_bytes": int,
        "web_storage_usage_in_bytes_set_at": datetime,
        "backup_storage_usage_in_bytes": int,
        "backup_storage_usage_in_bytes_set_at": datetime,
        "supported_features": list[str],
        "server_group_id": str,
        "deletion_requested": bool,
    }
    optional: dict[str, Any] = {
        "features": list[str] | None,
        "image_ref_id": str | None,
        "server_id": str | None,
        "server_short_id": str | None,
        "project_hosting_id": str | None,
        "disable_reason": str | None,
        "disabled_at": datetime | None,
    }
    project = pydantic.create_model(
        "Project",
        __config__=config,
        **{name: (kind, ...) for name, kind in fields.items()},
        **{name: (kind, None) for name, kind in optional.items()},
    )
    page: Any = GenericAlias(list, (project,))
    return pydantic.TypeAdapter(page)
