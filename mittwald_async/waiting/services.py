"""What the state of a container and of a stack is: a container that runs may still run what was asked for before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..models.container import ServiceResponse, StackResponse

_PARTS = ("image", "command", "entrypoint", "envs", "ports", "volumes")


def lag_of(service: ServiceResponse) -> str | None:
    """Why a running service does not run what was asked for; `None` where it does, or does not run at all."""
    if service.status != "running":
        return None
    if getattr(service, "requires_recreate", False):
        return "running, has to be recreated"
    deployed, pending = getattr(service, "deployed_state", None), getattr(service, "pending_state", None)
    return "running the state before" if _differ(deployed, pending) else None


def _differ(deployed: Any, pending: Any) -> bool:
    if deployed is None or pending is None:
        return False
    if any((getattr(deployed, part, None) or None) != (getattr(pending, part, None) or None) for part in _PARTS):
        return True
    # A digest is known once the image has been looked up.
    digests = getattr(deployed, "image_digest", None), getattr(pending, "image_digest", None)
    return all(digests) and digests[0] != digests[1]


def stack_state(stack: StackResponse) -> str:
    """The states of the services that do not run as asked for, or `running`."""
    states = {lag_of(service) or service.status for service in stack.services or ()}
    return ", ".join(sorted(states - {"running"})) or "running"


def stack_failed(stack: StackResponse) -> bool:
    return any(service.status == "error" for service in stack.services or ())


def stack_reason(stack: StackResponse) -> str | None:
    """What the services with an error say."""
    failed = [service for service in stack.services or () if service.status == "error"]
    reasons = [f"{getattr(one, 'service_name', one)}: {getattr(one, 'message', None)}" for one in failed]
    return "; ".join(text for text, one in zip(reasons, failed, strict=True) if getattr(one, "message", None)) or None
