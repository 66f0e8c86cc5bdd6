"""The API logs of OpenStack services such as Nova: lines of their ``wsgi.server`` about requests.

The times have no zone. ``time:`` is in seconds. The tenant is kept in ``metadata.tenant``. Lines
that are no requests (starting up, connections) are refused, each by its number.
"""

from __future__ import annotations

import re
from datetime import tzinfo

from auditsaas.events.importers import request
from auditsaas.events.importers.fitting import LONGEST_REQUEST_ID, put, put_duration
from auditsaas.events.importers.format import line_format
from auditsaas.events.importers.outcome import LineError
from auditsaas.events.importers.reading import Event, ReadLine
from auditsaas.events.importers.times import read_time
from auditsaas.events.importers.weblog import readable, unescaped

_LOGGER = re.compile(
    r"(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:.]{8,15})(?: [0-9]+)? (?P<level>[A-Z]+)"
    r" (?P<logger>[a-z0-9_.]+) \[(?P<context>[^\]]*)\] (?P<message>.*)"
)
_REQUEST = re.compile(
    r'(?P<client>[^ "]+) "(?P<request>.*)" status: (?P<status>[0-9]+) len: (?P<bytes>[0-9]{1,18})'
    r" time: (?P<seconds>[0-9.]+)"
)


def parse_line(raw: bytes, zone: tzinfo | None) -> Event:
    line = _LOGGER.fullmatch(readable(raw))
    if line is None:
        raise LineError("is no line of an OpenStack service")
    asked = _REQUEST.fullmatch(line["message"])
    if asked is None:
        raise LineError("is a message of the server, not a request")
    metadata = {"logger": line["logger"], "bytes": int(asked["bytes"])}
    event = request.answered(read_time(line["time"], zone), asked["status"], metadata)
    request.add_line(event, asked["request"], unescaped)
    request_id, user, tenant = [*line["context"].split(" "), "", "", ""][:3]
    request.add_parties(event, user, asked["client"])
    put(event, "request_id", request_id, LONGEST_REQUEST_ID)
    if tenant:
        metadata["tenant"] = tenant
    put_duration(event, asked["seconds"], 1000)
    return event


def _reader(zone: tzinfo | None) -> ReadLine:
    return lambda raw: parse_line(raw, zone)


FORMAT = line_format("openstack", "OpenStack API log (Nova and others)", _reader)
