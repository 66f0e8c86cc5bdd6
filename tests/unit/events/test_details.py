from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditsaas.events.presenter import present
from auditsaas.pages.audit_log.event.details import describe, pretty, term, tokens, with_term
from tests.unit.events.test_presenter import ACME, NAMES, event

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text('ab"\\:{ '),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab"\\: '), inner),
    max_leaves=8,
)


NOW = ("role_now", "status_now", "said_by")


def described(query: str = "", **values: Any) -> Any:
    now = {name: values.pop(name) for name in list(values) if name in NOW}
    row = event(**values)
    return describe(row, present(row, NAMES[ACME]), query, **now)


def line(details: Any, name: str) -> Any:
    return next(
        item for item in [*details.actor, *details.request, *details.record] if item.name == name
    )


def test_current_role_and_status_are_shown_beside_those_of_the_event_after_a_change() -> None:
    changed = described(role_now="member", status_now="disabled")
    assert line(changed, "Role and status").text == "Admin · Active"
    assert line(changed, "Role and status").more == "now Member · Disabled"
    assert line(described(role_now="admin"), "Role and status").more == ""


def test_current_role_tells_which_source_says_it() -> None:
    told = described(role_now="member", said_by="product")
    assert line(told, "Role and status").more == "now Member · Active, says the product"
    told = described(role_now="member", said_by=f"api:{ACME}")
    assert line(told, "Role and status").more == "now Member · Active, says an API key"


def test_a_value_can_be_added_to_the_filter_or_excluded() -> None:
    address = line(described("status=error&q=paid&before=x"), "IP Address")
    assert parse_qs(address.only) == {"status": ["error"], "q": ["paid"], "ip": ["203.0.113.7"]}
    assert parse_qs(address.without) == {"status": ["error"], "q": ["paid -ip:203.0.113.7"]}


def test_value_is_quoted_if_needed_and_offers_no_filter_if_no_term_can_hold_it() -> None:
    assert term("user", "Ann Lee") == 'user:"Ann Lee"'
    assert term("user", 'Ann "A" Lee') == r'user:"Ann \"A\" Lee"'
    assert term("meta.a key", "b") == ""
    assert term("user", "u" * 600) == ""


@pytest.mark.parametrize(
    ("name", "query", "words"),
    [
        ("Workspace", "q=workspace:acme", "workspace:acme"),
        ("Request", "q=path:/login", "path:/login"),
        ("HTTP status", "q=code:200", "code:200"),
        ("Response Time", "q=ms:>=142", "ms:>=142"),
        ("Role and status", "role=admin", "role:admin"),
        ("User Agent", "platform=macOS", "platform:macOS"),
        ("Status", "status=success", "status:success"),
    ],
)
def test_every_row_with_a_value_links_to_its_filter_and_excludes_it(
    name: str, query: str, words: str
) -> None:
    found = line(described(), name)
    assert parse_qs(found.only) == parse_qs(query)
    assert parse_qs(found.without) == {"q": [f"-{words}"]}


def test_value_takes_the_place_of_others_in_its_filter() -> None:
    found = line(described("status=success&status=error&q=-status:x"), "Status")
    assert found.only == "q=-status%3Ax&status=success"


def test_changed_role_offers_no_filter() -> None:
    assert line(described(role_now="member"), "Role and status").only == ""


def test_single_values_of_the_metadata_filter_by_their_path() -> None:
    values = described(
        metadata={"plan": "pro", "session": {"mfa": True, "age_s": 5211}, "list": [1], "a b": "x"}
    ).metadata_values
    assert [(item.name, parse_qs(item.only)["q"]) for item in values] == [
        ("plan", ["meta.plan:pro"]),
        ("session.mfa", ["meta.session.mfa:true"]),
        ("session.age_s", ["meta.session.age_s:5211"]),
    ]


def test_a_term_is_not_added_twice() -> None:
    assert with_term("q=ip%3A1.2.3.4", "ip:1.2.3.4") == "q=ip%3A1.2.3.4"


def test_every_target_is_listed() -> None:
    targets = [{"type": "invoice", "id": f"inv_{n}"} for n in range(20)]
    details = described(targets=targets)
    assert [item.text for item in details.actor if item.name == "Target"] == [
        f"inv_{n}" for n in range(20)
    ]


def test_changed_list_shows_only_added_and_removed_items() -> None:
    details = described(changes={"scopes": [["read"], ["read", "write"]]})
    assert [(piece.kind, piece.text) for piece in details.changes[0].after] == [
        ("", "read"),
        ("ins", "write"),
    ]


def test_change_from_null_is_only_an_insertion() -> None:
    change = described(changes={"role": [None, "admin"]}).changes[0]
    assert change.before == []
    assert [(piece.kind, piece.text) for piece in change.after] == [("ins", "admin")]


def test_copied_text_is_the_original_text() -> None:
    agent = line(described(user_agent="a\u202eb", platform="Other", browser=None), "User Agent")
    assert (agent.text, agent.copy) == ("a‹U+202E›b", "a\u202eb")


@given(JSON)
def test_highlighted_json_has_the_same_text(value: Any) -> None:
    text = "".join(token.text for token in tokens(value))
    assert text == pretty(value)
    assert json.loads(text) == value


def test_json_highlighting_distinguishes_keys_strings_and_other_values() -> None:
    kinds = [(token.kind, token.text) for token in tokens({"a": "b: c", "n": -1.5}) if token.kind]
    assert kinds == [("k", '"a"'), ("s", '"b: c"'), ("k", '"n"'), ("n", "-1.5")]
