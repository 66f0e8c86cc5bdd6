"""Erasures: how a test asks for one, has it confirmed, and lets the owner of the tables do it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import Engine, Row, inspect, select, text

from auditsaas import own_actions
from auditsaas.accounts.models import User
from auditsaas.erasures import applying, service
from auditsaas.erasures.erasing import Run
from auditsaas.erasures.models import requests
from auditsaas.events.models import events
from auditsaas.events.reading.scans.event_rows import ROW_COLUMNS
from auditsaas.events.stored import stored_event
from auditsaas.pending_changes.rules import Rules
from auditsaas.permissions import Role
from auditsaas.workspaces.acting_member import ActingMember
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.factories import append_events, event_input, make_member, make_workspace, scoped
from tests.support.sealing import seal
from tests.support.waiting import let_take_effect

USUAL = ("person", "address", "client")
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Asking:
    """A workspace with two admins, of whom the first asks."""

    workspace: Workspace
    asker: User
    settings: Settings
    other: User | None = None

    @classmethod
    def found(cls, settings: Settings) -> Asking:
        workspace = make_workspace()
        return cls(workspace, make_member(workspace), settings, make_member(workspace))

    @property
    def confirmer(self) -> User:
        assert self.other is not None
        return self.other

    @property
    def rules(self) -> Rules:
        return Rules.of(self.settings)

    def as_member(self, person: User) -> ActingMember:
        return ActingMember(
            workspace_id=self.workspace.id,
            user_id=person.id,
            actor=own_actions.person(person.id, name=person.name, email=person.email),
            role=Role.ADMIN.value,
            facts=None,
        )

    def send(self, person: str, count: int = 1, **fields: Any) -> None:
        """Let a person do something, ``count`` times."""
        actor = {
            "id": person,
            "name": f"Name {person}",
            "email": f"{person}@acme.example",
            "role": "clerk",
        }
        whole = {
            "actor": actor,
            "ip": "203.0.113.77",
            "user_agent": f"Agent of {person}",
            "targets": [{"type": "order", "id": f"order of {person}"}],
            "changes": {"state": ["open", f"closed by {person}"]},
            "metadata": {"note": f"said by {person}", "n": 1.5},
        }
        append_events(self.workspace, [event_input(**whole | fields) for _ in range(count)])

    def ask(self, person: str, names: Iterable[str] = USUAL, reason: str = "Case 7") -> UUID:
        """Ask for the erasure of a person's words."""
        with scoped(self.workspace.id, user=self.asker.id) as session:
            asked = service.ask(
                session,
                self.as_member(self.asker),
                person,
                names,
                reason,
                self.rules,
                self.settings.secret_keys,
            )
            made = asked.id
            session.commit()
        return made

    def confirm(self, erasure: UUID, by: User | None = None, count: str | None = None) -> None:
        """Confirm it, by the number of its events."""
        by = by or self.confirmer
        typed = count or str(self.request(erasure).events)
        with scoped(self.workspace.id, user=by.id) as session:
            service.confirm(session, self.as_member(by), erasure, typed, self.rules)
            session.commit()

    def request(self, erasure: UUID) -> Row[Any]:
        with scoped(self.workspace.id) as session:
            return session.execute(select(requests).where(requests.c.id == erasure)).one()

    def let_take_effect(self, app: Flask, person: str, names: Iterable[str] = USUAL) -> UUID:
        """Ask for it and have it confirmed, and let its time come."""
        erasure = self.ask(person, names)
        self.confirm(erasure)
        let_take_effect(app, self.workspace)
        return erasure

    def apply(self, engine: Engine, erasure: UUID) -> Run:
        return applying.apply(engine, self.workspace.id, erasure, brand="AuditSaaS")

    def erase(self, app: Flask, engine: Engine, person: str, names: Iterable[str] = USUAL) -> UUID:
        """Do all of it: from asking to the end."""
        erasure = self.let_take_effect(app, person, names)
        seal(self.workspace)
        self.apply(engine, erasure)
        return erasure

    def log(self, activity: str | None = None) -> list[dict[str, Any]]:
        """The events of the log as the API gives them, in their order."""
        found = select(*ROW_COLUMNS).order_by(events.c.seq)
        if activity is not None:
            found = found.where(events.c.activity == activity)
        with scoped(self.workspace.id) as session:
            return [stored_event(row, self.workspace.slug) for row in session.execute(found)]


def tables_with(engine: Engine, word: str) -> set[str]:
    """Read every row of the database as text; the tables that hold the word, in any case."""
    names = [name for name in inspect(engine).get_table_names() if not name.startswith("events_")]
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL row_security = off"))
        for name in names:
            connection.execute(text(f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY"))
        found = {
            name
            for name in names
            if connection.scalar(
                text(f"SELECT EXISTS (SELECT FROM {name} AS t WHERE t::text ILIKE :word)"),  # noqa: S608  # a name of the catalogue
                {"word": f"%{word}%"},
            )
        }
        connection.rollback()
    return found
