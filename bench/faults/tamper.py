"""The owner of the tables tampers with a sealed log, at places of chance; a check must name each.

The control is the same in a log that is not sealed, where nothing may be found.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Engine, NullPool
from sqlalchemy.orm import Session

from auditsaas.db import pools, tenancy, tickets
from auditsaas.db.tenancy import Scope
from auditsaas.events.event_sources import CLI
from auditsaas.events.schema import from_mapping
from auditsaas.events.writing.append import append
from auditsaas.evidence.checking import heads, scanning
from auditsaas.evidence.checking.finding import Finding
from auditsaas.evidence.tree import growing
from auditsaas.evidence.tree.keys import Keyring
from bench.faults.verdict import Verdict
from bench.installation import installation, open_workspaces
from config.settings import Settings
from tests.support.tampering import Owner, unguarded

SEED: Final = 20261127
EVENTS: Final = 700
YESTERDAY: Final = 400
"""The size of the log when its dump was made."""
PLACES: Final = 100
CONTROL_PLACES: Final = 10

Named = Callable[[Sequence[Finding]], bool]
"""Tells whether findings name what was done, and nothing else."""


@dataclass(frozen=True)
class Trial:
    """A log and its owner, and where chance strikes next."""

    owner: Owner
    chance: random.Random
    sealed: bool

    def seq(self) -> int:
        return self.chance.randint(1, EVENTS)

    def edits(self, seq: int, change: str) -> None:
        mine = f"WHERE workspace_id = :w AND seq = {seq}"
        self.owner.does(f"UPDATE events SET {change} {mine}")


EDITS: Final[Mapping[str, str]] = {
    "activity": "activity = activity || '.again'",
    "status": "status = CASE status WHEN 'error' THEN 'success' ELSE 'error' END",
    "method": "method = 'PATCH'",
    "actor.id": "actor_id = actor_id || '9'",
    "actor.name": "actor_name = 'Bob Ray'",
    "actor.email": "actor_email = 'bob@example.com'",
    "actor.role": "actor_role = 'owner'",
    "ip": "ip = '198.51.100.99'",
    "user_agent": "user_agent = 'curl/8.5'",
    "platform": "platform = 'BeOS'",
    "path": "path = path || '/x'",
    "status_code": "status_code = 418",
    "duration_ms": "duration_ms = duration_ms + 0.5",
    "targets": "targets = '[]'",
    "changes": "changes = '{\"total\"\\: [1, 2]}'",
    "metadata": "metadata = '{\"n\"\\: -1}'",
    "idempotency_key": "idempotency_key = 'mine'",
    "source": "source = 'product'",
    "received_at": "received_at = received_at - interval '1 second'",
}


def _edited(trial: Trial) -> Named:
    seq, field = trial.seq(), trial.chance.choice(sorted(EDITS))
    trial.edits(seq, EDITS[field])
    return lambda found: _is_one(found, "changed", seq) and _names(found[0], field)


def _deleted(trial: Trial) -> Named:
    seq = trial.seq()
    trial.owner.does(f"DELETE FROM events WHERE workspace_id = :w AND seq = {seq}")  # a number
    return lambda found: _is_one(found, "missing", seq)


def _inserted(trial: Trial) -> Named:
    like = trial.seq()
    number = trial.chance.choice([trial.seq(), EVENTS + trial.seq() + 50, -trial.seq()])
    trial.owner.does(_copy(like, number))
    return lambda found: _is_one(found, "inserted", number)


def _renumbered(trial: Trial) -> Named:
    seq = trial.seq()
    others = [EVENTS + 50 + seq, -seq, seq % EVENTS + 1]
    number = trial.chance.choice(others)
    trial.edits(seq, f"seq = {number}")
    return lambda found: _is_one(found, "moved", seq) and found[0].other_seq == number


def _swapped(trial: Trial) -> Named:
    one, other = sorted(trial.chance.sample(range(1, EVENTS + 1), 2))
    trial.owner.does(
        f"UPDATE events SET seq = {one} + {other} - seq"  # numbers
        f" WHERE workspace_id = :w AND seq IN ({one}, {other})"
    )
    return lambda found: _is_one(found, "swapped", one) and found[0].other_seq == other


def _at_another_time(trial: Trial) -> Named:
    seq, by = trial.seq(), trial.chance.choice(["1 day", "1 hour", "0.000001 s"])
    sign = trial.chance.choice("+-")
    trial.edits(seq, f"occurred_at = occurred_at {sign} interval '{by}'")
    return lambda found: _is_one(found, "changed", seq) and _names(found[0], "occurred_at")


REWRITTEN: Final = (("leaf",), ("leaf", "tile"), ("leaf", "tile", "root"))


def _sealed_anew(trial: Trial) -> Named:
    """Edit the tree, too: its leaf or seed alone, or an event and as much of the tree over it."""
    seq = trial.seq()
    n, place = divmod(seq - 1, 256)
    column, at = trial.chance.choice([("preimages", place * 40 + 9), ("seeds", place * 16 + 1)])
    if trial.sealed and trial.chance.random() < 0.4:
        trial.owner.does(
            f"UPDATE tree_leaves SET {column} = overlay({column} placing '\\xdeadbeef'"  # numbers
            f" from {at + trial.chance.randrange(12)}) WHERE workspace_id = :w AND n = {n}"
        )
        return lambda found: _is_one(found, "seal", seq)
    field = trial.chance.choice(sorted(EDITS))
    trial.edits(seq, EDITS[field])
    if trial.sealed:
        trial.owner.reseal(seq, *trial.chance.choice(REWRITTEN))
    return lambda found: (
        any(each.kind == "changed" and each.seq == seq and _names(each, field) for each in found)
        and all(each.kind in ("changed", "seal") for each in found)
    )


def _restored(trial: Trial) -> Named:
    """Bring yesterday's log back: alone, with events written anew after it, or with its tree."""
    end = trial.chance.randint(1, EVENTS - 3)
    how = trial.chance.choice(["log", "anew", "tree"] if trial.sealed else ["log", "anew"])
    if how == "tree":
        trial.owner.take_back("yesterday", but=("checkpoints",))
        return lambda found: {each.kind for each in found} == {"behind"} and _last(found) == EVENTS
    rows = f"DELETE FROM events WHERE workspace_id = :w AND seq > {end}"  # a number
    if how == "log":
        trial.owner.does(rows, _head(end))
        return lambda found: _is_one(found, "behind", end + 1) and _last(found) == EVENTS
    again = trial.chance.randint(1, min(5, EVENTS - end))
    copies = [_copy(number, end + number, "'received_at', now()") for number in range(1, again + 1)]
    trial.owner.does(rows, _head(end + again), *(copies if again <= end else copies[:end]))
    return lambda found: (
        _holds(found, "replaced", end + 1)
        and (end + again == EVENTS or _holds(found, "behind", end + again + 1))
    )


KINDS: Final[Mapping[str, Callable[[Trial], Named]]] = {
    "a value edited": _edited,
    "deleted": _deleted,
    "slipped in": _inserted,
    "renumbered": _renumbered,
    "two swapped": _swapped,
    "the time changed": _at_another_time,
    "the tree edited as well": _sealed_anew,
    "yesterday's dump restored": _restored,
}


def tampered(places: int = PLACES) -> Verdict:
    """Tamper in each way at so many places, and count what is found and rightly named."""
    with installation("tamper") as settings:
        engine = pools.make_engine(settings.owner_url, poolclass=NullPool)
        sealed, unsealed = _logs(settings)
        found, named, wrong = _trials(settings, engine, sealed, places, is_sealed=True)
        control, _, _ = _trials(settings, engine, unsealed, CONTROL_PLACES, is_sealed=False)
        engine.dispose()
    total = len(KINDS) * places
    return Verdict(
        f"a sealed log of {EVENTS}, tampered with by the owner",
        f"{len(KINDS)} kinds × {places} places of chance",
        f"{found.total()} of {total} found, {named.total()} named rightly ("
        + ", ".join(f"{kind}: {named[kind]}" for kind in KINDS)
        + ")",
        "; ".join(wrong[:5]),
        f"in a log without a tree {control.total()} of {len(KINDS) * CONTROL_PLACES} are found",
        found.total() == named.total() == total and not control,
    )


def _trials(
    settings: Settings, engine: Engine, workspace: UUID, places: int, *, is_sealed: bool
) -> tuple[Counter[str], Counter[str], list[str]]:
    found, named, wrong = Counter[str](), Counter[str](), []
    with unguarded(engine, workspace) as owner, _session(settings, workspace) as session:
        if is_sealed:
            _grow(settings, session, workspace, YESTERDAY)
            owner.keep("yesterday")
            _grow(settings, session, workspace, EVENTS)
        else:
            _write(session, workspace, EVENTS)
        owner.keep()
        for kind, tamper in KINDS.items():
            trial = Trial(owner, random.Random(f"{SEED}{kind}"), is_sealed)
            for _ in range(places):
                names = tamper(trial)
                told = scanning.check(session, workspace)
                owner.take_back()
                found[kind] += bool(told)
                named[kind] += names(told)
                if not names(told):
                    wrong.append(f"{kind}: {[each.words for each in told]}")
        assert scanning.check(session, workspace) == []
    return +found, +named, wrong


def _logs(settings: Settings) -> tuple[UUID, UUID]:
    sealed, unsealed = open_workspaces(settings, 2)
    return sealed.workspace, unsealed.workspace


@contextmanager
def _session(settings: Settings, workspace: UUID) -> Iterator[Session]:
    tickets.sign_with(settings.secret_key)
    engine = pools.make_engine(settings.database_url, poolclass=NullPool)
    with Session(engine) as session:
        yield tenancy.bind(Scope.of(workspace), session)
    engine.dispose()


def _grow(settings: Settings, session: Session, workspace: UUID, until: int) -> None:
    """Write events up to a number, of which the tree writes the second itself, and seal them."""
    ring = Keyring.of(settings)
    growing.grow(workspace, ring, at_once=True, session=session)
    _write(session, workspace, until - heads.log_end(session, workspace))
    growing.grow(workspace, ring, at_once=True, session=session)
    assert heads.log_end(session, workspace) == until


def _write(session: Session, workspace: UUID, number: int) -> None:
    now = datetime.now(UTC)
    given = [from_mapping(_event(i, now), now) for i in range(number)]
    append(session, workspace, given, source=CLI)
    session.commit()


def _event(i: int, now: datetime) -> dict[str, Any]:
    return {
        "activity": ("invoice.update", "user.login", "file.read")[i % 3],
        "status": "error" if i % 11 == 0 else "success",
        "actor": {
            "id": f"u_{i % 17}",
            "name": f"Ann Lee {i % 17}",
            "email": f"a{i % 17}@example.com",
        },
        "method": "POST",
        "path": f"/invoices/{i}",
        "status_code": 200,
        "duration_ms": i % 90 + 0.25,
        "ip": f"203.0.113.{i % 250}",
        "metadata": {"n": i, "share": i / 7},
        "idempotency_key": f"{now:%f}-{i}",
        "occurred_at": (now - timedelta(minutes=i)).isoformat(),
    }


def _copy(like: int, number: int, more: str = "") -> str:
    """Write the statement that adds a row like another's, with a new id and a number."""
    also = f", {more}" if more else ""
    fresh = f"'id', gen_random_uuid(), 'seq', CAST({number} AS bigint){also}"
    return (
        "INSERT INTO events SELECT"
        f" (json_populate_record(e, json_build_object({fresh}))).*"
        f" FROM events AS e WHERE workspace_id = :w AND seq = {like}"
    )


def _head(end: int) -> str:
    return f"UPDATE log_heads SET seq = {end} WHERE workspace_id = :w"  # a number


def _is_one(found: Sequence[Finding], kind: str, seq: int) -> bool:
    return len(found) == 1 and found[0].kind == kind and found[0].seq == seq


def _holds(found: Sequence[Finding], kind: str, seq: int) -> bool:
    return any(each.kind == kind and each.seq == seq for each in found)


def _last(found: Sequence[Finding]) -> int | None:
    return max((each.last_seq or 0 for each in found), default=None)


def _names(finding: Finding, field: str) -> bool:
    """Tell whether this field is named, alone or with others of its slot, and no other slot."""
    named = [name for each in finding.fields for name in each.field.split(", ")]
    return len(finding.fields) == 1 and field in named
