"""Instance checks of stand-ins without running Python code.

msgspec asks `isinstance` once per decoded union value. `id` is true of every object and, unlike a method, is C. Measured
by `python -m benchmarks accel`: 6 % of decoding DNS zones, which have the most unions per byte; 2 to 3 % of other lists.
"""

from __future__ import annotations

from ..structs import HasEveryInstance

METHOD = "__instancecheck__"


def skip() -> None:
    """From now on, for the process: every object is an instance of every stand-in, at no cost."""
    setattr(HasEveryInstance, METHOD, id)
