"""One module per group: the facts of every operation, and a class with a method for each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from . import ir
from .config import Config
from .docstrings import method_docstring
from .expressions import Expressions, Imports, wire_type
from .layout import INDENT, Bracket, Node, assigned, call, in_docstring, lay, literal, named, quoted, tuple_of
from .names import free_name, pascal

_OPERATION = ("Body", "Operation", "Paging", "Parameter", "Result", "Sender")
_RUNTIME = {
    **dict.fromkeys(_OPERATION, "operation"),
    "Pages": "paging",
    "Download": "files",
    "Upload": "files",
    "UNSET": "structs",
    "UnsetType": "structs",
}
_CHECKER_ONLY = {"builtins", "collections.abc", "datetime", "typing", "..models"}


def constant_name(method: str) -> str:
    """The name of an operation's record."""
    return method.upper()


def group_class(group: str) -> str:
    """The name of a group's class."""
    return f"{pascal(group)}Group"


def render_group(
    group: str, operations: Sequence[ir.OperationSpec], config: Config, stamp: str, paging_names: ir.PagingParameters
) -> str:
    """The text of `api/<group>.py`."""
    return _Group(group, operations, config, paging_names).render(stamp)


class _Group:
    """One module in the making."""

    def __init__(
        self, group: str, operations: Sequence[ir.OperationSpec], config: Config, paging_names: ir.PagingParameters
    ) -> None:
        self._paging_names = paging_names
        self._group = group
        self._operations = operations
        self._config = config
        # inside the class methods hide what is imported; inside the module the records of operations do
        methods = frozenset(name for one in operations for name in (one.name, constant_name(one.name)))
        homes = {name: f"{config.runtime}.{module}" for name, module in _RUNTIME.items()}
        self._imports = Imports(methods, {**homes, "MODELS": "."}, package="..models")
        self._runtime = sorted(set(homes.values()))
        self._values = Expressions(self._imports)
        self._inputs = Expressions(self._imports, argument=True)

    def render(self, stamp: str) -> str:
        for name in ("Operation", "Sender"):
            self._imports.name(name)
        constants = [self._constant(operation) for operation in self._operations]
        group_class = self._class()
        head = self._head(stamp)
        return f"{head}\n" + "\n".join(constants) + f"\n\n\n{group_class}\n"

    def _head(self, stamp: str) -> str:
        checker = _CHECKER_ONLY & self._imports.homes()
        if checker - {"typing"}:
            self._imports.name("TYPE_CHECKING")
        # `typing` gives TYPE_CHECKING at run time; what else is used of it only annotates
        runtime = ["typing"] if checker else []
        parts = [f'"""Operations of the group `{self._group}`."""', stamp, "from __future__ import annotations"]
        parts.append("\n".join(self._imports.lines(runtime)))
        parts.append("\n".join(self._imports.lines(["typing_extensions"])))
        parts.append("\n".join(self._imports.lines(self._runtime)))
        parts.append("\n".join(self._imports.lines(["."])))
        text = "\n\n".join(part for part in parts if part) + "\n"
        block = [
            self._imports.lines(sorted(checker - {"typing", "..models"})),
            self._imports.lines(["..models"] if "..models" in checker else []),
        ]
        lines = ["\n".join(f"{INDENT}{row}" for line in group for row in line.split("\n")) for group in block if group]
        if lines:
            text += f"\nif {self._imports.name('TYPE_CHECKING')}:\n" + "\n\n".join(lines) + "\n"
        return text

    # ---- facts ----

    def _constant(self, operation: ir.OperationSpec) -> str:
        items: list[Node] = [
            f"{key}={quoted(value)}"
            for key, value in (
                ("operation_id", operation.operation_id),
                ("method", operation.method),
                ("path", operation.path),
                ("group", operation.group),
                ("name", operation.name),
                ("tag", operation.tag),
            )
        ]
        items.append(f"models={self._imports.name('MODELS')}")
        items += [f"{flag}=True" for flag in ("deprecated", "removed_upstream") if getattr(operation, flag)]
        items += [] if operation.secured else ["secured=False"]
        if operation.arguments:
            items.append(named("parameters", tuple_of([self._parameter(one) for one in operation.arguments])))
        if operation.body is not None:
            items.append(named("body", self._body(operation.body)))
        if operation.results:
            items.append(named("results", tuple_of([self._result(one) for one in operation.results])))
        if operation.errors:
            items.append(named("errors", literal(operation.errors)))
        if operation.error_types:
            items.append(named("error_types", literal(operation.error_types)))
        if operation.paging is not None:
            items.append(named("paging", self._paging(operation.paging)))
        record = self._imports.name("Operation")
        annotation = Bracket(record, [self._outcome(operation)], brackets="[]")
        return assigned(constant_name(operation.name), annotation, Bracket(record, items))

    def _parameter(self, argument: ir.Argument) -> Node:
        items = [f"{key}={quoted(getattr(argument, key))}" for key in ("name", "wire", "where")]
        items.append(f"type={quoted(wire_type(argument.type))}")
        items += [f"{flag}=True" for flag in ("required", "nullable") if getattr(argument, flag)]
        nodes: list[Node] = list(items)
        if argument.default is not None and not isinstance(argument.default, dict | list):
            nodes.append(f"default={quoted(argument.default)}")
        if argument.values:
            nodes.append(named("enum", literal(argument.values)))
        for key in ("format", "minimum", "maximum", "min_length", "max_length", "pattern"):
            value = getattr(argument.limits, key)
            if value is not None:
                nodes.append(f"{key}={quoted(value)}")
        nodes += [
            f"{key}={quoted(value)}"
            for key in ("style", "explode", "content_type")
            if (value := getattr(argument, key)) is not None
        ]
        return call(self._imports.name("Parameter"), *nodes)

    def _body(self, body: ir.BodySpec) -> Node:
        items: list[Node] = [f"content_type={quoted(body.content_type)}", f"type={quoted(wire_type(body.type))}"]
        items += [f"{flag}=True" for flag in ("required", "flat") if getattr(body, flag)]
        if body.properties:
            items.append(named("properties", tuple_of([self._parameter(one) for one in body.properties])))
        return call(self._imports.name("Body"), *items)

    def _result(self, result: ir.ResultSpec) -> Node:
        items: list[Node] = [f"status={result.status}", f"type={quoted(wire_type(result.type))}"]
        if result.content_type is not None:
            items.append(f"content_type={quoted(result.content_type)}")
        if result.envelope is not None:
            items.append(f"data={quoted(result.envelope[0])}")
        return call(self._imports.name("Result"), *items)

    def _paging(self, paging: ir.PagingSpec) -> Node:
        flags = [flag for flag in ("limit", "skip", "page") if getattr(paging, flag) is not None]
        items: list[Node] = [f"{flag}=True" for flag in flags]
        items += [
            f"{key}={value}" for key in ("default_limit", "max_limit") if (value := getattr(paging, key)) is not None
        ]
        items += ["totals=True"] if paging.totals else []
        items += [
            f"{key}={quoted(value)}"
            for key in ("items", "total", "has_more", "next_cursor", "cursor")
            if (value := getattr(paging, key)) is not None
        ]
        items += ["link=True"] if paging.link else []
        # the profile has the usual names
        items += [
            f"{flag}_name={quoted(name)}"
            for flag in flags
            if (name := getattr(paging, flag)) != getattr(self._paging_names, flag)
        ]
        items += ["first_page=0"] if paging.first_page == 0 else []
        return call(self._imports.name("Paging"), *items)

    def _outcome(self, operation: ir.OperationSpec) -> str:
        """What a call results in, as Python text."""
        if operation.paging is not None:
            return f"{self._imports.name('list')}[{self._values.of(operation.paging.item)}]"
        texts = list(dict.fromkeys(self._values.of(given(result)) for result in operation.results))
        if "None" in texts:
            texts = [text for text in texts if text != "None"] + ["None"]
        return " | ".join(texts) if texts else "None"

    # ---- methods ----

    def _class(self) -> str:
        tag = self._operations[0].tag
        lines = [
            f"class {group_class(self._group)}:",
            f'{INDENT}"""Operations of the tag `{in_docstring(tag)}`: the attribute `{self._group}` of a client."""',
            "",
            f"{INDENT}def __init__(self, sender: {self._imports.name('Sender')}) -> None:",
            f"{INDENT * 2}self._sender = sender",
        ]
        for operation in self._operations:
            lines += ["", self._method(operation)]
        return "\n".join(lines)

    def _method(self, operation: ir.OperationSpec) -> str:
        taken = {argument.name for argument in operation.arguments}
        body_name = free_name("body", ["request_body"], taken)
        shape, result, result_text = self._shape(operation)
        lines: list[str] = []
        if operation.deprecated:
            said = "removed by the provider" if operation.removed_upstream else "deprecated by the provider"
            message = quoted(f"{operation.operation_id} is {said}")
            lines.append(f"{INDENT}@{self._imports.name('deprecated')}({message})")
        keyword = "async def" if shape == "value" else "def"
        signature = Bracket(f"{keyword} {operation.name}", self._signature(operation, body_name), f" -> {result}:")
        lines.append(lay(signature, 1))
        text = method_docstring(operation, self._config.reference, result_text, body_name)
        lines.append(f'{INDENT * 2}"""{text[0]}')
        lines += [f"{INDENT * 2}{line}" if line else "" for line in text[1:]]
        lines.append(f'{INDENT * 2}"""')
        lines.append(self._statement(operation, shape, body_name))
        return "\n".join(lines)

    def _shape(self, operation: ir.OperationSpec) -> tuple[str, str, str]:
        """How the method works (value, pages, download), what it gives back, and that in words."""
        if operation.paging is not None:
            item = self._values.of(operation.paging.item)
            result_text = (
                "every page, the next ones fetched as they are needed."
                if operation.paging.followed
                else "the list, as one page."
            )
            return "pages", f"{self._imports.name('Pages')}[{item}]", result_text
        kinds = {result.type for result in operation.results}
        if kinds == {ir.BYTES} and operation.body is None:
            return "download", self._imports.name("Download"), "the content: await it, stream it or save it."
        outcome = self._outcome(operation)
        by_status = {result.status: wire_type(given(result)) for result in operation.results}
        if len(set(by_status.values())) > 1:
            result_text = ", ".join(f"{kind} ({status or '2XX'})" for status, kind in by_status.items()) + "."
        else:
            result_text = (
                "nothing."
                if outcome == "None"
                else f"{' | '.join(dict.fromkeys(wire_type(given(r)) for r in operation.results))}."
            )
        return "value", outcome, result_text

    def _signature(self, operation: ir.OperationSpec, body_name: str) -> list[Node]:
        positional = [
            "self",
            *(f"{one.name}: {self._inputs.of(one.type)}" for one in operation.arguments if one.where == "path"),
        ]
        keywords = [one for one in operation.arguments if one.where != "path"]
        if operation.body is not None and not operation.body.flat:
            positional.append(self._whole_body(operation.body, body_name))
        if operation.body is not None and operation.body.flat:
            keywords += operation.body.properties
        if keywords:
            positional.append("*")
        optional_body = operation.body is not None and not operation.body.required
        return [*positional, *(self._keyword(one, optional_body) for one in keywords)]

    def _whole_body(self, body: ir.BodySpec, name: str) -> str:
        annotation = self._inputs.of(body.type)
        if body.required:
            return f"{name}: {annotation}"
        if body.type == ir.ANY:
            return f"{name}: {annotation} = {self._imports.name('UNSET')}"
        return f"{name}: {_optional(annotation)} = None"

    def _keyword(self, argument: ir.Argument, optional_body: bool) -> str:
        annotation = self._inputs.of(argument.type)
        if argument.required and not (optional_body and argument.where == "body"):
            return f"{argument.name}: {_optional(annotation) if argument.nullable else annotation}"
        if argument.type == ir.ANY:
            return f"{argument.name}: {annotation} = {self._imports.name('UNSET')}"
        if argument.nullable:
            value = "" if argument.type == ir.NONE else f"{annotation} | "
            unset = self._imports.name("UnsetType")
            return f"{argument.name}: {value}{unset} | None = {self._imports.name('UNSET')}"
        return f"{argument.name}: {_optional(annotation)} = None"

    def _statement(self, operation: ir.OperationSpec, shape: str, body_name: str) -> str:
        by_wire = {one.wire: one.name for one in operation.arguments if one.where == "path"}
        path = tuple_of([by_wire[wire] for wire in re.findall(r"\{([^{}]+)\}", operation.path)])
        query = _mapping([one for one in operation.arguments if one.where == "query"])
        headers = _mapping(_with_cookies(operation.arguments))
        body: Node | None = None
        if operation.body is not None:
            body = _mapping(operation.body.properties) if operation.body.flat else body_name
        arguments: list[Node] = [constant_name(operation.name)]
        rest: list[tuple[str, Node | None]] = [("path", path), ("query", query), ("headers", headers), ("body", body)]
        keyword = False
        for name, node in rest:
            empty = node is None or (name != "body" and isinstance(node, Bracket) and not node.items)
            if empty and not (shape == "pages" and name in ("path", "query")):
                keyword = True
            elif node is not None:
                arguments.append(named(name, node) if keyword else node)
        if shape != "value":
            made = self._imports.name("Pages" if shape == "pages" else "Download")
            return lay(Bracket(made, ["self._sender", *arguments]), 2, before="return ")
        before = "" if self._outcome(operation) == "None" else "return "
        sent = Bracket("await self._sender.value", arguments)
        hidden = _may_be_secret(operation, body_name)
        if not hidden:
            return lay(sent, 2, before=before)
        # A traceback shows what the variables of its frames hold.
        lines = [f"{INDENT * 2}try:", lay(sent, 3, before=before), f"{INDENT * 2}finally:"]
        return "\n".join([*lines, *(f"{INDENT * 3}del {name}" for name in hidden)])


_SECRET = re.compile(r"passw|secret|token$|(?<!public)[_-]?key$|credential|otp$|code$", re.I)


def _may_be_secret(operation: ir.OperationSpec, body_name: str) -> list[str]:
    """The arguments that a traceback must not show: those the document marks or names as secret, and what is put
    together of several values, of which one may be."""
    arguments = list(operation.arguments)
    hidden: list[str] = []
    if operation.body is not None:
        if operation.body.flat:
            arguments += operation.body.properties
        else:
            hidden.append(body_name)
    for one in arguments:
        secret = one.limits.format == "password" or _SECRET.search(one.wire) is not None
        if secret or (one.where == "body" and not _is_plain(one.type)):
            hidden.append(one.name)
    return hidden


def _is_plain(kind: ir.Type) -> bool:
    if isinstance(kind, ir.Nullable):
        return _is_plain(kind.inner)
    if isinstance(kind, ir.ListOf):
        return _is_plain(kind.item)
    return isinstance(kind, ir.Primitive | ir.Enum) and kind != ir.ANY


def given(result: ir.ResultSpec) -> ir.Type:
    """What a method gives back: what an envelope holds, else what comes."""
    return result.type if result.envelope is None else result.envelope[1]


def _optional(annotation: str) -> str:
    return annotation if annotation.endswith("| None") or annotation in ("None", "Any") else f"{annotation} | None"


def _with_cookies(arguments: Sequence[ir.Argument]) -> list[ir.Argument]:
    """Headers and cookies, which are handed over together; a cookie that is called like a header says that it is
    one."""
    headers = {one.wire.lower() for one in arguments if one.where == "header"}
    return [
        replace(one, wire=f"{one.wire} (cookie)") if one.where == "cookie" and one.wire.lower() in headers else one
        for one in arguments
        if one.where in ("header", "cookie")
    ]


def _mapping(arguments: Sequence[ir.Argument]) -> Bracket:
    return Bracket("", [f"{quoted(one.wire)}: {one.name}" for one in arguments], brackets="{}")
