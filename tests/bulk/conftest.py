"""Runs the command line against an emulator of its own."""

from __future__ import annotations

from tests.cli.conftest import command, server

__all__ = ["command", "server"]
