"""A log that keeps what it is given, to test the middlewares by themselves."""

from __future__ import annotations

from typing import Any

from auditsaas_client import AuditLog


class KeptLog(AuditLog):
    """Records into a list instead of sending."""

    def __init__(self) -> None:
        super().__init__("", "", enabled=False)
        self.events: list[dict[str, Any]] = []

    def record(self, activity: str, status: str, actor: Any, **fields: Any) -> None:
        self.events.append({"activity": activity, "status": status, "actor": actor} | fields)

    @property
    def event(self) -> dict[str, Any]:
        [event] = self.events
        return event


class BrokenLog(AuditLog):
    def __init__(self) -> None:
        super().__init__("", "", enabled=False)

    def record(self, *_: Any, **__: Any) -> None:
        raise RuntimeError("recording fails")
