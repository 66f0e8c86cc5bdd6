"""Refuses what a workspace, person or key has no quota left for, and counts the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import time
from uuid import UUID

from auditsaas.errors import TooOften
from auditsaas.quotas.known import JOBS, Quota, allowed, share
from auditsaas.quotas.meter import Meter, Window
from config.settings import Settings

WAIT_SECONDS = 60
"""Until a job of those that wait has likely ended."""


class QuotaSpent(TooOften):
    """A quota is used up until its window ends."""

    title = "Quota used up"


@dataclass(frozen=True, kw_only=True)
class Spender:
    """Identifies a user of a workspace's quotas: one of its people, or a key."""

    workspace_id: UUID
    own: Mapping[str, int]
    """The workspace's own quotas, by name."""
    person_id: UUID | None = None
    key_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Account:
    """One of the counters that a use is counted in."""

    whose: str
    """As a sentence begins: ``This workspace``."""
    key: str
    most: int
    """In the quota's unit."""


def spend(meter: Meter, settings: Settings, quota: Quota, spender: Spender, amount: int) -> None:
    """Count a use in all its counters, or in none.

    Raises:
        QuotaSpent: one of them has not so much left.
    """
    window = _window(quota)
    counted: list[Account] = []
    for account in accounts(settings, quota, spender):
        counted.append(account)
        most = account.most * quota.unit
        if meter.add(account.key, amount, window, most=most) > most:
            for each in counted:
                meter.add(each.key, -amount, window)
            raise _spent(account, quota)


def note(meter: Meter, settings: Settings, quota: Quota, spender: Spender, amount: int) -> None:
    """Count what was used already, even where it is more than was left."""
    for account in accounts(settings, quota, spender):
        meter.add(account.key, amount, _window(quota), most=account.most * quota.unit)


def refuse_spent(meter: Meter, settings: Settings, quota: Quota, spender: Spender) -> None:
    """Raise QuotaSpent where nothing is left; count nothing."""
    for account in accounts(settings, quota, spender):
        most = account.most * quota.unit
        if meter.add(account.key, 0, _window(quota), most=most) >= most:
            raise _spent(account, quota)


def accounts(settings: Settings, quota: Quota, spender: Spender) -> Iterator[Account]:
    """List the counters of a quota; none where nothing bounds it."""
    most = allowed(quota, spender.own, settings)
    if most is None:
        return
    base = f"{quota.name}:{spender.workspace_id}"
    yield Account(whose="This workspace", key=base, most=most)
    if spender.person_id is not None:
        yield Account(
            whose="One person", key=f"{base}:{spender.person_id}", most=share(most, settings)
        )
    if spender.key_id is not None:
        yield Account(whose="One key", key=f"{base}:{spender.key_id}", most=share(most, settings))


def refuse_more_jobs(
    settings: Settings, own: Mapping[str, int], *, of_workspace: int, of_one: int, what: str
) -> None:
    """Refuse another job where so many of the workspace, and of who asks, have not ended yet.

    Raises:
        QuotaSpent: ``what``, such as ``exports``, are as many as there may be.
    """
    most = allowed(JOBS, own, settings)
    if most is None:
        return
    for whose, used, limit in (
        ("This workspace", of_workspace, most),
        ("One person or key", of_one, share(most, settings)),
    ):
        if used >= limit:
            raise QuotaSpent(
                f"{whose} may have {limit:,} {what} that wait or run. Wait until one has ended.",
                WAIT_SECONDS,
            )


def _window(quota: Quota) -> Window:
    if quota.window is None:
        raise ValueError(f"{quota.name} is not counted by time")
    return quota.window


def _spent(account: Account, quota: Quota) -> QuotaSpent:
    seconds = _window(quota).left(time())
    return QuotaSpent(
        f"{account.whose} may use {account.most:,} {quota.words}, and this would be more."
        f" The next period begins in {seconds:,} seconds.",
        seconds,
    )
