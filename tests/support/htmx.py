"""What htmx says of itself in a request."""

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
"""The headers of a request for a part of a page."""
