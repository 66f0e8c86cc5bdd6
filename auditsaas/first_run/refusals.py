"""Keeps in Redis, for minutes, why the last request with a new key was refused.

Only what a page waits for is kept: it makes an empty slot of the key's public part, and a refusal
fills slots that are there. So strangers who invent keys store nothing, and a request that is taken
costs nothing.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from auditsaas.workspaces import api_keys
from auditsaas.workspaces.api_keys import CHECKSUM_LENGTH, PUBLIC_LENGTH, SECRET_LENGTH

EXTENSION: Final = "refusals"
WAITED_FOR: Final = 600
"""Seconds that a slot is kept after a page last asked."""

TIMEOUT_SECONDS: Final = 0.2
PAUSE_SECONDS: Final = 10.0
"""How long a Redis that fails is left alone."""

MAX_REASON: Final = 300
KEY_LENGTH: Final = len("aud__") + PUBLIC_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH

_PUBLIC = re.compile(rf"\baud_([0-9A-Za-z]{{{PUBLIC_LENGTH}}})(?![0-9A-Za-z])")


@dataclass(frozen=True)
class Refusal:
    """The last refusal of a key's requests."""

    at: datetime
    status: int
    reason: str


@dataclass
class Refusals:
    """The slots of all processes."""

    server: Redis
    _ask_again_at: float = field(default=0.0)

    @classmethod
    def at(cls, url: str) -> Refusals:
        waits: dict[str, Any] = {
            "socket_timeout": TIMEOUT_SECONDS,
            "socket_connect_timeout": TIMEOUT_SECONDS,
        }
        return cls(Redis.from_url(url, retry=Retry(NoBackoff(), 0), **waits))

    def note(self, authorization: str, status: int, detail: str) -> None:
        """Keep a refusal where a page waits for requests of this key; Redis may be away."""
        public = _PUBLIC.search(authorization)
        if public is None or time.monotonic() < self._ask_again_at:
            return
        refusal = {"at": time.time(), "status": status, "reason": _reason(authorization, detail)}
        try:
            self.server.set(_slot(public[1]), json.dumps(refusal), xx=True, keepttl=True)
        except (RedisError, OSError):
            self._ask_again_at = time.monotonic() + PAUSE_SECONDS

    def wait_for(self, public_ids: Iterable[str]) -> Refusal | None:
        """Return the last refusal of these keys, and keep the next; None without Redis."""
        slots = [_slot(public_id) for public_id in public_ids]
        if not slots or time.monotonic() < self._ask_again_at:
            return None
        try:
            with self.server.pipeline(transaction=False) as pipe:
                for slot in slots:
                    pipe.set(slot, "", nx=True)
                    pipe.expire(slot, WAITED_FOR)
                pipe.mget(slots)
                found = cast("list[bytes]", pipe.execute()[-1])
        except (RedisError, OSError):
            self._ask_again_at = time.monotonic() + PAUSE_SECONDS
            return None
        kept = [json.loads(each) for each in found if each]
        newest = max(kept, key=lambda refusal: refusal["at"], default=None)
        return None if newest is None else _read(newest)


def _read(kept: dict[str, Any]) -> Refusal:
    return Refusal(datetime.fromtimestamp(kept["at"], UTC), kept["status"], kept["reason"])


def _reason(authorization: str, detail: str) -> str:
    """Say what is wrong with a key that is not written like one; else what the answer said."""
    secret = authorization.rpartition(" ")[2]
    if api_keys.well_formed(secret):
        return detail[:MAX_REASON]
    if len(secret) < KEY_LENGTH:
        return f"the key was cut after {len(secret)} of {KEY_LENGTH} characters."
    if len(secret) > KEY_LENGTH:
        return f"the key has {len(secret)} characters instead of {KEY_LENGTH}."
    return "the key is mistyped."


def _slot(public_id: str) -> str:
    return f"auditsaas:refusal:{public_id}"
