"""The blueprint of the schedules' pages."""

from __future__ import annotations

from flask import Blueprint

schedules = Blueprint("schedules", __name__)
