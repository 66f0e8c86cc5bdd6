"""UUIDv7 (RFC 9562, section 5.7): ids that sort by time."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID, SafeUUID

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
SUB_MILLISECOND_STEPS = 4096
TAIL_BITS = 62

_new, _UNKNOWN = object.__new__, SafeUUID.unknown
_set_int, _set_is_safe = (vars(UUID)[name].__set__ for name in ("int", "is_safe"))
_VERSION_AND_VARIANT = 0x7 << 76 | 0b10 << 62


def uuid7(milliseconds: int, fraction: int, tail: int) -> UUID:
    """Make the id of an instant: ms since 1970, 12 bits within the ms, 62 that tell ids apart."""
    made = _new(UUID)
    # What UUID(int=…) does but for its checks, which take longer than all else here.
    _set_int(made, milliseconds << 80 | fraction << 64 | tail | _VERSION_AND_VARIANT)
    _set_is_safe(made, _UNKNOWN)
    return made


def new_id() -> UUID:
    """Make an id for now."""
    nanoseconds = time.time_ns()
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    return uuid7(milliseconds, rest * SUB_MILLISECOND_STEPS // 1_000_000, random_tail())


def random_tail() -> int:
    return secrets.randbits(TAIL_BITS)


def milliseconds_since_epoch(moment: datetime) -> tuple[int, int]:
    """Return whole milliseconds since 1970, and the microseconds (0–999) beyond them."""
    since = moment - EPOCH
    within = since.microseconds
    # Not by divmod, whose call takes longer than both.
    return (since.days * 86_400 + since.seconds) * 1000 + within // 1000, within % 1000


def first_id_at(moment: datetime) -> UUID:
    """Return the smallest id of ``moment``'s millisecond, where the ids of a period start."""
    return first_id_of(milliseconds_since_epoch(moment)[0])


def first_id_of(milliseconds: int) -> UUID:
    """Return the smallest id of a millisecond since 1970."""
    return UUID(int=milliseconds << 80)


def time_of(identifier: UUID) -> datetime:
    """Return the time of an id's event, to the millisecond."""
    return EPOCH + (identifier.int >> 80) * MILLISECOND
