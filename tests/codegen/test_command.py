"""The command: what it writes and prints, and that it never leaves partial output."""

from __future__ import annotations

import gc
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mittwald_async.codegen import GENERATOR_VERSION, __main__
from mittwald_async.codegen.__main__ import main
from mittwald_async.codegen.config import load_config
from mittwald_async.codegen.load import Document, load
from mittwald_async.codegen.write import MARK, present, replace

from ..support.openapi_documents import INT, TEXT, Json, body, document, obj, ok, operation, parameter, ref


def small() -> Json:
    schemas = {
        "order.Order": obj(["id"], id=TEXT, status=ref("order.Status"), gone=INT),
        "order.Status": {"type": "string", "enum": ["new", "paid"]},
        "order.Old": obj(x=INT),
        "old.Thing": obj(x=INT),
    }
    paths: Json = {
        "/orders": {
            "get": operation("shop-list", parameters=[parameter("sort", schema={"type": "string", "enum": ["up"]})]),
            "post": operation("shop-create", requestBody=body(obj(["id"], id=TEXT)), responses=ok(ref("order.Order"))),
        },
        "/old": {"get": operation("old-get", "Old")},
    }
    return document(schemas, paths)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(small()))
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    path = tmp_path / "package"
    path.mkdir()
    return path


def run(spec: Path | str, out: Path, *more: str) -> int:
    return main(["--spec", str(spec), "--out", str(out), *more])


def tree(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_it_writes_everything_once_and_nothing_on_a_second_run(
    spec: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(spec, out) == 0
    written = tree(out)
    assert list(written) == [
        "__init__.py", "api/__init__.py", "api/groups.py", "api/old.py", "api/shop.py", "client.py", "errors.py",
        "models/__init__.py", "models/old.py", "models/order.py", "models/shop.py", "operations.py", "profile.py",
        "py.typed",
    ]  # fmt: skip
    assert "3 operations, 0 redirects, 5 models" in capsys.readouterr().out
    assert run(spec, out) == 0
    assert "up to date" in capsys.readouterr().out
    assert run(spec, out, "--check") == 0
    assert tree(out) == written


def test_every_file_names_its_generator_and_its_document(spec: Path, out: Path) -> None:
    run(spec, out)
    for name, text in tree(out).items():
        if name == "py.typed":
            continue  # a marker file, which must be empty
        assert f"{MARK}{GENERATOR_VERSION} from".encode() in text, name
        assert text.count(b"Do not edit") == 1


def test_garbage_collection_is_paused_only_while_a_document_is_read(
    spec: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    during: list[bool] = []

    def spying(source: str) -> Document:
        during.append(gc.isenabled())
        return load(source)

    monkeypatch.setattr(__main__, "load", spying)
    assert run(spec, out) == 0
    assert run(out, out) == 2
    gc.disable()
    try:
        assert run(spec, out) == 0
        assert not gc.isenabled()
    finally:
        gc.enable()
    assert during == [False, False, False]


def test_check_reports_files_and_changes_and_writes_nothing(
    spec: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(spec, out)
    before = tree(out)
    root = small()
    schemas, paths = root["components"]["schemas"], root["paths"]
    schemas["order.Status"]["enum"] = ["new", "sent"]
    schemas["order.Order"]["properties"] = {"id": INT, "status": ref("order.Status"), "more": TEXT}
    del schemas["order.Old"], schemas["old.Thing"], paths["/old"]
    schemas["fresh.Thing"] = obj(x=INT)
    paths["/orders"]["get"]["parameters"] = [
        parameter("sort", schema={"type": "string", "enum": ["up", "down"]}),
        parameter("limit", required=True),
    ]
    paths["/orders"]["post"]["requestBody"] = body(obj(id=TEXT))
    paths["/orders"]["post"]["responses"] = ok(ref("fresh.Thing"), also={"202": {}})
    paths["/orders"]["post"]["deprecated"] = True
    paths["/new"] = {"get": operation("shop-new")}
    spec.write_text(json.dumps(root))
    capsys.readouterr()

    assert run(spec, out, "--check") == 1
    assert tree(out) == before
    said = capsys.readouterr().out.splitlines()
    breaking, other = said.index("breaking for users (8):"), said.index("other changes (9):")
    assert said[breaking + 1 : other] == [
        "- operation old-get: old.get, GET /old",
        "~ operation shop-create: result 200 application/json: type order.Order -> fresh.Thing",
        "~ operation shop-create: + result 202: None",
        "~ operation shop-list: + query limit: str, required",
        "- model old.Thing",
        "- model order.Old",
        "~ model order.Order: - gone",
        "~ model order.Order: id: type str -> int",
    ]
    for line in (
        "+ operation shop-new: shop.new, GET /new",
        "~ operation shop-create: deprecated",
        "~ operation shop-create: body id: no longer required",
        "~ operation shop-list: query sort: values added: 'down'",
        "+ model fresh.Thing",
        "~ model order.Order: + more: str",
        "~ model order.Status: values added: 'sent'",
        "~ model order.Status: values removed: 'paid'",
        "~ model shop.CreateRequest: id: no longer required",
        "left over: api/old.py",
        "left over: models/old.py",
        "missing: models/fresh.py",
        "differs: api/shop.py",
    ):
        assert line in said
    assert run(spec, out) == 0
    assert "api/old.py" not in tree(out)


def test_another_document_with_the_same_api_changes_nothing_for_users(
    spec: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(spec, out)
    root = small()
    root["info"]["contact"] = {"name": "somebody else"}
    spec.write_text(json.dumps(root))
    capsys.readouterr()
    assert run(spec, out, "--check") == 1
    said = capsys.readouterr().out
    assert "no change for users" in said
    assert "made from another document or by another generator: 13 files" in said
    assert "differs:" not in said


def test_output_does_not_depend_on_the_hash_seed(spec: Path, out: Path) -> None:
    run(spec, out)
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "mittwald_async.codegen", "--spec", str(spec), "--out", str(out), "--check"]
        done = subprocess.run(
            command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_findings_are_listed(spec: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = small()
    root["components"]["schemas"]["order.Old"]["required"] = ["nowhere"]
    spec.write_text(json.dumps(root))
    run(spec, out)
    assert "finding: [required] #/components/schemas/order.Old: 'nowhere'" in capsys.readouterr().out


# ---- errors ----


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on standard error."""
    text = capsys.readouterr().err
    assert text.startswith("error: ")
    assert text.count("\n") == 1
    return text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x80\x81", "is not text"),
        (b"a: [", "is not YAML"),
        (b"{", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "the top is not an object"),
        (b'{"swagger": "2.0", "paths": {}}', "is Swagger 2.0; convert it to OpenAPI 3 first"),
        (b'{"openapi": "4.0.0", "paths": {}}', "is OpenAPI 4.0.0; OpenAPI 3.0 or 3.1 is needed"),
        (b'{"paths": {}}', "it has no `openapi: 3.x`"),
    ],
)
def test_a_bad_document_is_refused_and_no_file_changes(
    spec: Path, out: Path, capsys: pytest.CaptureFixture[str], content: bytes, message: str
) -> None:
    run(spec, out)
    before = tree(out)
    capsys.readouterr()
    spec.write_bytes(content)
    assert run(spec, out) == 2
    assert message in refused(capsys)
    assert tree(out) == before


def test_a_forgotten_out_does_not_overwrite_the_installed_package(
    spec: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(__main__, "PACKAGE", out)
    assert main(["--spec", str(spec)]) == 2
    assert "would be overwritten: give --out" in capsys.readouterr().err
    assert list(out.iterdir()) == []
    spec.write_text(json.dumps({**small(), "info": {"title": "mittwald API", "version": "3"}}))
    assert main(["--spec", str(spec)]) == 0


def test_unreadable_input_and_unwritable_output_are_refused(
    spec: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(spec.with_name("nowhere.json"), out) == 2
    assert "nowhere.json cannot be read: No such file" in refused(capsys)
    assert run(spec, out / "nowhere" / "client") == 2
    assert "is not a directory: make it first" in refused(capsys)
    assert run(spec, out / "shop-client") == 2
    assert "'shop-client' cannot be imported" in refused(capsys)
    (out / "taken").write_text("")
    assert run(spec, out / "taken") == 2
    assert "is not a directory" in refused(capsys)
    run(spec, out)
    capsys.readouterr()
    (out / "models" / "mine.py").write_text("x = 1\n")
    assert run(spec, out) == 2
    assert "mine.py is not a generated file" in refused(capsys)
    (out / "models" / "mine.py").write_bytes(b"\xff")
    assert run(spec, out) == 2
    assert "mine.py cannot be read" in refused(capsys)


def test_a_failure_while_writing_restores_the_old_files(
    spec: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(spec, out)
    before = tree(out)
    spec.write_text(json.dumps(document({"a.X": obj(x=INT)}, {"/x": {"get": operation("shop-x")}})))
    rename = Path.rename

    def full_disk(path: Path, target: Path) -> Path:
        if path.name == "operations.py" and path.parent.name.startswith(".codegen-new"):
            raise OSError(28, "No space left on device")
        return rename(path, target)

    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", full_disk)
        assert run(spec, out) == 2
    assert "No space left" in refused(capsys)
    assert tree(out) == before


def test_configuration_mistakes_are_refused(
    spec: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "api.toml"
    for text, message in (
        ("[api", "cannot be read"),
        ("[api]\nprefixx = 'a'", "unknown key 'prefixx'"),
        ("[other]\na = 1", "unknown key 'other'"),
        ("[[correction]]\npointer = '#/x'\naction = 'remove'", "a correction without a reason"),
        ("[[correction]]\npointer = '#/x'\naction = 'guess'\nreason = 'r'", "needs action set, remove or discard"),
        (
            "[[correction]]\npointer = '#/x'\naction = 'set'\nreason = 'r'\nextra = 1",
            "has an unknown key 'extra'",
        ),
    ):
        config.write_text(text)
        assert run(spec, out, "--config", str(config)) == 2
        assert message in refused(capsys)
    config.write_text("[api]\nprefix = 'x.'\n")
    assert main(["--out", str(out), "--config", str(config)]) == 2
    assert "give --spec" in refused(capsys)


def test_corrections_are_applied_before_the_document_is_read(
    spec: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "api.toml"
    config.write_text(
        """
        [[correction]]
        pointer = "#/components/schemas/order.Order/properties/gone"
        action = "remove"
        reason = "it is gone"
        [[correction]]
        pointer = "#/components/schemas/order.Status/enum"
        action = "discard"
        value = "paid"
        reason = "never sent"
        [[correction]]
        pointer = "#/components/schemas/order.Order/properties/id/format"
        action = "set"
        value = "uuid"
        reason = "it is one"
        [[correction]]
        pointer = "#/paths/~1orders/get/parameters/0/schema/enum"
        action = "discard"
        value = "sideways"
        reason = "put right since"
        [[correction]]
        pointer = "#/components/schemas/nowhere/required/0"
        action = "remove"
        reason = "dropped since"
        [[correction]]
        pointer = "#/paths/~1orders/get/tags/7/x"
        action = "set"
        value = 1
        reason = "no such place"
        [[correction]]
        pointer = "#/info/title"
        action = "discard"
        value = 1
        reason = "no list"
        [[correction]]
        pointer = "#/info/none"
        action = "discard"
        value = 1
        reason = "not there"
        [[correction]]
        pointer = "#/info/title/x"
        action = "remove"
        reason = "no object"
        """
    )
    assert run(spec, out, "--config", str(config)) == 0
    text = (out / "models" / "order.py").read_text()
    assert 'id: Annotated[str, Constraints(format="uuid")]' in text
    assert "gone" not in text
    assert 'Literal["new"] | str' in text
    said = capsys.readouterr().out
    assert said.count("[corrected]") == 3
    assert said.count("does not apply to this document") == 6


def test_every_correction_in_mittwalds_configuration_has_a_reason() -> None:
    config = load_config()
    assert config.document.startswith("https://")
    assert all(len(correction.reason) > 20 for correction in config.corrections)


# ---- over HTTP ----


class _Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path == "/openapi.json"
        self.send_response(200 if found else 404)
        self.end_headers()
        if found:
            self.wfile.write(json.dumps(small()).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Server) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


def test_the_document_can_be_a_url(server: str, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"{server}/openapi.json", out) == 0
    assert (out / "operations.py").exists()
    capsys.readouterr()
    assert run(f"{server}/nowhere", out) == 2
    assert "cannot be fetched" in refused(capsys)
    assert run("http://127.0.0.1:1/openapi.json", out) == 2
    assert "cannot be fetched" in refused(capsys)


def test_an_endless_document_is_refused(
    server: str, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mittwald_async.codegen.load._MAX_BYTES", 10)
    assert run(f"{server}/openapi.json", out) == 2
    assert "is larger than 10 bytes" in refused(capsys)


# ---- helpers ----


def test_an_empty_directory_holds_no_generated_files(out: Path) -> None:
    assert present(out) == {}
    replace(out, {"operations.py": "x = 1\n"})
    assert tree(out) == {"operations.py": b"x = 1\n"}
