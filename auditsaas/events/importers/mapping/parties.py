"""The actor, the targets and the changes of an event, by a mapping."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from auditsaas.events.importers.fitting import LONGEST_ACTOR, MOST_TARGETS, email_in
from auditsaas.events.importers.mapping.draft import Draft
from auditsaas.events.importers.mapping.expressions import Said, said
from auditsaas.events.importers.mapping.form import Changes, Targets
from auditsaas.events.importers.mapping.paths import Found, elements
from auditsaas.events.schema import MAX_JSON_BYTES, too_deep

LONGEST_ROLE = 128
LONGEST_TYPE = 128
LONGEST_FIELD = 128
_STATES = ("active", "disabled")


def add_actor(draft: Draft) -> None:
    """Add the actor: by id, else e-mail address, name or IP address; else `unknown`."""
    named = {name: draft.said(f"actor.{name}") for name in ("id", "email", "name")}
    found = next((one for one in named.values() if one is not None and one.text), None)
    identity = draft.fitted(found, LONGEST_ACTOR) or draft.event.get("ip") or "unknown"
    actor = draft.event["actor"] = {"id": identity}
    if (name := draft.fitted(named["name"], LONGEST_ACTOR)) is not None:
        actor["name"] = name
    email = named["email"]
    if email is not None and email_in(email.text):
        actor["email"] = draft.fitted(email, 320)
    elif email_in(identity) and ":" not in identity:
        actor["email"] = identity
    if (role := draft.fitted(draft.said("actor.role"), LONGEST_ROLE)) is not None:
        actor["role"] = role
    state = draft.said("actor.status")
    if state is not None and state.text in _STATES:
        actor["status"] = state.text
        draft.use(state)


def add_targets(draft: Draft) -> None:
    """Add the first twenty targets; where there are more, all stay in metadata as well."""
    found = (
        _target(targets, element)
        for targets in draft.mapping.targets
        for element in _each(draft, targets)
    )
    made = [one for one in found if one is not None]
    told: dict[tuple[str, str], dict[str, str]] = {}
    for target, _ in made:
        known = told.setdefault((target["type"], target["id"]), target)
        known |= {name: text for name, text in target.items() if name not in known}
    if not told:
        return
    draft.event["targets"] = list(told.values())[:MOST_TARGETS]
    for target, sources in made if len(told) <= MOST_TARGETS else []:
        if told[target["type"], target["id"]].get("name") == target.get("name"):
            for source in sources:
                draft.use(source)


def add_changes(draft: Draft) -> None:
    """Add the changes where they fit; else they stay in metadata."""
    changed: dict[str, list[Any]] = {}
    sources: list[Said] = []
    for changes in draft.mapping.changes:
        for element in _each(draft, changes):
            name = said(changes.field, element.value, element.place)
            before = said(changes.before, element.value, element.place)
            after = said(changes.after, element.value, element.place)
            text = None if name is None else name.text
            if text and (before or after) and text not in changed and len(text) <= LONGEST_FIELD:
                changed[text] = [one.value if one else None for one in (before, after)]
                sources += [one for one in (name, before, after) if one is not None]
    if changed and not too_deep(changed) and len(msgspec.json.encode(changed)) <= MAX_JSON_BYTES:
        draft.event["changes"] = changed
        for source in sources:
            draft.use(source)


def _each(draft: Draft, of: Targets | Changes) -> Iterator[Found]:
    if of.each is None:
        return iter([Found(draft.record, ())])
    return elements(draft.record, of.each)


def _target(targets: Targets, element: Found) -> tuple[dict[str, str], list[Said]] | None:
    kind, identity, name = (
        said(expression, element.value, element.place)
        for expression in (targets.type, targets.id, targets.name)
    )
    known_as = identity or name
    if known_as is None or known_as.text is None:
        return None
    target = {"type": "target", "id": known_as.text[:LONGEST_ACTOR]}
    if kind is not None and kind.text is not None:
        target["type"] = kind.text[:LONGEST_TYPE]
    if name is not None and name.text is not None:
        target["name"] = name.text[:LONGEST_ACTOR]
    longest = {"type": LONGEST_TYPE}
    told = {"type": kind, "id": known_as, "name": name}
    whole = [
        one
        for key, one in told.items()
        if one is not None and len(one.text or "") <= longest.get(key, LONGEST_ACTOR)
    ]
    return target, whole
