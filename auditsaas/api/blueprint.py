"""The blueprints that every resource adds its calls to: the API's, and that of a log's hashes."""

from flask import Blueprint

api = Blueprint("api", __name__, url_prefix="/api/v1")

log_tiles = Blueprint("log_tiles", __name__, url_prefix="/log/<uuid:log_id>")
"""A log as other logs' tools read it; ``/log/{uuid}`` without the scheme is its name."""
