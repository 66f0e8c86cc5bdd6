"""Looks at every part of an installation and says what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Final

from auditsaas.db import tickets
from auditsaas.db.deadlines import NoAnswer
from auditsaas.operations.checks import (
    connections,
    files,
    isolation,
    log,
    mail,
    replica,
    roles,
    seals,
    server,
    settings,
    words,
    work,
)
from auditsaas.operations.checks.check import Check, Sight, Unreachable
from auditsaas.operations.finding import Finding, fail
from config.settings import Settings

CHECKS: Final[tuple[Check, ...]] = (
    *settings.CHECKS,
    *server.CHECKS,
    *roles.CHECKS,
    *isolation.CHECKS,
    *log.CHECKS,
    *seals.CHECKS,
    *words.CHECKS,
    *connections.CHECKS,
    *replica.CHECKS,
    *work.CHECKS,
    *files.CHECKS,
    *mail.CHECKS,
)
"""In the order in which they are told."""


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield each finding as soon as it is made; an unreachable part costs seconds, not the rest."""
    return (finding for _, finding in findings(settings))


def findings(settings: Settings, checks: Sequence[Check] = CHECKS) -> Iterator[tuple[str, Finding]]:
    """Yield each finding with the name of its check."""
    tickets.sign_with(settings.secret_key)
    with ExitStack() as stack:
        sight = Sight(settings, stack)
        for check in checks:
            for finding in _made(check, sight):
                yield check.name, finding


def _made(check: Check, sight: Sight) -> Iterator[Finding]:
    """Make one check; what goes wrong in it is a finding, and the next check is made."""
    try:
        sight.settle()
        yield from check.look(sight)
    except Unreachable as error:
        if error.finding is not None:
            yield error.finding
    except Exception as error:  # noqa: BLE001  # one check must not end the others
        if isinstance(getattr(error, "orig", None), NoAnswer):
            sight.give_up()
        cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        words = f"could not be looked at: {cause or type(error).__name__}"
        yield fail(check.name, words, f"Mend that, then run: auditsaas doctor --only {check.name}")
