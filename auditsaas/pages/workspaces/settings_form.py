"""A workspace's settings as its two forms give them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any
from zoneinfo import available_timezones

from werkzeug.datastructures import MultiDict

from auditsaas.errors import Invalid
from auditsaas.events.filter.opening import OPENING
from auditsaas.workspaces.models import ReadRecording, Workspace
from auditsaas.workspaces.service import MAX_NAME, checked_slug

MAX_RETENTION_DAYS = 36_500
MAX_EXPORT_DAYS = 365
MAX_KEYS = 100
MAX_KEY = 128


@dataclass(frozen=True, kw_only=True)
class SettingsForm:
    """Every field as text, the way it was typed; ``retention_days`` may be empty: for ever."""

    name: str
    slug: str
    time_zone: str
    retention_days: str
    export_days: str
    redacted_keys: str
    require_second_factor: bool
    two_admins: bool
    asks_first: bool
    confirm_downloads: bool
    public_tree: bool
    legal_hold: bool
    read_recording: str
    default_period: str
    reason: str = ""

    @classmethod
    def of_workspace(cls, workspace: Workspace, redacted_keys: list[str]) -> SettingsForm:
        return cls(
            name=workspace.name,
            slug=workspace.slug,
            time_zone=workspace.time_zone,
            retention_days=str(workspace.retention_days or ""),
            export_days=str(workspace.export_days),
            redacted_keys="\n".join(redacted_keys),
            require_second_factor=workspace.require_second_factor,
            two_admins=workspace.two_admins,
            asks_first=workspace.asks_first,
            confirm_downloads=workspace.confirm_downloads,
            public_tree=workspace.public_tree,
            legal_hold=workspace.legal_hold,
            read_recording=workspace.read_recording,
            default_period=workspace.default_period,
        )

    def with_fields(self, given: MultiDict[str, str]) -> SettingsForm:
        """Read what a form gives; what it does not hold stays as it is.

        A switch is a hidden ``0`` and a box of ``1``, so that one that is off is told from none.
        """
        known = {one.name for one in fields(self)} & set(given)
        typed = {name: _tidy(name, given.getlist(name)[-1]) for name in known}
        switches = {
            name: typed[name] not in ("", "0")
            for name in typed
            if isinstance(getattr(self, name), bool)
        }
        values: Mapping[str, Any] = {**typed, **switches}
        return replace(self, **values)

    def errors(self) -> dict[str, str]:
        """Return a sentence for each field that cannot be saved."""
        wrong = {}
        if not 1 <= len(self.name) <= MAX_NAME or not self.name.isprintable():
            wrong["name"] = f"A workspace name has 1 to {MAX_NAME} printable characters."
        try:
            checked_slug(self.slug)
        except Invalid as error:
            wrong["slug"] = str(error)
        if self.time_zone not in available_timezones():
            wrong["time_zone"] = "Choose a time zone of the list, such as Europe/Berlin."
        if self.retention_days and not _whole(self.retention_days, MAX_RETENTION_DAYS):
            wrong["retention_days"] = f"1 to {MAX_RETENTION_DAYS:,} days, or empty to keep all."
        if not _whole(self.export_days, MAX_EXPORT_DAYS):
            wrong["export_days"] = f"1 to {MAX_EXPORT_DAYS} days."
        if self.read_recording not in set(ReadRecording):
            wrong["read_recording"] = "Choose off, by the hour or every request."
        if self.default_period not in OPENING:
            wrong["default_period"] = "Choose one of these periods."
        keys = self.keys()
        if len(keys) > MAX_KEYS or any(len(key) > MAX_KEY for key in keys):
            wrong["redacted_keys"] = f"Up to {MAX_KEYS} keys of up to {MAX_KEY} characters."
        elif not all(key.isprintable() for key in keys):
            wrong["redacted_keys"] = "A key has printable characters only."
        return wrong

    def keys(self) -> list[str]:
        """Read the keys to redact, in lower case, each once."""
        words = (word.strip().lower() for word in re.split(r"[,\r\n]+", self.redacted_keys))
        return sorted({word for word in words if word})

    def values(self) -> dict[str, Any]:
        """Return the workspace's columns; only for a form without errors."""
        return {
            "name": self.name,
            "slug": self.slug,
            "time_zone": self.time_zone,
            "retention_days": int(self.retention_days) if self.retention_days else None,
            "export_days": int(self.export_days),
            "require_second_factor": self.require_second_factor,
            "two_admins": self.two_admins,
            "asks_first": self.asks_first,
            "confirm_downloads": self.confirm_downloads,
            "public_tree": self.public_tree,
            "legal_hold": self.legal_hold,
            "read_recording": self.read_recording,
            "default_period": self.default_period,
        }

    def fields(self) -> dict[str, str]:
        """Return what to post to give the same form again."""
        given = asdict(self).items()
        return {
            name: ("1" if value else "0") if isinstance(value, bool) else value
            for name, value in given
        }


def _tidy(name: str, text: str) -> str:
    if name == "name":
        return " ".join(text.split())
    return text if name == "redacted_keys" else text.strip()


def _whole(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= most
