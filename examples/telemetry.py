"""Traces and metrics of every call with OpenTelemetry: a span per call, an event per attempt, a counter, a histogram.

Needs `pip install opentelemetry-sdk`. Prints to the console; put your exporter in the place of the two console ones.

    python examples/telemetry.py --demo
"""

from __future__ import annotations

import argparse
import sys

from demo import connected, options, run

from mittwald_async import (
    AttemptEnded,
    CallEnded,
    CallStarted,
    Event,
    RetryScheduled,
    WaitedForBudget,
    WaitingForBudget,
)

try:
    from opentelemetry import metrics, trace
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
except ModuleNotFoundError as error:
    sys.exit(f"this example needs OpenTelemetry ({error.name} is missing): pip install opentelemetry-sdk")


class Telemetry:
    """An observer. Events of one call carry the same number; a span is open from the first to the last of them.

    Span names are operation ids: few, and the same whatever the arguments are. URLs come with secrets masked.
    """

    def __init__(self) -> None:
        self._tracer = trace.get_tracer("mittwald_async")
        meter = metrics.get_meter("mittwald_async")
        self._requests = meter.create_counter("mittwald.requests", description="attempts sent")
        self._seconds = meter.create_histogram("mittwald.call.duration", unit="s", description="whole calls")
        self._waits = meter.create_histogram("mittwald.budget.wait", unit="s", description="waits for the budget")
        self._spans: dict[int, trace.Span] = {}

    def __call__(self, event: Event) -> None:
        name = event.operation_id or event.method
        match event:
            case CallStarted():
                facts = {"http.request.method": event.method, "url.full": event.url}
                self._spans[event.call] = self._tracer.start_span(name, kind=trace.SpanKind.CLIENT, attributes=facts)
            case WaitingForBudget():
                self._spans[event.call].add_event("waits for the budget", {"reason": event.reason})
            case WaitedForBudget():
                self._waits.record(event.seconds, {"operation": name})
                self._spans[event.call].add_event("waited for the budget", {"seconds": event.seconds})
            case AttemptEnded():
                self._requests.add(1, {"operation": name, "status": str(event.status or event.error)})
            case RetryScheduled():
                self._spans[event.call].add_event("retry", {"reason": event.reason, "wait": event.wait})
            case CallEnded():
                self._seconds.record(event.seconds, {"operation": name})
                span = self._spans.pop(event.call)
                if event.status is not None:
                    span.set_attribute("http.response.status_code", event.status)
                if event.error is not None:
                    span.set_status(trace.StatusCode.ERROR, event.error)
                span.end()


async def main(arguments: argparse.Namespace) -> None:
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
    trace.set_tracer_provider(tracing)
    metering = MeterProvider([PeriodicExportingMetricReader(ConsoleMetricExporter())])
    metrics.set_meter_provider(metering)
    try:
        async with connected(arguments.demo, observers=[Telemetry()]) as mw:
            # Spans of the caller and of the calls join: a call's span is a child of the one that is current.
            with trace.get_tracer("example").start_as_current_span("two lists"):
                projects = await mw.project.list_projects().collect()
                domains = await mw.domain.list_domains().collect()
            print(f"{len(projects)} projects, {len(domains)} domains", file=sys.stderr)
    finally:
        metering.shutdown()
        tracing.shutdown()


if __name__ == "__main__":
    run(main, options(__doc__))
