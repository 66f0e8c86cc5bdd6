"""Finds people: those whose actions the logs record, and the members of the workspaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from auditsaas.events.labels import capitalized
from auditsaas.events.reading.facets import KnownActor
from auditsaas.events.reading.known_people import FEW, find_people
from auditsaas.pages.go_to.asked import Asked
from auditsaas.pages.go_to.hits import Hit, Section, first
from auditsaas.permissions import Permission
from auditsaas.workspaces.members import members_called

MOST: Final = 6


def sections(asked: Asked) -> list[Section]:
    """Build the sections of people, and of what concerns the only one, or the first of one log."""
    logs = asked.logs()
    found = find_people(asked.session, list(logs), asked.words, MOST + 1)
    users = [
        Hit(
            title=person.label,
            url=f"/w/{logs[person.workspace_id].slug}/audit-logs?{urlencode({'user': person.id})}",
            icon="user",
            beside=_other(person),
            where=asked.name(logs[person.workspace_id]) or _standing(person, found.people),
        )
        for person in found.people
    ]
    people = first("Users in the log", users, MOST)
    if found.beginnings_only:
        note = f"Names that begin so: there are more than {FEW:,} users"
        people = [Section("Users in the log", users[:MOST], note)]
    return people + _about(asked, found.people[0] if found.people else None) + _members(asked)


def _about(asked: Asked, person: KnownActor | None) -> list[Section]:
    """Build what else there is of a person whose log is the only one that is searched."""
    if person is None or len(asked.workspaces) != 1:
        return []
    base, about = asked.place.base, urlencode({"about": person.id})
    reads = Hit(
        title=f"Who read events of {person.label}",
        url=f"{base}/reads?{about}",
        icon="shield-check",
        where="Evidence",
    )
    errors = Hit(
        title=f"Errors of {person.label}",
        url=f"{base}/audit-logs?{urlencode({'user': person.id, 'status': 'error'})}",
        icon="alert-triangle",
        where="Audit Logs",
    )
    return [Section(f"For {person.label}", [errors, reads])]


def _members(asked: Asked) -> list[Section]:
    managed = asked.holding(Permission.MEMBER_MANAGE)
    found = members_called(asked.session, list(managed), asked.words, MOST + 1)
    hits = [
        Hit(
            title=member.name,
            url=f"/w/{managed[where].slug}/members?{urlencode({'q': member.email})}",
            icon="user-plus",
            beside=member.email,
            where=asked.name(managed[where]) or member.role.value.capitalize(),
        )
        for where, member in found
    ]
    return first("Members", hits, MOST)


def _standing(person: KnownActor, others: Sequence[KnownActor]) -> str:
    """Word the role, and that the person is disabled; of several alike, who says so of each."""
    alike = [one for one in others if (one.label, one.email) == (person.label, person.email)]
    if len(alike) > 1:
        return person.standing
    known = [person.role, person.status if person.status != "active" else None]
    return " · ".join(capitalized(word) for word in known if word)


def _other(person: KnownActor) -> str:
    """Return what tells the person from others of the same name."""
    return person.email if person.email and person.email != person.label else person.id
