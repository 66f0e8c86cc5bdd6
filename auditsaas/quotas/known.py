"""The quotas there are, as data, and how much of each a workspace may use."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from auditsaas.quotas.meter import Window
from config.settings import Settings

DAY, MINUTE = Window(86_400), Window(60)


@dataclass(frozen=True, kw_only=True)
class Quota:
    """One thing of which a workspace may use so much."""

    name: str
    title: str
    words: str
    """As a refusal says it, after the number."""
    setting: str
    """The installation's value; 0 where it sets none."""
    window: Window | None = None
    """None where it is not counted by time."""
    unit: int = 1
    """What is counted, of one of the quota: milliseconds of a second, bytes of a MiB."""


EVENTS: Final = Quota(
    name="events",
    title="Events sent by applications, a day",
    words="events a day",
    setting="quota_events_day",
    window=DAY,
)
MIB: Final = Quota(
    name="mib",
    title="MiB sent and uploaded, a day",
    words="MiB a day",
    setting="quota_mib_day",
    window=DAY,
    unit=1024 * 1024,
)
SECONDS: Final = Quota(
    name="seconds",
    title="Seconds of work for pages of the log and the API, a minute",
    words="seconds of work a minute",
    setting="quota_seconds_minute",
    window=MINUTE,
    unit=1000,
)
JOBS: Final = Quota(
    name="jobs",
    title="Exports, and imports, that wait or run",
    words="of these that wait or run",
    setting="quota_jobs",
)
QUOTAS: Final = (EVENTS, MIB, SECONDS, JOBS)


def allowed(quota: Quota, own: Mapping[str, int], settings: Settings) -> int | None:
    """Return how much a workspace with these own values may use; None where nothing bounds it."""
    amount: int = own.get(quota.name, getattr(settings, quota.setting))
    return amount or None


def share(amount: int, settings: Settings) -> int:
    """Return how much of its workspace's quota one person or key may use."""
    return math.ceil(amount * settings.quota_share / 100)
