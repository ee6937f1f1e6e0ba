"""`call`: one operation, whatever it is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from ..inventory.list_reader import left_as_json
from ..operations import OPERATIONS
from ..runtime import codec
from ..runtime.errors import ConfigurationError, InvalidArgumentError
from ..runtime.files import Download
from ..runtime.operation import Operation
from ..runtime.paging import Pages
from ..runtime.transport.encoding import arguments as in_path_order
from .arguments import Arguments, read_arguments
from .common import OK, BaseUrl, TokenFile, client_for, run
from .operations import find
from .output import count, emit, message


def _operations(incomplete: str) -> list[str]:
    return [name for name in OPERATIONS if name.startswith(incomplete)]


def call(
    operation_id: Annotated[
        str,
        typer.Argument(
            help="As `operations` lists them; or its Python name.", metavar="OPERATION", autocompletion=_operations
        ),
    ],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            help="Parameters, and properties of the body. Again for a list, @FILE for an upload.", metavar="NAME=VALUE"
        ),
    ] = None,
    body: Annotated[
        str | None,
        typer.Option(help="The whole body: JSON, @FILE that holds it, or - for standard input.", metavar="JSON"),
    ] = None,
    all_pages: Annotated[
        bool, typer.Option("--all", help="Of a list, every page instead of the first.", metavar="")
    ] = False,
    out_path: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the answer here instead.", metavar="FILE")
    ] = None,
    token_file: TokenFile = None,
    base_url: BaseUrl = None,
) -> int:
    """Call one operation and print its answer: JSON, text, or the bytes of a file.

    [bold]Examples[/bold]

      mittwald-async call project-get-project projectId=p-xxxxxx

      mittwald-async call domain-list-domains --all

      mittwald-async call project-update-project projectId=p-xxxxxx description=Shop

      mittwald-async call project-update-project projectId=p-xxxxxx --body '{"description": "Shop"}'

      mittwald-async call file-create-file token=… file=@logo.png

      mittwald-async call file-get-file fileId=… --out logo.png
    """
    operation = find(operation_id)
    if operation.removed_upstream:
        message(f"{operation.operation_id} has been removed from the API; it will probably answer 404")
    elif operation.deprecated:
        message(f"{operation.operation_id} is deprecated and may vanish")
    if all_pages and operation.paging is None:
        raise InvalidArgumentError("--all", f"{operation.operation_id} gives no list")
    given = read_arguments(operation, arguments or [], body)
    return run(_call, operation, given, all_pages, out_path, token_file, base_url)


async def _call(
    operation: Operation[Any],
    given: Arguments,
    all_pages: bool,
    out_path: Path | None,
    token_file: Path | None,
    base_url: str | None,
) -> int:
    async with client_for(operation, token_file, base_url) as mw:
        path = in_path_order(operation, given.path, given.query, given.headers)
        sent = (mw.sender, operation, path, given.query, given.headers)
        if any(result.type == "bytes" for result in operation.results):
            await _download(Download(*sent), out_path)
            return OK
        operation = left_as_json(operation)
        if operation.paging is not None:
            pages = Pages[Any](mw.sender, operation, path, given.query, given.headers, given.body)
            result: Any = await pages.collect() if all_pages else await _first_page(pages)
        else:
            result = await mw.sender.value(operation, path, given.query, given.headers, given.body)
    _show(result, out_path)
    return OK


async def _first_page(pages: Pages[Any]) -> list[Any]:
    page = await pages
    if page.total is not None and page.total > page.skip + len(page.items):
        message(f"{count(len(page.items), 'item')} of {page.total:,}; --all gives every one")
    return page.items


async def _download(download: Download, out_path: Path | None) -> None:
    if out_path is not None:
        await download.save(out_path)
        return
    if sys.stdout.isatty():
        raise ConfigurationError("the answer is a file; write it to one with --out, or send it on through a pipe")
    async with download as stream:
        async for chunk in stream:
            emit(chunk)


def _show(result: Any, out_path: Path | None) -> None:
    if isinstance(result, str):
        content = result.encode()
        # On a terminal the next prompt begins a line; a file gets what was sent.
        if out_path is None and sys.stdout.isatty() and not result.endswith("\n"):
            content += b"\n"
    elif result is None:
        content = b""
    else:
        content = msgspec.json.format(codec.encode(result), indent=2) + b"\n"
    if out_path is None:
        emit(content)
        return
    try:
        out_path.write_bytes(content)
    except OSError as error:
        raise ConfigurationError(f"--out {out_path}: {error.strerror}") from None
