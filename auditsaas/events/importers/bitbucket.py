"""Bitbucket's ``atlassian-bitbucket-access.log``: fields between ``|``, durations in ms.

The times have no zone. A request that comes in (``i@``) has no answer yet; it is refused, for its
end has a line of its own (``o@``).
"""

from __future__ import annotations

import re
from datetime import tzinfo

from auditsaas.events.importers import request
from auditsaas.events.importers.fitting import (
    LONGEST_AGENT,
    LONGEST_PATH,
    LONGEST_REQUEST_ID,
    put,
    put_duration,
    rest,
)
from auditsaas.events.importers.format import line_format
from auditsaas.events.importers.outcome import LineError
from auditsaas.events.importers.reading import Event, ReadLine
from auditsaas.events.importers.times import read_time
from auditsaas.events.importers.weblog import readable

# https://confluence.atlassian.com/bitbucketserver/how-to-read-the-bitbucket-data-center-log-formats-779171668.html
FIELDS = (
    "client", "protocol", "request_id", "user", "time", "action", "details", "status",
    "bytes_read", "bytes_written", "labels", "duration", "session_id",
)  # fmt: skip
_USED = ("client", "request_id", "user", "time", "action", "details", "status", "duration")
_SSH = re.compile(r"SSH - (?P<command>[a-z-]+) '?(?P<path>[^']*)'?")


def parse_line(raw: bytes, zone: tzinfo | None) -> Event:
    texts = [text.strip() for text in readable(raw).split(" | ")]
    texts[-1] = texts[-1].removesuffix("|").rstrip()
    if len(texts) != len(FIELDS) or not texts[5].startswith('"'):
        raise LineError("has not the fields of a Bitbucket access log over HTTP or SSH")
    fields = dict(zip(FIELDS, texts, strict=True))
    if fields["request_id"].startswith("i@"):
        raise LineError("is the beginning of a request, whose end has a line of its own")
    event = request.answered(
        read_time(fields["time"], zone), fields["status"], rest(fields, *_USED)
    )
    _add_action(event, fields["action"].strip('"'))
    request.add_parties(event, fields["user"], fields["client"])
    _add_details(event, fields["details"])
    put(event, "request_id", fields["request_id"], LONGEST_REQUEST_ID)
    put_duration(event, fields["duration"], 1)
    return event


def _add_details(event: Event, details: str) -> None:
    """Add the referrer and the agent, which are quoted; quotes in them are written as they came."""
    if len(details) < 2 or not (details.startswith('"') and details.endswith('"')):
        return
    referrer, found, agent = details[1:-1].partition('" "')
    if found:
        put(event, "user_agent", agent, LONGEST_AGENT)
        event["metadata"] |= rest({"referrer": referrer})


def _add_action(event: Event, action: str) -> None:
    ssh = _SSH.fullmatch(action)
    if ssh is None:
        request.add_line(event, action)
        return
    event["activity"] = f"ssh.{ssh['command'].replace('-', '_')}"[:128]
    # Of a command over SSH the log has the exit code, if any.
    if "status_code" not in event and event["metadata"].get("status", "0") == "0":
        event["status"] = "success"
    put(event, "path", ssh["path"], LONGEST_PATH)


def _reader(zone: tzinfo | None) -> ReadLine:
    return lambda raw: parse_line(raw, zone)


FORMAT = line_format("bitbucket", "Bitbucket access log", _reader)
