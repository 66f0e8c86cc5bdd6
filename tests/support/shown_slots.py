"""Files whose filter is proven by one slot of each event that is left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.proofs import Bundle, Log, Row

LOG = Log.of(21)
KEYED = "api:01a1f8d3-0000-7000-8000-000000000001"


def by_slot(
    slot: int, query: dict[str, Any], wanted: Callable[[Row], bool], log: Log = LOG
) -> Bundle:
    others = [n for n, row in enumerate(log.rows, 1) if not wanted(row)]
    return log.file(query=query, instead={n: log.opened(n, slot) for n in others})


FILTERS: dict[str, tuple[int, dict[str, Any], Callable[[Row], bool]]] = {
    "status": (3, {"status": ["error"]}, lambda row: row["status"] == "error"),
    "activity": (2, {"activity": ["user.*"]}, lambda row: row["activity"].startswith("user.")),
    "activities": (
        2,
        {"activity": ["user.login", "invoice.update"]},
        lambda row: row["activity"] in ("user.login", "invoice.update"),
    ),
    "activity, all": (2, {"activity": ["*"]}, lambda row: True),
    "method": (4, {"method": ["GET"]}, lambda row: False),
    "person": (5, {"actor.id": ["u_3"]}, lambda row: row["actor"]["id"] == "u_3"),
    "address": (
        6,
        {"actor.email": ["U2@acme.example"]},
        lambda row: row["actor"]["email"] == "u2@acme.example",
    ),
    "role": (7, {"role": ["admin"]}, lambda row: row["actor"]["role"] == "admin"),
    "active": (7, {"user_status": ["active"]}, lambda row: "status" not in row["actor"]),
    "disabled": (7, {"user_status": ["disabled"]}, lambda row: "status" in row["actor"]),
    "network": (8, {"ip": ["203.0.113.0/29"]}, lambda row: row["seq"] <= 8),
    "ip": (8, {"ip": ["203.0.113.4", "2001:db8::/32"]}, lambda row: row["seq"] == 5),
    "platform": (9, {"platform": ["iOS"]}, lambda row: False),
    "source": (15, {"source": ["api:*"]}, lambda row: row["source"] == KEYED),
}
