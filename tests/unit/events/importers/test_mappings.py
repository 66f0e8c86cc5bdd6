"""Mappings of records to events: what they can say, and what of a form is wrong where."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from auditsaas.events.importers.lines import SourceError, open_source
from auditsaas.events.importers.mapping.checking import mapping_from_json, mapping_of
from auditsaas.events.importers.mapping.faults import MappingError
from auditsaas.events.importers.mapping.inputs import INPUTS
from auditsaas.events.importers.mapping.parsing import format_of
from auditsaas.events.importers.outcome import Parsed, Refused
from auditsaas.events.importers.reading import Reading
from auditsaas.events.importers.registry import checked_format
from auditsaas.events.schema import from_mapping
from tests.unit.events.importers.reading_files import NOW, events, refusals

AT_8 = datetime(2026, 11, 16, 8, tzinfo=UTC)
LEAST = {"occurred_at": "time", "activity": "action"}


def read(form: dict[str, Any], content: str, zone: tzinfo | None = None) -> list[Parsed | Refused]:
    made = format_of("trial", mapping_of(form, INPUTS))
    with open_source("-", io.BytesIO(content.encode())) as source:
        checked_format(source, made, zone)
        found = list(made.parse(source, Reading("trial:file", zone)))
    for event in events(found):
        from_mapping(event, NOW)
    return found


def event_of(fields: dict[str, Any], record: dict[str, Any], **form: Any) -> dict[str, Any]:
    whole = {"fields": {**LEAST, **fields}, **form}
    line = json.dumps({"time": AT_8.isoformat(), "action": "a.b", **record})
    (event,) = events(read(whole, line))
    return event


def test_columns_of_a_csv_file_become_fields_and_the_rest_metadata() -> None:
    form = {
        "input": "csv",
        "fields": {**LEAST, "actor.id": "user", "ip": "from", "status": "result"},
    }
    content = "time;user;action;from;result;note\n2026-11-16T08:00:00Z;ann;login;192.0.2.1;ok;hi\n"
    (event,) = events(read(form, content))
    assert event == {
        "occurred_at": AT_8,
        "activity": "login",
        "status": "success",
        "actor": {"id": "ann"},
        "ip": "192.0.2.1",
        "metadata": {"result": "ok", "note": "hi"},
        "idempotency_key": "trial:file:2",
    }


def test_first_alternative_with_a_value_is_used() -> None:
    fields = {"actor.id": {"first": ["user.id", "{org}:{user.name}", {"constant": "nobody"}]}}
    assert event_of(fields, {"user": {"id": 7}})["actor"]["id"] == "7"
    assert event_of(fields, {"user": {"name": "ann"}, "org": "acme"})["actor"]["id"] == "acme:ann"
    assert event_of(fields, {"user": {"name": "ann"}})["actor"]["id"] == "nobody"


def test_value_table_has_prefixes_a_default_and_gaps() -> None:
    table = {"ok": "success", "4*": "error", "skip": None}
    status = {"status": {"path": "result", "values": table, "otherwise": "success"}}
    results = {"OK": "success", "404": "error", "skip": "success", "odd": "success"}
    found = {word: event_of(status, {"result": word})["status"] for word in results}
    assert found == results


def test_value_changed_by_a_table_stays_in_metadata() -> None:
    event = event_of({"status": {"path": "result", "values": {"ok": "success"}}}, {"result": "ok"})
    assert event["metadata"] == {"result": "ok"}


def test_an_alternative_may_have_a_condition() -> None:
    when = {"path": "kind", "is": ["in", "out"]}
    fields = {"actor.id": {"first": [{"path": "subject", "when": when}, "object"]}}
    record = {"subject": "ann", "object": "door"}
    assert event_of(fields, {**record, "kind": "IN"})["actor"]["id"] == "ann"
    assert event_of(fields, {**record, "kind": "other"})["actor"]["id"] == "door"


@pytest.mark.parametrize(
    ("value", "written", "zone"),
    [
        ("2026-11-16 08:00", None, "UTC"),
        ("2026-11-16 09:00:00", None, "Europe/Berlin"),
        ("Nov 16 2026 08:00:00 UTC", None, None),
        ("Mon, 16 Nov 2026 08:00:00 GMT", None, None),
        (1794816000, None, None),
        ("1794816000000", None, None),
        ("16.11.2026 09:00", "%d.%m.%Y %H:%M", "Europe/Berlin"),
        ("11/16/2026 3:00:00 AM EST", "%m/%d/%Y %I:%M:%S %p %Z", "America/New_York"),
        ("11/16/2026 8:00 +0000", "%m/%d/%Y %H:%M %z", None),
    ],
)
def test_times_are_read_however_they_are_written(
    value: object, written: str | None, zone: str | None
) -> None:
    moment = {"path": "time"} | ({"format": written} if written else {})
    form = {"fields": {**LEAST, "occurred_at": moment}} | ({"zone": zone} if zone else {})
    (event,) = events(read(form, json.dumps({"time": value, "action": "a"})))
    assert event["occurred_at"] == AT_8


def test_a_zone_the_operator_names_goes_before_that_of_the_mapping() -> None:
    form = {"zone": "UTC", "fields": LEAST}
    content = json.dumps({"time": "2026-11-16T09:00:00", "action": "a"})
    (event,) = events(read(form, content, ZoneInfo("Europe/Berlin")))
    assert event["occurred_at"] == AT_8


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("2026-11-16T08:00:00", "has no zone, and none is assumed"),
        ("Nov 16 08:00:00", "has no year"),
        ("11/16/2026 8:00:00 AM EST", "is not a time"),
        (None, "has no time in time; its first keys are time and action"),
    ],
)
def test_invalid_time_is_refused_with_a_reason(value: object, reason: str) -> None:
    records = [{"time": AT_8.isoformat(), "action": "a"}, {"time": value, "action": "a"}]
    found = read({"fields": LEAST}, "\n".join(map(json.dumps, records)))
    assert reason in refusals(found)[0][1]


def test_addresses_numbers_and_words_of_senders_are_understood() -> None:
    fields = {"ip": "from", "status": "result", "actor.id": "user", "status_code": "code"}
    record = {"from": "192.0.2.1:443", "result": "Success", "user": 42, "code": "201"}
    event = event_of(fields, record)
    assert (event["ip"], event["status"], event["actor"]) == ("192.0.2.1", "success", {"id": "42"})
    assert event["status_code"] == 201
    assert event["metadata"] == {"from": "192.0.2.1:443", "result": "Success"}


@pytest.mark.parametrize(("value", "status"), [(False, "error"), (503, "error"), (True, "success")])
def test_a_status_may_be_a_code_or_yes_and_no(value: object, status: str) -> None:
    assert event_of({"status": "result"}, {"result": value})["status"] == status


def test_a_duration_has_a_unit() -> None:
    fields = {"duration_ms": {"path": "took", "unit": "s"}}
    assert event_of(fields, {"took": "0.25"})["duration_ms"] == 250
    assert event_of(fields, {"took": "long"})["metadata"] == {"took": "long"}


def test_targets_and_changes_of_lists() -> None:
    event = event_of(
        {},
        {
            "things": [{"kind": "plan", "id": 7}, {"kind": "plan", "id": 8, "extra": "x"}],
            "diff": [{"name": "size", "old": 1, "new": 2}],
        },
        targets=[{"each": "things", "type": "kind", "id": "id"}],
        changes=[{"each": "diff", "field": "name", "before": "old", "after": "new"}],
    )
    assert event["targets"] == [{"type": "plan", "id": "7"}, {"type": "plan", "id": "8"}]
    assert event["changes"] == {"size": [1, 2]}
    assert event["metadata"] == {"things": [{"extra": "x"}]}


def test_more_than_twenty_targets_stay_in_metadata_as_well() -> None:
    things = [{"id": f"t{n}"} for n in range(21)]
    targets = [{"each": "things", "type": {"constant": "thing"}, "id": "id"}]
    event = event_of({}, {"things": things}, targets=targets)
    assert len(event["targets"]) == 20
    assert event["metadata"] == {"things": things}


def test_source_ids_make_keys_that_do_not_depend_on_position() -> None:
    form = {"id": "id", "fields": LEAST}
    lines = [json.dumps({"id": n, "time": AT_8.isoformat(), "action": "a"}) for n in (1, 2)]
    keys = [event["idempotency_key"] for event in events(read(form, "\n".join(lines)))]
    turned = [event["idempotency_key"] for event in events(read(form, f"[{lines[1]},{lines[0]}]"))]
    assert keys == ["trial:1", "trial:2"] == turned[::-1]


def test_each_element_of_a_list_is_an_event_with_a_key_of_its_own() -> None:
    form = {"split": ["parts"], "fields": {**LEAST, "activity": "parts.name"}}
    record = {"time": AT_8.isoformat(), "parts": [{"name": "a"}, {"name": "b", "left": 1}]}
    first, second = events(read(form, json.dumps(record)))
    assert (first["activity"], second["activity"]) == ("a", "b")
    assert second["metadata"] == {"parts": {"left": 1}}
    keys = [event["idempotency_key"] for event in (first, second)]
    assert keys == ["trial:file:1", "trial:file:1.1"]


def test_text_that_is_json_is_unpacked_lifted_and_paired() -> None:
    inner = {"time": AT_8.isoformat(), "action": "a", "more": [{"name": "size", "value": 5}]}
    form = {"unpack": ["body"], "lift": ["body"], "pairs": ["more"], "fields": LEAST}
    (event,) = events(read(form, json.dumps({"body": json.dumps(inner), "outer": 1})))
    assert event["metadata"] == {"outer": 1, "more": {"size": 5}}


def test_value_too_long_for_its_field_is_cut_and_kept_whole_in_metadata() -> None:
    event = event_of({"path": "url"}, {"url": "/" + "x" * 5000})
    assert len(event["path"]) == 4096
    assert len(event["metadata"]["url"]) == 5001


def test_record_of_another_kind_is_refused_with_its_missing_fields_and_first_keys() -> None:
    form = {"title": "Door log", "needs": ["door", ["at", "time"]], "fields": LEAST}
    with pytest.raises(SourceError) as caught:
        read(form, json.dumps({"time": 1, "gate": 2}))
    words = "is none of Door log: it has no door; its first keys are time and gate"
    assert words in str(caught.value)


def test_a_csv_file_without_a_needed_column_is_refused_whole() -> None:
    with pytest.raises(SourceError) as caught:
        read({"input": "csv", "fields": LEAST}, "when,action\n1794816000,a\n")
    assert "the header has no time; its columns are when and action" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reasons"),
    [
        ("time,action\n1794816000\n", ["has 1 cells, not the header's 2"]),
        ('time,action\n1794816000,"a\n', ["is not CSV: unexpected end of data"]),
        ('time,action\n"x"y,a\n1794816000,b\n', ["is not CSV: ',' expected after '\"'"]),
        ("time,action\n1794816000,\n", ["has no activity in action; its key is time"]),
    ],
)
def test_a_broken_row_is_refused_by_its_number(content: str, reasons: list[str]) -> None:
    good = "time,action\n1794816000,b\n"
    found = read({"input": "csv", "fields": LEAST}, good + content.removeprefix("time,action\n"))
    assert [reason for _, reason in refusals(found)] == reasons
    assert events(found)[0]["activity"] == "b"


def test_rows_over_several_lines_are_numbered_by_their_first() -> None:
    content = 'time,action,note\n1794816000,a,"x\ny"\n1794816000,b,z\nbad\n'
    found = read({"input": "csv", "fields": LEAST}, content)
    assert [event["metadata"]["note"] for event in events(found)] == ["x\ny", "z"]
    assert [place for place, _ in refusals(found)] == ["line 5"]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("sep=;\ntime;action;x\n1794816000;a;1\n", {"x"}),
        ("time\taction\tx\n1794816000\ta\t1\n", {"x"}),
        ("\ufefftime,action,x,x,\n1794816000,a,1,2,3\n", {"x", "x 2", "column 5"}),
    ],
)
def test_csv_is_divided_as_its_header_is(content: str, names: set[str]) -> None:
    (event,) = events(read({"input": "csv", "fields": LEAST}, content))
    assert event["metadata"].keys() == names


@pytest.mark.parametrize(
    ("form", "places"),
    [
        ([], [""]),
        ({}, ["fields"]),
        ({"fields": {"activity": "a"}}, ["fields.occurred_at"]),
        ({"fields": {**LEAST, "colour": "x"}}, ["fields.colour"]),
        ({"fields": {**LEAST, "status": {"paths": "x"}}}, ["fields.status.paths", "fields.status"]),
        ({"fields": {**LEAST, "status": {"path": "x", "constant": "y"}}}, ["fields.status"]),
        ({"fields": {**LEAST, "status": {"path": "x", "case": "big"}}}, ["fields.status.case"]),
        (
            {"fields": {**LEAST, "actor.id": {"first": ["a", {"path": ""}]}}},
            ["fields.actor.id.first[1].path"],
        ),
        ({"fields": {**LEAST, "path": "{a"}}, ["fields.path"]),
        ({"fields": {**LEAST, "path": "a..b"}}, ["fields.path"]),
        ({"fields": {**LEAST, "status": {"path": "x", "format": "%Y"}}}, ["fields.status.format"]),
        (
            {"fields": {**LEAST, "occurred_at": {"path": "x", "format": "%Q"}}},
            ["fields.occurred_at.format"],
        ),
        ({"fields": LEAST, "zone": "Mars/Olympus"}, ["zone"]),
        ({"fields": LEAST, "input": "tablet"}, ["input"]),
        ({"fields": LEAST, "needs": [{"path": "a"}]}, ["needs[0].is[0]"]),
        ({"fields": LEAST, "targets": [{"id": "a"}]}, ["targets[0].type"]),
        ({"fields": LEAST, "under": "items"}, ["under"]),
        ({"fields": LEAST, "colour": 1}, ["colour"]),
    ],
)
def test_invalid_mapping_is_reported_at_its_field(form: object, places: list[str]) -> None:
    with pytest.raises(MappingError) as caught:
        mapping_of(form, INPUTS)
    assert [error.field for error in caught.value.errors] == places


@pytest.mark.parametrize("raw", ["{", "x" * 70_000, "[" * 2000])
def test_a_form_that_is_no_json_or_too_long_is_refused(raw: str) -> None:
    with pytest.raises(MappingError):
        mapping_from_json(raw, INPUTS)
