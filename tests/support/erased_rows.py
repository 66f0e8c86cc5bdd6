"""A file in which parts of a row were erased, and forgeries of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from auditsaas.evidence.format import leaf
from auditsaas.evidence.format.notes import base64
from tests.support.proofs import Bundle, Line, Log, Row, written

LOG = Log.of(9)
SEQ = 4
PSEUDONYM = "erased-0123456789ab"
ALL = (5, 6, 8, 9, 11, 12, 13)


def erased_row(slots: tuple[int, ...]) -> Row:
    """The row as it is given after these slots were erased."""
    row = copy.deepcopy(LOG.rows[SEQ - 1])
    names = {8: ("ip",), 9: ("user_agent",), 10: ("path", "duration_ms"), 13: ("metadata",)}
    for slot in slots:
        for name in names.get(slot, ()):
            del row[name]
    if 5 in slots:
        row["actor"]["id"] = PSEUDONYM
    if 6 in slots:
        del row["actor"]["name"], row["actor"]["email"]
    if 9 in slots:
        row.update(platform="Other", browser="")
    return row


def line(slots: tuple[int, ...]) -> Line:
    salts = leaf.salts_of(LOG.seeds[SEQ - 1])
    kept = [bytes(16) if slot in slots else salt for slot, salt in enumerate(salts)]
    hashes = {str(slot): base64(LOG.slots[SEQ - 1][slot]) for slot in slots}
    return {"in": 1, "salts": [*map(base64, kept)], "erased": hashes, "mark": LOG.mark(SEQ)}


def bundle(slots: tuple[int, ...], query: dict[str, Any] | None = None) -> Bundle:
    made = LOG.file(query=query)
    made.rows[SEQ - 1] = written(erased_row(slots))
    made.lines[SEQ] = line(slots)
    return made.reseal()


def set_row(**fields: Any) -> Callable[[Bundle], object]:
    return lambda made: made.change_row(SEQ - 1, lambda row: row.update(fields))


def set_actor(**fields: Any) -> Callable[[Bundle], object]:
    return lambda made: made.change_row(SEQ - 1, lambda row: row["actor"].update(fields))


def salt(at: int, text: str) -> Callable[[Bundle], object]:
    return lambda made: made.lines[SEQ]["salts"].__setitem__(at, text)


def erased(**hashes: Any) -> Callable[[Bundle], object]:
    return lambda made: made.lines[SEQ]["erased"].update(hashes)


FORGERIES: dict[str, tuple[Callable[[Bundle], object], str]] = {
    "value put back": (set_row(metadata={"n": 1}), "metadata is said to be erased, and is there"),
    "empty value put back": (set_row(metadata={}), "metadata is said to be erased"),
    "id put back": (set_actor(id="u_3"), "actor.id is said to be erased"),
    "other pseudonym": (set_actor(id="erased-0123456789AB"), "actor.id is said to be erased"),
    "longer pseudonym": (set_actor(id=PSEUDONYM + "\n"), "actor.id is said to be erased"),
    "id of a number": (set_actor(id=7), "actor.id is said to be erased"),
    "name put back": (set_actor(name="Ann"), "actor.name or actor.email is said to be erased"),
    "platform put back": (set_row(platform="Linux"), "platform or browser is said to be erased"),
    "agent put back": (set_row(user_agent="x"), "platform or browser is said to be erased"),
    "ip put back": (set_row(ip="203.0.113.3"), "ip is said to be erased"),
    "another part changed": (set_row(status="error"), "status is not as it was written"),
    "part gone that is not erased": (
        lambda made: made.change_row(SEQ - 1, lambda row: row.pop("path")),
        "path or status_code",
    ),
    "salt of seventeen bytes": (salt(3, base64(bytes(17))), "bad base64"),
    "salts of fifteen": (lambda made: made.lines[SEQ]["salts"].pop(), "source or a field"),
    "salt of another slot": (salt(3, base64(bytes(16))), "status is not as it was written"),
    "slot 3 hidden as erased": (erased(**{"3": base64(bytes(32))}), "said to be erased"),
    "source hidden as erased": (erased(**{"15": base64(bytes(32))}), "said to be erased"),
    "slot that is none": (erased(**{"16": base64(bytes(32))}), "it has another form"),
    "negative slot": (erased(**{"-3": base64(bytes(32))}), "said to be erased"),
    "hash of another length": (erased(**{"13": base64(bytes(31))}), "bad base64"),
    "another hash": (erased(**{"13": base64(bytes(32))}), "metadata is not as it was written"),
}
