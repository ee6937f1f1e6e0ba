"""Traces and metrics of every call with OpenTelemetry, by its semantic conventions for HTTP clients.

    from mittwald_async.telemetry import Telemetry

    async with Mittwald(observers=[Telemetry()]) as mw: ...

Needs the extra `telemetry` (`opentelemetry-api`); a program that exports brings its own SDK.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ._install import install_hint
from ._version import __version__
from .runtime.errors import ConfigurationError
from .runtime.events import (
    AttemptEnded,
    CallEnded,
    CallStarted,
    Event,
    RetryScheduled,
    WaitedForBudget,
    WaitingForBudget,
)

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

_NAME = "mittwald_async"
_METHODS = frozenset(("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "QUERY"))
"""Known to the conventions; every other one is `_OTHER`."""
_OTHER = "_OTHER"
"""The conventions' word for what is not one of few values."""
_PORTS = {"http": 80, "https": 443}
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Seconds, as the conventions advise."""
_NANO = 1_000_000_000


class _OpenCall:
    """A call in flight."""

    __slots__ = ("context", "failed", "span")

    def __init__(self, span: Span, context: Any) -> None:
        self.span = span
        self.context = context
        self.failed: tuple[AttemptEnded, int] | None = None
        """An attempt without an answer, and when it ended: the next event says more about it."""


class Telemetry:
    """An observer that makes spans and metrics.

    Spans: one for each call, named like its operation, and below it one of the kind CLIENT for each attempt, named like
    its method, with `http.request.method`, `url.full` (secrets masked), `server.address`, `server.port`,
    `http.response.status_code`, `error.type` and, from the second attempt on, `http.request.resend_count`. Waits for
    the request budget are events of the call's span.

    Metrics: `http.client.request.duration` (attempts, seconds), `mittwald.call.duration` (calls, seconds),
    `mittwald.budget.wait` (seconds), `mittwald.budget.limit`, `.remaining` and `.reset` (gauges: requests, requests,
    seconds).

    Args:
        tracer_provider, meter_provider: by default the global ones.
        wall: nanoseconds since 1970, for tests.

    Raises:
        ConfigurationError: opentelemetry-api is missing.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        try:
            from opentelemetry import metrics, trace
        except ModuleNotFoundError:
            raise ConfigurationError(f"telemetry needs opentelemetry-api: {install_hint('telemetry')}") from None
        self._trace = trace
        self._wall = wall
        self._tracer = trace.get_tracer(_NAME, __version__, tracer_provider)
        meter = metrics.get_meter(_NAME, __version__, meter_provider)
        self._attempts = meter.create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=list(_BUCKETS),
        )
        self._calls = meter.create_histogram("mittwald.call.duration", unit="s", description="Duration of whole calls.")
        self._waits = meter.create_histogram("mittwald.budget.wait", unit="s", description="Waits for the budget.")
        gauge = meter.create_gauge
        self._limit = gauge("mittwald.budget.limit", unit="{request}", description="Requests per period.")
        self._remaining = gauge("mittwald.budget.remaining", unit="{request}", description="Requests left of it.")
        self._reset = gauge("mittwald.budget.reset", unit="s", description="Seconds until the next period.")
        self._open: dict[int, _OpenCall] = {}

    def __call__(self, event: Event) -> None:
        """Take an event of a call."""
        match event:
            case CallStarted():
                self._start(event)
            case AttemptEnded():
                call = self._open.get(event.call)
                if event.status is None and call is not None:
                    call.failed = (event, self._wall())
                else:
                    self._attempt(event, self._wall())
            case CallEnded():
                self._end(event)
            case WaitingForBudget():
                self._note(event, "waiting for the budget", reason=event.reason)
            case WaitedForBudget():
                self._waits.record(event.seconds, self._where(event))
                self._note(event, "waited for the budget", seconds=event.seconds)
            case RetryScheduled():
                self._flush(event, _OTHER)
                self._note(event, "retry", reason=event.reason, wait=event.wait)

    def _start(self, event: CallStarted) -> None:
        attributes = _target(event)
        if event.operation_id:  # Calls of other routes have none.
            attributes = {"mittwald.operation_id": event.operation_id, **attributes}
        span = self._tracer.start_span(_operation(event), attributes=attributes)
        self._open[event.call] = _OpenCall(span, self._trace.set_span_in_context(span))

    def _flush(self, event: Event, problem: str) -> None:
        """An attempt without an answer is explained by what follows it."""
        call = self._open.get(event.call)
        if call is not None and call.failed is not None:
            (attempt, end), call.failed = call.failed, None
            self._attempt(attempt, end, problem)

    def _attempt(self, event: AttemptEnded, end: int, problem: str | None = None) -> None:
        facts: dict[str, str | int] = {"http.request.method": _method(event), **_server(event)}
        if event.status is not None:
            facts["http.response.status_code"] = event.status
        if event.status is not None and event.status >= 400:
            problem = str(event.status)
        elif problem is None and event.error is not None:
            problem = _OTHER
        if problem is not None:
            facts["error.type"] = problem
        self._attempts.record(event.seconds, facts)
        if (known := event.rate_limit) is not None and not known.exempt:
            where = _server(event)
            for gauge, value in (
                (self._limit, known.limit),
                (self._remaining, known.remaining),
                (self._reset, known.reset),
            ):
                if value is not None:
                    gauge.set(value, where)
        call = self._open.get(event.call)
        if call is None:
            return
        attributes = {**facts, "url.full": event.url}
        if event.number > 1:
            attributes["http.request.resend_count"] = event.number - 1
        if (method := _method(event)) == _OTHER:
            attributes["http.request.method_original"] = event.method
        span = self._tracer.start_span(
            method if method != _OTHER else "HTTP",
            context=call.context,
            kind=self._trace.SpanKind.CLIENT,
            attributes=attributes,
            start_time=end - round(event.seconds * _NANO),
        )
        if problem is not None:
            span.set_status(self._trace.StatusCode.ERROR, None if event.status is not None else event.error)
        span.end(end)

    def _end(self, event: CallEnded) -> None:
        self._flush(event, event.error or _OTHER)
        facts = self._where(event)
        if event.error is not None:
            facts["error.type"] = event.error
        self._calls.record(event.seconds, facts)
        call = self._open.pop(event.call, None)
        if call is None:
            return
        if event.error is not None:
            call.span.set_attribute("error.type", event.error)
            call.span.set_status(self._trace.StatusCode.ERROR, event.error)
        call.span.end()

    def _note(self, event: Event, name: str, **facts: str | float) -> None:
        call = self._open.get(event.call)
        if call is not None:
            call.span.add_event(name, facts)

    def _where(self, event: Event) -> dict[str, str | int]:
        return {"mittwald.operation_id": _operation(event), **_server(event)}


def _operation(event: Event) -> str:
    """A name with few values: the operation's id, or the method of a route in no document."""
    return event.operation_id or _method(event)


def _method(event: Event) -> str:
    return event.method if event.method in _METHODS else _OTHER


def _server(event: Event) -> dict[str, str | int]:
    parts = urlsplit(event.url)
    return {"server.address": parts.hostname or "", "server.port": parts.port or _PORTS.get(parts.scheme, 0)}


def _target(event: Event) -> dict[str, str | int]:
    return {"http.request.method": _method(event), "url.full": event.url, **_server(event)}
