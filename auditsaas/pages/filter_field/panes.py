"""The controls of the filter field: one pane a filter, with what of it is chosen or typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from auditsaas.events.filter.event_filter import FILTERS
from auditsaas.events.folding import fold
from auditsaas.events.reading.facets import find_actors
from auditsaas.pages.audit_log.filter_panel import Option, ShownFacet
from auditsaas.pages.audit_log.log_scope import LogScope
from auditsaas.pages.filter_field.typed import Args, TypedFilter

FEW: Final = 12
"""Values that are offered without a box to find one."""
MOST: Final = 20
"""Values that are offered at once, besides those chosen."""
FIND: Final = "find-"
"""Begins the name of a pane's box to find a value; what is typed there is no part of the filter."""
NOUNS: Final = {
    "activity": "an activity",
    "browser": "a browser",
    "role": "a role",
    "user": "a user",
}


@dataclass(frozen=True, kw_only=True)
class Pane:
    """One filter: values to tick, addresses to type, or the two ends of a response time."""

    name: str
    title: str
    kind: Literal["options", "addresses", "times"] = "options"
    options: Sequence[Option] = ()
    typed: Sequence[str] = ()
    """What was typed: addresses, or the shortest and the longest time."""
    find: str | None = None
    """What is typed to find a value; None where all are offered."""
    chosen: int = 0

    @property
    def find_name(self) -> str:
        return FIND + self.name

    @property
    def noun(self) -> str:
        return NOUNS.get(self.name, "a value")


def panes(
    scope: LogScope, typed: TypedFilter, shown: Sequence[ShownFacet], finds: Args
) -> list[Pane]:
    """Arrange the filters as the log does; ``finds`` holds what is typed to find values."""
    facets = {facet.name: facet for facet in shown}
    found: list[Pane] = []
    for name in FILTERS:
        if name in facets and name != "workspace":
            found.append(_options(scope, facets[name], typed, finds.get(FIND + name, "")))
        elif name == "ip":
            found.append(_addresses(typed.args))
        elif name == "min_ms":
            found.append(_times(typed.args))
    return found


def words_of(shown: Sequence[Pane]) -> Mapping[tuple[str, str], str]:
    """Map the chosen values to what people call them."""
    return {
        (pane.name, option.value): option.label
        for pane in shown
        for option in pane.options
        if option.checked
    }


def _options(scope: LogScope, facet: ShownFacet, typed: TypedFilter, words: str) -> Pane:
    words = words[:100].replace("\x00", "").strip()
    every = _with_wrong(facet, typed)
    ticked = [option for option in every if option.checked]
    values = {option.value for option in ticked}
    listed = FILTERS[facet.name].panel == "listed"
    if facet.find_url is None and not words and not facet.room and len(every) <= FEW:
        return Pane(name=facet.name, title=facet.title, options=every, chosen=len(ticked))
    offered = _matching(scope, facet, every, words) if words else every
    if listed and words and words not in {option.value for option in offered}:
        # Not every value was seen lately, and a beginning that ends in * is none.
        offered = [*offered, Option(words, FILTERS[facet.name].shown(words))]
    rest = [option for option in offered if option.value not in values]
    return Pane(
        name=facet.name,
        title=facet.title,
        options=[*ticked, *rest[:MOST]],
        find=words,
        chosen=len(ticked),
    )


def _with_wrong(facet: ShownFacet, typed: TypedFilter) -> list[Option]:
    """List the options; what was sent of a filter that is wrong stays ticked, to be taken back."""
    every = [*facet.options, *facet.more_options]
    if facet.name not in typed.wrong:
        return every
    sent = dict.fromkeys(value.strip() for value in typed.args.getlist(facet.name))
    known = {option.value for option in every}
    every = [replace(option, checked=option.value in sent) for option in every]
    return every + [Option(value, value, checked=True) for value in sent if value not in known]


def _matching(
    scope: LogScope, facet: ShownFacet, every: Sequence[Option], words: str
) -> list[Option]:
    """Find the values that hold the words, those that begin with them first."""
    if facet.find_url is not None:
        return _people(scope, every, words)
    meant = fold(words)
    held = [o for o in every if meant in fold(o.label) or meant in fold(o.value)]
    return sorted(held, key=lambda o: not fold(o.label).startswith(meant))


def _people(scope: LogScope, every: Sequence[Option], words: str) -> list[Option]:
    counts = {option.value: option.count for option in every}
    actors = find_actors(scope.session, scope.chosen_ids(()), words, MOST)
    scope.show(actor.workspace_id for actor in actors)
    return [
        Option(
            value=actor.id,
            label=actor.label,
            sub=actor.standing,
            email=actor.email if actor.email and actor.email != actor.label else "",
            count=counts.get(actor.id),
        )
        for actor in actors
    ]


def _addresses(args: Args) -> Pane:
    typed = [value for value in args.getlist("ip") if value.strip()]
    known = FILTERS["ip"]
    return Pane(name="ip", title=known.heading, kind="addresses", typed=typed, chosen=len(typed))


def _times(args: Args) -> Pane:
    ends = [args.get("min_ms", "").strip(), args.get("max_ms", "").strip()]
    chosen = 1 if any(ends) else 0
    return Pane(name="ms", title="Response time", kind="times", typed=ends, chosen=chosen)
