"""A span for each job of a worker, within the trace of the request that asked for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from celery.signals import (
    before_task_publish,
    task_failure,
    task_postrun,
    task_prerun,
    worker_process_shutdown,
)
from opentelemetry import context, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

FLUSH_MS: Final = 2_000
_PROPAGATOR: Final = TraceContextTextMapPropagator()
_KEY: Final = "auditsaas.tracing"


def install(tracer: Tracer, *, flush: Callable[[int], object]) -> None:
    """Trace the jobs of this process from now on, by this tracer alone.

    ``flush`` sends what waits, for a worker's children end without it.
    """
    running: dict[str, tuple[Span, Any]] = {}

    def begin(task_id: str = "", task: Any = None, **_: Any) -> None:
        asked = task.request
        delivery = asked.get("delivery_info") or {}
        span = tracer.start_span(
            f"run {task.name}",
            context=_PROPAGATOR.extract({"traceparent": asked.get("traceparent") or ""}),
            kind=SpanKind.CONSUMER,
            attributes={
                "messaging.system": "redis",
                "messaging.destination.name": str(delivery.get("routing_key") or ""),
                "messaging.message.id": task_id,
                "auditsaas.job": task.name,
            },
        )
        running[task_id] = span, context.attach(trace.set_span_in_context(span))

    def fail(task_id: str = "", exception: Any = None, **_: Any) -> None:
        if task_id in running:
            span, _token = running[task_id]
            span.set_attribute("error.type", type(exception).__name__)
            span.set_status(Status(StatusCode.ERROR))

    def end(task_id: str = "", **_: Any) -> None:
        if task_id in running:
            span, token = running.pop(task_id)
            span.end()
            context.detach(token)

    for signal, heard in (
        (before_task_publish, _send_along),
        (task_prerun, begin),
        (task_failure, fail),
        (task_postrun, end),
        (worker_process_shutdown, lambda **_: flush(FLUSH_MS)),
    ):
        # Of several applications in one process the last one traces.
        signal.disconnect(dispatch_uid=_KEY)  # type: ignore[no-untyped-call]
        signal.connect(heard, weak=False, dispatch_uid=_KEY)  # type: ignore[no-untyped-call]


def _send_along(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Give a message the trace that it is sent in."""
    if headers is not None:
        _PROPAGATOR.inject(headers)
