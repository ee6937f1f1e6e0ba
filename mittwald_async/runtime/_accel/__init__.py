"""Tricks that lean on internals of Python, msgspec or aiohttp. Each has a way without it, and one switch turns all of
them off: the environment variable `MITTWALD_ASYNC_PURE`.
"""

from __future__ import annotations

import os

PURE: bool = os.environ.get("MITTWALD_ASYNC_PURE", "") not in ("", "0")
"""Whether the plain way is taken everywhere. Read once, when the package is imported."""
