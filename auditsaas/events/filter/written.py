"""Declares what filters compare in an event as it was written, so that a stranger can check it.

Where an event says otherwise than what is known now, of people, an export with proof goes by the
event: a stranger has nothing else.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from sqlalchemy import ColumnElement

from auditsaas.events.event_sources import UNRECORDED

UserField: TypeAlias = Literal["actor.id", "actor.email"]
Meets: TypeAlias = Callable[[str | None, str], bool]
"""Tells whether the value that an event has, if any, is the wanted one."""


@dataclass(frozen=True)
class AsWritten:
    """People meant by what each event says of them, and not by what they are now.

    ``user`` is the field that the filter's ``user`` is compared with. Where it is None, a user is
    meant as elsewhere.
    """

    user: UserField | None = None


def same(value: str | None, wanted: str) -> bool:
    return value == wanted


def begins(value: str | None, wanted: str) -> bool:
    """Compare with a value, or with the beginning that ends in ``*``."""
    if value is None:
        return False
    return value.startswith(wanted[:-1]) if wanted.endswith("*") else value == wanted


def came_from(value: str | None, wanted: str) -> bool:
    return wanted == UNRECORDED if value is None else begins(value, wanted)


def is_address(value: str | None, wanted: str) -> bool:
    return value is not None and value.lower() == wanted.lower()


def stands(value: str | None, wanted: str) -> bool:
    """Compare the status of a person, who is active where nothing is said."""
    return ("active" if value is None else value) == wanted


def within(value: str | None, wanted: str) -> bool:
    """Compare an address with an address or a network."""
    return value is not None and ipaddress.ip_address(value) in _network(wanted)


_network = lru_cache(maxsize=128)(ipaddress.ip_network)


@dataclass(frozen=True)
class Written:
    """The field of an event that a filter compares, and how.

    ``condition`` is what the event must meet, for filters of people; others have one of their own.
    """

    field: str
    meets: Meets = same
    condition: Callable[[tuple[str, ...]], ColumnElement[bool]] | None = None
