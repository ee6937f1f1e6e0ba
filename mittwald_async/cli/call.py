"""`call`: one operation, whatever it is."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, NamedTuple

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
from .arguments import Arguments, names, read_arguments, typed
from .common import OK, BaseUrl, TokenFile, client_for, is_regular, is_stdout, run
from .fields import body_properties, fields_of, type_of
from .forms import FORMS, form_named, places_of, select
from .operations import find, operation_ids
from .output import count, emit, message
from .transfers import transfer_progress
from .waits import WaitFor, wait_for, waiter_of


def argument_names(context: typer.Context, incomplete: str) -> list[str]:
    """For completion: names of arguments, of those that are not given yet or may be given again."""
    operation = OPERATIONS.get(context.params.get("operation_id") or "")
    if operation is None or "=" in incomplete:
        return []
    given = {word.partition("=")[0] for word in context.params.get("arguments") or ()}
    return [f"{name}=" for name in _givable(operation) if name.startswith(incomplete) and name not in given]


def _givable(operation: Operation[Any]) -> list[str]:
    known = names(operation)
    found: list[str] = []
    for name in dict.fromkeys(typed(parameter, known) for parameter in known.values()):
        inner = (
            []
            if known[name].type == "bytes"
            else [one.path for one in fields_of(type_of(operation, known[name]), name)]
        )
        found += inner or [name]
    for name, expected in body_properties(operation).items():
        found += [one.path for one in fields_of(expected, name)] or [name]
    return found


def call(
    operation_id: Annotated[
        str,
        typer.Argument(
            help="As `operations` lists them; or its Python name.", metavar="OPERATION", autocompletion=operation_ids
        ),
    ],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            help="Parameters, and properties of the body: user.name=x for a nested one, repeated or name[0]=x for a list, "
            "@FILE for the text of a file or an upload. Secrets: name=? asks, name=- reads standard input.",
            metavar="NAME=VALUE",
            autocompletion=argument_names,
        ),
    ] = None,
    body: Annotated[
        str | None,
        typer.Option(
            help="The whole body: JSON, @FILE that holds it (JSON or .yaml), or - for standard input.", metavar="JSON"
        ),
    ] = None,
    all_pages: Annotated[
        bool, typer.Option("--all", help="Fetch every page of a list instead of the first.", metavar="")
    ] = False,
    fields: Annotated[
        str | None,
        typer.Option(
            "--fields",
            help="Only these properties of the response, or of each item of a list: id,meta.total,tags[0].",
            metavar="PLACES",
        ),
    ] = None,
    form: Annotated[
        str,
        typer.Option("--output", help="json, table, csv or yaml.", metavar="FORM", autocompletion=lambda: list(FORMS)),
    ] = "json",
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until the change is complete, and print the result.", metavar="")
    ] = False,
    out_path: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write the response to this file; - is standard output.", metavar="FILE"),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The same as --output json, which is the default.", metavar="")
    ] = False,
    token_file: TokenFile = None,
    base_url: BaseUrl = None,
) -> int:
    """Call one operation and print its response: JSON, text, or the bytes of a file.

    [bold]Examples[/bold]

      mittwald-async call project-get-project projectId=p-xxxxxx

      mittwald-async call domain-list-domains --all --fields domain,projectId --output table

      mittwald-async call project-update-project projectId=p-xxxxxx description=Shop

      mittwald-async call project-update-project projectId=p-xxxxxx --body '{"description": "Shop"}'

      mittwald-async call database-create-mysql-database projectId=p-xxxxxx database.description=Shop database.version=8.4 user.accessLevel=full user.password=? --wait

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
    if as_json and form != "json":
        raise InvalidArgumentError("--json", f"contradicts --output {form}")
    waiter = waiter_of(operation) if wait else None
    rendered = Rendering(fields, form_named(form), form, None if is_stdout(out_path) else out_path)
    _check_rendering(rendered)
    given = read_arguments(operation, arguments or [], body)
    return run(_call, operation, given, all_pages, waiter, rendered, token_file, base_url)


class Rendering(NamedTuple):
    """How the answer is shown, and where."""

    fields: str | None
    form: Callable[[Any], str]
    name: str
    path: Path | None

    @property
    def is_plain(self) -> bool:
        return self.fields is None and self.name == "json"


def _check_rendering(rendered: Rendering) -> None:
    """Find what cannot be shown or written before anything is sent: afterwards, a change would be made and its answer
    lost."""
    if rendered.fields is not None:
        places_of(rendered.fields)
    path = rendered.path
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        reason = os.strerror(errno.EISDIR if path.is_dir() else errno.ENOENT)
        raise ConfigurationError(f"--out {path}: {reason}")


async def _call(
    operation: Operation[Any],
    given: Arguments,
    all_pages: bool,
    waiter: WaitFor | None,
    rendered: Rendering,
    token_file: Path | None,
    base_url: str | None,
) -> int:
    async with client_for(operation, token_file, base_url) as mw:
        path = in_path_order(operation, given.path, given.query, given.headers)
        sent = (mw.sender, operation, path, given.query, given.headers)
        if any(result.type == "bytes" for result in operation.results):
            if not rendered.is_plain:
                raise ConfigurationError("the answer is a file: --fields and --output have nothing to show of it")
            await _download(Download(*sent), rendered.path)
            return OK
        operation = left_as_json(operation)
        if operation.paging is not None:
            pages = Pages[Any](mw.sender, operation, path, given.query, given.headers, given.body)
            result: Any = await pages.collect() if all_pages else await _first_page(pages, given)
        else:
            result = await mw.sender.value(operation, path, given.query, given.headers, given.body)
        if waiter is not None:
            result = await wait_for(mw, waiter, given.path, result)
    try:
        _show(result, rendered)
    except InvalidArgumentError:
        if operation.method not in ("GET", "HEAD"):  # the change is made, and its response cannot be fetched again
            _show(result, Rendering(None, FORMS["json"], "json", None))
        raise
    return OK


async def _first_page(pages: Pages[Any], given: Arguments) -> list[Any]:
    page = await pages
    asked = "limit" in given.query
    if not asked and page.total is not None and page.total > page.skip + len(page.items):
        message(f"{count(len(page.items), 'item')} of {page.total:,}; --all gives every one")
    return page.items


async def _download(download: Download, out_path: Path | None) -> None:
    if out_path is not None and is_regular(out_path):
        with transfer_progress(out_path.name) as progress:
            await download.save(out_path, progress=progress)
        return
    if out_path is None and sys.stdout.isatty():
        raise ConfigurationError("the answer is a file; write it to one with --out, or send it on through a pipe")
    with nullcontext(sys.stdout.buffer) if out_path is None else out_path.open("wb") as target:
        async with download as stream:
            async for chunk in stream:
                target.write(chunk)
        target.flush()


def _show(result: Any, rendered: Rendering) -> None:
    if isinstance(result, str) and rendered.is_plain:
        content = result
        # On a terminal the next prompt begins a line; a file gets what was sent.
        if rendered.path is None and sys.stdout.isatty() and not result.endswith("\n"):
            content += "\n"
    elif result is None:
        content = ""
    elif rendered.is_plain:
        # As it came: numbers keep their digits.
        content = msgspec.json.format(codec.encode(result), indent=2).decode() + "\n"
    else:
        plain = msgspec.json.decode(codec.encode(result))
        content = rendered.form(plain if rendered.fields is None else select(plain, rendered.fields))
    if rendered.path is None:
        emit(content.encode())
        return
    try:
        rendered.path.write_bytes(content.encode())
    except OSError as error:
        raise ConfigurationError(f"--out {rendered.path}: {error.strerror}") from None
