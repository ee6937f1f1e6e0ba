"""Charts as SVG text, drawn while the report is made: the page itself loads no chart library."""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

from ..xml_text import xml_text
from .facts import WEEKS, ReportFacts

_WIDTH, _ROW = 520, 22
_GIB = 1 << 30
_ROOM = {"left": 36, "right": 44, "top": 5, "bottom": 5}
"""Pixels around a chart: a browser's font may be wider than the one that the room for labels was measured with."""
_KINDS = ("#2f7ed8", "#d97b29", "#5b8c5a", "#7d5ba6")
"""Colours that differ on white and on black, also for the colour-blind."""


def prepare() -> None:
    """Load what draws, which takes a second, and can be done while what is drawn is read.

    Raises:
        ImportError: the extra `report` is not installed.
    """
    alt: Any = import_module("altair")
    # The first chart starts the converter's engine.
    _svg(alt.Chart(alt.Data(values=[])).mark_bar())


def charts_of(facts: ReportFacts) -> dict[str, str]:
    """The charts that there is data for, by name.

    Raises:
        ImportError: the extra `report` is not installed.
    """
    alt: Any = import_module("altair")  # in extra `report`; takes most of a second to import, and has loose types

    drawn: dict[str, Any] = {}
    if facts.expiry:
        drawn["expiry"] = (
            alt.Chart(alt.Data(values=facts.expiry))
            .mark_bar()
            .encode(
                x=alt.X(
                    "week:O",
                    title="weeks from now",
                    axis=alt.Axis(labelAngle=0),
                    scale=alt.Scale(domain=list(range(WEEKS))),
                ),
                y=alt.Y("number:Q", title=None, axis=alt.Axis(tickMinStep=1)),
                color=alt.Color("kind:N", title=None, scale=alt.Scale(range=list(_KINDS))),
            )
            .properties(width=_WIDTH, height=160)
        )
    for kind in ("runtime", "app"):
        rows = [
            {"version": f"{row['name']} {row['version']}", "apps": row["number"]}
            for row in facts.versions
            if row["kind"] == kind
        ][:20]
        if rows:
            drawn[f"versions_{kind}"] = (
                alt.Chart(alt.Data(values=rows))
                .mark_bar(color="#5b8c5a")
                .encode(x=alt.X("apps:Q", axis=alt.Axis(tickMinStep=1)), y=alt.Y("version:N", sort="-x", title=None))
                .properties(width=_WIDTH - 120, height=_ROW * len(rows))
            )
    if facts.backups:
        order = [row["age"] for row in facts.backups]
        drawn["backups"] = (
            alt.Chart(alt.Data(values=facts.backups))
            .mark_bar(color="#b8860b")
            .encode(x=alt.X("projects:Q", axis=alt.Axis(tickMinStep=1)), y=alt.Y("age:N", sort=order, title=None))
            .properties(width=_WIDTH - 120, height=_ROW * len(order))
        )
    if facts.storage:
        drawn["storage"] = _storage(alt, facts)
    return {name: _svg(chart) for name, chart in drawn.items()}


def _storage(alt: Any, facts: ReportFacts) -> Any:
    rows = [
        {"at": row["at"], "customer": row["customer"], "GiB": round(row["bytes"] / _GIB, 2)} for row in facts.storage
    ]
    chart = alt.Chart(alt.Data(values=rows))
    if len({row["at"] for row in rows}) == 1:
        customers = {row["customer"] for row in rows}
        return (
            chart.mark_bar(color="#7d5ba6")
            .encode(x=alt.X("GiB:Q"), y=alt.Y("customer:N", sort="-x", title=None))
            .properties(width=_WIDTH - 200, height=_ROW * len(customers))
        )
    return (
        chart.mark_area()
        .encode(x=alt.X("at:T", title=None), y=alt.Y("GiB:Q", stack=True), color=alt.Color("customer:N", title=None))
        .properties(width=_WIDTH - 100, height=220)
    )


def _svg(chart: Any) -> str:
    """As SVG that takes the page's text colour, so that it can be read in the dark, too."""
    converter: Any = import_module("vl_convert")

    ink = dict.fromkeys(("labelColor", "titleColor", "domainColor", "tickColor"), "currentColor")
    styled = (
        chart.configure(background="transparent", font="system-ui, sans-serif", padding=_ROOM)
        .configure_axis(gridColor="#8886", labelLimit=220, **ink)
        .configure_legend(labelColor="currentColor", titleColor="currentColor", labelLimit=220)
        .configure_view(stroke=None)
    )
    return str(converter.vegalite_to_svg(_drawable(styled.to_dict())))


def _drawable(part: Any) -> Any:
    """A chart whose texts XML can hold: the converter ends the whole process on any other."""
    if isinstance(part, str):
        return xml_text(part, " ")
    if isinstance(part, dict):
        members = cast("dict[str, Any]", part)
        return {name: _drawable(inner) for name, inner in members.items()}
    if isinstance(part, list):
        return [_drawable(inner) for inner in part]  # pyright: ignore[reportUnknownVariableType]
    return part
