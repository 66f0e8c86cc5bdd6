import pytest

from auditsaas.accounts.models import User
from auditsaas.notifications import service
from tests.support.factories import make_user, scoped

pytestmark = pytest.mark.usefixtures("engine")


def tell(user: User, title: str = "Everything", url: str = "/exports/1") -> None:
    with scoped(user=user.id) as session:
        service.notify(
            session, user.id, kind="export.ready", title=title, body="CSV · 2 rows", url=url
        )
        session.commit()


def titles(user: User) -> list[str]:
    with scoped(user=user.id) as session:
        return [found.title for found in service.newest(session, user.id, limit=10)]


def unread(user: User) -> int:
    with scoped(user=user.id) as session:
        return service.count_unread(session, user.id)


def announced(user: User, url: str | None = None) -> list[str]:
    with scoped(user=user.id) as session:
        found = [fresh.title for fresh in service.announce(session, user.id, url=url)]
        session.commit()
        return found


def test_newest_notification_comes_first() -> None:
    person = make_user()
    tell(person, "first")
    tell(person, "second")
    assert titles(person) == ["second", "first"]


def test_person_sees_only_their_own_notifications() -> None:
    person, other = make_user(), make_user()
    tell(person)
    assert titles(other) == []
    with scoped(user=other.id) as session:
        assert service.newest(session, person.id, limit=10) == []


def test_marking_as_read_empties_the_unread_count() -> None:
    person = make_user()
    tell(person)
    tell(person)
    assert unread(person) == 2
    with scoped(user=person.id) as session:
        service.mark_read(session, person.id)
        session.commit()
    assert unread(person) == 0


def test_notifications_of_one_page_can_be_marked_as_read_alone() -> None:
    person = make_user()
    tell(person, url="/exports/1")
    tell(person, url="/exports/2")
    with scoped(user=person.id) as session:
        service.mark_read(session, person.id, url="/exports/1")
        session.commit()
    assert unread(person) == 1


def test_each_notification_is_announced_once() -> None:
    person = make_user()
    tell(person, "a", "/exports/1")
    tell(person, "b", "/exports/2")
    assert announced(person, "/exports/2") == ["b"]
    assert announced(person) == ["a"]
    assert announced(person) == []
