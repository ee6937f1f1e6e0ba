"""The modules that hold everything together: `operations.py`, `api/groups.py` and the two package files."""

from __future__ import annotations

from collections.abc import Sequence

from . import ir
from .layout import Bracket, Node, call, in_docstring, lay, quoted, tuple_of
from .render_api import constant_name, group_class

_OPERATIONS = '''"""Every operation of the API by its id, the groups they are in, and the routes that only redirect.

`OPERATIONS` is a mapping that loads a group's module when one of its operations is looked at.
"""

{stamp}

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from {runtime}.operation import Operation, Redirect

{index}

{groups}


class _Operations(Mapping[str, Operation[Any]]):
    """Operation by id; `len` and iteration load nothing."""

    def __getitem__(self, operation_id: str) -> Operation[Any]:
        group, constant = _INDEX[operation_id]
        found: Operation[Any] = getattr(import_module(f"{{__package__}}.api.{{group}}"), constant)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_INDEX)

    def __len__(self) -> int:
        return len(_INDEX)

    def __contains__(self, operation_id: object) -> bool:
        return operation_id in _INDEX


OPERATIONS: Mapping[str, Operation[Any]] = _Operations()

{redirects}
'''

_MODELS = '''"""Models, one module per domain of the API. A module is loaded when it is asked for."""

{stamp}

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
{imports}

{everything}


def __getattr__(name: str) -> Any:
    if name in __all__:
        return import_module(f"{{__name__}}.{{name}}")
    raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")


def __dir__() -> list[str]:
    return __all__
'''

_API = '''"""Methods, one module per group of operations. A module is loaded when its group is used."""

{stamp}

from __future__ import annotations

MODELS = f"{{__name__.rpartition('.')[0]}}.models"
"""The package that the type expressions of operations name modules of."""
'''

_GROUPS = '''"""The groups as attributes: each is imported and made when it is first used."""

{stamp}

from __future__ import annotations

from typing import TYPE_CHECKING
{cached}
if TYPE_CHECKING:
    from {runtime}.operation import Sender
{imports}

class Groups:
    """Base of whatever has a `sender`: an attribute for each group of operations."""

    sender: Sender
{properties}
'''

_PROPERTY = '''
    @group_property
    def {group}(self) -> {name}:
        """Operations of the tag `{tag}`."""
        from .{group} import {name}

        return {name}(self.sender)'''


def render_operations(surface: ir.Surface, stamp: str, runtime: str) -> str:
    """The text of `operations.py`."""
    by_id = sorted(surface.operations, key=lambda operation: operation.operation_id)
    entries: list[Node] = [
        Bracket(f"{quoted(one.operation_id)}: ", [quoted(one.group), quoted(constant_name(one.name))]) for one in by_id
    ]
    groups = sorted({operation.group for operation in by_id})
    group_entries: list[Node] = [f"{quoted(group)}: {quoted(group_class(group))}" for group in groups]
    return _OPERATIONS.format(
        stamp=stamp,
        runtime=runtime,
        index=lay(Bracket("", entries, brackets="{}"), before="_INDEX: dict[str, tuple[str, str]] = "),
        groups=lay(Bracket("", group_entries, brackets="{}"), before="GROUPS: Mapping[str, str] = "),
        redirects=lay(
            tuple_of([_redirect(one) for one in surface.redirects]), before="REDIRECTS: tuple[Redirect, ...] = "
        ),
    )


def _redirect(redirect: ir.RedirectSpec) -> Node:
    items = [f"method={quoted(redirect.method)}", f"path={quoted(redirect.path)}", f"tag={quoted(redirect.tag)}"]
    return call("Redirect", *items, *(["removed_upstream=True"] if redirect.removed_upstream else []))


def render_models_package(domains: Sequence[str], stamp: str) -> str:
    """The text of `models/__init__.py`."""
    imports = "\n".join(f"    from . import {domain} as {domain}" for domain in domains)
    names: list[Node] = [quoted(domain) for domain in domains]
    everything = lay(Bracket("", names, brackets="[]"), before="__all__ = " if names else "__all__: list[str] = ")
    return _MODELS.format(stamp=stamp, imports=imports or "    pass", everything=everything)


def render_groups(surface: ir.Surface, stamp: str, runtime: str) -> str:
    """The text of `api/groups.py`."""
    groups = sorted({operation.group: operation.tag for operation in surface.operations}.items())
    names = sorted([(group, group_class(group)) for group, _ in groups])
    imports = "\n".join(f"    from .{group} import {name}" for group, name in names)
    properties = "\n".join(
        _PROPERTY.format(group=group, name=group_class(group), tag=in_docstring(tag)) for group, tag in groups
    )
    cached = f"\nfrom {runtime}.group_property import group_property\n" if groups else ""
    shown = f"\n{imports}\n" if groups else ""
    text = _GROUPS.format(stamp=stamp, runtime=runtime, cached=cached, imports=shown, properties=properties)
    return text.rstrip("\n") + "\n"


def render_api_package(stamp: str) -> str:
    """The text of `api/__init__.py`."""
    return _API.format(stamp=stamp).rstrip() + "\n"
