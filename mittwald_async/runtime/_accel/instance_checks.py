"""Instance checks of stand-ins without running Python code.

msgspec asks `isinstance` once per decoded union value. `id` is true of every object and, unlike a method, is C.
Measured by `python -m benchmarks accel`: 11 % of decoding ingresses, 6 % of DNS zones and of conversation messages, 4 %
of activities.
"""

from __future__ import annotations

from ..structs import HasEveryInstance

METHOD = "__instancecheck__"


def skip() -> None:
    """From now on, for the process: every object is an instance of every stand-in, at no cost."""
    setattr(HasEveryInstance, METHOD, id)
