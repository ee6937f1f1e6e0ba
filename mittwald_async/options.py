"""What can be set per client, clone and pool."""

from __future__ import annotations

from .runtime.options import Observer, Options, Pool

__all__ = ["Observer", "Options", "Pool"]
