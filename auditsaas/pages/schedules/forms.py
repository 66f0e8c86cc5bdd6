"""The schedule form: what was typed, and what it means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from werkzeug.datastructures import MultiDict

from auditsaas.errors import FieldError, InvalidFields
from auditsaas.exports.formats import FORMATS, checked
from auditsaas.pages.filter_field import typed
from auditsaas.pages.filter_field.typed import TypedFilter
from auditsaas.pages.schedules.column_choice import ALL_COLUMNS, ColumnChoice
from auditsaas.schedules.models import Schedule
from auditsaas.schedules.service import Plan
from auditsaas.schedules.timetable import Frequency, Timetable

NO_FILTER = TypedFilter()
MAX_NAME = 100
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, kw_only=True)
class ScheduleForm:
    """The fields as text, so that a form with an error comes back as it was typed."""

    name: str = ""
    filter: TypedFilter = NO_FILTER
    format: str = "csv"
    columns: ColumnChoice = ALL_COLUMNS
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
        """Read the sent fields beside the filter, which is that of ``defaults``.

        ``defaults`` also has what an address may leave out.
        """
        single = ("name", "format", "frequency", "weekday", "month_day", "at", "time_zone")
        values: dict[str, Any] = {
            name: fields.get(name, getattr(defaults, name)).strip() for name in single
        }
        values["name"] = " ".join(values["name"].split())
        # No box ticked is a choice too, once the form was filled in at all.
        given = fields.getlist("recipients") if "name" in fields else defaults.recipients
        return cls(
            **values,
            filter=defaults.filter,
            recipients=tuple(dict.fromkeys(given)),
            columns=ColumnChoice.of_fields(fields),
            proof=checked(fields.get("proof")),
        )

    @classmethod
    def of_schedule(cls, schedule: Schedule) -> ScheduleForm:
        return cls(
            name=schedule.name,
            filter=typed.of_query(schedule.query),
            format=schedule.format,
            columns=ColumnChoice.of_names(schedule.columns or ()),
            proof=schedule.proof,
            frequency=schedule.frequency,
            weekday=str(schedule.weekday),
            month_day=str(schedule.month_day),
            at=f"{schedule.time_of_day:%H:%M}",
            time_zone=schedule.time_zone,
            recipients=tuple(str(user_id) for user_id in schedule.recipients),
        )

    def plan(self) -> Plan:
        """Check the fields, and return the plan.

        Raises:
            InvalidFields: naming every field that cannot be used.
        """
        reading = _Reading()
        found = Plan(
            name=reading.of("name", self._name),
            event_filter=reading.of("query", self.filter.understood),
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

    def _name(self) -> str:
        if not 1 <= len(self.name) <= MAX_NAME or not self.name.isprintable():
            raise ValueError(f"A name has 1 to {MAX_NAME} printable characters.")
        return self.name

    def _format(self) -> str:
        return self._one_of(self.format, tuple(FORMATS))

    def _columns(self) -> tuple[str, ...]:
        return self.columns.chosen(FORMATS.get(self.format))

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
