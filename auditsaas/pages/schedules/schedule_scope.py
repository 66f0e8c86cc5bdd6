"""Loads and authorises the scope of the schedules' pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from auditsaas.access import current, loaders
from auditsaas.access.browser import Identity
from auditsaas.access.loaders import WorkspaceAccess
from auditsaas.current_request import facts
from auditsaas.errors import Forbidden
from auditsaas.exports.requester import Requester
from auditsaas.extensions import db
from auditsaas.permissions import Permission
from auditsaas.schedules import service
from auditsaas.schedules.models import Schedule
from auditsaas.workspaces.former_slugs import former_slugs_of


@dataclass(frozen=True, kw_only=True)
class ScheduleScope:
    """One workspace's schedules, as the signed-in person may see them."""

    access: WorkspaceAccess
    person: Identity
    session: Session
    now: datetime

    @property
    def base_url(self) -> str:
        return f"/w/{self.access.slug}/schedules"

    @property
    def slugs(self) -> list[str]:
        """The workspace's slugs, that of today first."""
        return [self.access.slug, *former_slugs_of(self.session, self.access.id)]

    @property
    def requester(self) -> Requester:
        roles = {self.access.id: self.access.role.value}
        return Requester(person=self.person, roles=roles, facts=facts())

    @property
    def visible(self) -> ColumnElement[bool]:
        return service.visible_to(self.person.id, [self.access.id] if self._sees_all else [])

    def find(self, schedule_id: UUID) -> Schedule:
        return service.find(self.session, self.access.id, self.visible, schedule_id)

    def find_own(self, schedule_id: UUID) -> Schedule:
        """Find a schedule that the person may change.

        Raises:
            NotFound: there is none that they may see.
            Forbidden: they only get its reports.
        """
        schedule = self.find(schedule_id)
        if not self.may_change(schedule):
            raise Forbidden("Only its owner or an admin can change this schedule.")
        return schedule

    def may_change(self, schedule: Schedule) -> bool:
        return self._sees_all or schedule.owner_id == self.person.id

    @property
    def _sees_all(self) -> bool:
        return self.access.allows(Permission.EXPORT_READ_ALL)


def load(slug: str) -> ScheduleScope:
    access = loaders.load_workspace(slug, Permission.EXPORT_CREATE)
    return ScheduleScope(
        access=access,
        person=current.require_person(),
        session=db.session(),
        now=datetime.now(UTC),
    )
