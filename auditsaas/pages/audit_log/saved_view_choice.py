"""Resolves the saved view that an address names, among those of the scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qsl
from uuid import UUID

from werkzeug.datastructures import MultiDict

from auditsaas.errors import FieldError
from auditsaas.events.filter.event_filter import FilterError
from auditsaas.saved_views.rows import NO_ROW, ViewRow

ALL = "all"
"""In place of a view's id: everything, even where a view is the default."""

RANGE = frozenset({"range", "from", "to"})


class View(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def user_id(self) -> UUID: ...
    @property
    def name(self) -> str: ...
    @property
    def query(self) -> str: ...
    @property
    def is_default(self) -> bool: ...
    @property
    def shared(self) -> bool: ...


@dataclass(frozen=True)
class ViewChoice:
    """The views that a person may use in a scope."""

    views: Sequence[View] = ()
    person: UUID | None = None
    row: ViewRow = NO_ROW

    @property
    def own(self) -> list[View]:
        return [view for view in self.views if view.user_id == self.person]

    @property
    def listed(self) -> list[View]:
        """The views of the person's row, in their order."""
        return self.row.shown(self.views)

    @property
    def default(self) -> View | None:
        return next((view for view in self.own if view.is_default), None)

    def find(self, named: str) -> View | None:
        """Find a view by the id that an address names."""
        return next((view for view in self.views if str(view.id) == named), None)

    def resolve(self, args: MultiDict[str, str]) -> MultiDict[str, str]:
        """Merge the arguments with those of the view they name; explicit arguments override it.

        Raises:
            FilterError: there is no such view here.
        """
        named = args.get("view", "")
        if not named or named == ALL:
            return args
        view = self.find(named)
        if view is None:
            raise FilterError([FieldError("view", "There is no such saved view here.")])
        given = set(args)
        if given & RANGE:
            given |= RANGE
        merged = MultiDict(args)
        for name, value in parse_qsl(view.query):
            if name not in given:
                merged.add(name, value)
        return merged


NO_VIEWS = ViewChoice()
