import ipaddress
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from auditsaas.demo.activity import generate, people
from auditsaas.demo.people import WORKSPACES
from auditsaas.events.schema import from_mapping
from auditsaas.events.writing.useragent import PLATFORMS, derive

NOW = datetime(2026, 11, 23, 15, 20, tzinfo=UTC)
TOTAL = 20_000

Event = dict[str, Any]


@pytest.fixture(scope="module")
def events() -> list[tuple[str, Event]]:
    return list(generate(seed=7, total=TOTAL, now=NOW))


def when(event: Event) -> datetime:
    return datetime.fromisoformat(event["occurred_at"])


def test_there_are_some_40_people_with_addresses_of_their_workspace() -> None:
    everyone = people()
    assert 36 <= len(everyone) <= 44
    assert len({person.email for person in everyone}) == len(everyone)
    assert all(person.email.endswith(f"@{person.workspace}.example") for person in everyone)
    assert all(person.email.isascii() for person in everyone)


def test_every_workspace_has_an_admin_an_auditor_services_and_a_disabled_person() -> None:
    for workspace in WORKSPACES:
        own = [person for person in people() if person.workspace == workspace.slug]
        roles = {person.role for person in own if person.status == "active"}
        assert {"admin", "auditor", "member", "service"} <= roles
        assert any(person.status == "disabled" for person in own)


@pytest.mark.parametrize("total", [0, 1, 7, 999, 5000])
@pytest.mark.parametrize("days", [1, 3, 120])
def test_exactly_as_many_events_as_asked(total: int, days: int) -> None:
    assert sum(1 for _ in generate(seed=1, total=total, now=NOW, days=days)) == total


def test_events_come_in_time_order_and_end_now(events: list[tuple[str, Event]]) -> None:
    times = [when(event) for _, event in events]
    assert times == sorted(times)
    assert NOW - timedelta(days=120) <= times[0]
    assert NOW - timedelta(hours=1) < times[-1] < NOW


def test_the_same_seed_and_time_give_the_same_events(events: list[tuple[str, Event]]) -> None:
    assert list(generate(seed=7, total=TOTAL, now=NOW)) == events
    assert list(islice(generate(seed=8, total=TOTAL, now=NOW), 50)) != events[:50]


def test_every_event_is_valid(events: list[tuple[str, Event]]) -> None:
    for _, event in events:
        from_mapping(event, NOW)


def test_idempotency_keys_number_the_events(events: list[tuple[str, Event]]) -> None:
    keys = [event["idempotency_key"] for _, event in events]
    assert keys == [f"demo-{number}" for number in range(1, TOTAL + 1)]


def test_events_are_split_among_workspaces_by_share(events: list[tuple[str, Event]]) -> None:
    counts = Counter(slug for slug, _ in events)
    for workspace in WORKSPACES:
        assert counts[workspace.slug] / TOTAL == pytest.approx(workspace.share, abs=0.01)


def test_every_filtered_method_and_every_platform_occurs(
    events: list[tuple[str, Event]],
) -> None:
    assert {event["method"] for _, event in events} == {"GET", "POST", "PUT", "DELETE", "PATCH"}
    assert {derive(event["user_agent"])[0] for _, event in events} == set(PLATFORMS)


def test_there_are_25_to_30_kinds_of_activity(events: list[tuple[str, Event]]) -> None:
    activities = {event["activity"] for _, event in events}
    assert 25 <= len(activities) <= 30
    assert all(activity.count(".") == 1 for activity in activities)


def test_a_few_events_in_a_hundred_are_errors(events: list[tuple[str, Event]]) -> None:
    errors = sum(event["status"] == "error" for _, event in events)
    assert 0.015 < errors / TOTAL < 0.05
    assert all((event["status_code"] >= 400) == (event["status"] == "error") for _, event in events)


def test_errors_cluster_in_incidents(events: list[tuple[str, Event]]) -> None:
    checks = [event for _, event in events if event["activity"] == "customs.check"]
    by_hour: defaultdict[str, list[bool]] = defaultdict(list)
    for event in checks:
        by_hour[event["occurred_at"][:13]].append(event["status_code"] == 502)
    broken = [failed for failed in by_hour.values() if len(failed) >= 5 and sum(failed) >= 4]
    assert len(broken) >= 10
    assert sum(map(sum, broken)) > sum(map(sum, by_hour.values())) / 2


def test_passwords_of_disabled_people_are_guessed_from_one_address(
    events: list[tuple[str, Event]],
) -> None:
    guesses = Counter(
        (event["actor"]["email"], event["ip"], event["occurred_at"][:13])
        for _, event in events
        if event["activity"] == "user.login" and event["actor"]["status"] == "disabled"
    )
    assert len([count for count in guesses.values() if count >= 50]) == 4


def test_disabled_person_has_no_later_events(events: list[tuple[str, Event]]) -> None:
    disabled = {person.email for person in people() if person.status == "disabled"}
    for email in disabled:
        own = [event for _, event in events if event["actor"]["email"] == email]
        statuses = [event["actor"]["status"] for event in own]
        assert statuses == sorted(statuses)
        assert statuses[-1] == "disabled"
        late = [event for event in own if event["actor"]["status"] == "disabled"]
        assert {(event["activity"], event["status"]) for event in late} == {("user.login", "error")}


def test_people_work_office_hours_and_services_round_the_clock(
    events: list[tuple[str, Event]],
) -> None:
    zones = {workspace.slug: ZoneInfo(workspace.zone) for workspace in WORKSPACES}
    people_at: Counter[bool] = Counter()
    services_at: Counter[bool] = Counter()
    for slug, event in events:
        local = when(event).astimezone(zones[slug])
        at_work = local.weekday() < 5 and 7 <= local.hour < 19
        (services_at if event["actor"]["role"] == "service" else people_at)[at_work] += 1
    assert people_at[True] / people_at.total() > 0.8
    assert 0.25 < services_at[True] / services_at.total() < 0.6


def test_times_are_short_mostly_and_very_long_rarely(events: list[tuple[str, Event]]) -> None:
    times = sorted(event["duration_ms"] for _, event in events)
    assert 50 < times[TOTAL // 2] < 300
    assert times[int(TOTAL * 0.95)] < 3_000
    assert times[-1] > 8_000


def test_addresses_are_of_documentation_ranges(events: list[tuple[str, Event]]) -> None:
    networks = [
        ipaddress.ip_network(text)
        for text in (
            "192.0.2.0/24",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "2001:db8::/32",
            "10.0.0.0/8",
        )
    ]
    addresses = {ipaddress.ip_address(event["ip"]) for _, event in events}
    assert all(any(address in network for network in networks) for address in addresses)
    assert {address.version for address in addresses} == {4, 6}


def test_changing_activity_has_changes_and_targets(
    events: list[tuple[str, Event]],
) -> None:
    updates = [event for _, event in events if event["activity"] == "shipment.update"]
    done = [event for event in updates if event["status"] == "success"]
    assert all(event["targets"][0]["type"] == "shipment" for event in updates)
    assert all(event["changes"]["state"][0] != event["changes"]["state"][1] for event in done)
