"""A log's checkpoints are cosigned by others, who are believed in what they prove and no more."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from time import time
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from auditsaas.errors import Conflict, Invalid
from auditsaas.evidence import models
from auditsaas.evidence.format import notes
from auditsaas.evidence.format.cosignatures import CosigningKey, cosignatures
from auditsaas.evidence.format.notes import Checkpoint, SigningKey, VerifierKey
from auditsaas.evidence.tree import checkpoints
from auditsaas.evidence.witnesses import holders, outside, registry, rounds
from auditsaas.evidence.witnesses.models import cosignatures as kept
from auditsaas.evidence.witnesses.models import witnesses
from auditsaas.evidence.witnesses.registry import WantedWitness
from auditsaas.evidence.witnesses.rounds import Outcome
from auditsaas.outgoing.errors import AddressRefused, Unanswered
from auditsaas.outgoing.policy import Policy
from auditsaas.workspaces.models import Workspace
from tests.support.factories import append_events, event_input, make_workspace, scoped
from tests.support.sealing import own_key, seal, vkey
from tests.support.witnesses import Lie, Witness, http, witnessing


class Log:
    """A sealed log and one witness of it."""

    def __init__(self, workspace: Workspace, witness: Witness) -> None:
        self.workspace, self.witness = workspace, witness

    def grow(self, events: int = 3) -> int:
        append_events(self.workspace, [event_input(metadata={"n": n}) for n in range(events)])
        return seal(self.workspace).size

    def ask(self) -> Outcome:
        """Ask the witness now, due or not."""
        with scoped(self.workspace.id) as session:
            session.execute(update(witnesses).values(next_try_at=func.now()))
            session.commit()
            [known] = registry.listed(session, self.workspace.id)
            return rounds.ask(session, self.witness.policy, self.workspace.id, known.id)

    @property
    def known(self) -> registry.Witness:
        with scoped(self.workspace.id) as session:
            return registry.listed(session, self.workspace.id)[0]

    def read(self, function: Any, *more: Any) -> Any:
        with scoped(self.workspace.id) as session:
            return function(session, self.workspace.id, *more)


def add(workspace: Workspace, witness: Witness, **more: Any) -> registry.Witness:
    wanted = WantedWitness(
        **{"name": witness.key.name, "vkey": str(witness.key.verifier), "url": witness.url} | more
    )
    with scoped(workspace.id) as session:
        added = registry.add(session, witness.policy, workspace.id, wanted)
        session.commit()
    return added


@pytest.fixture
def witness() -> Iterator[Witness]:
    with witnessing() as made:
        yield made


@pytest.fixture
def log(workspace: Workspace, witness: Witness) -> Log:
    made = Log(workspace, witness)
    made.grow()
    add(workspace, witness)
    return made


def test_checkpoint_is_cosigned_and_its_cosignature_kept(log: Log) -> None:
    assert log.ask() == Outcome(cosigned=log.known.last_size)
    sealed = seal(log.workspace)
    lines = log.read(holders.lines, sealed.size)
    [signed] = cosignatures(
        notes.split(sealed.note)[0], lines.splitlines(), log.witness.key.verifier
    )
    assert log.known.last_at == datetime.fromtimestamp(signed.seconds or 0, UTC)
    assert notes.checkpoint(sealed.note + lines, VerifierKey.parse(vkey(log.workspace)))
    with scoped(log.workspace.id) as session:
        assert session.scalars(select(models.checkpoints.c.kept)).all() == [True]


def test_growing_log_is_cosigned_from_size_to_size(log: Log) -> None:
    sizes = []
    for events in (1, 300, 2):
        sizes.append(log.grow(events))
        assert log.ask().cosigned == sizes[-1]
    olds = [body.split(b"\n")[0].decode() for body in log.witness.asked]
    assert olds == ["old 0", f"old {sizes[0]}", f"old {sizes[1]}"]


def test_witness_that_holds_an_older_head_is_asked_from_there(log: Log) -> None:
    """As after the log's database lost what it knew of the witness."""
    first = log.ask().cosigned
    last = log.grow(500)
    with scoped(log.workspace.id) as session:
        session.execute(update(witnesses).values(last_size=0))
        session.commit()
    assert log.ask().cosigned == last
    assert [body[:6] for body in log.witness.asked] == [
        b"old 0\n",
        b"old 0\n",
        f"old {first}\n".encode()[:6],
    ]


def test_head_that_was_just_cosigned_is_not_sent_again(log: Log) -> None:
    log.ask()
    assert log.ask() == Outcome()
    with scoped(log.workspace.id) as session:
        session.execute(update(witnesses).values(last_at=func.now() - timedelta(hours=2)))
        session.commit()
    assert log.ask().cosigned == log.known.last_size  # so its age is known
    assert len(log.witness.asked) == 2


def signed_by(key: CosigningKey, seconds: float = 0) -> Lie:
    def lie(_: Witness, body: bytes) -> bytes:
        text = body.decode().partition("\n\n")[2].rpartition("\n\n")[0] + "\n"
        return http(200, key.line(text, int(time() + seconds)))

    return lie


def another_head(witness: Witness, _: bytes) -> bytes:
    return http(200, witness.key.line(Checkpoint("other.example", 1, bytes(32)).text, 1))


def always(answer: bytes) -> Lie:
    return lambda *_: answer


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        (signed_by(CosigningKey("witness.example/w1", bytes(32))), "without a signature of the"),
        (signed_by(CosigningKey("other.example", bytes(32))), "without a signature of the key"),
        (another_head, "no signature of its: the cosignature of witness.example/w1 is wrong"),
        (lambda w, body: signed_by(w.key, 3600)(w, body), "in the future"),
        (always(http(200, "\u2014 witness.example/w1 AAAA\n")), "without a signature"),
        (always(http(200, "")), "without a signature"),
        (always(http(200, "x" * 70_000)), "more than a witness has to say"),
        (always(http(409, "0\n", "text/x.tlog.size")), "refuses the size that it says it holds"),
        (always(http(409, "many\n")), "does not say which"),
        (always(http(409, "9" * 30)), "does not say which"),
        (always(http(409, "900\n")), "says that it holds 900 events; this log has"),
        (always(http(422)), "does not find this log in the one it holds"),
        (always(http(400)), "does not understand"),
        (always(http(403)), "does not know the key"),
        (always(http(404)), "does not know this log"),
        (always(http(429)), "asked too often"),
        (always(http(500)), "the status 500"),
        (always(http(302, Location="http://127.0.0.1/")), "the status 302"),
        (always(b"nonsense\r\n\r\n"), "did not answer as HTTP has it"),
    ],
)  # fmt: skip
def test_witness_that_lies_is_not_believed_and_left_alone(log: Log, lie: Lie, words: str) -> None:
    log.witness.lie = lie
    before = datetime.now(UTC)
    assert words in (log.ask().error or "")
    known = log.known
    assert (known.attempts, known.last_at, known.last_size) == (1, None, 0)
    assert words in (known.last_error or "")
    assert known.next_try_at > before + timedelta(seconds=20)
    with scoped(log.workspace.id) as session:
        assert session.scalars(select(kept.c.line)).all() == []
    assert log.read(outside.refusal) is None
    log.witness.lie = None
    assert log.ask().cosigned
    assert (log.known.attempts, log.known.last_error, log.known.failing_since) == (0, None, None)


def test_wait_rises_to_an_hour_and_heeds_what_a_witness_asks_for(log: Log) -> None:
    waits = [rounds.pause(n).total_seconds() for n in (1, 2, 3, 8, 400)]
    assert [
        round(wait / 30 / n, 0) for wait, n in zip(waits, (1, 2, 4, 120, 120), strict=True)
    ] == [1] * 5
    now = datetime.now(UTC)
    for told, least in (("1800", 1790), ("99999999", 6 * 3600 - 10)):
        log.witness.lie = always(http(429, Retry_After=told))
        log.ask()
        waits.append((log.known.next_try_at - now).total_seconds())
        assert least < waits[-1] < 6 * 3600 + 60


def test_witness_that_goes_back_is_not_believed_again(log: Log) -> None:
    log.ask()
    log.grow()
    log.witness.size, log.witness.note = 0, ""
    assert "it went back, and is not believed" in (log.ask().error or "")
    assert "it went back" in (log.ask().error or "")


def test_head_that_a_witness_shows_stops_a_log_that_was_brought_back(log: Log) -> None:
    """The witness holds more than the log, signed by its own key: as after an older backup."""
    size = log.grow()
    log.ask()
    ahead = Checkpoint(f"{vkey(log.workspace).partition('+')[0]}", size + 500, bytes(32))
    log.witness.note = own_key(log.workspace).line(ahead.text)
    log.witness.note = f"{ahead.text}\n{log.witness.note}"
    log.witness.lie = always(http(409, f"{size + 500}\n", "text/x.tlog.size"))
    log.grow()
    assert f"It shows a checkpoint of {size + 500:,} events" in (log.ask().error or "")
    known = log.read(outside.greatest_known)
    assert (known.size, known.root, known.holder) == (
        size + 500, bytes(32), "the witness witness.example/w1",
    )  # fmt: skip
    assert "brought back from a backup that is older" in log.read(outside.refusal)
    before = log.read(checkpoints.newest)
    append_events(log.workspace, [event_input()])
    assert seal(log.workspace) == before
    state = log.read(checkpoints.state)
    assert state.state == checkpoints.FORKED
    assert "The witness witness.example/w1 holds a checkpoint" in state.reason


def test_signature_waits_for_witnesses_that_were_not_asked_for_long(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a restore: what they hold is to be known first."""
    before = log.read(checkpoints.newest)
    with scoped(log.workspace.id) as session:
        session.execute(update(witnesses).values(next_try_at=func.now() - timedelta(hours=1)))
        session.commit()
    append_events(log.workspace, [event_input()])
    assert seal(log.workspace) == before
    assert log.ask().cosigned == before.size
    assert seal(log.workspace).size == before.size + 1
    with scoped(log.workspace.id) as session:  # where no worker asks, it waits no longer
        session.execute(update(witnesses).values(next_try_at=func.now() - timedelta(hours=1)))
        session.commit()
    monkeypatch.setattr(outside, "PATIENCE", timedelta())
    append_events(log.workspace, [event_input()])
    assert seal(log.workspace).size == before.size + 2


def test_head_of_another_key_stops_no_log(log: Log) -> None:
    """The control: a witness that makes up a longer log has no signature for it."""
    origin = vkey(log.workspace).partition("+")[0]
    ahead = Checkpoint(origin, 900, bytes(32)).signed_by(SigningKey(origin, bytes(32)))
    log.witness.note = ahead
    log.witness.lie = always(http(409, "900\n", "text/x.tlog.size"))
    assert "It shows no checkpoint of this log for it." in (log.ask().error or "")
    assert log.read(outside.refusal) is None


def test_other_history_of_the_same_size_stops_a_log(log: Log) -> None:
    size = log.grow()
    origin = vkey(log.workspace).partition("+")[0]
    other = Checkpoint(origin, size, bytes(32))
    log.witness.note = f"{other.text}\n{own_key(log.workspace).line(other.text)}"
    log.witness.lie = always(http(422))
    assert "It shows a checkpoint" in (log.ask().error or "")
    assert "has others up to there" in log.read(outside.refusal)


def test_two_workers_ask_a_witness_once(log: Log) -> None:
    witness_id = log.known.id

    def ask(_: int) -> Outcome:
        with scoped(log.workspace.id) as session:
            return rounds.ask(session, log.witness.policy, log.workspace.id, witness_id)

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(ask, range(4)))
    assert sorted(outcome.cosigned is not None for outcome in outcomes) == [False] * 3 + [True]
    assert len(log.witness.asked) == 1


def test_log_is_cosigned_where_every_required_witness_did(log: Log) -> None:
    first = log.ask().cosigned
    assert log.read(holders.cosigned).size == first
    with witnessing("auditor.example") as auditor:
        needed = add(log.workspace, auditor, required=True)
        assert log.read(holders.cosigned) is None
        with scoped(log.workspace.id) as session:
            assert rounds.ask(session, auditor.policy, log.workspace.id, needed.id).cosigned
    assert log.read(holders.cosigned).size == first
    log.grow()
    with scoped(log.workspace.id) as session:
        rounds.ask(session, log.witness.policy, log.workspace.id, log.known.id)
    assert log.read(holders.cosigned).size == first  # the required one is behind


def test_line_of_another_history_of_the_same_size_is_left_out(log: Log) -> None:
    size = log.ask().cosigned
    assert size
    with witnessing("auditor.example") as auditor:
        other = add(log.workspace, auditor)
        line = auditor.key.line(Checkpoint("closed.example/log", size, bytes(32)).text, 1)
        row = {"workspace_id": log.workspace.id, "size": size, "witness_id": other.id}
        with scoped(log.workspace.id) as session:
            session.execute(insert(kept).values(**row, line=line, at=func.now()))
            session.commit()
    assert log.read(holders.lines, size).count("\n") == 1
    assert "auditor.example" not in log.read(holders.lines, size)


def test_witness_is_added_by_a_key_and_an_address_that_is_spoken_to(log: Log) -> None:
    witness, other = log.witness, CosigningKey("other.example", bytes(32)).verifier
    bad: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"vkey": "nothing"}, Invalid, "no verifier key"),
        ({"vkey": str(VerifierKey("w.example", bytes(32), 6))}, Invalid, "Ed25519"),
        ({}, Conflict, "of this name or key"),
        ({"name": "other", "vkey": str(witness.key.verifier)}, Conflict, "of this name or key"),
        ({"name": " ", "vkey": str(other)}, Invalid, "1 to 100"),
        ({"name": "o", "vkey": str(other), "url": "https://10.0.0.1"}, AddressRefused, "private"),
        ({"name": "o", "vkey": str(other), "url": "https://no.invalid"}, Unanswered, "no address"),
    ]
    for given, error, words in bad:
        with pytest.raises(error, match=words):
            add(log.workspace, witness, **given)


def test_removed_witness_is_asked_no_more_and_its_signature_stays(log: Log) -> None:
    size = log.ask().cosigned
    with scoped(log.workspace.id) as session:
        gone = registry.remove(session, log.workspace.id, log.witness.key.name)
        session.commit()
        session.execute(update(witnesses).values(next_try_at=func.now()))
        session.commit()
        assert rounds.ask(session, Policy(), log.workspace.id, gone.id) == Outcome()
    assert log.read(holders.lines, size).startswith("\u2014 witness.example/w1 ")


def test_checkpoint_of_another_log_is_not_taken_as_known(log: Log) -> None:
    other = make_workspace()
    append_events(other, [event_input()])
    note = seal(other).note
    with scoped(log.workspace.id) as session, pytest.raises(notes.NoteRefused):
        outside.note_shown(session, log.workspace.id, "the operator", note)
