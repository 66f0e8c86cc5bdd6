"""A person's preferences for reading pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal
from zoneinfo import ZoneInfo

DateFormat = Literal["MM/DD/YYYY", "DD/MM/YYYY", "YYYY-MM-DD"]
Clock = Literal["24", "12"]
Theme = Literal["auto", "light", "dark"]
Density = Literal["comfortable", "compact"]

DATE_PATTERNS: Final[dict[str, tuple[str, str]]] = {
    "MM/DD/YYYY": ("%m/%d/%Y", "%m/%d"),
    "DD/MM/YYYY": ("%d/%m/%Y", "%d/%m"),
    "YYYY-MM-DD": ("%Y-%m-%d", "%m-%d"),
}


@dataclass(frozen=True, kw_only=True)
class Viewer:
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    date_format: DateFormat = "MM/DD/YYYY"
    clock: Clock = "24"
    theme: Theme = "auto"
    density: Density = "comfortable"
    single_key_shortcuts: bool = True
    hidden_columns: frozenset[str] = frozenset()
    workspace_inside: bool = False
    """Whether the log of one workspace has a column of it, too."""


DEFAULT: Final = Viewer()
