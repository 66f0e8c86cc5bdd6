"""A workspace's settings as its form gives them."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import available_timezones

from werkzeug.datastructures import MultiDict

from auditsaas.errors import Invalid
from auditsaas.workspaces.models import Workspace
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
    legal_hold: bool

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
            legal_hold=workspace.legal_hold,
        )

    @classmethod
    def of_fields(cls, fields: MultiDict[str, str]) -> SettingsForm:
        return cls(
            name=" ".join(fields.get("name", "").split()),
            slug=fields.get("slug", "").strip(),
            time_zone=fields.get("time_zone", "").strip(),
            retention_days=fields.get("retention_days", "").strip(),
            export_days=fields.get("export_days", "").strip(),
            redacted_keys=fields.get("redacted_keys", ""),
            require_second_factor=bool(fields.get("require_second_factor")),
            legal_hold=bool(fields.get("legal_hold")),
        )

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
            "legal_hold": self.legal_hold,
        }

    def fields(self) -> dict[str, str]:
        """Return what to post to give the same form again."""
        given = asdict(self).items()
        return {name: "1" if value is True else value for name, value in given if value}


def _whole(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= most
