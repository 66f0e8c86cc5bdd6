"""A mail of each kind, with what those who queue it say in it; all of it invented."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any, Final

from auditsaas.db.ids import new_id
from auditsaas.mail import transport
from auditsaas.mail.models import Mail
from auditsaas.notifications import delivery
from config.settings import Settings

_CHANGE: Final = {
    "title": "Retention goes from unlimited to 365 days on 11/26/2026",
    "body": "",
    "url": "/w/halden-freight/settings/retention/1",
    "workspace": "Halden Freight",
    "by": "Mira Okafor",
    "reason": "Contract of 2026",
    "removes": 12_345,
    "when": "11/26/2026 14:32:09 UTC",
    "needs_second": True,
    "because": "Asked for by mistake.",
}
_ACCESS: Final = {
    "title": "A super-admin asks to look into Halden Freight",
    "body": "",
    "url": "/w/halden-freight/access-requests",
    "workspace": "Halden Freight",
    "by": "Robin Marsh",
    "words": "Support case 4711",
    "hours": 4,
}
_REPORT: Final = {
    "title": "Failed sign-ins",
    "body": "",
    "url": "/w/halden-freight/schedules/1/reports/2/download",
    "workspace": "Halden Freight",
    "schedule_url": "/w/halden-freight/schedules/1",
    "format": "PDF",
    "filter_words": "Status is Error and activity is Sign in",
    "period": "11/09/2026 00:00:00 EST to 11/15/2026 23:59:59 EST",
    "period_short": "11/09 – 11/15/2026",
    "proof": True,
    "kept_until": "12/16/2026",
    "error_share": "3.5%",
    "share_before": "1.2%",
    "events": 9_530,
    "errors": 340,
    "late": 3,
    "manual": "Mira Okafor",
    "news": [
        {"who": "Dana Reyes", "what": "Export ledger", "events": 12},
        {"who": "", "what": "A new address: 192.0.2.44", "events": 0},
    ],
    "more_news": 4,
    "seal": "log.example.com/halden\n9530\nq1ZxBvWm0uE3sN9dY8LhPp2c7Fr5TtKk4JaGgXoViRw=\n",
    "sealed_events": 9_530,
    "sealed_at": "11/16/2026 00:00:04 EST",
}
_EXPORT: Final = {
    "title": "Everything, yesterday",
    "body": "CSV · 3 rows · 1 KB",
    "url": "/w/halden-freight/exports/1",
}

FACTS: Final[dict[str, dict[str, Any]]] = {
    "export.ready": _EXPORT,
    "export.failed": _EXPORT | {"body": "The storage is full. Nothing was lost; ask again."},
    "report.ready": _REPORT,
    "report.failed": _REPORT | {"body": "The storage is full."},
    **{
        f"change.{what}": _CHANGE
        for what in ("asked", "approved", "reminder", "cancelled", "applied")
    },
    **{f"access.{what}": _ACCESS for what in ("asked", "approved", "declined", "broken")},
    "operator.acted": {
        "title": "Dana Reyes is an admin now",
        "body": "",
        "url": "/w/halden-freight/members",
        "by": "ops",
        "command": "member set-role",
        "place": "Halden Freight",
    },
    "mismatch": {
        "title": "Event 4,711 isn't what was sealed",
        "body": "",
        "url": "/w/halden-freight/integrity",
        "workspace": "Halden Freight",
        "found": ["Event 4,711: its actor isn't what was sealed"],
        "more": 2,
    },
    "invitation": {
        "workspace": "Halden Freight",
        "inviter": "Mira Okafor",
        "role": "auditor",
        "until": "11/26/2026 14:32:09 UTC",
        "url": "/invitations/one-time",
    },
    "password_reset": {"url": "/password-reset/one-time"},
    "password_changed": {"url": "/password-reset"},
}
"""The values of each kind's templates."""


def written(kind: str, settings: Settings, to: str = "ann@example.com") -> EmailMessage:
    """Write a mail as a worker hands it over."""
    waiting = Mail(id=new_id(), kind=kind, context=FACTS[kind], created_at=datetime.now(UTC))
    reader = delivery.Reader("Ann Lee", to)
    return transport.composed(delivery.letter(waiting, reader, settings))
