"""One request's look into workspaces through the platform pool, told before its answer leaves.

Row-level security shows the pool's role only what its transaction has noted, and a session gets
that from here alone. What an answer showed is counted by the page. A page that counts nothing is
told to every workspace that it could have read, so what is forgotten is told too much of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from flask import Flask, Response, g
from sqlalchemy.orm import Session

from auditsaas.db import platform
from auditsaas.db.platform import Look
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.extensions import db
from auditsaas.jobs.queue import enqueue
from auditsaas.platform_access import looks, telling
from auditsaas.platform_access.looks import SEARCHED, Looker, Noted, Question
from auditsaas.workspaces.service import system_workspace

TELL_TASK = "platform.tell_looks"


@dataclass(kw_only=True)
class Looking:
    """A question, its workspaces, and how much an answer showed of each."""

    looker: Looker
    question: Question
    look: Look
    within: frozenset[UUID]
    """The workspaces that could be read."""
    named: frozenset[UUID] = frozenset()
    """Those that the question names, which are told whatever the answer."""
    session: Session
    """The session of the platform pool that may read what the look covers."""
    shown: Mapping[UUID, int] | None = None
    begun: Mapping[UUID, Noted] = field(default_factory=dict)

    def asks(self, event_filter: EventFilter, **beside: str) -> None:
        """Say what is asked: the filter, and what a page takes ``beside`` it; before it is read."""
        if not self.begun:
            self.question = self.question.of(event_filter, beside)

    def show(self, workspaces: Iterable[UUID]) -> None:
        """Count a row of each of these workspaces as shown."""
        self.show_of(Counter(workspaces))

    def show_of(self, figures: Mapping[UUID, int]) -> None:
        """Count what an answer was made of, by workspace."""
        shown = dict(self.shown or {})
        self.shown = shown | {key: shown.get(key, 0) + n for key, n in figures.items()}

    def note(self) -> None:
        """Keep that the look begins: of what it names, or in the log of the installation."""
        if self.begun:
            return
        with Session(db.engine) as session:
            first = self.named or {system_workspace(session).id}
            shown = dict.fromkeys(first)
            self.begun = looks.note(session, self.looker, self.question, shown)
            session.commit()

    def tell(self, *, answered: bool) -> None:
        """Tell the workspaces whose rows the answer was made of; nothing where nothing was read."""
        if not self.begun:
            return
        shown = self._shown() if answered else dict.fromkeys(self.begun)
        with Session(db.engine) as session:
            left = telling.note_and_tell(session, self.looker, self.question, shown, self.begun)
            if answered and self.question.query:
                left += self._tell_searched(session, shown)
            session.commit()
        if left:
            enqueue(TELL_TASK)

    def _shown(self) -> dict[UUID, int | None]:
        if self.shown is None:
            return dict.fromkeys(self.within | self.begun.keys())
        read = {key: n for key, n in self.shown.items() if key in self.within}
        return {**dict.fromkeys(self.begun, 0), **read}

    def _tell_searched(self, session: Session, shown: Mapping[UUID, int | None]) -> int:
        """Count a search with named values in the workspaces that it found nothing in."""
        if self.shown is None or not self.look.every:
            return 0
        others = self.within - shown.keys()
        noted = looks.note(session, self.looker, SEARCHED, dict.fromkeys(others, 0))
        return sum(not each.told for each in noted.values())


def begin(looking: Looking) -> Looking:
    """Let the session of a look read what it covers, and tell of it before the answer leaves."""
    looking.session.rollback()
    platform.bind(looking.session, looking.look, looking.note)
    g.setdefault("lookings", []).append(looking)
    return looking


def install(app: Flask) -> None:
    """Tell of each look before its answer leaves; where that fails, no answer does."""
    app.after_request(_tell)


def _tell(response: Response) -> Response:
    for looking in g.pop("lookings", ()):
        looking.tell(answered=response.status_code < 400)
    return response
