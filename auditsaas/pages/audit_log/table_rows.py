"""The rows of the table, as ``audit_logs/_row.html`` draws them, in a small part of its time.

Jinja takes longer for the fifty rows of a page than PostgreSQL takes to find them, and does the
same for each: rows that have the same texts (a target or none, a response time or none …) differ in
nothing but what these say. So the template draws one row of each kind, with marks where its texts
belong. Cut at the marks, it is a stencil, and the rows of its kind are their texts, escaped and
filled in.

What a row looks like is in the template alone. It may show a text, and ask whether there is one;
all else that it asks for is no text (``LOOKS``). A test draws strange rows both ways, and compares
their bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Final, NamedTuple

from flask import current_app
from markupsafe import Markup, escape

from auditsaas.events.presenter import PresentedEvent
from auditsaas.formatting import numbers, times
from auditsaas.formatting.viewer import Viewer

TEMPLATE: Final = "audit_logs/_row.html"
_MARK: Final = re.compile("\ue000(\\w+)\ue001")
"""Private characters, which no template has."""
_BETWEEN: Final = "\x00"
"""No text of PostgreSQL's has it, and none that was made visible."""


class LogRow(NamedTuple):
    """One row of the table: how it looks, and then its texts, '' where it has none."""

    failed: bool
    disabled: bool
    """Whether its user is, as known now."""
    level: int
    """Of its response time, from 1; 0 where it has none."""

    id: str
    """Never ''."""
    url: str
    label: str
    activity: str
    activity_value: str
    """The activity as a filter writes it; so are the actor's id and the source further on."""
    target: str
    method: str
    status: str
    code: str
    ms: str
    ms_words: str
    ms_width: str
    user: str
    user_sub: str
    actor_value: str
    platform: str
    browser: str
    ip: str
    workspace: str
    source: str
    source_value: str
    iso: str
    date: str
    time: str
    letters: str
    relative: str


LOOKS: Final = 3
"""How many of a row's fields are not texts."""
TEXTS: Final = LogRow._fields[LOOKS:]


class Table(NamedTuple):
    """Traits that the rows of one table have in common."""

    hidden: frozenset[str] = frozenset()
    """The columns that the viewer hides."""
    workspace: bool = False
    """Whether it has a column of workspaces."""
    tells_unknown_source: bool = False


@dataclass(frozen=True, slots=True)
class Stencil:
    """A row without its texts, as a format, and how these are picked from all in order."""

    form: str
    pick: Callable[[Sequence[str]], tuple[str, ...]]


def log_row(event: PresentedEvent, viewer: Viewer, now: datetime, tail: str = "") -> LogRow:
    """Write an event as a row; ``tail`` follows its address."""
    latency = event.latency
    return LogRow(
        event.failed,
        event.disabled,
        latency.level if latency else 0,
        event.id,
        event.url + tail,
        event.label,
        event.activity,
        event.activity_value,
        event.target,
        event.method,
        event.status,
        event.code,
        numbers.milliseconds(latency.ms)[:-3] if latency else "",
        latency.word if latency else "",
        str(latency.width) if latency else "",
        event.user,
        event.user_sub,
        event.actor_value,
        event.platform,
        event.browser,
        event.ip,
        event.workspace,
        event.source,
        event.source_value,
        *times.moment(event.occurred_at, viewer, now),
    )


def draw(rows: Sequence[LogRow], table: Table) -> Markup:
    """Draw the rows of a table."""
    every = chain.from_iterable(row[LOOKS:] for row in rows)
    # One call for all of them: each would cost more than what it does.
    texts = str(escape(_BETWEEN.join(every))).split(_BETWEEN)
    drawn = []
    for at, row in enumerate(rows):
        stencil = _stencil(table, row[:LOOKS], tuple(map(bool, row[LOOKS:])))
        own = texts[at * len(TEXTS) : (at + 1) * len(TEXTS)]
        drawn.append(stencil.form % stencil.pick(own))
    return Markup("".join(drawn))  # noqa: S704  # the template's own, and texts that were escaped


@lru_cache(maxsize=1024)
def _stencil(table: Table, looks: tuple[bool, bool, int], there: tuple[bool, ...]) -> Stencil:
    """Draw a row of marks, and cut it at them; ``there`` says which texts it has."""
    marks = [f"\ue000{name}\ue001" if has else "" for name, has in zip(TEXTS, there, strict=True)]
    template = current_app.jinja_env.get_template(TEMPLATE)
    pieces = _MARK.split(template.render(row=LogRow(*looks, *marks), table=table))
    form = "%s".join(piece.replace("%", "%%") for piece in pieces[::2])
    return Stencil(form, itemgetter(*map(TEXTS.index, pieces[1::2])))
