"""A small sealed log in memory, its files with their proofs, and what the verifier says of them."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from auditsaas.db.ids import EPOCH
from auditsaas.events.stored import rfc3339
from auditsaas.evidence.format import leaf, merkle
from auditsaas.evidence.format.notes import Checkpoint, SigningKey, base64
from auditsaas.evidence.format.tlog_proof import TlogProof
from auditsaas.evidence.verifier import auditlog_verify

START = 1_795_176_000_000_000
"""2026-11-20 12:00 UTC in microseconds; the events are a second apart."""
STEP = 1_000_000
ORIGIN = "audit.example.com/log/01a1f8d3-0000-7000-8000-0000000000ac"

Row = dict[str, Any]
Line = dict[str, Any]


def moment(micros: int) -> str:
    """Write microseconds since 1970 as the API writes a time."""
    return rfc3339(EPOCH + timedelta(microseconds=micros))


def event(index: int, **changed: Any) -> Row:
    """An invented event; every fourth failed, every third is of a key."""
    at = moment(START + index * STEP)
    person = {"id": f"u_{index % 5}", "name": "Ann É 𝄞", "email": f"u{index % 5}@acme.example"}
    standing = {"role": "admin", "status": "disabled"} if index % 5 == 3 else {"role": "member"}
    made = {
        "id": f"01a1f8d3-ea00-7000-8daf-{index:012}",
        "seq": index + 1,
        "workspace": "acme",
        "occurred_at": at,
        "received_at": at,
        "activity": ("user.login", "invoice.update", "user.logout")[index % 3],
        "status": "error" if index % 4 == 2 else "success",
        "actor": {**person, **standing},
        "method": "POST",
        "path": f"/invoices/{index}",
        "ip": f"203.0.113.{index}",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
        "platform": "Linux",
        "browser": "Firefox",
        "duration_ms": 1.5,
        "metadata": {"n": 12345678901234567890, "x": 1e-7, "\ue000": 1, "\U00010000": 2},
        "source": "product" if index % 3 else "api:01a1f8d3-0000-7000-8000-000000000001",
    }
    return {**made, **changed}


@dataclass
class Bundle:
    """What a person is given: the file, the lines of its proof, and a key."""

    rows: list[bytes]
    lines: list[Any]
    key: str

    @property
    def head(self) -> dict[str, Any]:
        head: dict[str, Any] = self.lines[0]
        return head

    def reseal(self) -> Bundle:
        """State the digest of the file as it is now, as a forger would."""
        self.head["sha256"] = hashlib.sha256(b"".join(self.rows)).hexdigest()
        return self

    def change_row(self, at: int, change: Callable[[Row], object]) -> Bundle:
        row = json.loads(self.rows[at])
        change(row)
        self.rows[at] = written(row)
        return self.reseal()

    @property
    def proof(self) -> bytes:
        return b"".join(one if isinstance(one, bytes) else written(one) for one in self.lines)


@dataclass(frozen=True)
class Log:
    """A log of some events, all of them sealed under one checkpoint."""

    rows: Sequence[Row]
    origin: str = ORIGIN
    secret: bytes = bytes(range(32))
    vacant: frozenset[int] = frozenset()
    """Numbers that retention had removed before the log was first sealed."""
    seeds: Sequence[bytes] = field(init=False)

    def __post_init__(self) -> None:
        made = [hashlib.sha256(f"{self.origin} {n}".encode()).digest() for n in range(len(self))]
        object.__setattr__(self, "seeds", [one[: leaf.SEED_BYTES] for one in made])

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, size: int, **more: Any) -> Log:
        return cls([event(index) for index in range(size)], **more)

    @cached_property
    def key(self) -> SigningKey:
        return SigningKey(self.origin, self.secret)

    @cached_property
    def slots(self) -> list[list[bytes]]:
        pairs = zip(self.rows, self.seeds, strict=True)
        return [leaf.slot_hashes(leaf.parts_of(row), seed) for row, seed in pairs]

    @cached_property
    def kept(self) -> list[tuple[int, bytes]]:
        """The time and the fields of each number."""
        times = [leaf.micros_of(row["occurred_at"]) for row in self.rows]
        found = zip(times, map(leaf.fields_hash, self.slots), strict=True)
        none = (leaf.NEVER_SEALED, leaf.NO_FIELDS)
        return [none if at + 1 in self.vacant else one for at, one in enumerate(found)]

    @cached_property
    def leaves(self) -> list[bytes]:
        return [leaf.leaf_hash(n, leaf.preimage(*kept)) for n, kept in enumerate(self.kept, 1)]

    @cached_property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.origin, len(self), merkle.root_of(self.leaves))

    @cached_property
    def note(self) -> str:
        return self.checkpoint.signed_by(self.key)

    def outside(self, first: int, last: int) -> list[str]:
        nodes = merkle.nodes_of(self.leaves)
        return list(map(base64, merkle.outside(first - 1, last, len(self), nodes)))

    def mark(self, seq: int) -> str:
        hashes = (self.leaves[seq - 1], *self.slots[seq - 1])
        return base64(b"".join(one[:2] for one in hashes))

    def row_line(self, seq: int) -> Line:
        return {"in": 1, "seed": base64(self.seeds[seq - 1]), "mark": self.mark(seq)}

    def hidden(self, seq: int, **more: Any) -> Line:
        """The line of a number of which only the time is shown."""
        time, fields = self.kept[seq - 1]
        return {"t": time, "root": base64(fields), **more}

    def opened(self, seq: int, slot: int) -> Line:
        """The line of a number of which one slot is shown."""
        salt = leaf.salts_of(self.seeds[seq - 1])[slot]
        value = leaf.parts_of(self.rows[seq - 1])[slot]
        path = list(merkle.outside(slot, slot + 1, 16, merkle.nodes_of(self.slots[seq - 1])))
        opened = [slot, base64(salt), value]
        return {"t": self.kept[seq - 1][0], "open": opened, "path": list(map(base64, path))}

    def file(
        self,
        wanted: Callable[[Row], bool] = lambda row: True,
        query: Mapping[str, Any] | None = None,
        first: int = 1,
        last: int = 0,
        instead: Mapping[int, Line] | None = None,
        **head: Any,
    ) -> Bundle:
        """Make the file of the events that are wanted; others are shown as ``instead`` has it."""
        last, instead = last or len(self), instead or {}
        chosen = [
            n for n in range(first, last + 1) if n not in instead and wanted(self.rows[n - 1])
        ]
        lines = [
            self.row_line(n) if n in chosen else instead.get(n) or self.hidden(n)
            for n in range(first, last + 1)
        ]
        made: Line = {"format": "auditsaas-proof-v1", "checkpoint": self.note}
        made |= {"first": first, "last": last, "query": dict(query or {}), "cut": 0}
        made |= {"outside": self.outside(first, last), **head}
        rows = [written(self.rows[n - 1]) for n in chosen]
        return Bundle(rows, [made, *lines], str(self.key.verifier)).reseal()

    def by_status(self) -> Bundle:
        """Make the file of the events that failed; each other shows its status."""
        others = [n for n, row in enumerate(self.rows, 1) if row["status"] != "error"]
        shown = {n: self.opened(n, leaf.STATUS) for n in others}
        return self.file(query={"status": ["error"]}, instead=shown)

    def proof_of(self, seq: int, **extra: Any) -> str:
        """The proof of one event."""
        path = merkle.inclusion(seq - 1, len(self), merkle.nodes_of(self.leaves))
        given = extra or {"seed": base64(self.seeds[seq - 1])}
        return TlogProof(seq - 1, tuple(path), self.note, given).text


# Most of the time goes into signatures, of which tests check the same ones again and again.
vars(auditlog_verify)["signs"] = lru_cache(auditlog_verify.signs)


class Answer(NamedTuple):
    code: int
    words: str


PROVEN, REFUSED, MISUSED, INCOMPLETE = range(4)


def written(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def answer(bundle: Bundle) -> Answer:
    """What the verifier says of a bundle."""
    return answer_to(b"".join(bundle.rows), gzip.compress(bundle.proof, 1), bundle.key)


def answer_to(file: bytes, proof: bytes, key: str, name: str = "events.jsonl") -> Answer:
    """What the verifier says of files with this content."""
    with TemporaryDirectory() as folder:
        at = Path(folder)
        (at / name).write_bytes(file)
        (at / "proof").write_bytes(proof)
        return said(str(at / name), str(at / "proof"), key)


def said(*arguments: str) -> Answer:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = auditlog_verify.main(list(arguments))
    return Answer(code, out.getvalue())
