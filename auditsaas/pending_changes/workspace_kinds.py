"""The changes of a workspace's settings that wait: those by which it would keep or ask for less."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from auditsaas.pending_changes.kinds import ChangeKind
from auditsaas.pending_changes.models import PendingChange
from auditsaas.workspaces import settings
from auditsaas.workspaces.acting_member import ActingMember
from auditsaas.workspaces.models import Workspace


def _set(session: Session, actor: ActingMember, change: PendingChange) -> None:
    settings.set_columns(session, actor, change.wanted, metadata={"change": str(change.id)})


def _keeps_less(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    return int(new["retention_days"]) < int(old["retention_days"])


RETENTION = ChangeKind("retention.shorten", apply=_set, takes_more=_keeps_less)
HOLD = ChangeKind("hold.lift", apply=_set)
SECOND_FACTOR = ChangeKind("second_factor.release", apply=_set)
TWO_ADMINS = ChangeKind("two_admins.release", apply=_set)
OF_SETTINGS = (RETENTION, HOLD, SECOND_FACTOR, TWO_ADMINS)


@dataclass(frozen=True)
class Weakening:
    """A setting by which a workspace would keep or ask for less."""

    kind: ChangeKind
    column: str
    weakens: Callable[[Any, Any], bool]
    """Whether the change from the first value to the second waits."""
    words: Callable[[Any, Any], str]
    """What it does, as a sentence without its time."""


def _is_shorter(before: int | None, after: int | None) -> bool:
    return after is not None and (before is None or after < before)


def _is_switched_off(before: bool, after: bool) -> bool:
    return before and not after


WEAKENINGS = (
    Weakening(
        RETENTION,
        "retention_days",
        _is_shorter,
        lambda before, after: (
            f"Retention goes from {before:,} to {after:,} days"
            if before is not None
            else f"Retention goes from unlimited to {after:,} days"
        ),
    ),
    Weakening(HOLD, "legal_hold", _is_switched_off, lambda *_: "The legal hold is lifted"),
    Weakening(
        SECOND_FACTOR,
        "require_second_factor",
        _is_switched_off,
        lambda *_: "A second factor is no longer required",
    ),
    Weakening(
        TWO_ADMINS,
        "two_admins",
        _is_switched_off,
        lambda *_: "Changes no longer need a second admin",
    ),
)


def weakenings(workspace: Workspace, values: Mapping[str, Any]) -> list[Weakening]:
    """Tell which of the new values have to wait."""
    return [
        one
        for one in WEAKENINGS
        if one.column in values and one.weakens(getattr(workspace, one.column), values[one.column])
    ]
