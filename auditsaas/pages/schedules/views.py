"""The schedules' pages: the list and the form, and each with its reports."""

from __future__ import annotations

from flask import Flask

from auditsaas.pages.schedules import report_views, schedule_views
from auditsaas.pages.schedules.blueprint import schedules

__all__ = ["install", "report_views", "schedule_views"]


def install(app: Flask) -> None:
    app.register_blueprint(schedules)
