"""Models and rows as tables, and models as types of other libraries."""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from typing import Any

import pytest

from mittwald_async import Mittwald
from mittwald_async.emulator import Emulator
from mittwald_async.errors import ConfigurationError, InvalidArgumentError
from mittwald_async.models.dns import RecordSettings, TtlSeconds, Zone
from mittwald_async.models.project import ProjectListItem
from mittwald_async.pydantic import AsJson
from mittwald_async.tables import to_arrow, to_polars

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


async def test_a_list_of_models_as_tables() -> None:
    async with Emulator(projects=5, drift=0.0) as api, Mittwald(api.token, base_url=api.url) as mw:
        projects = await mw.project.list_projects().collect()
        zones = [zone async for zone in mw.domain.dns_list_dns_zones(projects[0].id)]
    table = to_arrow(projects)
    assert table.column_names == list(ProjectListItem.__struct_fields__)
    assert table.num_rows == len(projects)
    assert [str(table.schema.field(name).type) for name in ("id", "created_at", "enabled")] == [
        "string",
        "timestamp[us, tz=UTC]",
        "bool",
    ]
    assert table.column("created_at").to_pylist() == [project.created_at for project in projects]
    frame = to_polars(projects)
    assert frame.columns == table.column_names
    assert frame["id"].to_list() == [project.id for project in projects]
    assert json.loads(to_arrow(zones).column("record_set").to_pylist()[0]).keys() >= {"mx", "combinedARecords"}


def test_rows_of_any_kind() -> None:
    rows: list[dict[str, Any]] = [
        {"n": 1, "x": 1, "when": NOON, "day": date(2026, 5, 1), "mixed": 1, "deep": {"a": [1]}, "big": 2**70},
        {"n": None, "x": 0.5, "when": None, "mixed": "a", "deep": None, "more": True},
    ]
    for table in (to_arrow(rows).to_pylist(), to_polars(rows).to_dicts()):
        assert table == [
            {
                "n": 1,
                "x": 1.0,
                "when": NOON,
                "day": date(2026, 5, 1),
                "mixed": "1",
                "deep": '{"a":[1]}',
                "big": str(2**70),
                "more": None,
            },
            {
                "n": None,
                "x": 0.5,
                "when": None,
                "day": None,
                "mixed": "a",
                "deep": None,
                "big": None,
                "more": True,
            },
        ]
    assert to_arrow([]).num_rows == 0
    assert to_polars([]).is_empty()


def test_a_deviating_value_does_not_hide_its_column() -> None:
    items: list[Any] = [TtlSeconds(seconds=60), TtlSeconds(seconds="soon")]  # type: ignore[arg-type]
    assert to_arrow(items).to_pylist() == [{"seconds": "60"}, {"seconds": "soon"}]


def test_a_single_model_is_refused() -> None:
    for wrong in (TtlSeconds(seconds=60), {"seconds": 60}, None, 5):
        for convert in (to_arrow, to_polars):
            with pytest.raises(InvalidArgumentError, match="items: must be a list of models or mappings, not "):
                convert(wrong)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_values_that_are_not_rows_are_refused() -> None:
    for wrong in ([5], ["a"], [None]):
        with pytest.raises(InvalidArgumentError, match="items: must be models or mappings"):
            to_arrow(wrong)  # type: ignore[arg-type]


def test_without_the_library_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ConfigurationError, match=r"\[parquet\]"):
        to_arrow([])
    with pytest.raises(ConfigurationError, match="pip install polars"):
        to_polars([])


async def test_a_model_is_displayed_in_a_notebook() -> None:
    settings = RecordSettings(ttl=TtlSeconds(seconds=60))
    assert "<th style='text-align:left'>ttl</th>" in settings._repr_html_()  # pyright: ignore[reportPrivateUsage] - what notebooks call
    async with Emulator(projects=3, drift=0.0) as api, Mittwald(api.token, base_url=api.url) as mw:
        page = await mw.project.list_projects()
    shown = page._repr_html_()  # pyright: ignore[reportPrivateUsage] - what notebooks call
    assert shown.count("<tr>") == 1 + len(page)
    assert "items of " in shown


def test_notebook_output_is_escaped_and_shows_no_secrets() -> None:
    from mittwald_async.runtime.display import properties

    text = properties([("<b>", "<script>"), ("password", "hunter2"), ("long", "x" * 999)], "<i>")
    assert "<script>" not in text
    assert "hunter2" not in text
    assert "…" in text
    assert "&lt;i&gt;" in text


class TestPydantic:
    def test_a_model_can_be_a_pydantic_field(self) -> None:
        pydantic = pytest.importorskip("pydantic")
        adapter = pydantic.TypeAdapter(list[AsJson[TtlSeconds]])
        values = adapter.validate_python([TtlSeconds(seconds=60), {"seconds": 90}])
        assert values == [TtlSeconds(seconds=60), TtlSeconds(seconds=90)]
        assert adapter.dump_json(values) == b'[{"seconds":60},{"seconds":90}]'
        assert adapter.json_schema()["items"] == {
            "title": "TtlSeconds",
            "type": "object",
            "properties": {"seconds": {"type": "integer"}},
            "required": ["seconds"],
        }
        wrong_values: list[list[Any]] = [[5], [{"seconds": "soon"}], [{}]]
        for wrong in wrong_values:
            with pytest.raises(pydantic.ValidationError):
                adapter.validate_python(wrong)

    def test_a_model_can_be_a_fastapi_response(self) -> None:
        pydantic = pytest.importorskip("pydantic")
        fastapi = pytest.importorskip("fastapi")
        app = fastapi.FastAPI()

        async def zone() -> Any:
            """A zone."""

        app.get("/zone", response_model=AsJson[Zone])(zone)
        schema = app.openapi()["paths"]["/zone"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert schema["required"] == ["domain", "id", "recordSet"]
        assert schema["properties"]["recordSet"] == {}
        assert pydantic.TypeAdapter(AsJson[Zone]) is not None
