"""Requesters of exports: a person or an application, with their roles and the request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol
from uuid import UUID

from auditsaas import own_actions
from auditsaas.events.schema import ActorInput
from auditsaas.own_actions import RequestFacts
from auditsaas.workspaces.api_keys import KeyAccess


class Person(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def name(self) -> str: ...
    @property
    def email(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class KnownPerson:
    """A person by what events say of them."""

    id: UUID
    name: str
    email: str


@dataclass(frozen=True, kw_only=True)
class Requester:
    """The person or application that acts, with its roles and the request."""

    person: Person | None = None
    key: KeyAccess | None = None
    """The API key of an application, where no person asks."""
    roles: Mapping[UUID, str] = field(default_factory=dict)
    """Workspace id → role there; empty for a super-admin and for an application."""
    facts: RequestFacts | None = None

    def lasting(self) -> Requester:
        """Return the same requester, without what ends with the request."""
        person = self.person
        known = person and KnownPerson(id=person.id, name=person.name, email=person.email)
        return replace(self, person=known)

    @property
    def actor(self) -> ActorInput:
        if self.person is not None:
            person = self.person
            return own_actions.person(person.id, name=person.name, email=person.email)
        if self.key is None:
            raise ValueError("a requester is a person or a key")
        return own_actions.application(self.key.key_id, name=self.key.name)
