"""Activities of the demo's people and services, with durations and failures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

Details = Callable[[Random], dict[str, Any]]


@dataclass(frozen=True)
class Failure:
    """A failure of an activity."""

    code: int
    reason: str


@dataclass(frozen=True)
class Activity:
    """One kind of event; where it has a target, its id stands between ``path`` and ``suffix``.

    ``weights`` says how often each role does it; ``spread`` is the sigma of the log-normal time.
    """

    name: str
    method: str
    path: str
    median_ms: int
    weights: dict[str, float]
    code: int = 200
    target: str | None = None
    suffix: str = ""
    spread: float = 0.5
    error_rate: float = 0.006
    failures: tuple[Failure, ...] = (Failure(500, "internal error"), Failure(404, "not found"))
    details: Details | None = field(default=None, compare=False)


BAD_PASSWORD = Failure(401, "wrong password")
ACCOUNT_DISABLED = Failure(403, "account disabled")
FORBIDDEN = Failure(403, "permission missing")
CONFLICT = Failure(409, "changed by someone else meanwhile")
INVALID = Failure(422, "a field is invalid")
BAD_GATEWAY = Failure(502, "the customs gateway did not answer")
UNAVAILABLE = Failure(503, "the grid interface is down")
FAILED_CHECK = Failure(500, "the health check failed")

STAFF = {"admin": 1.0, "manager": 1.0, "member": 1.0, "support": 1.0}
ADMINS = {"admin": 1.0}
READERS = {**STAFF, "auditor": 4.0}


def _times(weights: dict[str, float], factor: float, **more: float) -> dict[str, float]:
    return {**{role: weight * factor for role, weight in weights.items()}, **more}


def _of(random: Random, values: tuple[str, ...]) -> str:
    return values[int(random.random() * len(values))]


def _change(name: str, values: tuple[str, ...]) -> Details:
    def details(random: Random) -> dict[str, Any]:
        before = int(random.random() * len(values))
        after = (before + 1 + int(random.random() * (len(values) - 1))) % len(values)
        return {"changes": {name: [values[before], values[after]]}}

    return details


def _login(random: Random) -> dict[str, Any]:
    return {"metadata": {"second_factor": random.random() < 0.8}}


def _shipment(random: Random) -> dict[str, Any]:
    ports = ("NYC", "HAM", "RTM", "SIN", "LAX", "SHA", "ANR", "YVR")
    kilograms = int(random.random() * 24_000) + 80
    return {
        "metadata": {
            "origin": _of(random, ports),
            "destination": _of(random, ports),
            "weight_kg": kilograms,
        }
    }


def _report(random: Random) -> dict[str, Any]:
    rows = int(random.random() * 40_000)
    return {"metadata": {"format": _of(random, ("csv", "pdf", "xlsx")), "rows": rows}}


def _upload(random: Random) -> dict[str, Any]:
    size = int(random.random() * 4_000_000)
    return {
        "metadata": {"content_type": _of(random, ("application/pdf", "image/png")), "bytes": size}
    }


def _key(random: Random) -> dict[str, Any]:
    return {
        "metadata": {"scopes": ["events:write"], "expires_days": 30 + int(random.random() * 60)}
    }


def _settings(random: Random) -> dict[str, Any]:
    before = int(random.random() * 8) * 30
    after = before + 30
    return {
        "changes": {"retention_days": [before, after]},
        "metadata": {"plan": _of(random, ("free", "pro", "enterprise"))},
    }


_ROLES = ("member", "support", "manager", "auditor")
_SHIPPING = ("booked", "picked_up", "in_customs", "in_transit", "delivered")
_TICKETS = ("open", "in_progress", "waiting", "solved")

LOGIN = Activity(
    "user.login", "POST", "/login", 180, _times(STAFF, 5, auditor=5), error_rate=0.035,
    failures=(BAD_PASSWORD,), details=_login,
)  # fmt: skip
DISABLE = Activity(
    "user.disable", "PATCH", "/members/", 70, {}, target="user",
    details=lambda _: {"changes": {"status": ["active", "disabled"]}},
)  # fmt: skip

COMMON = (
    LOGIN,
    DISABLE,
    Activity("user.logout", "DELETE", "/session", 25, _times(STAFF, 3, auditor=3), 204, spread=0.3),
    Activity("report.view", "GET", "/reports/", 160, _times(READERS, 4), target="report"),
    Activity("report.generate", "POST", "/reports", 1400, _times(READERS, 0.7, service=0.5), 201,
             spread=0.7, error_rate=0.02, details=_report),
    Activity("invoice.download", "GET", "/invoices/", 240, _times(READERS, 1.5, service=5),
             target="invoice", suffix="/pdf"),
    Activity("invoice.approve", "POST", "/invoices/", 130, {"admin": 1, "manager": 6},
             target="invoice", suffix="/approve", failures=(FORBIDDEN, CONFLICT),
             details=_change("state", ("draft", "open", "approved"))),
    Activity("document.upload", "POST", "/documents", 620, _times(STAFF, 2), 201, spread=0.8,
             error_rate=0.012, failures=(Failure(413, "file too large"),), details=_upload),
    Activity("document.delete", "DELETE", "/documents/", 60, _times(STAFF, 0.3), 204,
             target="document", error_rate=0.02, failures=(FORBIDDEN,)),
    Activity("member.invite", "POST", "/members", 210, _times(ADMINS, 0.5), 201),
    Activity("member.role_update", "PATCH", "/members/", 75, _times(ADMINS, 0.5), target="user",
             details=_change("role", _ROLES)),
    Activity("api_key.create", "POST", "/api-keys", 55, _times(ADMINS, 0.3), 201, details=_key),
    Activity("api_key.delete", "DELETE", "/api-keys/", 45, _times(ADMINS, 0.2), 204,
             target="api_key"),
    Activity("settings.update", "PUT", "/settings/retention", 65, _times(ADMINS, 0.3),
             details=_settings),
)  # fmt: skip

OWN = {
    "acme": (
        Activity("shipment.list", "GET", "/shipments", 95, _times(STAFF, 14, service=6)),
        Activity("shipment.view", "GET", "/shipments/", 60, _times(STAFF, 12), target="shipment"),
        Activity("shipment.create", "POST", "/shipments", 230, _times(STAFF, 5), 201,
                 error_rate=0.015, failures=(INVALID,), details=_shipment),
        Activity("shipment.update", "PATCH", "/shipments/", 140, _times(STAFF, 8, service=9),
                 target="shipment", error_rate=0.012, failures=(CONFLICT, INVALID),
                 details=_change("state", _SHIPPING)),
        Activity("customs.check", "POST", "/customs/check", 420, _times(STAFF, 2, service=16),
                 spread=0.6, error_rate=0.012, failures=(BAD_GATEWAY,)),
        Activity("rate_card.replace", "PUT", "/rate-cards/", 310, {"manager": 1.5},
                 target="rate_card", failures=(INVALID,)),
    ),
    "globex": (
        Activity("meter.read", "GET", "/meters/", 45, _times(STAFF, 8, service=24), target="meter",
                 suffix="/readings", error_rate=0.008, failures=(UNAVAILABLE,)),
        Activity("meter.import", "POST", "/meters/import", 900, {"service": 3, "manager": 1}, 201,
                 spread=0.8, error_rate=0.02, failures=(INVALID,)),
        Activity("outage.report", "POST", "/outages", 120, {"support": 6, "member": 1}, 201),
        Activity("tariff.update", "PATCH", "/tariffs/", 110, {"manager": 4, "admin": 1},
                 target="tariff", failures=(CONFLICT,),
                 details=_change("price_group", ("A", "B", "C"))),
    ),
    "initech": (
        Activity("build.run", "POST", "/builds", 2100, {"service": 14, "member": 3}, 202,
                 spread=0.9, error_rate=0.05, failures=(Failure(422, "tests failed"),)),
        Activity("deploy.create", "POST", "/deploys", 3200, {"service": 3, "manager": 2}, 201,
                 spread=0.6, error_rate=0.03, failures=(FAILED_CHECK,)),
        Activity("ticket.list", "GET", "/tickets", 80, _times(STAFF, 12)),
        Activity("ticket.update", "PATCH", "/tickets/", 100, _times(STAFF, 8), target="ticket",
                 error_rate=0.01, failures=(CONFLICT,), details=_change("state", _TICKETS)),
        Activity("flag.toggle", "PUT", "/flags/", 50, {"manager": 2, "admin": 2}, target="flag",
                 details=_change("enabled", ("true", "false"))),
    ),
}  # fmt: skip

INCIDENTS = {
    "acme": ("customs.check", BAD_GATEWAY),
    "globex": ("meter.read", UNAVAILABLE),
    "initech": ("deploy.create", FAILED_CHECK),
}
