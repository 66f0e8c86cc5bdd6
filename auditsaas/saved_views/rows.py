"""The row of views above a log as one person has it: its order, and which views are left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.accounts.models import User
from auditsaas.errors import Invalid


class HasId(Protocol):
    @property
    def id(self) -> UUID: ...


View = TypeVar("View", bound=HasId)


@dataclass(frozen=True)
class ViewRow:
    """Ids in the order that the person gave them; a view that is not among them comes last."""

    order: tuple[str, ...] = ()
    hidden: frozenset[str] = frozenset()

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> ViewRow:
        """Read what is kept of one place."""
        kept = kept or {}
        return cls(tuple(kept.get("order", ())), frozenset(kept.get("hidden", ())))

    def arranged(self, views: Sequence[View]) -> list[View]:
        """Return all views in the person's order."""
        places = {key: place for place, key in enumerate(self.order)}
        return sorted(views, key=lambda view: places.get(str(view.id), len(places)))

    def shown(self, views: Sequence[View]) -> list[View]:
        """Return the views that are not hidden, in the person's order."""
        return [view for view in self.arranged(views) if str(view.id) not in self.hidden]


NO_ROW: Final = ViewRow()


def read(session: Session, person: UUID, place: UUID) -> ViewRow:
    """Read a person's row in one place."""
    return ViewRow.of(session.scalar(select(User.view_rows[str(place)]).where(User.id == person)))


def arrange(
    session: Session, person: UUID, place: UUID, views: Sequence[View], wanted: Iterable[str]
) -> None:
    """Keep another order of the views that a person may use.

    Those that ``wanted`` does not name, for they were shared meanwhile, come after it.

    Raises:
        Invalid: it names a view that is not among them.
    """
    known = [str(view.id) for view in views]
    order = list(dict.fromkeys(wanted))
    if not set(order) <= set(known):
        raise Invalid("This order names a view that is not here.")
    rest = [key for key in known if key not in order]
    _keep(session, person, place, known, order=(*order, *rest))


def hide(
    session: Session,
    person: UUID,
    place: UUID,
    views: Sequence[View],
    view_id: UUID,
    *,
    hidden: bool,
) -> None:
    """Leave a view out of the person's own row, or take it in again."""
    before = read(session, person, place).hidden
    after = before | {str(view_id)} if hidden else before - {str(view_id)}
    _keep(session, person, place, [str(view.id) for view in views], hidden=after)


def _keep(
    session: Session, person: UUID, place: UUID, known: Sequence[str], **changed: Any
) -> None:
    """Write the row of one place anew, without views that are gone."""
    user = session.get_one(User, person, with_for_update=True, populate_existing=True)
    row = replace(ViewRow.of(user.view_rows.get(str(place))), **changed)
    kept = {
        "order": [key for key in row.order if key in known],
        "hidden": sorted(row.hidden & set(known)),
    }
    user.view_rows = {**user.view_rows, str(place): kept}
    session.flush()
