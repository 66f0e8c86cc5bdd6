"""Sends events to an AuditSaaS audit log, without ever holding up the application."""

from .annotations import annotate
from .client import AsyncAuditLog, AuditLog
from .events import Actor, Target
from .reports import Counts, FieldError, Undelivered
from .version import __version__

__all__ = [
    "Actor",
    "AsyncAuditLog",
    "AuditLog",
    "Counts",
    "FieldError",
    "Target",
    "Undelivered",
    "__version__",
    "annotate",
]
