"""Traces and metrics of every call with OpenTelemetry, by its conventions for HTTP clients.

Needs `pip install "mittwald-async[telemetry]" opentelemetry-sdk`. It prints to the console; replace the two console
exporters by your own.

    python examples/telemetry.py --demo
"""

from __future__ import annotations

import argparse
import sys

from demo import connected, options, run

from mittwald_async.telemetry import Telemetry

try:
    from opentelemetry import metrics, trace
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
except ModuleNotFoundError as error:
    sys.exit(f"this example needs OpenTelemetry ({error.name} is missing): pip install opentelemetry-sdk")


async def main(arguments: argparse.Namespace) -> None:
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
    trace.set_tracer_provider(tracing)
    metering = MeterProvider([PeriodicExportingMetricReader(ConsoleMetricExporter())])
    metrics.set_meter_provider(metering)
    try:
        async with connected(arguments.demo, observers=[Telemetry()]) as mw:
            # A call's span is a child of the caller's current span.
            with trace.get_tracer("example").start_as_current_span("two lists"):
                projects = await mw.project.list_projects().collect()
                domains = await mw.domain.list_domains().collect()
            print(f"{len(projects)} projects, {len(domains)} domains", file=sys.stderr)
    finally:
        metering.shutdown()
        tracing.shutdown()


if __name__ == "__main__":
    run(main, options(__doc__))
