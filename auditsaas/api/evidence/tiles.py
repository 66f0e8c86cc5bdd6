"""Serves a log as other logs' tools read it: its signed head and its hashes (C2SP tlog-tiles).

There are no bundles of entries: they would publish events. What a hash is of can't be guessed, for
every part of an event is salted.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from uuid import UUID

from flask import Response, g, request
from sqlalchemy import select

from auditsaas.api.access import LOG_CALLS, authorise
from auditsaas.api.blueprint import log_tiles
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.errors import Gone, NotFound
from auditsaas.evidence.models import TILE
from auditsaas.evidence.tree import checkpoints, keys
from auditsaas.evidence.tree.store import TILE_LEVELS, Tree
from auditsaas.evidence.witnesses import holders
from auditsaas.extensions import db
from auditsaas.workspaces.models import Workspace

YEAR_SECONDS: Final = 31_536_000
_TILE: Final = re.compile(
    r"(?P<level>0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)
_ADDRESS: Final = re.compile(
    r"(?:(?P<number>[2-9]|[1-9][0-9]{1,5})/)?(?:checkpoint|tile/(?P<tile>.*))"
)
"""Of the log of the workspace, or of a later one that was begun in its place, by its number."""
HIGHEST: Final = 63
"""The highest level that an address can name."""
NO_LOG: Final = "There is no such log, or it is not public and this request has no key of it."
NO_TILE: Final = "The tree of this log has no such tile."


class Place(NamedTuple):
    """A tile of a tree, and how many of its hashes are asked for."""

    level: int
    number: int
    width: int = TILE


@log_tiles.before_request
def _let_in() -> None:
    """Let keys of the log's workspace in, and all callers where the workspace made it public.

    Raises:
        Unauthenticated, Forbidden: a key was sent that may not read this, or any, log.
        NotFound: there is no such log, or it is closed to this caller; they can't tell which.
    """
    log_id: UUID = (request.view_args or {})["log_id"]
    g.public_log = False
    if "Authorization" in request.headers:
        access = authorise(LOG_CALLS[request.endpoint or ""])
        if access.workspace_id == log_id:
            return
    opened = select(Workspace.public_tree).where(
        Workspace.id == log_id, Workspace.suspended_at.is_(None)
    )
    if not db.session().scalar(opened):
        raise NotFound(NO_LOG)
    g.public_log = True
    tenancy.bind(Scope.of(log_id))


@log_tiles.get("/<path:address>")
def read(log_id: UUID, address: str) -> Response:
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise NotFound(NO_TILE)
    _be_open(log_id, int(found["number"] or 1))
    return _checkpoint(log_id) if found["tile"] is None else _tile(log_id, found["tile"])


def _be_open(log_id: UUID, number: int) -> None:
    """Refuse a log of this workspace that was closed for another, whose tiles are others.

    Raises:
        Gone: it was closed.
        NotFound: there is none of this number.
    """
    origin = keys.current_origin(db.session(), log_id) or ""
    path = origin.partition("/")[2] or f"log/{log_id}"
    current = int(path.removeprefix(f"log/{log_id}").strip("/") or 1)
    if number < current:
        raise Gone(f"This log was closed, and another began: go on at /{path}.")
    if number > current:
        raise NotFound(NO_LOG)


def _checkpoint(log_id: UUID) -> Response:
    sealed = checkpoints.newest(db.session(), log_id)
    if sealed is None:
        raise NotFound("This log has no checkpoint yet.")
    note = holders.whole_note(db.session(), log_id, sealed)
    return _kept(Response(note, content_type="text/plain; charset=utf-8"), "no-cache")


def _tile(log_id: UUID, address: str) -> Response:
    place = place_of(address)
    hashes = _hashes(Tree.of(db.session(), log_id), place) if place else []
    if not hashes:
        raise NotFound(NO_TILE)
    body = Response(b"".join(hashes), content_type="application/octet-stream")
    return _kept(body, f"max-age={YEAR_SECONDS}, immutable")


def place_of(address: str) -> Place | None:
    """Read the address of a tile, ``0/x001/234.p/17``; None where it is written in no such way."""
    read = _TILE.fullmatch(address)
    if read is None:
        return None
    number = int(read["index"].replace("/", "").replace("x", ""))
    place = Place(int(read["level"]), number, int(read["width"] or TILE))
    too_wide = read["width"] is not None and place.width >= TILE
    if too_wide or place.level > HIGHEST or written(number) != read["index"]:
        return None
    return place


def written(number: int) -> str:
    """Write the number of a tile as its address does: 1234067 is ``x001/x234/067``."""
    digits = str(number)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    *above, last = (digits[at : at + 3] for at in range(0, len(digits), 3))
    return "".join(f"x{part}/" for part in above) + last


def _hashes(tree: Tree, place: Place) -> list[bytes]:
    """Read the hashes of a tile; none where the tree has fewer of it, or keeps them no more."""
    there = (tree.size >> TILE_LEVELS * place.level) - place.number * TILE
    if place.width > there:
        return []
    held = tree.tile(place.level, place.number)[: place.width]
    return held if len(held) == place.width else []


def _kept(response: Response, how_long: str) -> Response:
    """Say who may keep an answer and for how long; answer 304 to a caller who has it."""
    if g.public_log:
        response.headers["Cache-Control"] = f"public, {how_long}"
    else:
        response.headers["Cache-Control"] = f"private, {how_long}"
        response.vary.add("Authorization")
    response.add_etag()
    response.make_conditional(request)
    return response
