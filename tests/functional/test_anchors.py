"""Checkpoints are kept where the server that signs them cannot rewrite them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from flask import Flask
from moto.server import ThreadedMotoServer
from rfc3161_client import decode_timestamp_response
from sqlalchemy import func, select, update

from auditsaas.errors import Conflict, Invalid
from auditsaas.evidence.anchors import places, rounds
from auditsaas.evidence.anchors.making import Installation
from auditsaas.evidence.anchors.models import (
    AnchorKind,
    AnchorSecret,
    anchor_places,
    anchors,
)
from auditsaas.evidence.anchors.places import Place, WantedPlace
from auditsaas.evidence.anchors.rounds import Outcome
from auditsaas.evidence.format import notes
from auditsaas.evidence.format.notes import Checkpoint
from auditsaas.evidence.models import checkpoints
from auditsaas.evidence.witnesses import outside
from auditsaas.outgoing.errors import AddressRefused
from auditsaas.outgoing.policy import Policy
from auditsaas.workspaces.models import Workspace
from config.outbound import read_allowed
from config.settings import Settings
from tasks.holders import anchor_logs
from tests.support.commands import Commands, told
from tests.support.factories import append_events, event_input, make_workspace, scoped
from tests.support.sealing import own_key, seal
from tests.support.timestamping import TimestampAuthority, timestamping

KEY = {"access_key": "AKIAEXAMPLE", "secret_key": "not-a-real-secret"}


class Log:
    """A sealed log, and one place where it is anchored."""

    def __init__(self, settings: Settings, policy: Policy) -> None:
        self.workspace = make_workspace()
        self.installation = Installation(policy, settings.secret_keys, "AuditSaaS")
        self.grow()

    def grow(self) -> int:
        append_events(self.workspace, [event_input()])
        return seal(self.workspace).size

    def add(self, kind: AnchorKind, **config: Any) -> Place:
        secret = config.pop("secret", None)
        wanted = WantedPlace(kind=kind, name="Somewhere", config=config, secret=secret)
        with scoped(self.workspace.id) as session:
            added = places.add(
                session,
                self.installation.policy,
                self.installation.keys,
                self.workspace.id,
                wanted,
            )
            session.commit()
        return added

    def anchor(self) -> Outcome:
        """Anchor it now, due or not."""
        with scoped(self.workspace.id) as session:
            session.execute(update(anchor_places).values(next_try_at=func.now()))
            session.commit()
            [place] = places.listed(session, self.workspace.id)
            return rounds.anchor(session, self.installation, self.workspace.id, place.id)

    @property
    def place(self) -> Place:
        with scoped(self.workspace.id) as session:
            return places.listed(session, self.workspace.id)[0]

    def kept(self) -> list[Any]:
        with scoped(self.workspace.id) as session:
            found = select(anchors).order_by(anchors.c.at, anchors.c.id)
            return list(session.execute(found).all())

    def note(self, size: int) -> str:
        with scoped(self.workspace.id) as session:
            found = select(checkpoints.c.note, checkpoints.c.kept).where(checkpoints.c.size == size)
            note, kept = session.execute(found).one()
        assert kept
        return str(note)

    def refusal(self) -> str | None:
        with scoped(self.workspace.id) as session:
            return outside.refusal(session, self.workspace.id)


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = s3(url)
    client.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    client.create_bucket(Bucket="open")
    yield url
    server.stop()


def s3(url: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id="any",
        aws_secret_access_key="any",
        region_name="us-east-1",
    )


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[TimestampAuthority]:
    with timestamping(tmp_path) as made:
        yield made


def policy_for(url: str) -> Policy:
    return Policy(read_allowed(url))


@pytest.fixture
def stored(settings: Settings, engine: object, store: str) -> Log:
    log = Log(settings, policy_for(store))
    log.add(AnchorKind.S3, url=f"{store}/locked", region="us-east-1", retain_days=30, secret=KEY)
    return log


@pytest.fixture
def stamped(settings: Settings, engine: object, authority: TimestampAuthority) -> Log:
    log = Log(settings, policy_for(authority.url))
    log.add(AnchorKind.TSA, url=authority.url, roots=authority.root.read_text())
    return log


def test_checkpoint_is_locked_in_the_store(stored: Log, store: str) -> None:
    size = stored.anchor().anchored
    assert size
    [row] = stored.kept()
    receipt = json.loads(row.receipt)
    key = receipt["url"].removeprefix(f"{store}/locked/")
    held = s3(store).get_object(Bucket="locked", Key=key)
    assert held["Body"].read().decode() == stored.note(size)
    assert held["ObjectLockMode"] == "COMPLIANCE"
    assert held["ObjectLockRetainUntilDate"].isoformat() == receipt["retain_until"]
    with pytest.raises(ClientError, match="AccessDenied"):
        s3(store).delete_object(Bucket="locked", Key=key, VersionId=receipt["version"])


def test_bucket_without_a_lock_is_no_anchor(settings: Settings, engine: object, store: str) -> None:
    for bucket, words in (("open", "InvalidRequest"), ("none", "404, NoSuchBucket")):
        log = Log(settings, policy_for(store))
        url = f"{store}/{bucket}"
        log.add(AnchorKind.S3, url=url, region="us-east-1", retain_days=30, secret=KEY)
        assert words in (log.anchor().error or "")
        assert [row.state for row in log.kept()] == ["failed"]


def test_store_that_holds_more_than_the_log_stops_it(stored: Log, store: str) -> None:
    """As after a restore: the bucket has a later checkpoint with the log's own signature."""
    key = own_key(stored.workspace)
    later = Checkpoint(key.name, 900, bytes(32)).signed_by(key)
    s3(store).put_object(
        Bucket="locked", Key=f"{stored.workspace.id}/000000000000900.txt", Body=later.encode()
    )
    assert "holds a checkpoint of 900 events" in (stored.anchor().error or "")
    assert "older than" in (stored.refusal() or "")


def test_later_object_of_somebody_else_stops_no_log(stored: Log, store: str) -> None:
    """The control: the right to write to the bucket is not the log's key."""
    s3(store).put_object(
        Bucket="locked", Key=f"{stored.workspace.id}/000000000000900.txt", Body=b"nothing"
    )
    assert stored.anchor().anchored
    assert stored.refusal() is None


def test_key_of_a_store_is_sealed_and_goes_with_it(stored: Log, settings: Settings) -> None:
    place = stored.place
    assert KEY["secret_key"] not in json.dumps(dict(place.config))
    with scoped(stored.workspace.id) as session:
        sealed = session.get_one(AnchorSecret, place.id).sealed
        assert KEY["secret_key"] not in sealed
        assert places.secret(session, settings.secret_keys, place) == KEY
        places.remove(session, stored.workspace.id, place.name)
        session.commit()
        assert session.get(AnchorSecret, place.id) is None


def test_checkpoint_is_stamped_so_that_others_can_verify_it(
    stamped: Log, authority: TimestampAuthority
) -> None:
    size = stamped.anchor().anchored
    assert size
    [row] = stamped.kept()
    note = stamped.note(size)
    assert authority.verifies(note.encode(), row.receipt)
    assert not authority.verifies(note.encode() + b"x", row.receipt)
    assert row.at == decode_timestamp_response(row.receipt).tst_info.gen_time
    assert stamped.place.last_at == row.at


def test_wrong_time_stamp_is_no_anchor(
    stamped: Log, authority: TimestampAuthority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    right = authority.reply
    stranger = TimestampAuthority(tmp_path_factory.mktemp("stranger"))
    kept: list[bytes] = []

    def replayed(query: bytes) -> bytes:
        kept.append(right(query))
        return kept[0]

    wrong = {
        "of another authority": stranger.reply,
        "changed": lambda query: right(query)[:-1] + b"\0",
        "cut": lambda query: right(query)[:200],
        "nothing": lambda query: b"",
        "text": lambda query: b"<html>",
        "refused": lambda query: bytes.fromhex("30053003020102"),
    }
    for name, instead in wrong.items():
        authority.instead = instead
        assert "time-stamp" in (stamped.anchor().error or ""), name
    authority.instead = replayed
    assert stamped.anchor().anchored
    stamped.grow()
    assert "does not hold" in (stamped.anchor().error or "")  # the first one again
    assert [row.state for row in stamped.kept()].count("made") == 1


def test_checkpoint_is_an_event_of_another_workspace(settings: Settings, engine: object) -> None:
    log, other = Log(settings, Policy()), make_workspace()
    log.add(AnchorKind.WORKSPACE, workspace=str(other.id), slug=other.slug)
    size = log.anchor().anchored
    assert size
    [event] = told(other.id, "anchor.hold", own_key(log.workspace).name)
    assert event.metadata["note"] == log.note(size)
    [row] = log.kept()
    assert json.loads(row.receipt) == {"workspace": str(other.id), "seq": event.seq}
    assert notes.checkpoint(event.metadata["note"], own_key(log.workspace).verifier).size == size


def test_suspended_workspace_is_no_anchor(settings: Settings, engine: object) -> None:
    log, other = Log(settings, Policy()), make_workspace()
    log.add(AnchorKind.WORKSPACE, workspace=str(other.id), slug=other.slug)
    with scoped(other.id) as session:
        session.get_one(Workspace, other.id).suspended_at = func.now()
        session.commit()
    assert "suspended" in (log.anchor().error or "")


def test_anchor_is_in_the_log_and_alone_makes_no_other(stored: Log) -> None:
    first = stored.anchor().anchored
    [event] = told(stored.workspace.id, "anchor.made", stored.place.id)
    assert event.metadata == {"kind": "s3", "size": first}
    seal(stored.workspace)
    assert stored.anchor() == Outcome()  # of the event that the first left
    assert stored.anchor() == Outcome()
    size = stored.grow()
    assert stored.anchor().anchored == size


def test_failure_is_told_once_and_tried_again_later(
    stamped: Log, authority: TimestampAuthority
) -> None:
    authority.instead = lambda _: b"nothing"
    for attempts in (1, 2, 3):
        stamped.anchor()
        assert stamped.place.attempts == attempts
    [event] = told(stamped.workspace.id, "anchor.failed", stamped.place.id)
    assert event.status == "error"
    assert event.metadata["reason"] == stamped.place.last_error
    assert [row.state for row in stamped.kept()] == ["failed"]
    authority.instead = None
    seal(stamped.workspace)
    assert stamped.anchor().anchored
    assert (stamped.place.attempts, stamped.place.failing_since) == (0, None)


def test_wait_of_a_failing_place_rises_to_its_hours() -> None:
    waits = [rounds.pause(n, 24).total_seconds() / 60 for n in (1, 2, 3, 11, 300)]
    assert waits == [1, 2, 4, 1024, 1440]
    assert rounds.pause(300, 1).total_seconds() == 3600


def test_place_that_cannot_be_one_is_refused(stored: Log, authority: TimestampAuthority) -> None:
    store = {"region": "us-east-1", "retain_days": 30}
    bad: list[tuple[AnchorKind, dict[str, Any], type[Exception]]] = [
        (AnchorKind.S3, store | {"url": "https://10.0.0.1/b"}, AddressRefused),
        (AnchorKind.S3, store | {"url": "http://169.254.169.254/"}, AddressRefused),
        (AnchorKind.S3, store | {"url": stored.place.config["url"], "retain_days": 0}, Invalid),
        (AnchorKind.TSA, {"url": stored.place.config["url"], "roots": "nothing"}, Invalid),
        (AnchorKind.WORKSPACE, {"workspace": str(stored.workspace.id)}, Invalid),
        (AnchorKind.WORKSPACE, {"workspace": str(make_workspace().id)}, Conflict),  # of its name
    ]
    for kind, config, error in bad:
        with pytest.raises(error):
            stored.add(kind, **config)


def test_operator_adds_lists_and_removes_places(
    app: Flask, settings: Settings, store: str, authority: TimestampAuthority
) -> None:
    auditsaas = Commands(settings, OUTBOUND_ALLOW=f"{store},{authority.url}")
    workspace, other = make_workspace(), make_workspace()
    append_events(workspace, [event_input()])
    seal(workspace)
    anchor = ("tree", "anchor")
    auditsaas.done(
        *(*anchor, "add-store", workspace.slug, f"{store}/locked", "--name", "Bucket"),
        *("--access-key", "AKIA", "--hourly"),
        given="not-a-real-secret\n",
    )
    auditsaas.done(
        *(*anchor, "add-timestamps", workspace.slug, authority.url, authority.root),
        *("--name", "Stamps"),
    )
    auditsaas.done(*anchor, "add-workspace", workspace.slug, other.slug)
    with app.app_context():
        assert anchor_logs() >= 1  # the other workspace: nothing else is allowed to this process
    rows = {row["name"]: row for row in auditsaas.listed(*anchor, "list", workspace.slug)}
    assert {name: row["hours"] for name, row in rows.items()} == {
        "Bucket": 1,
        "Stamps": 24,
        other.slug: 24,
    }
    assert rows[other.slug]["last_size"] == seal(workspace).size - 6
    assert "secret" not in json.dumps(rows)
    assert "not spoken to" in rows["Bucket"]["last_error"]
    auditsaas.done(*anchor, "remove", workspace.slug, "Bucket")
    assert len(told(workspace.id, "anchor.remove", rows["Bucket"]["id"])) == 1
    assert len(told(workspace.id, "anchor.add", rows["Stamps"]["id"])) == 1
