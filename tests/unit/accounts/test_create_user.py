from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from auditsaas.accounts.service import create_user, find_by_email, normal_email
from auditsaas.errors import Conflict, Invalid
from tests.support.factories import PASSWORD, unique


def test_person_is_found_by_email_in_any_case(session: Session) -> None:
    email = f"{unique('Ann')}@Example.com"
    user = create_user(session, email, password=PASSWORD)
    assert find_by_email(session, email.upper()) is user


def test_missing_name_is_taken_from_the_email(session: Session) -> None:
    local = unique("ann")
    assert create_user(session, f"{local}@example.com", password=PASSWORD).name == local


def test_email_of_another_person_is_refused(session: Session) -> None:
    email = f"{unique('ann')}@example.com"
    create_user(session, email, password=PASSWORD)
    with pytest.raises(Conflict, match="has an account already"):
        create_user(session, email.upper(), password=PASSWORD)


@pytest.mark.parametrize("password", ["", "short", "eleven-char", "x" * 1025])
def test_password_under_twelve_characters_is_refused(session: Session, password: str) -> None:
    with pytest.raises(Invalid, match="12 to 1,024"):
        create_user(session, f"{unique('ann')}@example.com", password=password)


@pytest.mark.parametrize(
    "password",
    ["aaaaaaaaaaaa", "password1234", "auditsaas123", "qwertyuiop12", "violet mallory tin"],
)
def test_weak_password_is_refused(session: Session, password: str) -> None:
    with pytest.raises(Invalid):
        create_user(session, "mallory@acme.example", password=password)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "ann@",
        "@example.com",
        "a b@example.com",
        "ann@example.com\x00",
        "ann@ex\nample.com",
        "ann@example.com" + "m" * 250,
        "\ud800@example.com",
    ],
)
def test_invalid_email_address_is_refused(text: str) -> None:
    assert normal_email(text) is None


@pytest.mark.parametrize("name", ["a\x00b", "\u202eevil", "x" * 101])
def test_unprintable_or_long_name_is_refused(session: Session, name: str) -> None:
    with pytest.raises(Invalid, match="1 to 100 printable"):
        create_user(session, f"{unique('ann')}@example.com", name=name, password=PASSWORD)
