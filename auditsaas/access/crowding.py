"""Lets one person's reading of logs take only so many threads of a process, and so much work.

A page of the log asks for its parts at once, so a few may run and a few wait; what comes on top is
refused at once, for a thread that waits is a thread that others miss.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Final
from uuid import UUID

from flask import Blueprint, g

from auditsaas.access.browser import signed_in
from auditsaas.access.loaders import WorkspaceAccess
from auditsaas.errors import TooOften
from auditsaas.quotas import current
from auditsaas.quotas.known import SECONDS
from auditsaas.quotas.spending import Spender

RUNNING: Final = 3
"""Requests of one person that are answered at once by a process, of its eight threads."""
WAITING: Final = 3
PATIENCE_SECONDS: Final = 2.0
AGAIN_AFTER: Final = 1
"""Seconds after which a refused request may come again."""


class Crowded(TooOften):
    """One person asks for more at once than is answered at once."""

    title = "Too many at once"


class Turnstile:
    """Counts the requests of each person that a process answers now."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running: Counter[UUID] = Counter()
        self._waiting: Counter[UUID] = Counter()

    def enter(self, person_id: UUID) -> None:
        """Wait until fewer of the person's requests run; raise Crowded where too many do."""
        with self._changed:
            if self._running[person_id] >= RUNNING:
                self._wait(person_id)
            self._running[person_id] += 1

    def leave(self, person_id: UUID) -> None:
        with self._changed:
            self._running[person_id] -= 1
            self._running += Counter()
            self._changed.notify_all()

    def waiting(self, person_id: UUID) -> int:
        """Return how many of the person's requests wait."""
        return self._waiting[person_id]

    def _wait(self, person_id: UUID) -> None:
        if self._waiting[person_id] >= WAITING:
            raise _crowded()
        self._waiting[person_id] += 1
        try:
            has_room = self._changed.wait_for(
                lambda: self._running[person_id] < RUNNING, PATIENCE_SECONDS
            )
        finally:
            self._waiting[person_id] -= 1
            self._waiting += Counter()
        if not has_room:
            raise _crowded()


def _crowded() -> Crowded:
    return Crowded(
        "You ask for more of the log at once than is answered at once. Try again in a moment.",
        AGAIN_AFTER,
    )


turnstile = Turnstile()


def install(blueprint: Blueprint) -> None:
    blueprint.before_request(_enter)
    blueprint.teardown_request(_leave)


def _enter() -> None:
    person = signed_in()
    if person is None:
        return
    turnstile.enter(person.id)
    g.entered, g.entered_at = person.id, time.perf_counter()


def _leave(_error: BaseException | None) -> None:
    person_id: UUID | None = g.pop("entered", None)
    if person_id is None:
        return
    turnstile.leave(person_id)
    spender: Spender | None = g.pop("log_reader", None)
    if spender is not None:
        current.note(SECONDS, spender, int((time.perf_counter() - g.entered_at) * 1000))


def refuse_worked(access: WorkspaceAccess) -> None:
    """Refuse who has used up the work of a minute; what this request takes is counted at its end.

    Raises:
        QuotaSpent: the workspace or the person has no seconds left.
    """
    spender = Spender(workspace_id=access.id, own=access.quotas, person_id=access.person_id)
    current.refuse_spent(SECONDS, spender)
    g.log_reader = spender
