"""The command: `python -m mittwald_async.codegen [--spec PATH|URL] [--out DIR] [--check] [--config FILE]`.

Exit codes: 0 done or nothing to do, 1 `--check` found differences, 2 the document or the command line is invalid
(one message on standard error, nothing changed).
"""

from __future__ import annotations

import argparse
import gc
import io
import keyword
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from . import GENERATOR_VERSION
from .changes import compare
from .compiler import Compiled, compile_document
from .config import DEFAULT_PATH, Config, load_config
from .directions import uses
from .errors import DocumentError
from .load import load
from .write import difference, present, recover, replace

PACKAGE = Path(__file__).resolve().parents[1]
_PROVIDER = "mittwald"
"""Is in the title of every document that this package itself may be written from."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of the document may be in any alphabet
    try:
        own = options.out.resolve() == PACKAGE
        config = load_config(options.config or DEFAULT_PATH) if own or options.config else Config()
        with _no_collector():
            return _run(options.spec or config.document, options.out, options.check, config, own)
    except DocumentError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


@contextmanager
def _no_collector() -> Generator[None]:
    """Without the cyclic garbage collector: a document is millions of values that all live to the end, and searching
    them again and again takes as long as the work itself."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mittwald_async.codegen",
        description="Write a client package from an OpenAPI 3 document, in JSON or YAML. The package of mittwald's API"
        " itself has a client of its own: there, api/, models/ and operations.py are written.",
    )
    parser.add_argument("--spec", metavar="PATH|URL", help="the document (default: what the configuration names)")
    parser.add_argument(
        "--out", type=Path, default=PACKAGE, help="package directory to write, made if need be (default: this package)"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and tell what differs")
    parser.add_argument(
        "--config",
        type=Path,
        help="what is known of the API beside the document (default: mittwald's for this package)",
    )
    parser.add_argument("--version", action="version", version=GENERATOR_VERSION)
    return parser


def _run(spec: str, out: Path, check: bool, config: Config, own: bool) -> int:
    if not spec:
        raise DocumentError("no document: the configuration names none, give --spec")
    package = out.resolve().name
    if not package.isidentifier() or keyword.iskeyword(package):
        raise DocumentError(
            f"{out}: {package!r} cannot be imported; give --out a directory that is named like a module"
        )
    if out.exists() and not out.is_dir():
        raise DocumentError(f"{out} is not a directory")
    if not out.parent.is_dir():
        raise DocumentError(f"{out.parent} is not a directory: make it first")
    made = compile_document(load(spec), config, "" if own else package)
    if own and _PROVIDER not in made.surface.title.lower():
        raise DocumentError(
            f"{made.surface.title!r} is not the API of {package}, which would be overwritten: "
            "give --out, the directory of the package to write"
        )
    if not check:
        _make(out)
        recover(out)
    old = present(out, made.files)
    differing = difference(old, made.files)
    _report(made, old, differing)
    if not differing:
        print(f"{out} is up to date")
        return 0
    if check:
        print(*differing, sep="\n")
        return 1
    replace(out, made.files)
    print(f"{out}: {len(made.files)} files written")
    return 0


def _make(out: Path) -> None:
    try:
        out.mkdir(exist_ok=True)
    except OSError as error:
        raise DocumentError(f"{out} cannot be made: {error.strerror or error}") from error


def _report(made: Compiled, old: dict[str, str], differing: list[str]) -> None:
    surface = made.surface
    models = sum(len(domain) for domain in surface.declarations.values())
    print(f"{surface.title} {surface.version} (sha256 {surface.sha256})")
    print(f"{len(surface.operations)} operations, {len(surface.redirects)} redirects, {models} models")
    for finding in made.findings:
        print(f"finding: {finding}")
    if old and differing:
        found = compare(old, made.files, uses(surface.declarations, surface.operations))
        print(*(found or ["no change for users"]), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
