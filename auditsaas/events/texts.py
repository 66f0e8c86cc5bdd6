"""The text of an event: what the search box looks through, and what its words are made of."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, SQLColumnExpression, Text, cast, func, or_

from auditsaas.events import folding
from auditsaas.events.models import events

TEXTS: Final[tuple[SQLColumnExpression[str], ...]] = (
    events.c.activity,
    events.c.path,
    events.c.actor_id,
    events.c.actor_name,
    events.c.actor_email,
    func.host(events.c.ip),
    events.c.user_agent,
    events.c.request_id,
)
DOCUMENTS: Final[tuple[ColumnElement[Any], ...]] = (
    events.c.targets,
    events.c.metadata,
    events.c.changes,
)


def contains(words: str) -> ColumnElement[bool]:
    """Search the words, in any case, in any text of the event, its targets, metadata or changes."""
    return or_(folding.contains(TEXTS, words), folding.json_contains(DOCUMENTS, words))


def folded() -> ColumnElement[str]:
    """Select all that ``contains`` looks through, folded at once, its texts a line each.

    Quotes and backslashes of a text are as in JSON here, so that letters and digits alone are the
    very ones that ``contains`` compares; it takes half the time.
    """
    documents = (cast(document, Text) for document in DOCUMENTS)
    return func.fold_json(func.concat_ws(folding.LINE, *TEXTS, *documents))
