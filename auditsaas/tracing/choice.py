"""Traces an application where its settings ask for it; where they do not, it costs nothing."""

from __future__ import annotations

from flask import Flask

from auditsaas.extensions import db, settings


def trace_if_wanted(app: Flask, *, version: str) -> None:
    """Trace an application; OpenTelemetry's packages are loaded only then."""
    if settings(app).traces:
        from auditsaas.tracing import install

        with app.app_context():
            install.install(app, db.engines.values(), version=version)
