"""What makes a surface a package of its own: the client class, its profile, its errors, and the front door."""

from __future__ import annotations

import re
from dataclasses import fields
from urllib.parse import quote

from . import ir
from .access import chosen
from .config import Config
from .config_checks import RESERVED_CLIENTS
from .layout import INDENT, Bracket, Node, in_docstring, lay, quoted, tuple_of
from .names import free_name, pascal, snake, words

_UNWRITABLE = re.compile(r'["\\\x02-\x1f\x7f-\x9f\u2028\u2029]')
"""What cannot stand in a Python text as it is; \\0 and \\1 stand for braces meanwhile."""
_SAID_ANYWAY = {"api", "apis", "openapi", "rest", "specification", "spec", "swagger", "the", "v1", "v2", "v3"}

_CLIENT = '''"""`{name}`: the client. Opened by `async with`, bound to that event loop, cheap to clone."""

{stamp}

from __future__ import annotations

from {runtime}.client import Client

from .api.groups import Groups
from .operations import OPERATIONS
from .profile import PROFILE


class {name}(Groups, Client):
    """{title}: groups of methods as attributes, and everything that the runtime's `Client` has."""

    profile = PROFILE
    operations = OPERATIONS
'''

_ERRORS = '''"""The exceptions of the client: those of the runtime."""

{stamp}

# pyright: reportWildcardImportFromLibrary=false

from __future__ import annotations

from {runtime} import errors
from {runtime}.errors import *  # noqa: F403

__all__: list[str] = []
__all__ += errors.__all__
'''

_FRONT = '''"""Async client of {title}.

    from {package} import {name}

    async with {name}() as client:{variable}
        ...

Names are resolved on first use: importing the package loads neither an HTTP library nor any model.
"""

{stamp}

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import errors as errors
    from . import models as models
    from . import operations as operations
    from .client import {name} as {name}
    from .profile import PROFILE as PROFILE{more}

_MODULES = ("errors", "models", "operations")
{where}

{everything}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{{__name__}}.{{name}}")
    if name in _WHERE:
        return getattr(import_module(f"{{__name__}}.{{_WHERE[name]}}"), name)
    raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")


def __dir__() -> list[str]:
    return __all__
'''


def render_package(surface: ir.Surface, config: Config, package: str, stamp: str) -> dict[str, str]:
    """The texts of the files at the top of a package, by name."""
    name = client_name(surface.title, config)
    made = _Package(surface, config, package, name, stamp)
    return {
        "__init__.py": made.front(),
        "client.py": _CLIENT.format(name=name, stamp=stamp, runtime=config.runtime, title=made.title),
        "errors.py": _ERRORS.format(stamp=stamp, runtime=config.runtime),
        "profile.py": made.profile(),
        "py.typed": "",
    }


def client_name(title: str, config: Config) -> str:
    """The name of the client class: as configured, else after the document's title."""
    if config.client:
        return config.client
    said = [word for word in words(title) if word.lower() not in _SAID_ANYWAY]
    name = pascal("_".join(said)) if said else "Api"
    return f"{name}Api" if name in RESERVED_CLIENTS else name


class _Package:
    def __init__(self, surface: ir.Surface, config: Config, package: str, name: str, stamp: str) -> None:
        self._surface = surface
        self._config = config
        self._package = package
        self._name = name
        self._stamp = stamp
        self.title: str = in_docstring(surface.title) or "an HTTP API"
        self._server: ir.Server | None = surface.servers[0] if surface.servers else None
        self._variable = snake(name).upper()

    @property
    def _choices(self) -> bool:
        """Whether the address has parts that callers choose."""
        return not self._config.base_url and self._server is not None and bool(self._server.variables)

    def front(self) -> str:
        where = {self._name: "client", "PROFILE": "profile", **({"base_url": "profile"} if self._choices else {})}
        entries: list[Node] = [f"{quoted(key)}: {quoted(module)}" for key, module in sorted(where.items())]
        names: list[Node] = [quoted(name) for name in sorted([*where, "errors", "models", "operations"])]
        return _FRONT.format(
            title=self.title,
            package=self._package,
            name=self._name,
            variable=f"  # token from {self._token_variable}",
            stamp=self._stamp,
            more="\n    from .profile import base_url as base_url" if self._choices else "",
            where=lay(Bracket("", entries, brackets="{}"), before="_WHERE = "),
            everything=lay(Bracket("", names, brackets="[]"), before="__all__ = "),
        )

    @property
    def _token_variable(self) -> str:
        return self._config.token_variable or f"{self._variable}_API_TOKEN"

    def profile(self) -> str:
        imports: dict[str, list[str]] = {"profile": ["Profile"]}
        version = re.sub(r"[^\w.+-]", "", self._surface.version, flags=re.ASCII) or "0"
        product = f"{self._package.replace('_', '-')}/{version}"
        items: list[Node] = [f"name={quoted(self._surface.title or self._name)}", f"product={quoted(product)}"]
        address = self._address()
        if address:
            items.append(f"base_url={address}")
        items += [f"base_url_variable={quoted(f'{self._variable}_BASE_URL')}"]
        items.append(f"token_variables=({quoted(self._token_variable)},)")
        items += self._authentication(imports)
        items += self._paging(imports)
        items += self._errors(imports)
        items += self._budget(imports)
        parts = [f'"""How {self.title} behaves, as far as the document and the configuration say."""', self._stamp]
        parts.append("from __future__ import annotations")
        parts.append("\n".join(self._import(module, names) for module, names in sorted(imports.items())))
        text = "\n\n".join(parts) + "\n"
        if self._choices and self._server is not None:
            text += f"\n\n{self._base_url(self._server)}\n"
            gap = "\n\n"
        else:
            gap = "\n"
        return f"{text}{gap}{lay(Bracket('Profile', items), before='PROFILE = ')}\n"

    def _import(self, module: str, names: list[str]) -> str:
        return f"from {self._config.runtime}.{module} import {', '.join(sorted(names))}"

    def _address(self) -> str:
        if self._config.base_url:
            return quoted(self._config.base_url.rstrip("/"))
        if self._server is None:
            return ""
        if not self._server.variables:
            return quoted(self._server.url)
        return "base_url()" if all(default or values for _, default, values in self._server.variables) else ""

    def _base_url(self, server: ir.Server) -> str:
        """A function for the address, with an argument for each variable."""
        taken: set[str] = set()
        arguments: list[Node] = ["*"]
        lines: list[str] = []
        url = server.url
        for wire, default, values in server.variables:
            name = free_name(snake(wire), [f"{snake(wire)}_value"], taken)
            taken.add(name)
            start = default or (values[0] if values else "")
            arguments.append(f"{name}: str = {quoted(start)}" if start else f"{name}: str")
            known = f" known values {', '.join(map(quoted, values))}" if values else " any text"
            lines.append(f"{INDENT * 2}{name}:{in_docstring(known)}.")
            url = url.replace(f"{{{wire}}}", f"\0{name}\1")
        url = _UNWRITABLE.sub(lambda found: quote(found[0]), url)
        url = url.replace("{", "{{").replace("}", "}}").replace("\0", "{").replace("\1", "}")
        head = lay(Bracket("def base_url", arguments, " -> str:"))
        docstring = [f'{INDENT}"""The address of the API.', "", f"{INDENT}Args:", *lines, f'{INDENT}"""']
        return "\n".join([head, *docstring, f'{INDENT}return f"{url}"'])

    def _authentication(self, imports: dict[str, list[str]]) -> list[Node]:
        scheme = chosen(self._surface.schemes, self._config.authentication)
        made: Node | None = None
        if scheme is None or scheme.kind == "bearer":
            return []
        if scheme.kind == "basic":
            made = "BASIC"
        elif scheme.kind == "clientCredentials":
            items: list[Node] = [f"token_url={quoted(scheme.token_url)}"]
            if scheme.scopes:
                items.append(
                    Bracket("scopes=", tuple_of([quoted(scope) for scope in scheme.scopes]).items, tuple_=True)
                )
            made = Bracket("OAuth2", items)
        else:
            kind = {"header": "HeaderToken", "query": "QueryToken", "cookie": "CookieToken"}[scheme.where or "header"]
            made = Bracket(kind, [quoted(scheme.wire)])
        imports["schemes"] = [made if isinstance(made, str) else made.head]
        if isinstance(made, str):
            return [f"authentication={made}"]
        return [Bracket(f"authentication={made.head}", made.items)]

    def _paging(self, imports: dict[str, list[str]]) -> list[Node]:
        names = self._surface.paging_names
        items: list[Node] = [
            f"{kind}_parameter={quoted(name)}"
            for kind, name in (("limit", names.limit), ("skip", names.skip), ("page", names.page))
            if name != kind
        ]
        imports["lists"] = ["PagingNames"]
        return [Bracket("paging=PagingNames", [*items, f"size={self._config.paging.size}"])]

    def _errors(self, imports: dict[str, list[str]]) -> list[Node]:
        items: list[Node] = [
            Bracket(f"{found.name}=", tuple_of([quoted(path) for path in paths]).items, tuple_=True)
            for found in fields(self._config.errors)
            if (paths := getattr(self._config.errors, found.name))
        ]
        if not items:
            return []
        imports["error_bodies"] = ["ErrorBody"]
        return [Bracket("errors=ErrorBody", items)]

    def _budget(self, imports: dict[str, list[str]]) -> list[Node]:
        budget = self._config.budget
        items: list[Node] = [f"{kind}={quoted(name)}" for kind, name in budget.names().items()]
        if not items:
            return []
        if not budget.structured:
            items += [f"reset_is={quoted(budget.reset_is)}", f"exempt={quoted(budget.exempt or None)}"]
        imports["budget_headers"] = ["BudgetHeaders"]
        return [Bracket("budget_headers=BudgetHeaders", items)]
