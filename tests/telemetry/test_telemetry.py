"""Spans and metrics by the semantic conventions for HTTP clients."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from mittwald_async import Mittwald
from mittwald_async.emulator import Emulator, Fault
from mittwald_async.errors import ConfigurationError, NotFoundError, TransportError
from mittwald_async.runtime.events import AttemptEnded, CallEnded, CallStarted, WaitedForBudget
from mittwald_async.telemetry import Telemetry


class Collected:
    """What was exported."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])
        self.telemetry = Telemetry(tracer_provider=self.tracers, meter_provider=self.meters)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def metrics(self) -> dict[str, list[tuple[Mapping[str, Any], Any]]]:
        data: Any = self.reader.get_metrics_data()
        return {
            metric.name: [(dict(point.attributes), point) for point in metric.data.data_points]
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


async def test_a_retried_call() -> None:
    reported = Collected()
    fault = Fault(operation="project-list-projects", status=503, count=1)
    async with (
        Emulator(faults=[fault]) as api,
        Mittwald(api.token, base_url=api.url, observers=[reported.telemetry]) as mw,
    ):
        await mw.project.list_projects(search_term="x")
        port = int(api.url.rpartition(":")[2])
    first, second, call = reported.spans
    assert (call.name, call.kind, call.status.status_code) == (
        "project-list-projects",
        SpanKind.INTERNAL,
        StatusCode.UNSET,
    )
    assert [event.name for event in call.events if event.name == "retry"] == ["retry"]
    assert call.context is not None
    for span in (first, second):
        assert span.parent is not None
        assert span.parent.span_id == call.context.span_id
        assert (span.name, span.kind) == ("GET", SpanKind.CLIENT)
        assert span.start_time is not None
        assert span.end_time is not None
        assert call.start_time is not None
        assert call.start_time <= span.start_time + 20_000_000 <= span.end_time + 20_000_000
    where = {"http.request.method": "GET", "server.address": "127.0.0.1", "server.port": port}
    assert {**where, "http.response.status_code": 503, "error.type": "503"}.items() <= dict(
        first.attributes or {}
    ).items()
    assert first.status.status_code is StatusCode.ERROR
    assert {**where, "http.response.status_code": 200, "http.request.resend_count": 1}.items() <= dict(
        second.attributes or {}
    ).items()
    assert "error.type" not in (second.attributes or {})
    assert str((second.attributes or {})["url.full"]).startswith("http://127.0.0.1")
    metrics = reported.metrics()
    attempts = metrics["http.client.request.duration"]
    assert sorted(facts["http.response.status_code"] for facts, _ in attempts) == [200, 503]
    assert attempts[0][1].explicit_bounds[:3] == (0.005, 0.01, 0.025)
    ((facts, point),) = metrics["mittwald.call.duration"]
    assert (facts["mittwald.operation_id"], point.count) == ("project-list-projects", 1)
    for name in ("limit", "remaining", "reset"):
        assert metrics[f"mittwald.budget.{name}"][0][1].value > 0


async def test_a_refused_call_and_a_lost_response() -> None:
    reported = Collected()
    async with Emulator() as api, Mittwald(api.token, base_url=api.url, observers=[reported.telemetry]) as mw:
        with pytest.raises(NotFoundError):
            await mw.project.get_project("00000000-0000-4000-8000-000000000000")
    attempt, call = reported.spans[-2:]
    assert (attempt.attributes or {})["error.type"] == "404"
    assert (call.attributes or {})["error.type"] == "NotFoundError"
    assert call.status.status_code is StatusCode.ERROR
    async with Mittwald("t", base_url="http://127.0.0.1:9", observers=[reported.telemetry], max_retries=0) as mw:
        with pytest.raises(TransportError):
            await mw.project.list_projects()
    attempt, call = reported.spans[-2:]
    assert (attempt.attributes or {})["error.type"] == "NotSentError"
    assert "http.response.status_code" not in (attempt.attributes or {})


def test_secrets_are_masked_methods_are_limited_and_any_event_order_is_accepted() -> None:
    reported = Collected()
    what: dict[str, Any] = {
        "call": 1,
        "operation_id": None,
        "method": "PURGE",
        "url": "https://api.example/x?token=***",
    }
    reported.telemetry(AttemptEnded(number=1, status=200, error=None, seconds=0.1, **what))
    reported.telemetry(WaitedForBudget(seconds=2.5, **what))
    reported.telemetry(CallEnded(status=200, error=None, attempts=1, seconds=0.1, **what))
    assert len(reported.spans) == 0
    reported.telemetry(CallStarted(**what))
    reported.telemetry(AttemptEnded(number=1, status=200, error=None, seconds=0.1, **what))
    reported.telemetry(CallEnded(status=200, error=None, attempts=1, seconds=0.1, **what))
    attempt, call = reported.exporter.get_finished_spans()
    assert (attempt.name, call.name) == ("HTTP", "_OTHER")
    assert "mittwald.operation_id" not in (call.attributes or {})
    facts = dict(attempt.attributes or {})
    assert facts["http.request.method"] == "_OTHER"
    assert facts["http.request.method_original"] == "PURGE"
    assert (facts["server.port"], facts["url.full"]) == (443, "https://api.example/x?token=***")
    assert reported.metrics()["mittwald.budget.wait"][0][1].sum == 2.5


def test_without_opentelemetry_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigurationError, match=r"\[telemetry\]"):
        Telemetry()
