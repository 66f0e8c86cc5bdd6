from datetime import UTC, datetime
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
from werkzeug.datastructures import MultiDict

from auditsaas.demo.views import VIEWS
from auditsaas.events.filter.event_filter import EventFilter


@pytest.mark.parametrize("query", VIEWS.values(), ids=VIEWS)
def test_stored_filter_is_written_as_the_log_writes_it(query: str) -> None:
    """Otherwise its tab would not be the current one while it is open."""
    args = MultiDict(parse_qsl(query))
    read = EventFilter.from_args(args, zone=ZoneInfo("UTC"), now=datetime.now(UTC))
    assert read.query_string() == query
