"""The schedules' pages: the list and the form, and each with its reports."""

from __future__ import annotations

from flask import Flask

from auditsaas.schedules import plan_views, report_views
from auditsaas.schedules.blueprint import schedules

__all__ = ["install", "plan_views", "report_views"]


def install(app: Flask) -> None:
    app.register_blueprint(schedules)
