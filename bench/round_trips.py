"""How often a page of the log and its fragments wait for PostgreSQL, and what each of them takes.

``BENCH_BEFORE`` names the working tree of another commit, with its ``.venv``: then its application
answers the same, in turn with this one. A schema that is newer than its own does not matter to it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from bench import visitor
from bench.dataset import Dataset, session_of
from bench.pages import FRAGMENT_HEADERS, client_of
from bench.tables import Table

ROUNDS, EACH = 25, 8
WARM_UP = 12
SOURCE = Path(visitor.__file__).read_text()

Times = list[tuple[float, float]]
"""Wall and processor, ms."""
Ask = Callable[..., Any]


def measure(dataset: Dataset) -> list[Table]:
    return list(_in_turn(dataset, trees()))


def trees() -> dict[str, Path]:
    """The trees whose applications answer in turn, by name."""
    here = {"now": Path(__file__).resolve().parents[1]}
    named = os.environ.get("BENCH_BEFORE")
    return {"before": Path(named).resolve(), **here} if named else here


def _summed(times: Sequence[Sequence[float]]) -> tuple[str, str, str]:
    walls, processors = zip(*times, strict=True)
    return f"{min(walls):.2f}", f"{median(walls):.2f}", f"{median(processors):.2f}"


def _in_turn(dataset: Dataset, of: Mapping[str, Path]) -> Iterator[Table]:
    """Ask for the page and its parts, of each tree's application in turn."""
    session_id = session_of(dataset)
    with ExitStack() as stack:
        asked = {
            name: stack.enter_context(_visitor(tree, dataset, session_id))
            for name, tree in of.items()
        }
        parts = _parts(dataset)
        yield _messages(asked, parts)
        yield _times(asked, parts)


@contextmanager
def _visitor(tree: Path, dataset: Dataset, session_id: str) -> Iterator[Ask]:
    command = [tree / ".venv/bin/python", "-c", SOURCE, dataset.settings.data_dir, session_id]
    with subprocess.Popen(
        list(map(str, command)), cwd=tree, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def ask(**asked: Any) -> Any:
            assert process.stdin is not None
            assert process.stdout is not None
            print(json.dumps(asked), file=process.stdin, flush=True)
            return json.loads(process.stdout.readline())

        yield ask
        process.communicate()


def _parts(dataset: Dataset) -> dict[str, dict[str, Any]]:
    """The page, the four fragments that it asks for, and the table's that a filter asks for."""
    base, partly = f"/w/{dataset.big_slug}/audit-logs", FRAGMENT_HEADERS
    newest = re.findall(r'data-event-id="([^"]+)"', client_of(dataset).get(base).text)[0]
    return {
        "page": {"url": base, "headers": {}},
        "count": {"url": f"{base}/count", "headers": partly},
        "facets": {"url": f"{base}/facets", "headers": partly},
        "histogram": {"url": f"{base}/histogram", "headers": partly},
        "tail": {"url": f"{base}/tail?after={newest}", "headers": partly},
        "rows": {"url": base, "headers": partly},
    }


def _messages(asked: Mapping[str, Ask], parts: Mapping[str, dict[str, Any]]) -> Table:
    table = Table(
        "Ways to the server of a page and its fragments",
        ["part", *(f"{word}, {name}" for name in asked for word in ("statements", "ways"))],
        [
            "A way: a message after which the server is waited for, by libpq's trace.",
            "The sum is of the page and the four fragments that it asks for.",
        ],
    )
    sums = [0] * (2 * len(asked))
    for part, question in parts.items():
        figures: list[int] = []
        for ask in asked.values():
            sent = ask(**question)
            figures += [sum(kind in ("Query", "Execute") for kind in sent)]
            figures += [sum(kind in ("Query", "Sync") for kind in sent)]
        table.add(part, *map(str, figures))
        if part != "rows":
            sums = [total + n for total, n in zip(sums, figures, strict=True)]
    table.add("**sum**", *map(str, sums))
    return table


def _times(asked: Mapping[str, Ask], parts: Mapping[str, dict[str, Any]]) -> Table:
    table = Table(
        "Time of each, asked of both in turn",
        ["part", *(f"{figure}, {name}" for name in asked for figure in ("wall min", "p50", "CPU"))],
        ["Milliseconds in a process, from the request of a test's client to the last byte."],
    )
    for part, question in parts.items():
        taken: dict[str, Times] = {name: [] for name in asked}
        for ask in asked.values():
            ask(**question, times=WARM_UP)
        for _ in range(ROUNDS):
            for name, ask in asked.items():
                taken[name] += ask(**question, times=EACH)
        table.add(part, *(figure for times in taken.values() for figure in _summed(times)))
    return table
