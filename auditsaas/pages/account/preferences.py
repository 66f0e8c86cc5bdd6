"""The form of a person's preferences for reading pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

from werkzeug.datastructures import MultiDict

from auditsaas.accounts.models import User
from auditsaas.events.filter.opening import OPENING
from auditsaas.formatting.viewer import DATE_PATTERNS

MAX_NAME = 128
CLOCKS = ("24", "12")
THEMES = ("auto", "light", "dark")
DENSITIES = ("comfortable", "compact")
COLUMNS = ("response", "status", "user", "user_agent", "ip", "workspace", "created_at", "source")
"""Columns of the log that can be hidden; the activity always shows."""
WORKSPACE_INSIDE = "workspace_inside"
"""The workspace's column in the log of one, where it is hidden at first."""


@dataclass(frozen=True)
class PreferencesForm:
    name: str
    time_zone: str
    date_format: str
    clock: str
    theme: str
    density: str
    single_key_shortcuts: bool
    default_period: str = ""
    """Empty: as the workspace has it."""

    @classmethod
    def of_user(cls, user: User) -> PreferencesForm:
        return cls(
            user.name,
            user.time_zone or "",
            user.date_format,
            user.clock,
            user.theme,
            user.density,
            user.single_key_shortcuts,
            user.default_period or "",
        )

    @classmethod
    def of_fields(cls, fields: MultiDict[str, str]) -> PreferencesForm:
        return cls(
            " ".join(fields.get("name", "").split()),
            fields.get("time_zone", "").strip(),
            fields.get("date_format", ""),
            fields.get("clock", ""),
            fields.get("theme", ""),
            fields.get("density", ""),
            bool(fields.get("single_key_shortcuts")),
            fields.get("default_period", ""),
        )

    def errors(self) -> dict[str, str]:
        """Return a sentence for each field that cannot be saved."""
        wrong = {}
        if not 1 <= len(self.name) <= MAX_NAME or not self.name.isprintable():
            wrong["name"] = f"A name has 1 to {MAX_NAME} printable characters."
        if self.time_zone not in available_timezones():
            wrong["time_zone"] = "Choose a zone from the list, such as America/New_York."
        for name, known in (
            ("date_format", tuple(DATE_PATTERNS)),
            ("clock", CLOCKS),
            ("theme", THEMES),
            ("density", DENSITIES),
            ("default_period", ("", *OPENING)),
        ):
            if getattr(self, name) not in known:
                wrong[name] = "Choose one of these."
        return wrong

    def apply(self, user: User) -> dict[str, list[Any]]:
        """Set what the form says; the columns that changed, each with before and after."""
        changes = {}
        for name in self.__dataclass_fields__:
            before, after = getattr(user, name), getattr(self, name)
            if name == "default_period":
                after = after or None
            if before != after:
                changes[name] = [before, after]
                setattr(user, name, after)
        return changes
