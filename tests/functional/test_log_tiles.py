"""A log at its own address, as tools for other logs read it (C2SP tlog-tiles)."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, update
from werkzeug.test import TestResponse

from auditsaas.api import limits
from auditsaas.api.access import Rate
from auditsaas.api.evidence.tiles import written
from auditsaas.evidence.format import merkle
from auditsaas.permissions import ApiScope
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.commands import Commands
from tests.support.factories import (
    append_events,
    event_input,
    make_api_key,
    make_workspace,
    scoped,
)
from tests.support.proving import opened
from tests.support.reads import counted
from tests.support.sealing import seal, vkey

EVENTS = 700
HASH = 32


@pytest.fixture(scope="module")
def log(engine: object, settings: object) -> Workspace:
    """A log of two full tiles and a part of one."""
    workspace = make_workspace()
    append_events(workspace, [event_input(path=f"/{number}") for number in range(EVENTS)])
    seal(workspace)
    return workspace


@pytest.fixture(scope="module")
def key(log: Workspace) -> str:
    return make_api_key(log, {ApiScope.EVENTS_READ})


@pytest.fixture
def public(log: Workspace) -> Iterator[Workspace]:
    make_public(log, True)
    yield log
    make_public(log, False)


def make_public(workspace: Workspace, public: bool, **columns: object) -> None:
    with scoped(workspace.id) as session:
        session.execute(
            update(Workspace)
            .where(Workspace.id == workspace.id)
            .values(public_tree=public, **columns)
        )
        session.commit()


def get(
    client: FlaskClient, log: Workspace, address: str, key: str | None = None, **headers: str
) -> TestResponse:
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    return client.get(f"/log/{log.id}/{address}", headers=headers)


def hashes(answer: TestResponse) -> list[bytes]:
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "application/octet-stream"
    return [answer.data[at : at + HASH] for at in range(0, len(answer.data), HASH)]


def read_log(client: FlaskClient, log: Workspace, size: int) -> list[bytes]:
    """Every leaf of a tree of ``size``, by its tiles."""
    whole, rest = divmod(size, 256)
    found = [h for number in range(whole) for h in hashes(tile(client, log, 0, number))]
    return found + (hashes(tile(client, log, 0, whole, rest)) if rest else [])


def tile(
    client: FlaskClient, log: Workspace, level: int, number: int, width: int | None = None
) -> TestResponse:
    part = "" if width is None else f".p/{width}"
    return get(client, log, f"tile/{level}/{written(number)}{part}")


def test_stranger_rebuilds_the_signed_root_from_the_tiles_of_a_public_log(
    client: FlaskClient, public: Workspace
) -> None:
    answer = get(client, public, "checkpoint")
    assert answer.content_type == "text/plain; charset=utf-8"
    head = opened(answer.text, vkey(public))
    leaves = read_log(client, public, head.size)
    assert merkle.root_of(leaves) == head.root
    above = hashes(tile(client, public, 1, 0, head.size // 256))
    assert above == [merkle.root_of(leaves[at : at + 256]) for at in range(0, 512, 256)]


@pytest.mark.parametrize("width", [1, 100, 188])
def test_part_of_a_tile_is_the_beginning_of_it(
    client: FlaskClient, public: Workspace, width: int
) -> None:
    assert hashes(tile(client, public, 0, 1, width)) == hashes(tile(client, public, 0, 1))[:width]
    assert len(hashes(tile(client, public, 0, 2, width))) == width


@pytest.mark.parametrize(
    "address",
    [
        *("0/002", "0/002.p/255", "0/003", "0/003.p/1", "1/000", "1/000.p/3", "1/001.p/1"),
        *("2/000", "2/000.p/1", "63/000.p/1", "64/000.p/1", "0/x999/x999/x999/x999/x999/999"),
        *("0/000.p/0", "0/000.p/256", "0/0", "0/x000/001", "00/000", "entries/000", "0/000/"),
        *("0", "", "0/-01", "0/000.p/99999999999999999999"),
    ],
)
def test_tile_that_the_tree_has_not_is_not_found(
    client: FlaskClient, public: Workspace, address: str
) -> None:
    answer = get(client, public, f"tile/{address}")
    assert answer.status_code == 404
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"


def test_log_that_is_not_public_looks_like_no_log_to_strangers(
    client: FlaskClient, log: Workspace
) -> None:
    other = make_api_key(make_workspace(), {ApiScope.EVENTS_READ})
    nowhere = Workspace(id=uuid4())
    for address in ("checkpoint", "tile/0/000", "tile/0/002.p/9", "tile/9/9", "tile/64/000"):
        for key in (None, other):
            here, there = (get(client, one, address, key) for one in (log, nowhere))
            assert here.status_code == there.status_code == 404
            assert told(here) == told(there)


def told(answer: TestResponse) -> dict[str, object]:
    """All of a refusal but the id of its request."""
    assert answer.json is not None
    return {name: value for name, value in answer.json.items() if name != "request_id"}


def test_key_of_the_log_opens_it_and_public_logs_open_to_every_key(
    client: FlaskClient, log: Workspace, key: str
) -> None:
    other = make_api_key(make_workspace(), {ApiScope.EVENTS_READ})
    assert get(client, log, "checkpoint", key).status_code == 200
    assert len(hashes(get(client, log, "tile/0/000", key))) == 256
    make_public(log, True)
    assert get(client, log, "checkpoint", other).status_code == 200
    make_public(log, False)
    assert get(client, log, "checkpoint", other).status_code == 404


def test_key_without_the_scope_and_no_live_key_are_refused_alike_of_any_log(
    client: FlaskClient, log: Workspace
) -> None:
    writes = make_api_key(log, {ApiScope.EVENTS_WRITE})
    for one in (log, Workspace(id=uuid4())):
        assert get(client, one, "checkpoint", writes).status_code == 403
        for wrong in ("aud_none", writes[:-1] + "!", ""):
            answer = get(client, one, "checkpoint", wrong)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_signed_in_person_is_a_stranger_to_a_log_at_its_address(
    client: FlaskClient, admin: object, signed_in_admin: object, workspace: Workspace
) -> None:
    seal(workspace)
    assert get(client, workspace, "checkpoint").status_code == 404


def test_suspended_workspace_gives_nothing_though_it_is_public(client: FlaskClient) -> None:
    workspace = make_workspace()
    key = make_api_key(workspace)
    seal(workspace)
    make_public(workspace, True)
    assert get(client, workspace, "checkpoint").status_code == 200
    make_public(workspace, True, suspended_at=func.now())
    assert get(client, workspace, "checkpoint").status_code == 404
    assert get(client, workspace, "checkpoint", key).status_code == 403


def test_log_without_a_seal_has_no_checkpoint(client: FlaskClient) -> None:
    workspace = make_workspace()
    make_public(workspace, True)
    answer = get(client, workspace, "checkpoint")
    assert answer.status_code == 404
    assert "no checkpoint yet" in answer.text


def test_tiles_are_kept_for_good_and_the_checkpoint_is_asked_for_again(
    client: FlaskClient, public: Workspace, key: str
) -> None:
    make_public(public, False)
    mine = [get(client, public, one, key) for one in ("checkpoint", "tile/0/000")]
    make_public(public, True)
    everybodys = [get(client, public, one) for one in ("checkpoint", "tile/0/000")]
    assert [one.headers["Cache-Control"] for one in (*mine, *everybodys)] == [
        "private, no-cache",
        "private, max-age=31536000, immutable",
        "public, no-cache",
        "public, max-age=31536000, immutable",
    ]
    assert all("Authorization" in one.vary for one in mine)
    assert not any("Authorization" in one.vary for one in everybodys)
    assert not any("Set-Cookie" in one.headers for one in (*mine, *everybodys))


@pytest.mark.parametrize("address", ["checkpoint", "tile/0/000", "tile/0/002.p/7"])
def test_caller_who_has_it_already_is_told_so_until_it_changes(
    client: FlaskClient, public: Workspace, address: str
) -> None:
    etag = get(client, public, address).headers["ETag"]
    again = get(client, public, address, **{"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")
    assert get(client, public, address, **{"If-None-Match": '"other"'}).status_code == 200
    assert client.head(f"/log/{public.id}/{address}").headers["ETag"] == etag


def test_checkpoint_has_another_tag_once_it_is_another(client: FlaskClient) -> None:
    workspace = make_workspace()
    make_public(workspace, True)
    seal(workspace)
    before = get(client, workspace, "checkpoint").headers["ETag"]
    append_events(workspace, [event_input()])
    seal(workspace)
    after = get(client, workspace, "checkpoint", **{"If-None-Match": before})
    assert after.status_code == 200


def test_address_that_sends_no_key_is_limited_as_a_key_is(
    client: FlaskClient, public: Workspace, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(limits.PER_MINUTE, Rate.READ, 2)
    stranger = {"REMOTE_ADDR": "198.51.100.9"}
    answers = [client.get(f"/log/{public.id}/checkpoint", environ_base=stranger) for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert answers[-1].json is not None
    assert "This address" in answers[-1].json["detail"]
    assert int(answers[-1].headers["Retry-After"]) > 0
    elsewhere = {"REMOTE_ADDR": "198.51.100.10"}
    assert client.get(f"/log/{public.id}/checkpoint", environ_base=elsewhere).status_code == 200
    assert get(client, public, "checkpoint", key).status_code == 200


def test_reading_hashes_is_no_read_of_the_log(
    client: FlaskClient, public: Workspace, key: str
) -> None:
    for known in (None, key):
        for address in ("checkpoint", "tile/0/000", "tile/1/000.p/1"):
            assert get(client, public, address, known).status_code == 200
    assert counted(public) == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_log_is_only_read_at_its_address(
    client: FlaskClient, public: Workspace, method: str
) -> None:
    assert client.open(f"/log/{public.id}/checkpoint", method=method).status_code == 405


def test_log_that_was_closed_for_another_leads_to_it(
    client: FlaskClient, settings: Settings
) -> None:
    workspace = make_workspace()
    make_public(workspace, True)
    append_events(workspace, [event_input()] * 3)
    seal(workspace)
    Commands(settings).done("tree", "begin-anew", workspace.slug, "--reason", "Lost.", "--rebuild")
    seal(workspace)
    for address in ("checkpoint", "tile/0/000.p/1"):
        closed = get(client, workspace, address)
        assert closed.status_code == 410
        assert f"/log/{workspace.id}/2." in closed.text
        assert get(client, workspace, f"2/{address}").status_code == 200
        for other in ("1", "3", "02", "0", "-2"):
            assert get(client, workspace, f"{other}/{address}").status_code == 404
    head = opened(get(client, workspace, "2/checkpoint").text, vkey(workspace))
    assert head.origin.endswith(f"/log/{workspace.id}/2")
