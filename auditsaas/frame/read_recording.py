"""Records what each answer read of a log, before it is sent."""

from __future__ import annotations

from flask import Flask
from werkzeug.wrappers import Response as AnyResponse

from auditsaas.access import log_reading
from auditsaas.access.log_reading import Unrecorded
from auditsaas.db.platform import PLATFORM_BIND
from auditsaas.extensions import db
from auditsaas.frame import error_pages


def install(app: Flask) -> None:
    """Watch the connections that people and keys read through; super-admins' tell by themselves."""
    with app.app_context():
        log_reading.install(engine for name, engine in db.engines.items() if name != PLATFORM_BIND)
    app.after_request(_record)


def _record(response: AnyResponse) -> AnyResponse:
    try:
        log_reading.record(response.status_code)
    except Unrecorded as error:
        return error_pages.refused(error)
    return response
