"""Metrics by PromQL: what is requested, what comes back, and errors inside a 200."""

from __future__ import annotations

import math
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mittwald_async import Mittwald
from mittwald_async.errors import ConfigurationError, InvalidArgumentError, ResponseDecodeError
from mittwald_async.metrics import Metrics, MetricsError, Sample
from mittwald_async.metrics.selectors import restricted

from ..support.metrics_server import frame, grafana

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
OTHER_FORMS: list[Any] = [
    "nonsense",
    "[]",
    {},
    {"results": []},
    {"results": {"A": 5}},
    {"results": {"A": {"frames": [{}]}}},
    {"results": {"A": {"frames": [frame("A", ["x"])]}}},
    {"results": {"A": {"frames": [frame("A", [1], entities=[None, {"NaN": [9]}])]}}},
]


class TestQueries:
    async def test_a_range_query(self) -> None:
        def answer(body: dict[str, Any]) -> Any:
            frames = [frame("A", [1, None, 2.5], {"pod": "a"}), frame("A", [4], {"pod": "b"})]
            return {"results": {"A": {"status": 200, "frames": frames}}}

        async with grafana(answer) as (mw, asked):
            series = await mw.metrics.query("up", start=NOON - timedelta(hours=1), end=NOON)
        assert asked == [
            {
                "queries": [
                    {
                        "refId": "A",
                        "datasource": {"uid": "MetricsAuthPrometheus", "type": "prometheus"},
                        "expr": "up",
                        "range": True,
                        "instant": False,
                        "intervalMs": 300_000,
                        "maxDataPoints": 13,
                    }
                ],
                "from": str(int((NOON - timedelta(hours=1)).timestamp() * 1000)),
                "to": str(int(NOON.timestamp() * 1000)),
            }
        ]
        first, second = series
        assert (first.ref_id, first.name, first.labels) == ("A", "shown", {"pod": "a"})
        assert first.samples == [
            Sample(NOON, 1.0),
            Sample(NOON + timedelta(minutes=5), None),
            Sample(NOON + timedelta(minutes=10), 2.5),
        ]
        assert (first.latest, first.maximum, second.latest, series[:1][0]) == (2.5, 2.5, 4.0, first)

    async def test_an_instant_query(self) -> None:
        answer = {"results": {"A": {"frames": [frame("A", [7])]}}}
        async with grafana(lambda body: answer) as (mw, asked):
            (one,) = await mw.metrics.instant("up", at=NOON, project_id="p-1")
            assert one.latest == 7
        (query,) = asked[0]["queries"]
        assert (query["instant"], query["range"], query["expr"]) == (True, False, 'up{project_id="p-1"}')

    async def test_several_queries_of_which_some_are_refused(self) -> None:
        """One error hides neither the other errors nor the successful results."""
        answer: dict[str, Any] = {
            "results": {
                "ok": {"status": 200, "frames": [frame("ok", [1])]},
                "bad": {"status": 400, "error": "parse error", "frames": []},
                "worse": {"status": 502},
            }
        }
        async with grafana(lambda body: answer) as (mw, _):
            names: dict[str, str] = dict.fromkeys(("ok", "bad", "worse", "none"), "up")
            with pytest.raises(MetricsError, match="query bad: parse error; query worse: status 502") as caught:
                await mw.metrics.query(names, start=timedelta(hours=1))
        assert set(caught.value.errors) == {"bad", "worse", "none"}
        assert [one.ref_id for one in caught.value.series] == ["ok"]

    async def test_numbers_that_json_cannot_express(self) -> None:
        entities = [None, {"NaN": [0], "Inf": [1], "NegInf": [2]}]
        answer = {"results": {"A": {"frames": [frame("A", [None, None, None, 1], entities=entities)]}}}
        async with grafana(lambda body: answer) as (mw, _):
            (one,) = await mw.metrics.instant("up")
        assert math.isnan(one.values[0] or 0)
        assert one.values[1:] == [math.inf, -math.inf, 1.0]
        assert one.maximum == math.inf

    @pytest.mark.parametrize("answer", OTHER_FORMS, ids=str)
    async def test_a_response_of_unexpected_form(self, answer: Any) -> None:
        async with grafana(lambda body: answer) as (mw, _):
            with pytest.raises(ResponseDecodeError):
                await mw.metrics.instant("up")

    async def test_frames_without_values_are_not_an_error(self) -> None:
        frames: list[Any] = [{"schema": {"fields": []}}, {"schema": {"fields": frame("A", [])["schema"]["fields"]}}]
        async with grafana(lambda body: {"results": {"A": {"frames": frames}}}) as (mw, _):
            (one,) = await mw.metrics.instant("up")
        assert (one.times, one.latest, one.maximum) == ([], None, None)

    async def test_invalid_arguments(self) -> None:
        async with grafana(lambda body: {}) as (mw, asked):
            wrong: list[tuple[str, dict[str, Any]]] = [
                ("promql", {"promql": ""}),
                ("promql", {"promql": {}}),
                ("promql", {"promql": 5}),
                ("promql: has no metric", {"promql": "1 + 1", "project_id": "p"}),
                ("start", {"start": datetime(2026, 5, 1)}),
                ("start", {"start": NOON + timedelta(days=1), "end": NOON}),
                ("end", {"end": "now"}),
                ("step", {"step": 0}),
                ("step", {"step": math.nan}),
                ("step: would give", {"start": timedelta(days=365)}),
                ("project_id", {"project_id": ""}),
            ]
            for problem, changed in wrong:
                arguments: dict[str, Any] = {"promql": "up", "start": timedelta(hours=1), **changed}
                with pytest.raises(InvalidArgumentError, match=problem):
                    await mw.metrics.query(**arguments)
            assert asked == []

    async def test_predefined_metrics_in_one_request(self) -> None:
        def answer(body: dict[str, Any]) -> Any:
            return {"results": {one["refId"]: {"frames": [frame(one["refId"], [1])]} for one in body["queries"]}}

        async with grafana(answer) as (mw, asked):
            found = await mw.metrics.usage("p-1", start=timedelta(days=30), step=3600)
            assert [one.ref_id for one in found] == ["cpu", "memory", "storage", "requests"]
            assert all('{project_id="p-1"}' in one["expr"] for one in asked[0]["queries"])
            for name in ("cpu", "memory", "storage", "requests"):
                (one,) = await getattr(mw.metrics, name)("p-1")
                assert one.ref_id == name
            own = Metrics(mw, ready_made={"cpu": "my_cpu"}, project_label="project")
            await own.cpu("p-1")
            assert asked[-1]["queries"][0]["expr"] == 'my_cpu{project="p-1"}'

    async def test_as_an_arrow_table(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answer = {"results": {"A": {"frames": [frame("A", [1, None], {"pod": "a"})]}}}
        async with grafana(lambda body: answer) as (mw, _):
            series = await mw.metrics.instant("up")
        table = series.to_arrow()
        assert table.column_names == ["ref_id", "name", "labels", "time", "value"]
        assert table.to_pylist()[1] == {
            "ref_id": "A",
            "name": "shown",
            "labels": [("pod", "a")],
            "time": NOON + timedelta(minutes=5),
            "value": None,
        }
        assert series[:0].to_arrow().num_rows == 0
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(ConfigurationError, match=r"\[parquet\]"):
            series.to_arrow()


@pytest.mark.parametrize(
    ("promql", "within"),
    [
        ("up", "up{P}"),
        ("up{}", "up{P}"),
        ('up{job="a"}', 'up{P, job="a"}'),
        ('{__name__=~"a.*"}', '{P, __name__=~"a.*"}'),
        ("sum(rate(x_total[5m]))", "sum(rate(x_total{P}[5m]))"),
        ("sum by (pod) (x)", "sum by (pod) (x{P})"),
        ("sum(x) by (pod)", "sum(x{P}) by (pod)"),
        ("sum without(pod, node)(x)", "sum without(pod, node)(x{P})"),
        ("a / on(pod) group_left(node) b", "a{P} / on(pod) group_left(node) b{P}"),
        ("a and b or c unless d", "a{P} and b{P} or c{P} unless d{P}"),
        ("x offset 5m > bool 1e3", "x{P} offset 5m > bool 1e3"),
        ('label_replace(x, "a", "$1", "b", "{y}")', 'label_replace(x{P}, "a", "$1", "b", "{y}")'),
        ("max_over_time(x[1h:5m])", "max_over_time(x{P}[1h:5m])"),
        ("job:x:sum # comment of y", "job:x:sum{P} # comment of y"),
        ("time() - x @ start()", "time() - x{P} @ start()"),
        (
            "histogram_quantile(0.9, sum by (le) (rate(b_bucket[5m])))",
            "histogram_quantile(0.9, sum by (le) (rate(b_bucket{P}[5m])))",
        ),
    ],
)
def test_every_selector_is_restricted_to_the_project(promql: str, within: str) -> None:
    assert restricted(promql, "project_id", 'a"b') == within.replace("P}", 'project_id="a\\"b"}').replace(
        "P,", 'project_id="a\\"b",'
    )


async def test_a_client_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with grafana(lambda body: {"results": {"A": {}}}) as (mw, _):
        assert isinstance(mw, Mittwald)
        assert list(await mw.with_options(timeout=5).metrics.instant("up")) == []


class TestSummaries:
    async def test_a_month_of_a_metric_is_one_value_from_one_request(self) -> None:
        def answer(body: dict[str, Any]) -> Any:
            results = {one["refId"]: {"frames": [frame(one["refId"], [7, None])]} for one in body["queries"]}
            results["memory"] = {"frames": []}
            results["maximum of storage"] = {"frames": [frame("A", [None]), frame("A", [9])]}
            return {"results": results}

        async with grafana(answer) as (mw, asked):
            cpu, memory, storage, _ = await mw.metrics.summary("p-1")
        (body,) = asked
        written = {one["refId"]: one["expr"] for one in body["queries"]}
        assert len(written) == 8
        assert written["storage"] == 'sum(container_fs_usage_bytes{project_id="p-1"})'
        assert written["maximum of storage"] == f"max_over_time(({written['storage']}\n)[30d:5m])"
        assert all(one["instant"] and not one["range"] for one in body["queries"])
        assert (cpu.latest_value, cpu.latest_value_at, cpu.maximum_of_30_days) == (7.0, NOON, 7.0)
        assert (memory.latest_value, memory.latest_value_at, memory.maximum_of_30_days) == (None, None, 7.0)
        assert storage.maximum_of_30_days == 9.0

    async def test_a_list_without_projects_sends_no_request(self) -> None:
        async with grafana(lambda _: {}) as (mw, asked):
            for method in (mw.metrics.summary, mw.metrics.usage, mw.metrics.cpu, mw.metrics.requests):
                for missing in (None, "", 5):
                    with pytest.raises(InvalidArgumentError, match="project_id: must be text and not empty"):
                        await method(missing)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        assert asked == []
