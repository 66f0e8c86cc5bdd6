"""Headers that htmx sends."""

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
"""The headers of a request for a part of a page."""
