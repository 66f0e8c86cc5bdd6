"""The blueprint that every resource of the API adds its calls to."""

from flask import Blueprint

api = Blueprint("api", __name__, url_prefix="/api/v1")
