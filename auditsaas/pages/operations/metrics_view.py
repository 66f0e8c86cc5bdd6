"""``/metrics`` for Prometheus."""

from __future__ import annotations

import hmac
import os
from ipaddress import ip_address

from flask import Response, request
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest, multiprocess
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from auditsaas.errors import NotFound
from auditsaas.extensions import settings
from auditsaas.operations.figures.processes import Web
from auditsaas.operations.gauges import Installation
from auditsaas.pages.operations.health import health
from config import settings as environment
from config.settings import Settings

FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP")


@health.get("/metrics")
def metrics() -> Response:
    if not _may_read(settings()):
        raise NotFound("There is nothing at this address.")
    registry = CollectorRegistry(support_collectors_without_names=True)
    if environment.metrics_are_shared():
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        registry.register(Web(os.getppid()))
    else:
        registry.register(REGISTRY)
    registry.register(Installation(settings()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _may_read(settings: Settings) -> bool:
    """Allow the token's bearer; without a token, only direct requests from this machine."""
    if settings.metrics_token:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {settings.metrics_token}".encode())
    if any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
