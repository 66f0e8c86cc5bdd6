"""Answers as JSON, and parameters as values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from flask import Response
from werkzeug.datastructures import MultiDict

from auditsaas.access import log_reading
from auditsaas.errors import FieldError
from auditsaas.events.filter.event_filter import EventFilter, FilterError
from auditsaas.extensions import db
from auditsaas.workspaces.former_slugs import with_current_slugs
from auditsaas.workspaces.models import Workspace

UTC_ZONE = ZoneInfo("UTC")
LARGEST_SEQ = 2**63 - 1

_encode = msgspec.json.Encoder().encode


def answer(body: Any, status: int = 200) -> Response:
    return Response(_encode(body), status, content_type="application/json")


class Parameters:
    """Query parameters read one by one; ``check`` refuses the request if any was wrong."""

    def __init__(self, args: MultiDict[str, str], known: tuple[str, ...]) -> None:
        self._args = args
        self.errors = [
            FieldError(name[:64], "is not a known parameter") for name in args if name not in known
        ]

    def refuse(self, name: str, message: str) -> None:
        self.errors.append(FieldError(name, message))

    def whole(self, name: str, default: int, lowest: int, highest: int) -> int:
        text = self._single(name)
        if text is None:
            return default
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1
        if not lowest <= number <= highest:
            self.refuse(name, f"is a whole number from {lowest:,} to {highest:,}")
            return default
        return number

    def one_of(self, name: str, choices: Sequence[str], default: str) -> str:
        text = self._single(name)
        if text is not None and text not in choices:
            self.refuse(name, f"is {' or '.join(choices)}")
            return default
        return default if text is None else text

    def text(self, name: str) -> str:
        return self._single(name) or ""

    def check(self) -> None:
        """Raise FilterError if a parameter cannot be understood."""
        if self.errors:
            raise FilterError(self.errors)

    def event_filter(self, workspace: Workspace) -> EventFilter:
        """Read the filter of a request whose key belongs to ``workspace``.

        Its dates are read in UTC. What is wrong with it is added to ``errors``.
        """
        try:
            event_filter = EventFilter.from_args(self._args, zone=UTC_ZONE, now=datetime.now(UTC))
        except FilterError as error:
            self.errors += [FieldError(wrong.field, wrong.message) for wrong in error.errors]
            return EventFilter()
        event_filter = with_current_slugs(db.session(), event_filter, [workspace])
        log_reading.asked(event_filter)
        for other in event_filter.workspace:
            if other != workspace.slug:
                self.refuse("workspace", f"This key reads the workspace “{workspace.slug}” only.")
        return event_filter

    def _single(self, name: str) -> str | None:
        values = self._args.getlist(name)
        if len(values) > 1:
            self.refuse(name, "Give one value.")
        return values[0] if values else None
