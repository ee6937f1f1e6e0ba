"""What can be wrong with an inventory file."""

from __future__ import annotations

from ..errors import MittwaldError


class StoreError(MittwaldError):
    """The inventory file cannot be read or written. The message says why."""
