"""Access logs of Jira and Confluence (``conf_access_log``), with durations such as ``350ms``."""

from __future__ import annotations

import re

from auditsaas.events.importers import request
from auditsaas.events.importers.fitting import LONGEST_AGENT, put, put_duration
from auditsaas.events.importers.format import line_format
from auditsaas.events.importers.outcome import LineError
from auditsaas.events.importers.reading import Event
from auditsaas.events.importers.times import read_time
from auditsaas.events.importers.weblog import readable

# %t %{X-AUSERNAME}o %I %h %r %s %Dms %b %{Referer}i %{User-Agent}i
_LINE = re.compile(
    r"\[(?P<time>[^\]]+)\] (?P<user>[^ ]+) (?P<thread>[^ ]+) (?P<client>[^ ]+)"
    r" (?P<request>.+?) (?P<status>[0-9]{3}|-) (?P<ms>[0-9]{1,18})ms (?P<bytes>[0-9]{1,18}|-)"
    r"(?: (?P<referrer>[^ ]+))?(?: (?P<agent>.*))?"
)


def parse_line(raw: bytes) -> Event:
    line = _LINE.fullmatch(readable(raw))
    if line is None:
        raise LineError("has not the fields of a Jira or Confluence access log")
    metadata: dict[str, object] = {"thread": line["thread"]}
    event = request.answered(read_time(line["time"], None), line["status"], metadata)
    request.add_line(event, line["request"])
    request.add_parties(event, line["user"], line["client"])
    put(event, "user_agent", line["agent"], LONGEST_AGENT)
    put_duration(event, line["ms"], 1)
    if line["bytes"] != "-":
        metadata["bytes"] = int(line["bytes"])
    if line["referrer"] not in (None, "-"):
        metadata["referrer"] = line["referrer"]
    return event


FORMAT = line_format("atlassian", "Jira and Confluence access log", lambda _zone: parse_line)
