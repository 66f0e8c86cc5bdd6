"""Findings of the doctor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's: what was looked at, how it is, and what to do about it."""

    verdict: Verdict
    part: str
    words: str
    remedy: str = ""


def ok(part: str, words: str) -> Finding:
    return Finding(Verdict.OK, part, words)


def warn(part: str, words: str, remedy: str) -> Finding:
    return Finding(Verdict.WARN, part, words, remedy)


def fail(part: str, words: str, remedy: str) -> Finding:
    return Finding(Verdict.FAIL, part, words, remedy)
