"""A question to Go to: the words, the place where they were typed, and what may be found there.

The place is the beginning of its addresses, as the bar sends it: `/w/acme`, `/admin`, or nothing
for all of a person's workspaces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from flask import request
from sqlalchemy.orm import Session

from auditsaas.access import log_reading
from auditsaas.access.current import require_person
from auditsaas.access.loaders import WorkspaceAccess, load_mine, load_platform
from auditsaas.errors import Invalid, NotFound
from auditsaas.extensions import db
from auditsaas.pages.navigation import places
from auditsaas.pages.navigation.entries import Place
from auditsaas.permissions import Permission

LONGEST: Final = 200


@dataclass(frozen=True, kw_only=True)
class Asked:
    words: str
    place: Place
    person: UUID
    workspaces: Sequence[WorkspaceAccess] = ()
    """Those that are searched; none across the platform, which takes a reason."""

    @property
    def session(self) -> Session:
        return db.session()

    def holding(self, permission: Permission) -> dict[UUID, WorkspaceAccess]:
        """Return the workspaces where the person may do this, by their ids."""
        return {one.id: one for one in self.workspaces if one.allows(permission)}

    def logs(self) -> dict[UUID, WorkspaceAccess]:
        """Return the workspaces whose logs are read, and have the reading recorded there."""
        held = self.holding(Permission.LOG_READ)
        log_reading.chosen(held)
        return held

    def name(self, access: WorkspaceAccess) -> str:
        """Name a hit's workspace where there are several."""
        return access.name if len(self.workspaces) > 1 else ""


def read() -> Asked:
    """Read the request, and bind what is searched.

    Raises:
        Invalid: the words are longer than ``LONGEST``.
        NotFound: the place is none of this person's.
    """
    words = " ".join(request.args.get("q", "").replace("\x00", " ").split())
    base, person = request.args.get("in", ""), require_person().id
    if base == places.PLATFORM.base:
        load_platform()
        found = Asked(words=words, place=places.PLATFORM, person=person)
    else:
        mine = load_mine(_slug(base))
        one = places.only_one(mine)
        place = places.of_one(one) if one else places.of_all(mine)
        found = Asked(words=words, place=place, person=person, workspaces=mine)
    if len(words) > LONGEST:
        raise Invalid(f"Type at most {LONGEST} characters.")
    return found


def _slug(base: str) -> str | None:
    if not base:
        return None
    before, _, slug = base.rpartition("/")
    if before != "/w" or not slug:
        raise NotFound("There is no such place.")
    return slug
