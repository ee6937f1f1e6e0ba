"""Hostile sources, failing disks and interruptions: each gives one clear message and keeps the old output."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from mittwald_async.codegen.__main__ import main
from mittwald_async.codegen.config import Correction, load_config
from mittwald_async.codegen.corrections import corrected
from mittwald_async.codegen.errors import DocumentError, Findings
from mittwald_async.codegen.load import load

from ..support.openapi_documents import INT, TEXT, Json, document, obj, ok, operation


def small(name: str = "Order") -> bytes:
    paths = {"/x": {"get": operation("shop-x", responses=ok(obj(x=INT)))}}
    return json.dumps(document({f"a.{name}": obj(x=TEXT)}, paths)).encode()


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_bytes(small())
    return path


@pytest.fixture
def out(tmp_path: Path, spec: Path) -> Path:
    path = tmp_path / "package"
    path.mkdir()
    assert main(["--spec", str(spec), "--out", str(path)]) == 0
    return path


def tree(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def run(spec: Path | str, out: Path) -> int:
    return main(["--spec", str(spec), "--out", str(out)])


# ---- interrupted ----


def test_ctrl_c_between_renames_restores_the_old_files(spec: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree(out)
    spec.write_bytes(small("Other"))
    rename = Path.rename

    def interrupted(path: Path, target: Path) -> Path:
        if path.name == "models" and path.parent.name == ".codegen-new":
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(spec, out)
    assert tree(out) == before


@pytest.mark.parametrize("after", range(1, 18, 2))
def test_a_killed_run_is_undone_by_the_next_one(spec: Path, out: Path, after: int) -> None:
    """Killed at every renaming step, so that none of its own cleanup runs."""
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom mittwald_async.codegen.__main__ import main\n"
        f"rename, left = Path.rename, [{after}]\n"
        "def counted(path, target):\n    left[0] -= 1\n    if not left[0]: os._exit(9)\n    return rename(path, target)\n"
        "Path.rename = counted\nsys.exit(main(sys.argv[1:]))"
    )
    before = tree(out)
    other = spec.with_name("other.json")
    other.write_bytes(small("Other"))
    done = subprocess.run(
        [sys.executable, "-c", code, "--spec", str(other), "--out", str(out)], capture_output=True, check=False
    )
    assert done.returncode == (9 if after < 17 else 0)
    assert run(spec, out) == 0
    assert tree(out) == before


def test_a_failed_first_run_leaves_nothing(spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    rename = Path.rename

    def full(path: Path, target: Path) -> Path:
        if path.name == "operations.py":
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", full)
    assert run(spec, fresh) == 2
    assert list(fresh.iterdir()) == []


def test_an_unwritable_folder_is_reported(
    spec: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(out)
    spec.write_bytes(small("Other"))

    def read_only(path: Path, *args: object, **named: object) -> None:
        if path != out:
            raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "mkdir", read_only)
    assert run(spec, out) == 2
    assert "cannot be written: [Errno 30] Read-only file system" in capsys.readouterr().err
    assert tree(out) == before
    (out / ".codegen-old").write_text("no folder")
    monkeypatch.undo()
    assert run(spec, out) == 2
    (out / ".codegen-old").unlink()


def test_files_that_cannot_be_restored_are_reported(
    spec: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (out / ".codegen-old").mkdir()
    shutil.move(out / "api", out / ".codegen-old" / "api")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", lambda path, target: (_ for _ in ()).throw(OSError(5, "Input/output error")))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
        assert run(spec, out) == 2
    assert "cannot be restored after a run that was killed" in capsys.readouterr().err
    assert run(spec, out) == 0
    assert (out / "api" / "shop.py").exists()


# ---- input ----


@pytest.mark.parametrize(
    "number", [b"NaN", b"-Infinity", b"1e999", b"1" * 5000], ids=["nan", "infinity", "overflow", "endless"]
)
def test_numbers_beyond_pythons_limits_are_refused(spec: Path, out: Path, number: bytes) -> None:
    text = small().replace(b'"type": "integer"', b'"type": "integer", "maximum": ' + number)
    spec.write_bytes(text)
    with pytest.raises(DocumentError, match="is not JSON"):
        load(str(spec))


def test_lone_surrogates_and_other_scripts_are_handled(tmp_path: Path, out: Path) -> None:
    """Also on an ASCII terminal."""
    odd = "\\ud800 größe"
    text = small().replace(b'"x"', f'"{odd}"'.encode()).replace(b'"Shop"', f'"{odd}"'.encode(), 1)
    spec = tmp_path / "odd.json"
    spec.write_bytes(text)
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "mittwald_async.codegen", "--spec", str(spec), "--out", str(out)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_compressed_documents_are_decompressed(
    spec: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = spec.with_name("openapi.json.gz")
    packed.write_bytes(gzip.compress(small()))
    assert (load(str(packed)).root, load(str(packed)).sha256) == (load(str(spec)).root, load(str(spec)).sha256)
    for damaged in (gzip.compress(small())[:-20], gzip.compress(small())[:20] + b"\xff" * 20):
        packed.write_bytes(damaged)
        assert run(packed, out) == 2
        assert "is damaged" in capsys.readouterr().err
    packed.write_bytes(gzip.compress(small()))
    monkeypatch.setattr("mittwald_async.codegen.load._MAX_BYTES", 100)
    assert run(packed, out) == 2
    assert "is larger than 100 bytes" in capsys.readouterr().err


@contextlib.contextmanager
def answering(*pieces: bytes, pause: float = 0.0) -> Generator[str, None, None]:
    """A server that sends these chunks one by one and closes the connection."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(10_000)
            with contextlib.suppress(OSError):
                for piece in pieces:
                    self.request.sendall(piece)
                    time.sleep(pause)

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{listening.server_address[1]}/openapi.json"
        listening.shutdown()
        thread.join()


OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


def test_a_server_may_compress_its_response() -> None:
    with answering(OK, b"Content-Encoding: gzip\r\n\r\n", gzip.compress(small())) as url:
        assert "/x" in load(url).root["paths"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"nonsense\r\n\r\n", "cannot be fetched"),
        (b"", "cannot be fetched"),
        (b"HTTP/1.1 404 Gone Fishing\r\n\r\n", "cannot be fetched: Gone Fishing"),
        (b"HTTP/1.1 302 Found\r\nLocation: file:///etc/hosts\r\n\r\n", "cannot be fetched"),
        (OK + b"Content-Length: 999\r\n\r\n{", "cannot be fetched|is not JSON"),
        (OK + b"\r\n<html>sorry</html>", "is not an OpenAPI document"),
    ],
    ids=["nonsense", "nothing", "404", "elsewhere", "half", "html"],
)
def test_responses_that_are_not_a_document(answer: bytes, message: str) -> None:
    with answering(answer) as url, pytest.raises(DocumentError, match=message):
        load(url)


def test_an_invalid_address() -> None:
    with pytest.raises(DocumentError, match="cannot be fetched"):
        load("http://exa mple/x\r\n")


def test_a_slowly_dripping_document_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mittwald_async.codegen.load._DEADLINE", 0.05)
    with (
        answering(OK + b"\r\n", *([b" "] * 20), pause=0.02) as url,
        pytest.raises(DocumentError, match="not all of it came"),
    ):
        load(url)


def test_a_silent_server_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mittwald_async.codegen.load._TIMEOUT", 0.05)
    with answering(OK + b"\r\n", b"", pause=0.2) as url, pytest.raises(DocumentError, match="cannot be fetched: timed"):
        load(url)


# ---- configuration and corrections ----


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("api = 3", "needs one table"),
        ("correction = 3", "needs one table"),
        ("correction = [3]", "needs a pointer"),
        ("[[correction]]\npointer = '/x'\naction = 'remove'\nreason = 'r'", "needs a pointer that begins with #/"),
        ("[api]\nprefix = 3", "prefix must be a text"),
        ("[api]\nreference = 'https://x/{op}'", "reference knows {tag} and {operation_id} only"),
        ("[api]\nreference = 'https://x/{'", "reference knows"),
    ],
)
def test_contradictory_configurations(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "api.toml"
    path.write_text(text)
    with pytest.raises(DocumentError) as caught:
        load_config(path)
    assert message in str(caught.value)


def reported(root: Json, correction: Correction) -> tuple[Json, str]:
    findings = Findings()
    made = corrected(root, [correction], findings)
    return made, str(findings.sorted()[0])


def test_a_correction_that_is_no_longer_needed_is_reported() -> None:
    """The provider may have dropped what was wrong, added what was missing, or declared what was undeclared."""
    required = Correction("#/x/required", "discard", "declared nowhere", "a", unless="#/x/properties/a")
    assert reported({"x": {"required": ["a"]}}, required)[0] == {"x": {"required": []}}
    right: Json = {"x": {"required": ["a"], "properties": {"a": {}}}}
    made, said = reported(right, required)
    assert made == right
    assert said.startswith("[correction] #/x/required: needed no more: there is #/x/properties/a")
    assert "does not apply" in reported({"x": {"required": ["b"]}}, required)[1]
    typed = Correction("#/x/type", "set", "no type", "string")
    assert "[corrected]" in reported({"x": {}}, typed)[1]
    assert "does not apply" in reported({"x": {"type": "string"}}, typed)[1]
