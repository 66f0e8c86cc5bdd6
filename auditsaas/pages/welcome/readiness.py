"""Tells from the doctor's checks whether an installation is ready, in a few words each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from auditsaas.operations import doctor
from auditsaas.operations.finding import Finding, Verdict
from config.settings import Settings

TITLES: Final = {
    "postgresql": "Database",
    "migrations": "Tables",
    "redis": "Redis",
    "workers": "Workers",
    "beat": "Beat",
    "storage": "Files",
    "mail": "Mail",
    "settings": "Settings",
}
"""The checks that cost little, and what a person calls their subjects."""

CAN_WAIT: Final = frozenset({"mail", "settings", "beat", "workers"})
"""Parts that setting up and a first event do without."""


@dataclass(frozen=True)
class Line:
    """One subject with its state, as ``st-ok``, ``st-wait`` or ``st-err``."""

    title: str
    words: str
    remedy: str
    dot: str


def read(settings: Settings) -> Sequence[Line]:
    """Make the checks; each is bounded by the doctor's own seconds."""
    checks = [check for check in doctor.CHECKS if check.name in TITLES]
    found = [_line(name, finding) for name, finding in doctor.findings(settings, checks)]
    return [*found, _secret(settings), _address(settings)]


def _line(name: str, finding: Finding) -> Line:
    dots = {Verdict.OK: "st-ok", Verdict.WARN: "st-wait", Verdict.FAIL: "st-err"}
    dot = dots[finding.verdict]
    if name in CAN_WAIT and finding.verdict is Verdict.FAIL:
        dot = "st-wait"
    words = finding.words.removeprefix("is ").removeprefix("are ")
    return Line(TITLES[name], words, finding.remedy, dot)


def _secret(settings: Settings) -> Line:
    words = f"of {len(settings.secret_key)} characters"
    return Line("SECRET_KEY", words, "", "st-ok")


def _address(settings: Settings) -> Line:
    """Tell the address that links are made of."""
    if not settings.production or settings.secure_cookies:
        return Line("Address", settings.base_url, "", "st-ok")
    remedy = "Set BASE_URL to the address that browsers use, with https."
    return Line("Address", settings.base_url, remedy, "st-wait")
