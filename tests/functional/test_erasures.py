"""A person's words are taken out of events, and the log still proves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, select, text, update

from auditsaas.erasures import erasing, finishing
from auditsaas.erasures.erasing import State
from auditsaas.erasures.models import requests
from auditsaas.errors import Conflict, Invalid, InvalidFields
from auditsaas.events.models import actor_emails, actor_names, actors, events
from auditsaas.evidence import erased
from auditsaas.evidence.format import leaf
from auditsaas.evidence.tree import rows
from auditsaas.evidence.tree.store import Tree
from config.settings import Settings
from tests.support.erasing import USUAL, Asking, tables_with
from tests.support.factories import as_owner, make_member, scoped, unique
from tests.support.log_state import counts_are_exact
from tests.support.sealing import seal
from tests.support.waiting import hold, let_take_effect, settle_all, states

ALL = (*USUAL, "id", "targets", "changes", "metadata")


@pytest.fixture(scope="module")
def asking(engine: object, settings: Settings) -> Asking:
    return Asking.found(settings)


@pytest.fixture
def fresh(engine: object, settings: Settings) -> Asking:
    return Asking.found(settings)


@pytest.fixture
def person() -> str:
    return unique("mira")


def proves(asking: Asking) -> list[int]:
    """The numbers whose events do not fold to what was sealed, as they are now."""
    wrong = []
    with scoped(asking.workspace.id) as session:
        tree = Tree.of(session, asking.workspace.id)
        kept = erased.kept_by_seq(session, asking.workspace.id, 1, tree.size)
        seeds, sealed = tree.seeds(1, tree.size), tree.preimages(1, tree.size)
        for event, seed, known in zip(asking.log()[: tree.size], seeds, sealed, strict=True):
            parts, one = leaf.parts_of(event), kept.get(event["seq"])
            hashes = erased.slot_hashes(parts, one) if one else leaf.slot_hashes(parts, seed)
            fields = leaf.fields_hash(hashes)
            if leaf.preimage(leaf.micros_of(event["occurred_at"]), fields) != known:
                wrong.append(event["seq"])
    return wrong


def of_person(asking: Asking, pseudonym: str, person: str) -> list[dict[str, Any]]:
    return [e for e in asking.log() if e["actor"]["id"] in (pseudonym, person)]


def test_words_go_and_every_event_still_proves(
    app: Flask, owner_engine: Engine, fresh: Asking, person: str
) -> None:
    fresh.send(person, 3)
    fresh.send("another.one", 2)
    before = {e["seq"]: e for e in fresh.log()}
    first = seal(fresh.workspace)
    fresh.erase(app, owner_engine, person)
    left = [e for e in fresh.log() if e["actor"]["id"] == person]
    assert len(left) == 3
    for event in left:
        whole = before[event["seq"]]
        gone = {"ip", "user_agent", "platform", "browser", "actor"}
        assert {k: v for k, v in event.items() if k not in gone} == {
            k: v for k, v in whole.items() if k not in gone
        }
        assert event["actor"] == {"id": person, "role": "clerk"}
        assert {k: event.get(k) for k in ("ip", "user_agent", "platform", "browser")} == {
            "ip": None, "user_agent": None, "platform": "Other", "browser": "",
        }  # fmt: skip
    assert proves(fresh) == []
    with scoped(fresh.workspace.id) as session:
        assert Tree.of(session, fresh.workspace.id, first.size).root == first.root


def test_whole_person_becomes_one_pseudonym_that_no_id_leads_to(
    app: Flask, owner_engine: Engine, fresh: Asking, person: str
) -> None:
    fresh.send(person, 2)
    erasure = fresh.erase(app, owner_engine, person, ALL)
    request = fresh.request(erasure)
    assert request.person is None
    left = of_person(fresh, request.pseudonym, person)
    assert [event["actor"] for event in left] == [{"id": request.pseudonym, "role": "clerk"}] * 2
    assert all(not event.keys() & {"targets", "changes", "metadata"} for event in left)
    assert proves(fresh) == []


def test_nothing_of_the_person_is_left_in_any_table(
    app: Flask, owner_engine: Engine, fresh: Asking, person: str
) -> None:
    fresh.send(person, 2, ip="198.51.100.213")
    found = {"events", "actors", "actor_emails", "actor_names"}
    assert tables_with(owner_engine, person) == found
    fresh.let_take_effect(app, person, ALL)
    assert tables_with(owner_engine, person) == {*found, "erasure_requests"}
    [erasure] = [r.id for r in _requests(fresh)]
    seal(fresh.workspace)
    fresh.apply(owner_engine, erasure)
    assert tables_with(owner_engine, person) == set()
    assert tables_with(owner_engine, "198.51.100.213") == set()


def _requests(asking: Asking) -> list[Any]:
    with scoped(asking.workspace.id) as session:
        return list(session.execute(select(requests)))


def test_second_erasure_of_more_parts_keeps_the_first_and_the_pseudonym(
    app: Flask, owner_engine: Engine, fresh: Asking, person: str
) -> None:
    fresh.send(person)
    first = fresh.erase(app, owner_engine, person, ["address"])
    second = fresh.erase(app, owner_engine, person, ["person", "metadata", "id"])
    assert fresh.request(first).pseudonym == fresh.request(second).pseudonym
    with scoped(fresh.workspace.id) as session:
        [kept] = erased.kept(session, fresh.workspace.id, 1, 1)
    assert kept.slots == (leaf.ACTOR_ID, leaf.PERSON, leaf.IP, leaf.METADATA)
    assert proves(fresh) == []


@pytest.mark.parametrize(
    "change",
    [
        "actor_name = 'Mira Okafor'",
        "ip = '203.0.113.77'",
        "user_agent = 'Firefox'",
        "platform = 'Linux'",
        "status = 'error'",
    ],
)
def test_value_that_is_put_back_or_changed_no_longer_proves(
    app: Flask, owner_engine: Engine, asking: Asking, person: str, change: str
) -> None:
    asking.send(person)
    asking.erase(app, owner_engine, person)
    assert proves(asking) == []
    with as_owner(asking.workspace.id) as owner:
        owner.execute(text("SET LOCAL auditsaas.erasing = 'yes'"))
        owner.execute(text(f"UPDATE events SET {change} WHERE actor_id = :id"), {"id": person})  # noqa: S608  # given here
        owner.flush()
        seq = owner.scalars(select(events.c.seq).where(events.c.actor_id == person)).one()
        [kept] = erased.kept(owner, asking.workspace.id, seq, seq)
        [sealed] = Tree.of(owner, asking.workspace.id).preimages(seq, seq)
        [stored] = rows.read(owner, asking.workspace.id, seq, seq)
        try:
            hashes = erased.hashes_of_values(stored.values, kept)
            assert leaf.preimage(stored.occurred_at, leaf.fields_hash(hashes)) != sealed
        except erased.NotErased:
            assert change.startswith(("actor", "ip", "user_agent", "platform"))


def test_seed_and_salts_of_what_went_are_destroyed(
    app: Flask, owner_engine: Engine, asking: Asking, person: str
) -> None:
    asking.send(person)
    asking.erase(app, owner_engine, person)
    seq = next(e["seq"] for e in asking.log() if e["actor"]["id"] == person)
    with scoped(asking.workspace.id) as session:
        [seed] = Tree.of(session, asking.workspace.id).seeds(seq, seq)
        [kept] = erased.kept(session, asking.workspace.id, seq, seq)
    assert seed == erased.NO_SEED
    zeros = {slot for slot, salt in enumerate(kept.salts) if salt == erased.NO_SALT}
    assert zeros == {leaf.PERSON, leaf.IP, leaf.CLIENT} == set(kept.slots)


def test_log_says_what_was_done_and_not_about_whom(
    app: Flask, owner_engine: Engine, fresh: Asking, person: str
) -> None:
    fresh.send(person, 3)
    erasure = fresh.erase(app, owner_engine, person)
    request = fresh.request(erasure)
    told = [e for e in fresh.log() if e["activity"].startswith("erasure.")]
    assert [e["activity"] for e in told] == ["erasure.request", "erasure.confirm", "erasure.apply"]
    assert person not in str(told)
    [applied] = fresh.log("erasure.apply")
    assert applied["metadata"]["pseudonym"] == request.pseudonym
    assert (applied["metadata"]["events"], applied["metadata"]["numbers"]) == (3, ["1-3"])
    assert counts_are_exact(fresh.workspace)


def test_events_that_came_after_it_was_asked_for_stay(
    app: Flask, owner_engine: Engine, fresh: Asking, person: str
) -> None:
    fresh.send(person)
    erasure = fresh.ask(person)
    fresh.send(person, actor={"id": person, "name": "Later Name", "email": "later@acme.example"})
    fresh.confirm(erasure)
    let_take_effect(app, fresh.workspace)
    seal(fresh.workspace)
    fresh.apply(owner_engine, erasure)
    names = [e["actor"].get("name") for e in fresh.log() if e["actor"]["id"] == person]
    assert names == [None, "Later Name"]
    with scoped(fresh.workspace.id) as session:
        known = select(actors.c.name).where(actors.c.id == person)
        assert session.scalars(known).all() == ["Later Name"]
        addresses = select(actor_emails.c.email).where(actor_emails.c.actor_id == person)
        assert session.scalars(addresses).all() == ["later@acme.example"]
        said = select(actor_names.c.name).where(actor_names.c.actor_id == person)
        assert session.scalars(said).all() == ["later name"]


def test_it_waits_until_its_events_are_sealed(
    app: Flask, owner_engine: Engine, fresh: Asking, person: str
) -> None:
    fresh.send(person)
    erasure = fresh.let_take_effect(app, person)
    assert fresh.apply(owner_engine, erasure).state is State.UNSEALED
    seal(fresh.workspace)
    assert fresh.apply(owner_engine, erasure).state is State.DONE


def test_run_that_ends_after_a_batch_is_taken_up(
    app: Flask, owner_engine: Engine, fresh: Asking, person: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "BATCH", 2)
    fresh.send(person, 5)
    erasure = fresh.let_take_effect(app, person)
    seal(fresh.workspace)
    with monkeypatch.context() as patch:
        patch.setattr(finishing, "finish", _killed)
        with pytest.raises(KeyboardInterrupt):
            fresh.apply(owner_engine, erasure)
    assert fresh.request(erasure).done_at is None
    assert fresh.apply(owner_engine, erasure).erased == 0
    assert (fresh.request(erasure).erased, fresh.request(erasure).person) == (5, None)
    assert len(fresh.log("erasure.apply")) == 1
    assert fresh.apply(owner_engine, erasure).state is State.NOT_IN_EFFECT
    assert proves(fresh) == []


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_event_that_was_changed_is_not_erased(
    app: Flask, owner_engine: Engine, fresh: Asking, person: str
) -> None:
    fresh.send(person, 2)
    erasure = fresh.let_take_effect(app, person)
    seal(fresh.workspace)
    with as_owner(fresh.workspace.id) as owner:
        owner.execute(text("SET LOCAL auditsaas.erasing = 'yes'"))
        owner.execute(update(events).where(events.c.seq == 2).values(path="/elsewhere"))
        owner.commit()
    fresh.apply(owner_engine, erasure)
    request = fresh.request(erasure)
    assert request.stopped_because == "Event 2 is not what was sealed. Check the log first."
    assert (request.erased, request.done_at) == (0, None)
    assert all("name" in e["actor"] for e in fresh.log() if e["actor"]["id"] == person)


def test_legal_hold_forbids_to_ask_to_confirm_and_to_apply(
    app: Flask, owner_engine: Engine, fresh: Asking, person: str
) -> None:
    fresh.send(person)
    hold(fresh.workspace, legal_hold=True)
    with pytest.raises(Conflict, match="legal hold"):
        fresh.ask(person)
    hold(fresh.workspace, legal_hold=False)
    erasure = fresh.ask(person)
    hold(fresh.workspace, legal_hold=True)
    with pytest.raises(Conflict, match="legal hold"):
        fresh.confirm(erasure)
    hold(fresh.workspace, legal_hold=False)
    fresh.confirm(erasure)
    let_take_effect(app, fresh.workspace)
    seal(fresh.workspace)
    hold(fresh.workspace, legal_hold=True)
    assert fresh.apply(owner_engine, erasure).state is State.HELD
    hold(fresh.workspace, legal_hold=False)
    assert fresh.apply(owner_engine, erasure).state is State.DONE


def test_hold_that_stands_when_its_time_has_come_ends_it(
    app: Flask, owner_engine: Engine, fresh: Asking, person: str
) -> None:
    fresh.send(person)
    erasure = fresh.ask(person)
    fresh.confirm(erasure)
    hold(fresh.workspace, legal_hold=True)
    let_take_effect(app, fresh.workspace)
    assert states(fresh.workspace) == ["cancelled"]
    hold(fresh.workspace, legal_hold=False)
    seal(fresh.workspace)
    assert fresh.apply(owner_engine, erasure).state is State.NOT_IN_EFFECT


def test_asker_and_new_admin_confirm_nothing_and_unconfirmed_one_never_takes_effect(
    app: Flask, owner_engine: Engine, fresh: Asking, person: str
) -> None:
    fresh.send(person)
    erasure = fresh.ask(person)
    newcomer = make_member(fresh.workspace, admin_since=datetime.now(UTC))
    for who in (fresh.asker, newcomer):
        with pytest.raises(Conflict):
            fresh.confirm(erasure, by=who)
    with pytest.raises(Invalid):
        fresh.confirm(erasure, count="2")
    let_take_effect(app, fresh.workspace)
    settle_all(app)
    assert states(fresh.workspace) == ["waiting"]
    seal(fresh.workspace)
    assert fresh.apply(owner_engine, erasure).state is State.NOT_IN_EFFECT


def test_admin_who_is_alone_asks_for_none(fresh: Asking, person: str) -> None:
    fresh.send(person)
    with as_owner(fresh.workspace.id) as owner:
        here = {"here": fresh.workspace.id, "other": fresh.confirmer.id}
        owner.execute(
            text("DELETE FROM memberships WHERE workspace_id = :here AND user_id = :other"), here
        )
        owner.commit()
    with pytest.raises(Conflict, match="another admin"):
        fresh.ask(person)


@pytest.mark.parametrize(
    ("typed", "names", "reason"),
    [
        ("", USUAL, "Case 7"),
        ("nobody.here", USUAL, "Case 7"),
        ("system", USUAL, "Case 7"),
        ("api_key:1", USUAL, "Case 7"),
        ("ola.brandvik", (), "Case 7"),
        ("ola.brandvik", ("status",), "Case 7"),
        ("ola.brandvik", USUAL, " "),
        ("ola.brandvik", USUAL, "x" * 501),
        ("ola.brandvik", USUAL, "Asked by OLA.Brandvik"),
        ("ola.brandvik", USUAL, "ola.brandvik@acme.example wrote"),
    ],
)
def test_request_that_says_too_little_or_too_much_is_refused(
    asking: Asking, typed: str, names: tuple[str, ...], reason: str
) -> None:
    asking.send("ola.brandvik")
    with pytest.raises(InvalidFields):
        asking.ask(typed, names, reason)


def test_person_is_found_by_an_address_that_only_they_had(asking: Asking, person: str) -> None:
    asking.send(person)
    erasure = asking.ask(f" {person.upper()}@acme.example ")
    assert asking.request(erasure).person == person


def test_same_is_asked_for_once_and_more_takes_its_place(asking: Asking, person: str) -> None:
    asking.send(person)
    first = asking.ask(person)
    assert asking.ask(person) == first
    more = asking.ask(person, [*USUAL, "metadata"])
    assert more != first
    with pytest.raises(Conflict):
        asking.ask(person)


def test_pseudonym_is_of_one_person_in_one_workspace(
    asking: Asking, fresh: Asking, person: str
) -> None:
    found = set()
    for here in (asking, fresh):
        here.send(person)
        found.add(here.request(here.ask(person)).pseudonym)
    assert len(found) == 2
    assert all(erased.PSEUDONYM.fullmatch(one) for one in found)


def test_owner_takes_nothing_out_of_an_event_without_saying_so(asking: Asking, person: str) -> None:
    asking.send(person)
    change = update(events).where(events.c.actor_id == person).values(actor_name=None)
    with as_owner(asking.workspace.id) as owner:
        assert owner.scalars(change.returning(events.c.id)).all() == []
        owner.execute(text("SET LOCAL auditsaas.erasing = 'yes'"))
        assert len(owner.scalars(change.returning(events.c.id)).all()) == 1
