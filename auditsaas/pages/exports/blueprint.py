"""The blueprint of the exports' pages, and what its modules share."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from auditsaas.exports.columns import TITLES
from auditsaas.exports.formats import FORMATS
from auditsaas.exports.limits import row_limits
from auditsaas.extensions import settings

exports = Blueprint("exports", __name__)


@exports.app_context_processor
def _formats() -> dict[str, Any]:
    """List the formats of the log's download menu."""
    return {"export_formats": list(FORMATS.values()), "export_columns": TITLES}


def limits_here() -> dict[str, int]:
    return row_limits(settings().pdf_rows)
