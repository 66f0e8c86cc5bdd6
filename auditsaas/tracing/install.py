"""Traces of requests, SQL and jobs for a collector that speaks OTLP; off unless asked for.

The spans are made here rather than by instrumentation packages, which write down addresses with
their queries, statements and arguments: filters name people, and addresses open things. What a
span may say is what these modules give it: patterns, names, numbers and classes.

Where to send and how much is said by OpenTelemetry's own variables, which its SDK reads.
"""

from __future__ import annotations

from collections.abc import Iterable

from flask import Flask
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from sqlalchemy import Engine

from auditsaas.tracing import jobs, requests, statements

EXTENSION = "tracing"


def install(app: Flask, engines: Iterable[Engine], *, version: str) -> None:
    """Trace an application's requests, its engines' statements and this process's jobs."""
    provider = TracerProvider(resource=_resource(version))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    app.extensions[EXTENSION] = provider
    tracer = provider.get_tracer("auditsaas", version)
    requests.install(app, tracer)
    statements.install(engines, tracer)
    jobs.install(tracer, flush=provider.force_flush)


def _resource(version: str) -> Resource:
    """Build the resource; ``OTEL_SERVICE_NAME`` may name it otherwise."""
    found = Resource.create({SERVICE_VERSION: version})
    if str(found.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        found = found.merge(Resource({SERVICE_NAME: "auditsaas"}))
    return found
