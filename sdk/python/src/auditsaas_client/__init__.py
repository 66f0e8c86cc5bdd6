"""Sends events to an AuditSaaS audit log, without ever holding up the application."""

from .annotations import annotate
from .client import AsyncAuditLog, AuditLog
from .events import Actor, Target
from .reports import Counts, FieldError, Undelivered

__all__ = [
    "Actor",
    "AsyncAuditLog",
    "AuditLog",
    "Counts",
    "FieldError",
    "Target",
    "Undelivered",
    "annotate",
]
