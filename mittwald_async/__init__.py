"""Async client for the whole mittwald API v2."""

from ._version import __version__

__all__ = ["__version__"]
