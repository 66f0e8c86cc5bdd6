"""The schedule form: what was typed, and what it means."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from werkzeug.datastructures import MultiDict

from auditsaas.errors import FieldError, InvalidFields
from auditsaas.events.filter import text as filter_text
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.exports.columns import chosen_columns
from auditsaas.exports.formats import FORMATS, checked
from auditsaas.schedules.models import Schedule
from auditsaas.schedules.service import Plan
from auditsaas.schedules.timetable import Frequency, Timetable

MAX_NAME = 100
MAX_QUERY = 16_000
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PERIOD_FIELDS = ("range", "from", "to", "view", "before", "after", "at", "limit")
"""Parameters of a page's address besides a filter; the schedule sets the period."""
ALL = "all"
"""In place of a saved view's id: everything."""

_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, kw_only=True)
class ScheduleForm:
    """The fields as text, so that a form with an error comes back as it was typed."""

    name: str = ""
    query: str = ""
    view: str = ""
    """The id of a saved view that is taken instead of ``query``."""
    format: str = "csv"
    columns: tuple[str, ...] = ()
    proof: bool = False
    """Whether a proof is to go with each report."""
    frequency: str = Frequency.WEEKLY.value
    weekday: str = "0"
    month_day: str = "1"
    at: str = "08:00"
    time_zone: str = "UTC"
    recipients: tuple[str, ...] = ()

    @classmethod
    def of_fields(cls, fields: MultiDict[str, str], defaults: ScheduleForm) -> ScheduleForm:
        """Read the sent fields; ``defaults`` for what an address may leave out."""
        single = ("name", "view", "query", "format", "frequency", "weekday", "month_day", "at")
        values: dict[str, Any] = {
            name: fields.get(name, getattr(defaults, name)).strip()
            for name in (*single, "time_zone")
        }
        values["name"] = " ".join(values["name"].split())
        # No box ticked is a choice too, once the form was filled in at all.
        given = fields.getlist("recipients") if "name" in fields else defaults.recipients
        chosen = tuple(dict.fromkeys(given))
        return cls(
            **values,
            recipients=chosen,
            columns=tuple(fields.getlist("columns")),
            proof=checked(fields.get("proof")),
        )

    @classmethod
    def of_schedule(cls, schedule: Schedule) -> ScheduleForm:
        return cls(
            name=schedule.name,
            query=filter_text.as_typed(schedule.query),
            format=schedule.format,
            columns=tuple(schedule.columns or ()),
            proof=schedule.proof,
            frequency=schedule.frequency,
            weekday=str(schedule.weekday),
            month_day=str(schedule.month_day),
            at=f"{schedule.time_of_day:%H:%M}",
            time_zone=schedule.time_zone,
            recipients=tuple(str(user_id) for user_id in schedule.recipients),
        )

    def plan(self, views: Mapping[str, str], slugs: Sequence[str]) -> Plan:
        """Check the fields in a workspace, return the plan; ``views`` are its saved queries by id.

        ``slugs`` are the workspace's, that of today first.

        Raises:
            InvalidFields: naming every field that cannot be used.
        """
        reading = _Reading()
        found = Plan(
            name=reading.of("name", self._name),
            event_filter=reading.of("query", lambda: self.filter(views, slugs)),
            format=reading.of("format", self._format),
            columns=reading.of("columns", self._columns),
            proof=self.proof,
            timetable=reading.timetable(self),
            recipients=reading.of("recipients", self._recipients),
        )
        reading.finish()
        return found

    def timetable(self) -> Timetable:
        """Read the timetable; raise InvalidFields, naming every field of it that cannot be used."""
        reading = _Reading()
        found: Timetable = reading.timetable(self)
        reading.finish()
        return found

    def filter(self, views: Mapping[str, str], slugs: Sequence[str]) -> EventFilter:
        """Read the filter; raise InvalidFields if the query cannot be understood."""
        if self.view and self.view not in views:
            raise InvalidFields([FieldError("query", "There is no such saved view.")])
        query = views[self.view] if self.view else self.query
        if len(query) > MAX_QUERY:
            raise InvalidFields([FieldError("query", "This filter is too long.")])
        args = self._arguments(query, views)
        if any(other not in slugs for other in args.poplist("workspace")):
            message = f"A schedule here reads the workspace {slugs[0]} only."
            raise InvalidFields([FieldError("query", message)])
        return EventFilter.from_args(args, zone=ZoneInfo("UTC"), now=datetime.now(UTC), beside=())

    def _arguments(self, query: str, views: Mapping[str, str]) -> MultiDict[str, str]:
        """Read the query's arguments, with those of the saved view it names, without its period."""
        args = filter_text.arguments(query)
        named = args.get("view", ALL)
        if named != ALL and named not in views:
            raise InvalidFields([FieldError("query", "There is no such saved view.")])
        kept = MultiDict(parse_qsl(views.get(named, "")))
        for name in args:
            kept.setlist(name, args.getlist(name))
        for name in PERIOD_FIELDS:
            kept.poplist(name)
        return kept

    def _name(self) -> str:
        if not 1 <= len(self.name) <= MAX_NAME or not self.name.isprintable():
            raise ValueError(f"A name has 1 to {MAX_NAME} printable characters.")
        return self.name

    def _format(self) -> str:
        return self._one_of(self.format, tuple(FORMATS))

    def _columns(self) -> tuple[str, ...]:
        chosen = chosen_columns(self.columns)
        if chosen and self.format in FORMATS and not FORMATS[self.format].columns:
            raise ValueError(f"{FORMATS[self.format].name} always holds every column.")
        return chosen

    def _recipients(self) -> tuple[UUID, ...]:
        try:
            return tuple(UUID(text) for text in self.recipients)
        except ValueError:
            raise ValueError("Choose from the members listed.") from None

    def _at(self) -> time:
        match = _TIME.fullmatch(self.at)
        if match is None:
            raise ValueError("A time is hours and minutes, such as 08:00 or 17:30.")
        return time(int(match[1]), int(match[2]))

    def _zone(self) -> ZoneInfo:
        if self.time_zone not in available_timezones():
            raise ValueError("Choose a zone from the list, such as America/New_York.")
        return ZoneInfo(self.time_zone)

    @staticmethod
    def _one_of(text: str, known: tuple[str, ...]) -> str:
        if text not in known:
            raise ValueError(f"Choose one of {', '.join(known)}.")
        return text


class _Reading:
    """Reads fields one by one and collects what is wrong with them."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []

    def of(self, name: str, read: Any) -> Any:
        """Return what ``read`` returns; None, and a note, where it refuses."""
        try:
            return read()
        except InvalidFields as error:
            message = " ".join(wrong.message for wrong in error.errors)
            self.errors.append(FieldError(name, message))
        except ValueError as error:
            self.errors.append(FieldError(name, str(error)))
        return None

    def timetable(self, form: ScheduleForm) -> Any:
        one_of = form._one_of
        days = tuple(str(number) for number in range(1, 32))
        frequency = self.of("frequency", lambda: one_of(form.frequency, tuple(Frequency)))
        weekday = self.of("weekday", lambda: one_of(form.weekday, tuple("0123456")))
        month_day = self.of("month_day", lambda: one_of(form.month_day, days))
        at, zone = self.of("at", form._at), self.of("time_zone", form._zone)
        if self.errors:
            return None
        return Timetable(
            frequency=Frequency(frequency),
            weekday=int(weekday),
            month_day=int(month_day),
            at=at,
            zone=zone,
        )

    def finish(self) -> None:
        if self.errors:
            raise InvalidFields(self.errors)
