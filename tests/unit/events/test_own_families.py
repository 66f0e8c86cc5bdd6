"""Activities that only the product has are known in every spelling that people read as them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditsaas.events.own_families import FAMILIES, LOOKALIKES, is_own
from auditsaas.own_activities import Activity

SPELLINGS = [
    "platform.access",
    "Platform.Access",
    "RETENTION.apply",
    " platform.access",
    "platform .access",
    "platform\u2800.access",
    "platform.access ",
    "platform.",
    "pIatform.access",
    "p1atform.access",
    "platf0rm.access",
    "platforrn.access",
    "\u0440latform.access",
    "\u0440\u04cf\u0430t\u0444orm.access".replace("\u0444", "f"),
    "\u03a4R\u0395\u0395.head",
    "\uff50\uff4c\uff41\uff54\uff46\uff4f\uff52\uff4d.access",
    "\U0001d429latform.access",
    "\u24dflatform.access",
    "platform\u2024access",
    "platform\uff0eaccess",
    "platform\u3002access",
    "plat\u200bform.access",
    "plat\u034fform.access",
    "plat\u00adform.access",
    "plat\u3164form.access",
    "tr\u0332ee.head",
    "an\u0441hor.made",
    "\u0435rasure.done",
]
OTHERS = [
    "user.login",
    "platform",
    "platformer.open",
    "my.platform.open",
    "trees.plant",
    "street.open",
    "retentionpolicy.update",
    "r\u00e9tention.appliquer",
    "\u0434\u0435\u0440\u0435\u0432\u043e.open",
    "plat-form.access",
]


@pytest.mark.parametrize("activity", SPELLINGS)
def test_own_family_is_known_in_another_spelling(activity: str) -> None:
    assert is_own(activity)


@pytest.mark.parametrize("activity", OTHERS)
def test_activity_of_an_application_is_no_own_family(activity: str) -> None:
    assert not is_own(activity)


@given(st.data())
def test_own_family_is_known_by_any_lookalikes_of_its_letters(data: st.DataObject) -> None:
    family = data.draw(st.sampled_from(FAMILIES))
    letters = [data.draw(st.sampled_from(letter + LOOKALIKES[letter])) for letter in f"{family}."]
    assert is_own("".join(letters) + "x")


@given(st.text(max_size=40))
def test_any_text_is_answered(text: str) -> None:
    assert is_own(text) in (True, False)


def test_no_family_that_applications_share_is_the_products_alone() -> None:
    alone = {activity.value for activity in Activity if is_own(activity.value)}
    assert {activity.partition(".")[0] for activity in alone} <= set(FAMILIES)
    assert not is_own(Activity.USER_LOGIN.value)
