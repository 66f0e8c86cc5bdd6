"""Where the time of a page's fragment goes, stage by stage, and what other parts of a page take.

In this process, from the WSGI call to the last byte, uncompressed, interleaved with the bare SQL of
the same rows. The least of many runs tells what there is to do, whatever else the machine does.
"""

from __future__ import annotations

import functools
import gc
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from auditsaas.events.reading import pages as reading
from auditsaas.frame import setup
from auditsaas.pages.audit_log import log_scope, page_loader, views
from bench.dataset import Dataset
from bench.pages import FRAGMENT_HEADERS, Case, ask_bare, client_of, connected
from bench.tables import Table

WARM_UP = 15
RUNS = 150
ROWS = 50
NO_FILTER = Case("none", [], "true")
STAGES: tuple[tuple[str, Any, str], ...] = (
    ("who asks: session, memberships, saved views", setup, "signed_in"),
    ("which log, and its scope", log_scope, "load"),
    ("the filter, read from the address", page_loader, "read"),
    ("page query: built, sent, answered, fetched", reading, "page"),
    ("rows: every word and width of them", page_loader, "shown_rows"),
    ("templates, rows among them", views, "render_template"),
)


class Took(NamedTuple):
    wall: float
    cpu: float
    """Milliseconds, of this thread."""


def measure(dataset: Dataset) -> list[Table]:
    client, took = client_of(dataset), dict[str, list[Took]]()
    base = f"/w/{dataset.big_slug}/audit-logs"
    listed = client.get(base, headers=FRAGMENT_HEADERS).get_data(as_text=True)
    ids = re.findall(r'data-event-id="([^"]+)"', listed)
    asked: dict[str, Callable[[], object]] = {
        "fragment": partial(_get, client, base),
        "drawer": partial(_get, client, f"{base}/{ids[len(ids) // 2]}"),
        "tail, 20 new rows": partial(_get, client, f"{base}/tail?after={ids[20]}"),
        "whole page": partial(_get, client, base, partial=False),
        "a probe, for what Flask and the client take": partial(client.get, "/healthz"),
    }
    with connected(dataset) as connection:
        asked["bare SQL"] = partial(ask_bare, connection, dataset.big, NO_FILTER, None)
        _interleave(asked, took)
        stages = _stages(dataset, asked["fragment"])
    return [_as_table(took), _stage_table(stages)]


def _interleave(asked: dict[str, Callable[[], object]], took: dict[str, list[Took]]) -> None:
    for run in asked.values():
        for _ in range(WARM_UP):
            run()
    gc.collect()
    gc.freeze()
    for _ in range(RUNS):
        for name, run in asked.items():
            with _timed(took, name):
                run()


def _stages(dataset: Dataset, run: Callable[[], object]) -> dict[str, list[Took]]:
    """Time each stage of the fragment, by wrapping what begins it."""
    found: dict[str, list[Took]] = {}
    kept = [(owner, name, getattr(owner, name)) for _, owner, name in STAGES]
    after, whole = dataset.app.process_response, dataset.app.wsgi_app
    try:
        for (words, owner, name), (_, _, function) in zip(STAGES, kept, strict=True):
            setattr(owner, name, _wrapped(function, found, words))
        dataset.app.process_response = _wrapped(  # type: ignore[method-assign]  # to be timed
            after, found, "headers, log line, and the reading counted"
        )
        dataset.app.wsgi_app = _wrapped(whole, found, "the whole fragment")  # type: ignore[method-assign]  # to be timed
        for _ in range(RUNS):
            run()
    finally:
        for owner, name, function in kept:
            setattr(owner, name, function)
        dataset.app.process_response = after  # type: ignore[method-assign]  # as it was
        dataset.app.wsgi_app = whole  # type: ignore[method-assign]  # as it was
    return found


def _wrapped(
    function: Callable[..., Any], found: dict[str, list[Took]], name: str
) -> Callable[..., Any]:
    @functools.wraps(function)
    def timed(*args: Any, **given: Any) -> Any:
        with _timed(found, name):
            return function(*args, **given)

    return timed


@contextmanager
def _timed(took: dict[str, list[Took]], name: str) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.thread_time()
    yield
    taken = Took((time.perf_counter() - wall) * 1000, (time.thread_time() - cpu) * 1000)
    took.setdefault(name, []).append(taken)


def _get(client: Any, url: str, *, partial: bool = True) -> None:
    answer = client.get(url, headers=FRAGMENT_HEADERS if partial else {})
    if answer.status_code != 200:
        raise SystemExit(f"{url}: {answer.status_code}")


def _least(found: list[Took]) -> Took:
    return Took(min(one.wall for one in found), min(one.cpu for one in found))


def _as_table(took: dict[str, list[Took]]) -> Table:
    table = Table(
        f"A fragment of {ROWS} rows beside its bare SQL, ms, least of {RUNS}",
        ["answer", "wall", "processor", "wall, of bare SQL"],
    )
    bare = _least(took["bare SQL"]).wall
    for name, found in took.items():
        least = _least(found)
        table.add(name, f"{least.wall:.2f}", f"{least.cpu:.2f}", f"{least.wall / bare:.1f} ×")
    return table


def _stage_table(found: dict[str, list[Took]]) -> Table:
    table = Table("Where the time of the fragment goes, ms", ["stage", "wall", "processor"])
    # Asked for again within a request it is known, so the longest of each request counts.
    whole = _least(found.pop("the whole fragment"))
    rest = whole
    for name, runs in found.items():
        each = len(runs) // RUNS
        firsts = [max(runs[at : at + each]) for at in range(0, len(runs), each)]
        least = _least(firsts)
        rest = Took(rest.wall - least.wall, rest.cpu - least.cpu)
        table.add(name, f"{least.wall:.2f}", f"{least.cpu:.2f}")
    table.add("Flask, other hooks, and between", f"{rest.wall:.2f}", f"{rest.cpu:.2f}")
    table.add("the whole fragment", f"{whole.wall:.2f}", f"{whole.cpu:.2f}")
    return table
