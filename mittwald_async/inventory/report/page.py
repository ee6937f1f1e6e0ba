"""The page: a template, the data as JSON in it, charts as SVG in it, one small script."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import msgspec

from ..._install import install_hint
from ...errors import ConfigurationError
from ..checks import SEVERITIES, Mute
from ..checks.apart import LARGE
from ..result_file import result_file
from .charts import charts_of, prepare
from .facts import ReportFacts, facts_of

Locale = Literal["en", "de"]
"""How dates and numbers are written."""

_TAGS = {"en": "en-GB", "de": "de-DE"}


def report_html(path: Path, *, locale: Locale = "en", mutes: Sequence[Mute] = (), apart: bool = False) -> str:
    """The report of an inventory file as the text of one HTML page.

    Args:
        path: a SQLite inventory.
        locale: how dates and numbers are written.
        mutes: findings not to show.
        apart: start another interpreter for the checks of a large file. Only for programs that are run by Python
            itself.

    Raises:
        ConfigurationError: the file is not an inventory or has no finished sweep, or the extra `report` is missing.
    """
    for needed in ("jinja2", "altair", "vl_convert"):
        if find_spec(needed) is None:
            raise ConfigurationError(f"a report needs {needed}, which is not installed: {install_hint('report')}")
    large = path.is_file() and path.stat().st_size >= LARGE
    with ThreadPoolExecutor(1) as pool:
        pool.submit(prepare)
        facts = facts_of(path, mutes, apart=apart and large)
    import jinja2

    here = files("mittwald_async.inventory.report")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(here.joinpath("page.html").read_text(encoding="utf-8"))
    return template.render(
        locale=_TAGS[locale],
        style=here.joinpath("page.css").read_text(encoding="utf-8"),
        script=here.joinpath("page.js").read_text(encoding="utf-8"),
        data=embedded(facts),
        charts=charts_of(facts),
        facts=facts,
        severities=SEVERITIES,
    )


def embedded(facts: ReportFacts) -> str:
    """JSON that cannot end its script element, whatever names it contains."""
    text = msgspec.json.encode(facts).decode()
    return (
        text.replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
    )


def write_report(
    path: Path, out: Path, *, locale: Locale = "en", mutes: Sequence[Mute] = (), apart: bool = False
) -> Path:
    """Write the report. The target appears whole or not at all, readable by its owner only.

    Raises:
        ConfigurationError: as `report_html`; or the target cannot be written.
    """
    text = report_html(path, locale=locale, mutes=mutes, apart=apart)
    with result_file(out) as file:
        file.write(text.encode())
    return out
