"""The feed: following a workspace's log in the order it was written."""

from __future__ import annotations

import threading
import time
from collections import Counter
from uuid import UUID

from flask import Response, request

from auditsaas.access import log_reading
from auditsaas.api.access import key_access, workspace_slug
from auditsaas.api.answers import LARGEST_SEQ, Parameters, answer
from auditsaas.api.blueprint import api
from auditsaas.api.events import DEFAULT_LIMIT, MAX_LIMIT
from auditsaas.api.problems import problem
from auditsaas.events.reading import feed
from auditsaas.events.reading.feed import OtherEpoch
from auditsaas.events.stored import stored_event
from auditsaas.extensions import db
from auditsaas.metrics import FEED_LAG

LONGEST_WAIT = 20
UNKNOWN_EPOCH = -1
BEGAN_ANEW = (
    "The log was brought back from a backup, and numbers that were given before may name other"
    " events since. Go on with the epoch and the after of this answer."
)
LOOK_EVERY_SECONDS = 0.25

MAX_WAITING = 4
"""Requests of this process that may wait at once; the rest of its threads stay free."""

MAX_WAITING_OF_ONE = 2
"""Requests of one workspace, so that its keys leave places for the others."""


class WaitingPlaces:
    """The places of this process, of which no workspace takes more than its share."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._taken: Counter[UUID] = Counter()
        self._lock = threading.Lock()

    def take(self, workspace_id: UUID) -> bool:
        """Take a place for a workspace; False, at once, if it has its share or all are taken."""
        with self._lock:
            if self._taken.total() >= self._most:
                return False
            if self._taken[workspace_id] >= self._most_of_one:
                return False
            self._taken[workspace_id] += 1
            return True

    def give_back(self, workspace_id: UUID) -> None:
        with self._lock:
            self._taken[workspace_id] -= 1
            if not self._taken[workspace_id]:
                del self._taken[workspace_id]


_places = WaitingPlaces(MAX_WAITING, MAX_WAITING_OF_ONE)
_pause = threading.Event()


@api.get("/events/feed")
def follow_events() -> Response:
    parameters = Parameters(request.args, ("after", "epoch", "limit", "wait"))
    after = parameters.whole("after", 0, 0, LARGEST_SEQ)
    epoch = parameters.whole("epoch", UNKNOWN_EPOCH, 0, LARGEST_SEQ)
    limit = parameters.whole("limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    seconds = parameters.whole("wait", 0, 0, LONGEST_WAIT)
    parameters.check()
    slug, workspace_id = workspace_slug(), key_access().workspace_id
    if seconds:
        _wait_for_more(workspace_id, after, seconds)
    try:
        found = feed.following(
            db.session(),
            workspace_id,
            after=after,
            limit=limit,
            epoch=None if epoch == UNKNOWN_EPOCH else epoch,
        )
    except OtherEpoch as other:
        return problem(410, "Began anew", BEGAN_ANEW, epoch=other.epoch, after=other.after)
    FEED_LAG.observe(found.behind)
    log_reading.shown(found.rows, pages=1)
    return answer(
        {
            "data": [stored_event(row, slug) for row in found.rows],
            "last_seq": found.last_seq,
            "epoch": found.epoch,
            "complete_through": found.complete_through,
        }
    )


def _wait_for_more(workspace_id: UUID, after: int, seconds: int) -> None:
    """Wait for an event after ``after``, until the timeout, or not at all if too many wait."""
    deadline = time.monotonic() + seconds
    if feed.last_seq(db.session(), workspace_id) != after or not _places.take(workspace_id):
        return
    try:
        while (left := deadline - time.monotonic()) > 0:
            db.session.rollback()  # gives the connection back while we wait
            _pause.wait(min(LOOK_EVERY_SECONDS, left))
            if feed.last_seq(db.session(), workspace_id) > after:
                return
    finally:
        _places.give_back(workspace_id)
