import gzip
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditsaas.events.importers.combined import FORMAT, parse_line
from auditsaas.events.importers.fitting import fit
from auditsaas.events.importers.lines import Source, open_source
from auditsaas.events.importers.outcome import LineError, Parsed, Refused
from auditsaas.events.importers.reading import Reading
from auditsaas.events.schema import from_mapping

ACCESS_LOG = Path(__file__).parents[3] / "fixtures" / "access.log"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
TIME = "[16/Nov/2026:08:00:00 +0000]"


def event_of(line: str | bytes) -> dict[str, Any]:
    event = parse_line(line if isinstance(line, bytes) else line.encode())
    fit(event["metadata"])
    from_mapping(event, NOW)
    return event | {"occurred_at": event["occurred_at"].isoformat()}


def requested(
    request: str, *, client: str = "192.0.2.1", user: str = "-", rest: str = ' "-" "x/1"'
) -> dict[str, Any]:
    return event_of(f'{client} - {user} {TIME} "{request}" 200 5{rest}')


def parse(source: Source) -> list[Parsed | Refused]:
    return list(FORMAT.parse(source, Reading(source.identity)))


def test_a_combined_line_becomes_an_event_of_the_contract() -> None:
    assert event_of(
        f'192.0.2.1 - - {TIME} "GET /a?b=c HTTP/1.1" 304 12 "https://a.example/" "curl/8.5.0"'
    ) == {
        "activity": "http.get",
        "status": "success",
        "status_code": 304,
        "actor": {"id": "192.0.2.1"},
        "occurred_at": "2026-11-16T08:00:00+00:00",
        "method": "GET",
        "path": "/a?b=c",
        "ip": "192.0.2.1",
        "user_agent": "curl/8.5.0",
        "metadata": {"protocol": "HTTP/1.1", "bytes": 12, "referrer": "https://a.example/"},
    }


def test_a_common_line_has_neither_referrer_nor_agent() -> None:
    event = requested("GET / HTTP/1.1", rest="")
    assert "user_agent" not in event
    assert event["metadata"] == {"protocol": "HTTP/1.1", "bytes": 5}


@pytest.mark.parametrize(
    ("code", "status"), [("399", "success"), ("400", "error"), ("503", "error")]
)
def test_a_status_code_below_400_is_success(code: str, status: str) -> None:
    event = event_of(f'192.0.2.1 - - {TIME} "GET / HTTP/1.1" {code} 5')
    assert (event["status"], event["status_code"]) == (status, int(code))


@pytest.mark.parametrize("code", ["000", "600", "999"])
def test_invalid_status_is_an_error_and_kept_in_metadata(code: str) -> None:
    event = event_of(f'192.0.2.1 - - {TIME} "GET / HTTP/1.1" {code} 0')
    assert event["status"] == "error"
    assert "status_code" not in event
    assert event["metadata"]["status"] == code


def test_dashes_are_empty_fields() -> None:
    event = event_of(f'192.0.2.1 - - {TIME} "GET / HTTP/1.1" 200 - "-" "-"')
    assert "user_agent" not in event
    assert event["metadata"] == {"protocol": "HTTP/1.1"}


def test_the_offset_of_the_line_is_kept() -> None:
    event = event_of('192.0.2.1 - - [16/Nov/2026:08:00:00 -0730] "GET / HTTP/1.1" 200 5')
    assert event["occurred_at"] == "2026-11-16T08:00:00-07:30"


def test_leap_second_is_read_as_the_second_after_it() -> None:
    event = event_of('192.0.2.1 - - [31/Dec/2016:23:59:60 +0000] "GET / HTTP/1.1" 200 5')
    assert event["occurred_at"] == "2017-01-01T00:00:00+00:00"


@pytest.mark.parametrize("ending", ["", '"'])
def test_an_agent_whose_closing_quote_is_missing_is_understood(ending: str) -> None:
    event = requested("GET / HTTP/1.1", rest=f' "-" "Bot/2.1 (+https://bot.example/a.html{ending}')
    assert event["user_agent"] == "Bot/2.1 (+https://bot.example/a.html"


def test_a_referrer_whose_closing_quote_is_missing_is_understood() -> None:
    event = requested("GET / HTTP/1.1", rest=' "https://a.example/cut')
    assert event["metadata"]["referrer"] == "https://a.example/cut"


def test_fields_after_the_agent_are_kept_unless_all_are_dashes() -> None:
    assert "extra" not in requested("GET / HTTP/1.1", rest=' "-" "x/1" "-" -')["metadata"]
    event = requested("GET / HTTP/1.1", rest=' "-" "x/1" "203.0.113.9" 0.005')
    assert event["user_agent"] == "x/1"
    assert event["metadata"]["extra"] == ["203.0.113.9", "0.005"]


@pytest.mark.parametrize("quote", [r"\"", r"\x22"])
def test_escaped_quotes_are_read_as_quotes(quote: str) -> None:
    event = requested(f"GET /a?q={quote}b{quote} HTTP/1.1", rest=f' "-" "a {quote}b{quote} c"')
    assert event["path"] == '/a?q="b"'
    assert event["user_agent"] == 'a "b" c'


def test_quotes_that_were_not_escaped_are_understood() -> None:
    event = requested('GET /a?q="b" HTTP/1.1', rest=' "-" "a "b" c"')
    assert event["path"] == '/a?q="b"'
    assert event["user_agent"] == 'a "b" c'


def test_escaped_bytes_are_read_as_text_and_escaped_controls_stay_escaped() -> None:
    event = requested(r"GET /\xc3\xa9\x16\xff\x5c HTTP/1.1")
    assert event["path"] == "/é\\x16\\xff\\"


def test_invalid_utf8_is_kept_readable() -> None:
    event = event_of(b"192.0.2.1 - - " + TIME.encode() + b' "GET /\xe9\x00\xc3\xa9 HTTP/1.1" 200 5')
    assert event["path"] == "/\\xe9\\x00é"


@pytest.mark.parametrize("request_line", [r"\x16\x03\x01\x00", "batman", "a|b c|d", "GET", "lv x"])
def test_malformed_request_line_is_kept_verbatim(request_line: str) -> None:
    event = requested(request_line)
    assert event["activity"] == "http.other"
    assert "method" not in event
    assert "path" not in event
    assert event["metadata"]["request"] == request_line


@pytest.mark.parametrize("request_line", ["-", ""])
def test_connection_without_a_request_keeps_no_request_in_metadata(request_line: str) -> None:
    event = requested(request_line)
    assert event["activity"] == "http.other"
    assert event["metadata"] == {"bytes": 5}


def test_unknown_method_is_kept_under_one_activity() -> None:
    event = requested("BREW /pot HTTP/1.1")
    assert (event["activity"], event["method"], event["path"]) == ("http.other", "BREW", "/pot")


@pytest.mark.parametrize(
    ("request_line", "path"),
    [
        ("GET lorem/ipsum HTTP/1.0", "lorem/ipsum"),
        ("GET /with some blanks HTTP/1.1", "/with some blanks"),
        ("GET /old", "/old"),
        ("OPTIONS * HTTP/1.1", "*"),
        ("CONNECT db.example:443 HTTP/1.1", "db.example:443"),
    ],
)
def test_paths_of_every_kind_are_kept(request_line: str, path: str) -> None:
    assert requested(request_line)["path"] == path


def test_a_user_that_is_an_email_address_is_also_the_actors_email() -> None:
    actor = requested("GET / HTTP/1.1", user="ann@acme.example")["actor"]
    assert actor == {"id": "ann@acme.example", "email": "ann@acme.example"}


@pytest.mark.parametrize("user", ["ann@ACME.EXAMPLE", r"ACME\ann", "Ann Lee", "ann"])
def test_another_user_is_the_actors_id_only(user: str) -> None:
    assert requested("GET / HTTP/1.1", user=user)["actor"] == {"id": user}


@pytest.mark.parametrize("user", ['""', ""])
def test_empty_user_leaves_the_client_as_actor(user: str) -> None:
    assert requested("GET / HTTP/1.1", user=user)["actor"] == {"id": "192.0.2.1"}


def test_a_client_that_is_a_host_name_is_the_actor_and_kept() -> None:
    event = requested("GET / HTTP/1.1", client="crawler.example")
    assert event["actor"] == {"id": "crawler.example"}
    assert event["metadata"]["client"] == "crawler.example"
    assert "ip" not in event


def test_first_of_several_clients_is_the_client() -> None:
    event = requested("GET / HTTP/1.1", client="203.0.113.9, 10.0.0.2")
    assert (event["ip"], event["actor"]["id"]) == ("203.0.113.9", "203.0.113.9")
    assert event["metadata"]["client"] == "203.0.113.9, 10.0.0.2"


@pytest.mark.parametrize("client", ["192.0.2.1", "crawler.example"])
def test_a_virtual_host_before_the_client_is_kept(client: str) -> None:
    event = requested("GET / HTTP/1.1", client=f"www.acme.example:443 {client}")
    assert event["actor"]["id"] == client
    assert event["metadata"]["host"] == "www.acme.example:443"


def test_a_path_too_long_is_cut_and_kept_whole_in_metadata() -> None:
    path = "/" + "a" * 5000
    event = requested(f"GET {path} HTTP/1.1")
    assert event["path"] == path[:4096]
    assert event["metadata"]["path"] == path


def test_an_agent_too_long_is_cut_and_kept_whole_in_metadata() -> None:
    agent = "a" * 3000
    event = requested("GET / HTTP/1.1", rest=f' "-" "{agent}"')
    assert event["user_agent"] == agent[:2048]
    assert event["metadata"]["user_agent"] == agent


def test_a_user_too_long_is_cut_and_kept_whole_in_metadata() -> None:
    event = requested("GET / HTTP/1.1", user="u" * 300)
    assert event["actor"]["id"] == "u" * 256
    assert event["metadata"]["user"] == "u" * 300


def test_values_beyond_the_metadata_limit_are_cut_and_listed() -> None:
    event = requested("GET /" + "é" * 30_000 + " HTTP/1.1", rest=' "' + '\\"' * 20_000 + '" "x/1"')
    assert event["metadata"]["cut"] == ["path", "referrer"]


@pytest.mark.parametrize(
    "wrapped",
    [
        f'"192.0.2.1 - - {TIME} ""GET / HTTP/1.1"" 200 5 ""-"" ""x/1"""',
        f'"192.0.2.1 - - {TIME} \\"GET / HTTP/1.1\\" 200 5 \\"-\\" \\"x/1\\""',
    ],
)
def test_a_line_that_is_quoted_as_a_whole_is_understood(wrapped: str) -> None:
    event = event_of(wrapped)
    assert (event["path"], event["user_agent"]) == ("/", "x/1")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("not a log line", "no [time] followed by a quoted request"),
        ('192.0.2.1 - - [16/Nov/2026] "GET / HTTP/1.1" 200 5', "no [time]"),
        ('192.0.2.1 - - [31/Feb/2026:08:00:00 +0000] "GET / HTTP/1.1" 200 5', "is not a time"),
        ('192.0.2.1 - - [16/Nov/2026:08:00:00 +9900] "GET / HTTP/1.1" 200 5', "is not a time"),
        (f'192.0.2.1 - - {TIME} "GET / HTTP/1.1"', "no status code and size"),
        (f'192.0.2.1 {TIME} "GET / HTTP/1.1" 200 5', "no ident and user (- -) between"),
        (f'{TIME} "GET / HTTP/1.1" 200 5', "no [time]"),
        (f' {TIME} "GET / HTTP/1.1" 200 5', "no client and user"),
    ],
)
def test_a_line_of_another_shape_is_refused_with_a_reason(line: str, reason: str) -> None:
    with pytest.raises(LineError) as caught:
        parse_line(line.encode())
    assert reason in caught.value.reason


def test_a_line_too_long_is_refused() -> None:
    content = b"x" * (1024 * 1024 + 1) + b"\n" + ACCESS_LOG.read_bytes()
    with open_source("-", io.BytesIO(content)) as source:
        assert parse(source)[0] == Refused(1, "longer than 1,048,576 bytes")


def test_bad_lines_are_refused_by_number_and_blank_ones_passed_over() -> None:
    with open_source(str(ACCESS_LOG)) as source:
        outcomes = parse(source)
    assert [outcome.line for outcome in outcomes] == [1, 2, 3, 5, 6]
    assert outcomes[3] == Refused(5, "no [time] followed by a quoted request")


def test_lines_of_one_instant_are_ordered_as_in_the_file() -> None:
    with open_source(str(ACCESS_LOG)) as source:
        parsed = [o for o in parse(source) if isinstance(o, Parsed)]
    assert [(o.line, o.order) for o in parsed] == [(1, 0), (2, 1), (3, 0), (6, 2)]


def test_the_order_stays_within_what_an_id_can_hold() -> None:
    line = f'192.0.2.1 - - {TIME} "GET / HTTP/1.1" 200 5\n'.encode()
    with open_source("-", io.BytesIO(line * 4100)) as source:
        orders = [o.order for o in parse(source) if isinstance(o, Parsed)]
    assert orders[:2] == [0, 1]
    assert orders[-6:] == [4094] + [4095] * 5


def test_identical_lines_have_distinct_keys_that_gzip_does_not_change(tmp_path: Path) -> None:
    packed = tmp_path / "access.log.gz"
    packed.write_bytes(gzip.compress(ACCESS_LOG.read_bytes()))
    keys = []
    for name in (ACCESS_LOG, packed):
        with open_source(str(name)) as source:
            parsed = [o for o in parse(source) if isinstance(o, Parsed)]
            keys.append([o.event["idempotency_key"] for o in parsed])
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 4


def test_windows_line_ends_and_a_byte_order_mark_are_understood() -> None:
    content = b"\xef\xbb\xbf" + ACCESS_LOG.read_bytes().replace(b"\n", b"\r\n")
    with open_source("-", io.BytesIO(content)) as source:
        outcomes = parse(source)
    assert isinstance(outcomes[0], Parsed)
    assert outcomes[0].event["user_agent"] == "curl/8.5.0"
    assert sum(isinstance(outcome, Parsed) for outcome in outcomes) == 4


LINE_LIKE = st.lists(
    st.sampled_from(
        [
            '"',
            '\\"',
            "\\",
            " ",
            "-",
            "[",
            TIME,
            ' "GET / HTTP/1.1" 200 5',
            " 200 5",
            "192.0.2.1",
            "\\x16",
            "\x00",
            "é",
            "\udcff",
            "a@b.example",
            ",",
            "GET /",
            " HTTP/1.1",
        ]
    ),
    max_size=30,
).map(lambda parts: "".join(parts).encode("utf-8", "surrogateescape"))


@given(st.one_of(st.binary(max_size=300), LINE_LIKE))
@example(f'" - {TIME} " 200 5'.encode())
def test_any_line_is_a_storable_event_or_a_line_error(raw: bytes) -> None:
    try:
        event = parse_line(raw)
    except LineError:
        return
    from_mapping(event, NOW)


@given(LINE_LIKE, LINE_LIKE)
def test_any_parts_around_a_time_and_an_answer_make_a_storable_event(
    left: bytes, right: bytes
) -> None:
    raw = b"192.0.2.1 - " + left + f' {TIME} "GET /'.encode() + right + b'" 200 5 "-" "x/1"'
    event = parse_line(raw)
    from_mapping(event, NOW)
