r"""Apache and nginx access logs in the ``combined`` or ``common`` format, as events.

What a line does not say is left out. Besides what ``request`` says of all web logs:

- A binary request is kept as the log has it in ``metadata.request``.
- A user that is an e-mail address is also the actor's e-mail; a Kerberos principal
  (``ann@REALM.EXAMPLE``, in capitals) is not.
- A path or a user agent that is too long for its field is cut there and kept whole in metadata.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from auditsaas.events.importers import request
from auditsaas.events.importers.fitting import LONGEST_AGENT, put
from auditsaas.events.importers.format import line_format
from auditsaas.events.importers.outcome import LineError
from auditsaas.events.importers.times import MONTHS
from auditsaas.events.importers.weblog import split, unescaped


def parse_line(raw: bytes) -> dict[str, Any]:
    """Parse the event of a line, without a key.

    Raises:
        LineError: the line is not of this format.
    """
    line = split(raw)
    event = request.answered(_read_time(line.time), line.code, {})
    metadata = event["metadata"]
    request.add_line(event, line.request, unescaped)
    request.add_parties(event, line.user, line.client)
    put(event, "user_agent", line.agent, LONGEST_AGENT)
    for name, value in (
        ("bytes", line.size),
        ("referrer", line.referrer),
        ("host", line.vhost),
        ("ident", line.ident),
        ("extra", list(line.extra) or None),
    ):
        if value is not None:
            metadata[name] = value
    return event


@lru_cache(maxsize=4096)
def _read_time(text: str) -> datetime:
    """Read the instant, with the line's own offset."""
    offset = timedelta(hours=int(text[22:24]), minutes=int(text[24:26]))
    leap = text.startswith(":60", 17)
    try:
        moment = datetime(
            int(text[7:11]),
            MONTHS.index(text[3:6]) + 1,
            int(text[:2]),
            int(text[12:14]),
            int(text[15:17]),
            59 if leap else int(text[18:20]),
            tzinfo=timezone(-offset if text[21] == "-" else offset),
        ) + timedelta(seconds=leap)
        moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise LineError(f"{text} is not a time") from None
    return moment


FORMAT = line_format(
    "combined", "Apache and nginx access log (combined or common)", lambda _zone: parse_line
)
