"""A search narrowed by the dictionary of words finds what a plain scan finds, in the same order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, update
from sqlalchemy.orm import Session

from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.models import events
from auditsaas.events.reading import facets, histogram, latency, pages, totals
from auditsaas.events.reading.scans import by_words, word_blocks
from auditsaas.events.reading.scans.budget import Budget
from auditsaas.events.reading.scans.cursor import NEWEST
from auditsaas.events.reading.scans.few_workspaces import FewWorkspaces
from auditsaas.events.reading.scans.source import MANY, source
from auditsaas.events.search.parser import quoted
from auditsaas.events.words.models import event_words, word_heads
from auditsaas.workspaces.models import Workspace
from tests.support.cases import cases
from tests.support.factories import append_events, as_owner, event_input, make_workspace, scoped
from tests.support.wording import word
from tests.unit.events.test_filters import parse

NOW = datetime.now(UTC)
EVENTS, UNWORDED = 800, 40
"""Events in the dictionary, the last block of which is not full, and those after it."""
PARTS = [
    *("a", "Q", "7", "42", "invoice", "Req_8e0d", "2026", " ", "-", "_", "%", "/", ".", ":"),
    *("\\", '"', "'", "é", "e\u0301", "\u0301", "ß", "İ", "ı", "ﬁ", "Σς", "Ｗ", "＂", "＼", "①"),
    *("Ж", "ل", "क्षि", "ไทย", "東京", "한", "\u1112\u1161", "\U0001f469\u200d\U0001f680"),
    *("\t", "\n", "\x1b", "=\u0338"),
]
texts = st.lists(st.sampled_from(PARTS), min_size=1, max_size=5).map("".join)
typed_texts = texts.filter(lambda text: text.strip())


def random_event(random: Random, n: int) -> dict[str, Any]:
    """An event whose texts are of every script; it occurred anywhere in the last ten days."""

    def text(most: int = 6) -> str:
        return "x".join("".join(random.choices(PARTS, k=most)) for _ in range(2))

    return event_input(
        occurred_at=(NOW - timedelta(minutes=random.randrange(14_400))).isoformat(),
        activity=random.choice(["user.login", "key.rotate", "Größe.ändern"]),
        status=random.choice(["success", "error"]),
        path=f"/{text()}" if n % 2 else "/plain",
        request_id=text(3)[:128] if n % 3 else None,
        actor={"id": f"u_{n % 5}", "name": text(3), "email": f"p{n % 5}@example.com"},
        targets=[{"type": "file", "id": text(2)}] if n % 4 == 0 else None,
        metadata={"note": text(), "deep": {"n": random.randrange(50)}} if n % 5 else None,
        changes={"name": [text(2), text(2)]} if n % 7 == 0 else None,
    )


@pytest.fixture(scope="module")
def log(engine: Engine) -> Workspace:
    workspace = make_workspace()
    random = Random(17)
    made = [random_event(random, n) for n in range(EVENTS + UNWORDED)]
    append_events(workspace, made[: EVENTS - 90])
    word(workspace)
    append_events(workspace, made[EVENTS - 90 : EVENTS])
    word(workspace)
    append_events(workspace, made[EVENTS:])
    return workspace


@pytest.fixture
def session(log: Workspace) -> Iterator[Session]:
    with scoped(log.id) as made:
        yield made


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that go through every kind of step, and have the time to."""
    for name, small in {"STEP": 9, "FIRST_LIST": 1, "FIRST_PART": 1, "COUNTED_PART": 1}.items():
        monkeypatch.setattr(by_words, name, small)
    monkeypatch.setattr(by_words, "Budget", partial(Budget, seconds=600))
    monkeypatch.setattr(totals, "COUNT_SECONDS", 600)


def scanned(session: Session, ids: Sequence[UUID], asked: EventFilter) -> list[UUID]:
    """All ids that a plain scan finds, newest first."""
    return list(session.scalars(FewWorkspaces(session, ids, asked).ordered([events.c.id])))


def paged(session: Session, ids: Sequence[UUID], asked: EventFilter, limit: int) -> list[UUID]:
    """All ids, page by page, once it is seen that paging back gives the same."""
    read = partial(pages.page, session, ids, asked, limit=limit)
    page = read()
    found = [row.id for row in page.rows]
    while page.older:
        page = read(before=page.searched_to or found[-1])
        found += [row.id for row in page.rows]
    back: list[UUID] = []
    while len(back) < len(found):
        page = read(after=back[0] if back else UUID(int=found[-1].int - 1))
        back = [*(row.id for row in page.rows), *back]
    assert back == found
    return found


TERMS: Sequence[Callable[[str], str]] = (
    quoted,
    lambda text: f"path:{quoted('/' + text + '*')}",
    lambda text: f"path:{quoted('/' + text)}",
    lambda text: f"meta.note:{quoted(text)}",
    lambda text: f"target:{quoted(text)},{quoted(text[:2] or 'x')}",
    lambda text: f"request:{quoted(text)}",
    lambda text: f"-{quoted(text)}",
)
OTHERS: Sequence[dict[str, Any]] = (
    {},
    {"status": "error"},
    {"activity": ["user.login", "key.*"]},
    {"user": "u_3"},
)


@st.composite
def queries(draw: st.DrawFn) -> dict[str, Any]:
    q = [draw(st.sampled_from(TERMS))(draw(typed_texts))]
    if draw(st.booleans()):
        q.append(quoted(draw(typed_texts)))
    return {"q": " ".join(q)} | draw(st.sampled_from(OTHERS))


@settings(
    max_examples=cases(8),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(asked=queries(), limit=st.sampled_from([70, 500]))
def test_pages_of_words_of_any_script_are_those_of_a_plain_scan(
    session: Session, log: Workspace, asked: dict[str, Any], limit: int
) -> None:
    chosen = parse(**asked)
    assert paged(session, [log.id], chosen, limit) == scanned(session, [log.id], chosen)


def ids_of(session: Session, workspace: Workspace, **asked: str) -> list[UUID]:
    return paged(session, [workspace.id], parse(**asked), 50)


@pytest.fixture
def hay() -> Workspace:
    """A log of two blocks, the oldest event of which alone holds a needle."""
    workspace = make_workspace()
    append_events(
        workspace,
        [
            event_input(
                occurred_at=(NOW - timedelta(hours=600 - n)).isoformat(),
                path="/needle" if n == 0 else f"/hay/{n}",
                metadata={"order": f"A-{n}"},
            )
            for n in range(300)
        ],
    )
    word(workspace)
    return workspace


def change(workspace: Workspace, **values: Any) -> None:
    """Change what the dictionary holds of a log."""
    table = event_words if "words" in values else word_heads
    with as_owner(workspace.id) as session:
        session.execute(update(table).values(**values))
        session.commit()


def test_one_hit_in_the_oldest_block_is_on_the_first_page(hay: Workspace) -> None:
    with scoped(hay.id) as session:
        page = pages.page(session, [hay.id], parse(q="needle"), limit=50)
        walked = FewWorkspaces(session, [hay.id], parse(q="needle")).page(
            51, NEWEST, budget=Budget(seconds=0, step=9)
        )
    assert [row.path for row in page.rows] == ["/needle"]
    assert page.searched_to is None
    assert walked[0] == []
    assert walked[1] is not None


def test_word_that_the_dictionary_lost_is_not_found(hay: Workspace) -> None:
    """The control: it is the dictionary that answers."""
    change(hay, words=func.replace(event_words.c.words, "\nneedle\n", "\n"))
    with scoped(hay.id) as session:
        assert ids_of(session, hay, q="needle") == []
        assert ids_of(session, hay, q="ms:>50 -hay") != []


@pytest.mark.parametrize("words_to", [0, 100, 250, 10_000])
def test_mark_that_is_behind_or_ahead_hides_nothing(hay: Workspace, words_to: int) -> None:
    change(hay, words_to=words_to)
    with scoped(hay.id) as session:
        assert len(ids_of(session, hay, q="needle")) == 1
        assert len(ids_of(session, hay, q="hay")) == 299
        assert totals.count(session, [hay.id], parse(q="hay")).total == 299


def test_words_of_another_history_are_not_trusted(hay: Workspace) -> None:
    change(hay, words="\nhay\n")
    change(hay, words_to=10_000)
    with scoped(hay.id) as session:
        assert len(ids_of(session, hay, q="needle")) == 1


def test_block_that_grows_while_it_is_read_gives_each_event_once(hay: Workspace) -> None:
    with scoped(hay.id) as session:
        logs = source(session, [hay.id], parse(q="needle"))
        assert isinstance(logs, by_words.ByWords)
        assert logs.blocks.tail == []
        append_events(hay, [event_input(path="/needle/new"), event_input(path="/hay")])
        word(hay)
        rows, _ = logs.page(50, NEWEST)
        assert len(rows) == len({row.id for row in rows})
        assert "/needle" in {row.path for row in rows}
        assert len(ids_of(session, hay, q="needle")) == 2


def test_events_after_the_mark_are_found(hay: Workspace) -> None:
    late = event_input(path="/needle/late", occurred_at=(NOW - timedelta(days=90)).isoformat())
    append_events(hay, [late, event_input(path="/needle/new")])
    with scoped(hay.id) as session:
        found = pages.page(session, [hay.id], parse(q="needle"), limit=50).rows
        assert [row.path for row in found] == ["/needle/new", "/needle", "/needle/late"]


def test_long_rest_after_the_mark_is_walked(
    hay: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(hay, words_to=250)
    monkeypatch.setattr(word_blocks, "LONGEST_TAIL", 20)
    with scoped(hay.id) as session:
        assert len(ids_of(session, hay, q="needle")) == 1
        assert totals.count(session, [hay.id], parse(q="needle")).total == 1


def test_events_that_retention_removed_of_a_block_are_not_missed(hay: Workspace) -> None:
    with as_owner(hay.id) as session:
        session.execute(events.delete().where(events.c.seq.between(2, 200)))
        session.commit()
    with scoped(hay.id) as session:
        assert len(ids_of(session, hay, q="needle")) == 1
        assert len(ids_of(session, hay, q="hay")) == 100


def test_phrase_is_not_found_across_fields(hay: Workspace) -> None:
    append_events(hay, [event_input(path="/left", request_id="right")])
    word(hay)
    with scoped(hay.id) as session:
        assert ids_of(session, hay, q='"left right"') == []
        assert len(ids_of(session, hay, q="left right")) == 1


@pytest.mark.parametrize("typed", ["z" * 512, "zzb", "b", "4711", "711", '\\"b', "東", "%", "a_b"])
def test_words_of_any_length_and_sign_are_found(hay: Workspace, typed: str) -> None:
    """Ten thousand letters, one letter, digits, signs that SQL or JSON reads otherwise."""
    note = f'{"z" * 10_000}b 4711 \\"b 東京 100% a_b'
    append_events(hay, [event_input(metadata={"note": note})])
    word(hay)
    with scoped(hay.id) as session:
        assert len(ids_of(session, hay, q=quoted(typed))) == 1


def test_period_narrows_words(hay: Workspace) -> None:
    start = (NOW - timedelta(hours=590)).isoformat()
    with scoped(hay.id) as session:
        assert ids_of(session, hay, q="needle", **{"from": start}) == []
        assert len(ids_of(session, hay, q="needle", to=start)) == 1


def test_figures_of_rare_words_are_exact(hay: Workspace) -> None:
    asked, ids = parse(q="meta.order:A-7,A-290"), [hay.id]
    with scoped(hay.id) as session:
        assert totals.count(session, ids, asked) == totals.Count(2, 0, exact=True)
        [method] = facets.facets(session, {"acme": hay.id}, asked, ["method"]).values()
        bars = histogram.histogram(session, ids, asked, ZoneInfo("UTC"), NOW)
        slow = latency.latency(session, ids, asked)
    assert (method.counts, method.exact) == ({"POST": 2}, True)
    assert (sum(bar.success for bar in bars.bars), bars.counted_from) == (2, None)
    assert slow == latency.Latency(84, 84, 84, 2, cut=False)


def test_export_of_words_holds_what_its_snapshot_holds(hay: Workspace) -> None:
    append_events(hay, [event_input(path="/needle/new")])
    with scoped(hay.id) as session:
        logs = source(session, [hay.id], parse(q="needle"), snapshot={hay.id: 300})
        assert session.scalars(logs.ordered([events.c.path])).all() == ["/needle"]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("most", [200, 1])
def test_words_are_found_across_very_many_workspaces(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """In few blocks, and in more than are read at once."""
    monkeypatch.setattr(by_words, "ACROSS", most)
    made = [make_workspace() for _ in range(MANY + 2)]
    for n, workspace in enumerate(made):
        needles = [{"path": f"/needle/{n}/{m}"} for m in range(3 if n % 3 else 1)]
        hay = [{"path": "/hay", "status": "error"} for _ in range(5)]
        append_events(workspace, [event_input(**one) for one in (*needles, *hay)])
        if n % 4:
            word(workspace)
        append_events(workspace, [event_input(path="/needle/new")] * (n % 2))
    ids = [workspace.id for workspace in made]
    with scoped(*ids) as session:
        for asked in (parse(q="needle"), parse(q="needle/1"), parse(q="hay", user="u_1")):
            expected = sorted(one for i in ids for one in scanned(session, [i], asked))
            assert paged(session, ids, asked, 40) == expected[::-1]
            assert totals.count(session, ids, asked).total == len(expected)
