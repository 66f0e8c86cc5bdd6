from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditsaas.events.labels import label


@pytest.mark.parametrize(
    ("activity", "expected"),
    [
        ("user.login", "Sign in"),
        ("invoice.download", "Download invoice"),
        ("http.get", "HTTP GET"),
        ("api_key.delete", "Delete API key"),
        ("member.role_update", "Update member role"),
        ("shipment.list", "List shipments"),
        ("order.created", "Create order"),
        ("billing.card.remove", "Remove billing card"),
        ("deploy", "Deploy"),
        ("Signed the contract", "Signed the contract"),
        ("<script>", "<script>"),
    ],
)
def test_an_activity_reads_as_a_neutral_phrase(activity: str, expected: Any) -> None:
    assert label(activity) == expected


@given(st.text(min_size=1, max_size=128))
def test_every_activity_has_a_label(activity: str) -> None:
    assert label(activity)
