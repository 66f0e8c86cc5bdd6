"""What the schedules' pages hang on."""

from __future__ import annotations

from flask import Blueprint

schedules = Blueprint("schedules", __name__)
