"""Waiting for what takes a while: `mw.wait.project_ready(id)` and its like.

A failed state ends the wait at once, a state that does not come ends it after the timeout, and many waiters of one kind
share their polls.
"""

from .waiters import Waiters

__all__ = ["Waiters"]
