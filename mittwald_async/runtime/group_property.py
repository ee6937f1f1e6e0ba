"""How a client has its groups of methods."""

from __future__ import annotations

from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    group_property = cached_property
else:

    class group_property(cached_property):
        """A group of methods as an attribute: made on first use and kept.

        On the class it is the group's class, which `unittest.mock.create_autospec` needs to see the methods.
        """

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            if instance is None:
                return type(self.func(SimpleNamespace(sender=None)))
            return super().__get__(instance, owner)
