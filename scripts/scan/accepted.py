"""Findings that were looked at and stay, each with its reason. Anything else fails the scan."""

from __future__ import annotations

from typing import Final

ACCEPTED: Final = {
    "B108 config/gunicorn.py": "names /dev/shm, where gunicorn itself makes a private file",
    "B608 auditsaas/db/isolation.py": "joins two constants",
    "B608 auditsaas/events/maintenance/retention.py": (
        "joins the names of partitions, which the code makes"
    ),
    "B608 auditsaas/events/writing/append.py": "joins constants; values are parameters",
    "B608 migrations/versions/0010_super_admins.py": "names the role of a setting, which may hold"
    " no quote",
    "B704 auditsaas/pages/account/security_views.py": (
        "marks the QR picture that the code draws itself"
    ),
    "Secure Flag cookie": "the demo speaks http on loopback; over https every cookie is Secure,"
    " which a test holds",
    "ST202": "rules that JSON Schema cannot say, such as that a range and dates exclude each other",
    "ST103 Undocumented status code 414": "an address over 8,190 bytes is answered by gunicorn,"
    " before the API",
    "ST112 Response time limit exceeded": "the feed waits as long as its caller asks, 20 s at most",
    "ST201": "a batch is accepted in part by design, and an empty filter value is no value",
}


def reason(finding: str) -> str | None:
    return next((why for start, why in ACCEPTED.items() if finding.startswith(start)), None)
