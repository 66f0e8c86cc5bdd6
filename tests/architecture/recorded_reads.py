"""Which routes read a log, and so leave a read of it: one line for each that people or keys ask.

``test_recorded_reads.py`` asks each one and looks. Super-admins' are in ``audited_actions.py``.
"""

from __future__ import annotations

READS: dict[str, str] = {
    "audit_logs.log": "rows",
    "audit_logs.part": "count",
    "audit_logs.suggest": "suggestions",
    "audit_logs.related": "related",
    "account.activity": "own events",
    "account.my_event": "event",
    "event_proofs.download": "proof",
    "erasures.show": "event",
    "go_to.show": "suggestions",
    "go_to.found": "suggestions",
    "exports.before": "preflight",
    "log_reads.index": "reads",
    "log_reads.of_event": "read by",
    "members.show": "members",
    "schedules.new": "count",
    "schedules.edit": "count",
    "schedules.preview": "count",
    "filter_field.refresh": "count",
    "api.list_events": "rows",
    "api.get_event": "event",
    "api.get_event_proof": "proof",
    "api.follow_events": "feed",
}
"""Routes that read a log, and what their read is called."""

QUERIES: dict[str, str] = {
    "api.get_consistency": "from=1",
    "audit_logs.suggest": "q=user:a",
    "exports.before": "format=csv",
    "filter_field.refresh": "status=error",
    **dict.fromkeys(("go_to.show", "go_to.found"), "q=ann"),
    "schedules.preview": "frequency=daily&at=07:00&time_zone=UTC&format=csv",
}
"""What an address needs besides, to read anything."""
