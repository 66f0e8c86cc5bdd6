"""Verifies the dictionary of words of a log: whether a search by it misses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.words import comparing
from auditsaas.events.words.comparing import Difference
from auditsaas.events.words.models import BLOCK
from auditsaas.operations.verification.damage import Damage, Report
from auditsaas.workspaces.models import NamedWorkspace

SHOWN: Final = 5
"""So many blocks that differ are told one by one."""


def verify(session: Session, workspace: NamedWorkspace) -> Report:
    """Verify the dictionary of a workspace; the session's transaction is this look's own."""
    tenancy.bind(Scope.of(workspace.id), session)
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    words_to = comparing.words_to(session, workspace.id)
    found = list(comparing.differences(session, workspace.id, words_to))
    session.rollback()
    return Report(
        part="words",
        name=workspace.slug,
        words=f"the words of {words_to:,} events are in its dictionary",
        figures={"words_to": words_to, "differences": len(found)},
        damages=tuple(_damages(workspace.slug, found)),
    )


def _damages(slug: str, found: list[Difference]) -> Iterator[Damage]:
    for each in found[:SHOWN]:
        numbers = f"{each.block * BLOCK + 1:,} to {(each.block + 1) * BLOCK:,}"
        says = "lacks words of" if each.lacking else "holds what is not in"
        yield Damage("words", f"the dictionary {says} the events {numbers}")
    if found:
        more = f"{len(found) - SHOWN:,} more blocks differ; " if len(found) > SHOWN else ""
        yield Damage("words", f"{more}make it anew: auditsaas db rebuild-words {slug}")
