"""Tricks that lean on internals of msgspec or aiohttp. Each has a way without it."""
