"""The heartbeat of an export that is being built."""

from __future__ import annotations

from auditsaas.heartbeat import Heartbeat

__all__ = ["Heartbeat"]
