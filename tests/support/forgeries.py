"""Every kind of forgery of a file and its proof, for each program that checks them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from auditsaas.evidence.format import leaf
from auditsaas.evidence.format.notes import Checkpoint, SigningKey, base64
from tests.support.proofs import ORIGIN, START, STEP, Bundle, Line, Log

LOG = Log.of(21)
OTHER = Log.of(21, origin="audit.example.com/log/other")
FAILED = [n for n, row in enumerate(LOG.rows, 1) if row["status"] == "error"]
Forge = Callable[[Bundle], object]


def set_actor(**fields: Any) -> Forge:
    return lambda bundle: bundle.change_row(0, lambda row: row["actor"].update(fields))


def set_row(**fields: Any) -> Forge:
    return lambda bundle: bundle.change_row(0, lambda row: row.update(fields))


def set_head(**fields: Any) -> Forge:
    return lambda bundle: bundle.head.update(fields)


def hide(line: Callable[[int], Line]) -> Forge:
    """Take the first row out of the file, and let this line stand for it."""

    def forge(bundle: Bundle) -> None:
        bundle.rows.pop(0)
        bundle.lines[FAILED[0]] = line(FAILED[0])
        bundle.reseal()

    return forge


def false_value(seq: int) -> Line:
    line = LOG.opened(seq, leaf.STATUS)
    return {**line, "open": [*line["open"][:2], "success"]}


def wrong_slot(slot: object) -> Callable[[int], Line]:
    def line(seq: int) -> Line:
        made = LOG.opened(seq, leaf.STATUS)
        return {**made, "open": [slot, made["open"][1], "success"]}

    return line


def cut_rows(bundle: Bundle) -> None:
    bundle.rows.pop()
    bundle.reseal()


def add_row(bundle: Bundle) -> None:
    bundle.rows.append(bundle.rows[-1])
    bundle.reseal()


def swap_rows(bundle: Bundle) -> None:
    bundle.rows[:2] = bundle.rows[1::-1]
    bundle.reseal()


def move_row(bundle: Bundle) -> None:
    bundle.rows.append(bundle.rows.pop(0))
    bundle.reseal()


def swap_lines(bundle: Bundle) -> None:
    at = FAILED[0]
    bundle.lines[at : at + 2] = bundle.lines[at + 1 : at - 1 : -1]


def renumber(bundle: Bundle) -> None:
    bundle.change_row(0, lambda row: row.update(seq=row["seq"] + 1))


def other_size(bundle: Bundle) -> None:
    note = bundle.head["checkpoint"].replace("\n21\n", "\n20\n")
    bundle.head["checkpoint"] = note


def other_key_in_bundle(bundle: Bundle) -> None:
    """Sign the checkpoint anew, and leave the key that the reader has as it is."""
    stranger = SigningKey(ORIGIN, bytes(32))
    bundle.head["checkpoint"] = LOG.checkpoint.signed_by(stranger)


def other_root(bundle: Bundle) -> None:
    bundle.head["checkpoint"] = Checkpoint(ORIGIN, 21, bytes(32)).signed_by(LOG.key)


def take_proof_of_another_log(bundle: Bundle) -> None:
    bundle.lines = OTHER.by_status().lines


def take_proof_of_another_file(bundle: Bundle) -> None:
    bundle.lines = LOG.file().lines


def take_rows_of_another_file(bundle: Bundle) -> None:
    bundle.rows = LOG.file().rows
    bundle.reseal()


def other_white_space(bundle: Bundle) -> None:
    bundle.rows[0] = bundle.rows[0].replace(b":", b": ", 1)


def cut_head(bundle: Bundle) -> None:
    bundle.head.update(first=2)
    del bundle.lines[1]


def cut_tail(bundle: Bundle) -> None:
    bundle.head.update(last=20)
    del bundle.lines[-1]


FORGERIES: dict[str, tuple[Forge, str]] = {
    "value changed": (set_row(activity="user.delete"), "activity is not as it was written"),
    "value that the filter asks for": (set_row(status="success"), "status is not as"),
    "time changed": (set_row(occurred_at="2026-11-20T12:00:09Z"), "occurred_at is not as"),
    "arrival changed": (set_row(received_at="2026-11-20T12:00:09Z"), "received_at is not as"),
    "metadata changed": (set_row(metadata={"n": 1}), "metadata is not as it was written"),
    "source changed": (set_row(source="product:x"), "source or a field that was added is not"),
    "field added": (set_row(note="seen"), "source or a field that was added is not"),
    "field taken": (lambda b: b.change_row(0, lambda row: row.pop("ip")), "ip is not as"),
    "actor's field added": (set_actor(team="x"), "actor holds a field that was added"),
    "actor's field changed": (set_actor(role="owner"), "actor.role or actor.status is not as"),
    "number written as another": (set_row(duration_ms=1.25), "duration_ms or request_id is not"),
    "row dropped": (cut_rows, "line 5 of the file (number 19): it is missing"),
    "row added": (add_row, "line 6 of the file is not in the proof"),
    "rows swapped": (swap_rows, "line 1 of the file (number 3): it is number 7"),
    "row moved": (move_row, "line 1 of the file (number 3): it is number 7"),
    "lines swapped": (swap_lines, "line 1 of the file (number 4): it is number 3"),
    "row renumbered": (renumber, "line 1 of the file (number 3): it is number 4"),
    "row hidden by a false value": (hide(false_value), "not what the log holds"),
    "row hidden by slot -13": (hide(wrong_slot(-13)), "the proof of number 3"),
    "row hidden by slot 16": (hide(wrong_slot(16)), "the proof of number 3"),
    "row hidden by slot true": (hide(wrong_slot(True)), "the proof of number 3"),
    "row hidden by slot 3.0": (hide(wrong_slot(3.0)), "the proof of number 3"),
    "row hidden by another slot": (hide(wrong_slot(4)), "not what the log holds"),
    "row hidden as never sealed": (
        hide(lambda n: {"t": leaf.NEVER_SEALED, "root": base64(leaf.NO_FIELDS), "gone": 1}),
        "not what the log holds",
    ),
    "row hidden by a false time": (
        hide(lambda n: LOG.hidden(n) | {"t": START - STEP}),
        "not what the log holds",
    ),
    "other size": (other_size, "the signature"),
    "other root": (other_root, "not what the log holds"),
    "key swapped in the bundle": (other_key_in_bundle, "KEY did not sign"),
    "key of the reader is another": (
        lambda b: setattr(b, "key", str(SigningKey(ORIGIN, bytes(32)).verifier)),
        "KEY did not sign",
    ),
    "bundle of another workspace": (take_proof_of_another_log, "KEY did not sign"),
    "proof of another file": (take_proof_of_another_file, "(number 1): it is number 3"),
    "rows of another file": (take_rows_of_another_file, "(number 3): it is number 1"),
    "other bytes of the same events": (other_white_space, "not the file that was made"),
    "beginning cut": (cut_head, "not what the log holds"),
    "end cut": (cut_tail, "not what the log holds"),
    "proof cut": (lambda b: b.lines.pop(), "the proof of number 21: it is missing"),
    "proof prolonged": (lambda b: b.lines.append(b.lines[-1]), "the proof goes on"),
    "hashes beside left over": (set_head(outside=[base64(bytes(32))]), "not what the log holds"),
    "range moved": (set_head(first=2, last=22), "number"),
    "another form": (set_head(format="auditsaas-proof-v2"), "form"),
}
"""What is done to the file of the events that failed, and a part of the answer."""
