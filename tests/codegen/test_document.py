"""The real document, where available: requests and round trips against an independent reading of it."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import msgspec
import pytest

from mittwald_async.codec import dump, strict_decoder
from mittwald_async.codegen.__main__ import PACKAGE
from mittwald_async.codegen.compiler import Compiled, compile_document
from mittwald_async.codegen.config import Config, load_config
from mittwald_async.codegen.corrections import corrected
from mittwald_async.codegen.errors import Findings
from mittwald_async.codegen.json_access import is_array, is_object
from mittwald_async.codegen.load import load, parse
from mittwald_async.codegen.write import difference, present
from mittwald_async.operations import GROUPS, OPERATIONS, REDIRECTS
from mittwald_async.runtime.operation import Operation

from ..support.openapi_documents import Json, Recorder, given
from ..support.schema_samples import Choice, Sampler

HERE = Path(os.environ.get("MITTWALD_OPENAPI") or PACKAGE.parent.parent / "shared" / "spec" / "mittwald-v2.json")

pytestmark = pytest.mark.skipif(not HERE.is_file(), reason="no mittwald document: set MITTWALD_OPENAPI to its path")


@cache
def root() -> Json:
    return corrected(load(str(HERE)).root, load_config().corrections, Findings())


@cache
def made() -> Compiled:
    return compile_document(load(str(HERE)), load_config())


def described() -> Iterator[tuple[str, str, Json]]:
    for path, entry in root()["paths"].items():
        for method, node in entry.items():
            if "operationId" in node:
                yield path, method, node


# ---- the surface ----


def test_committed_files_match_the_generators_output() -> None:
    assert difference(present(PACKAGE), made().files) == []


def test_every_operation_is_present_and_every_stub_is_a_redirect() -> None:
    by_id = {node["operationId"]: (path, method, node) for path, method, node in described()}
    assert set(OPERATIONS) == set(by_id)
    for operation_id, (path, method, node) in by_id.items():
        operation = OPERATIONS[operation_id]
        assert (operation.path, operation.method.lower(), operation.tag) == (path, method, node["tags"][0])
        assert operation.deprecated is bool(node.get("deprecated"))
        assert operation.removed_upstream is bool(node.get("x-removed-upstream"))
        assert operation.secured is bool(node.get("security", root()["security"]))
        assert operation.errors == tuple(sorted(int(s) for s in node["responses"] if s.isdigit() and int(s) >= 400))
    stubs = sum(1 for entry in root()["paths"].values() for node in entry.values() if "operationId" not in node)
    assert len(REDIRECTS) == stubs


def test_every_schema_has_a_model_of_its_name() -> None:
    for name in root()["components"]["schemas"]:
        domain, _, model = name.removeprefix("de.mittwald.v1.").rpartition(".")
        module = importlib.import_module(f"mittwald_async.models.{domain}")
        assert hasattr(module, model[0].upper() + model[1:]), name


def test_names_of_inline_objects_show_their_owner() -> None:
    inline = [
        found.name for domain in made().surface.declarations.values() for found in domain.values() if not found.schema
    ]
    assert not [name for name in inline if re.search(r"Response\d|Inline|Item\d|Result\d", name)]


def prose(node: Any) -> Iterator[str]:
    """Descriptions and summaries, whose sentences belong to the provider; routes named in them are facts."""
    if is_object(node):
        for key, part in node.items():
            if key in ("description", "summary", "title") and isinstance(part, str):
                yield without_routes(part)
            else:
                yield from prose(part)
    elif is_array(node):
        for part in node:
            yield from prose(part)


def without_routes(text: str) -> str:
    return re.sub(r"((GET|POST|PUT|PATCH|DELETE)[` ]*)?/?[\w-]*(/[\w{}.-]+)+", " . ", text)


def shingles(text: str) -> set[tuple[str, ...]]:
    """Every run of six words in a sentence."""
    found: set[tuple[str, ...]] = set()
    for part in re.split(r"[.:;!?\n]", text.lower()):
        said = re.findall(r"[a-z0-9]+", part)
        found |= {tuple(said[start : start + 6]) for start in range(len(said) - 5)}
    return found


def test_no_sentence_of_the_document_is_copied_into_a_docstring() -> None:
    theirs = set[tuple[str, ...]]().union(*map(shingles, prose(root())))
    assert len(theirs) > 5000
    for path, text in made().files.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                ours = shingles(without_routes(ast.get_docstring(node) or ""))
                assert not ours & theirs, path


# ---- requests ----


class Group:
    """A group that records lists and downloads like plain calls."""

    def __init__(self, operation: Operation[Any], patch: pytest.MonkeyPatch) -> None:
        module: ModuleType = importlib.import_module(f"mittwald_async.api.{operation.group}")
        self.recorder = Recorder()
        for name in ("Pages", "Download"):
            if hasattr(module, name):
                patch.setattr(module, name, self._note)
        self.method = getattr(getattr(module, GROUPS[operation.group])(self.recorder), operation.name)

    @staticmethod
    def _note(sender: Recorder, *arguments: Any, **named: Any) -> None:
        sender.note(*arguments, **named)

    async def call(self, arguments: dict[str, object]) -> Recorder:
        answer = self.method(**arguments)
        if inspect.isawaitable(answer):
            await answer
        return self.recorder


def parameters_of(path: str, node: Json) -> list[Json]:
    sampler = Sampler(root())
    entry = root()["paths"][path]
    return [sampler.follow(part) for part in [*entry.get("parameters", []), *node.get("parameters", [])]]


def body_of(node: Json) -> tuple[str, Json, bool] | None:
    if "requestBody" not in node:
        return None
    holder = Sampler(root()).follow(node["requestBody"])
    content = holder["content"]
    kind = "application/json" if "application/json" in content else next(iter(content))
    return kind, content[kind].get("schema", {}), bool(holder.get("required"))


def bodies(node: Json, full: bool) -> Iterator[Any]:
    """Every body worth sending; `None` stands for no body."""
    found = body_of(node)
    if found is None:
        yield None
        return
    _, schema, required = found
    if not full and not required:
        yield None
        return
    sampler = Sampler(root())
    variant = 0
    while variant < sampler.widest:
        yield sampler.make(schema, Choice(full, False, variant))
        if full:
            yield sampler.make(schema, Choice(full, True, variant))
        variant += 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("full", [False, True], ids=["minimal", "maximal"])
@pytest.mark.parametrize("group", sorted(GROUPS))
async def test_requests_match_the_document(group: str, full: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for path, _, node in described():
        operation = OPERATIONS[node["operationId"]]
        if operation.group == group:
            for body in bodies(node, full):
                await check_request(operation, path, node, full, body, monkeypatch)


async def check_request(
    operation: Operation[Any], path: str, node: Json, full: bool, body: Any, patch: pytest.MonkeyPatch
) -> None:
    sampler = Sampler(root())
    names = {(fact.where, fact.wire): fact.name for fact in operation.parameters}
    wanted: dict[str, dict[str, object]] = {"path": {}, "query": {}, "header": {}, "cookie": {}}
    arguments: dict[str, object] = {}
    documented = parameters_of(path, node)
    assert set(names) == {(one["in"], one["name"]) for one in documented}, operation.operation_id
    for one in documented:
        if one.get("required") or full:
            value = sampler.make(one.get("schema", {}), Choice(True, False, 0))
            wanted[one["in"]][one["name"]] = value
            arguments[names[one["in"], one["name"]]] = value
    arguments |= body_arguments(operation, body)
    sent = await Group(operation, patch).call(arguments)
    assert sent.operation is operation
    assert sent.path == tuple(wanted["path"][name] for name in re.findall(r"{(.*?)}", path))
    assert given(sent.query) == wanted["query"]
    assert given(sent.headers) == wanted["header"] | wanted["cookie"]
    check_body(operation, node, sent.body, body)


def body_arguments(operation: Operation[Any], body: Any) -> dict[str, object]:
    if operation.body is None or body is None:
        return {}
    if not operation.body.flat:
        return {"body": body}
    names = {fact.wire: fact.name for fact in operation.body.properties}
    return {names[wire]: value for wire, value in body.items()}


def check_body(operation: Operation[Any], node: Json, sent: Any, wanted: Any) -> None:
    described_body = body_of(node)
    assert (operation.body is None) is (described_body is None)
    if operation.body is None or described_body is None:
        assert sent is None
        return
    kind, schema, required = described_body
    assert (operation.body.content_type, operation.body.required) == (kind, required)
    if not operation.body.flat:
        assert sent is wanted or (wanted is None and given({"body": sent}) == {})
        return
    whole = Sampler(root()).make(schema, Choice(True, False, 0))
    assert {fact.wire for fact in operation.body.properties} == set(whole)
    nullable = {fact.wire for fact in operation.body.properties if fact.nullable}
    passed = {
        wire: value
        for wire, value in cast("dict[str, object]", sent).items()
        if value is not msgspec.UNSET and (value is not None or wire in nullable)
    }
    assert passed == (wanted or {})


# ---- round trips ----


def same(expression: str, value: Any) -> None:
    raw = json.dumps(value).encode()
    assert dump(strict_decoder(expression)(raw)) == value, expression


def test_every_schema_round_trips() -> None:
    counted = 0
    for name, schema in root()["components"]["schemas"].items():
        domain, _, last = name.removeprefix("de.mittwald.v1.").rpartition(".")
        for value in Sampler(root()).samples(schema):
            same(f"{domain}.{last[0].upper()}{last[1:]}", value)
            counted += 1
    assert counted > 3 * len(root()["components"]["schemas"])


def test_every_result_round_trips() -> None:
    seen: Counter[str] = Counter()
    for _, _, node in described():
        operation = OPERATIONS[node["operationId"]]
        for status, response in node["responses"].items():
            content = Sampler(root()).follow(response).get("content", {})
            if status.startswith("2") and "application/json" in content:
                found = [
                    r for r in operation.results if str(r.status) == status and r.content_type == "application/json"
                ]
                if status == "204":
                    continue
                assert len(found) == 1, operation.operation_id
                for value in Sampler(root()).samples(content["application/json"].get("schema", {})):
                    same(found[0].type, value)
                seen[found[0].type] += 1
    assert len(seen) > 200


def test_every_json_body_round_trips() -> None:
    for _, _, node in described():
        operation = OPERATIONS[node["operationId"]]
        if operation.body is not None and operation.body.content_type == "application/json":
            found = body_of(node)
            assert found is not None
            for value in Sampler(root()).samples(found[1]):
                same(operation.body.type, value)


# ---- other versions of the document ----


def mutated(change: str) -> bytes:
    """The document with changes as a later version may have them."""
    text = json.loads(HERE.read_bytes())
    schemas, paths = text["components"]["schemas"], text["paths"]
    if change == "a new tag":
        for node in paths["/v2/projects"].values():
            node["tags"] = ["Brand-new Things/2"]
    elif change == "new enum values":
        for schema in schemas.values():
            if "enum" in schema and schema.get("type") == "string":
                schema["enum"] += ["something-new", "1st", "a b"]
    elif change == "properties come and go":
        for schema in schemas.values():
            if len(schema.get("properties", {})) > 1:
                gone = sorted(schema["properties"])[0]
                del schema["properties"][gone]
                schema["properties"]["brandNew"] = {
                    "type": "array",
                    "items": {"type": "object", "properties": {"a": {}}},
                }
    elif change == "operations vanish":
        for path in sorted(paths)[::3]:
            del paths[path]
    elif change == "deprecated operations vanish":
        for entry in paths.values():
            for method in [method for method, node in entry.items() if node.get("deprecated")]:
                del entry[method]
    elif change == "anything may be null":
        for schema in schemas.values():
            for part in schema.get("properties", {}).values():
                part["nullable"] = True
    elif change == "extended instead of repeated":
        for schema in schemas.values():
            for name, part in schema.get("properties", {}).items():
                schema["properties"][name] = {"allOf": [part], "deprecated": True}
    elif change == "one more alternative":
        more = {"type": "object", "required": ["brandNew"], "properties": {"brandNew": {"type": "string"}}}
        for schema in schemas.values():
            for part in [schema, *schema.get("properties", {}).values()]:
                for word in ("oneOf", "anyOf"):
                    if word in part:
                        part[word] = [*part[word], more, {"nullable": True}]
    elif change == "free properties":
        for number, schema in enumerate(schemas.values()):
            if schema.get("type") == "object":
                schema["additionalProperties"] = (True, {}, {"type": "string"}, False)[number % 4]
    elif change == "new parameters":
        for entry in paths.values():
            for node in entry.values():
                for place in ("query", "header", "cookie"):
                    wanted = {"name": f"X-{place}-class", "in": place, "schema": {"enum": ["a", 1, None]}}
                    node["parameters"] = [*node.get("parameters", []), wanted]
    elif change == "unused schemas vanish":
        used = set(re.findall(r"#/components/schemas/([^\"]+)", json.dumps(text)))
        for name in set(schemas) - used:
            del schemas[name]
    return json.dumps(text).encode()


@pytest.mark.parametrize(
    "change",
    [
        "a new tag",
        "new enum values",
        "properties come and go",
        "operations vanish",
        "deprecated operations vanish",
        "anything may be null",
        "extended instead of repeated",
        "one more alternative",
        "free properties",
        "new parameters",
        "unused schemas vanish",
    ],
)
def test_changed_documents_generate_without_manual_work(change: str) -> None:
    config: Config = load_config()
    compile_document(parse(mutated(change), change), config)


def test_the_same_document_yields_the_same_bytes() -> None:
    assert compile_document(load(str(HERE)), load_config()).files == made().files
