"""Rules for pending changes that the operator sets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from config.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The installation's delay of a change, and the least that a workspace keeps."""

    delay: timedelta
    min_retention_days: int
    own_events_days: int
    """How long the product's own events of lasting kinds stay, whatever the retention."""

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        return cls(
            delay=timedelta(days=settings.change_delay_days),
            min_retention_days=settings.min_retention_days,
            own_events_days=settings.own_events_days,
        )
