"""``python -m bench.importers FOLDER``: every file of a folder into one fresh workspace.

Each file is a row: imported with its counts, or refused whole with the reason. What the database
holds afterwards must be what the rows say, or nothing is printed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from itertools import groupby
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditsaas import cli_session
from auditsaas.cli_session import open_session, workspace_called
from auditsaas.events.importers.lines import SourceError, open_source
from auditsaas.events.importers.registry import AUTO
from auditsaas.events.models import events
from auditsaas.imports.load import import_source
from auditsaas.imports.outcome import Outcome
from auditsaas.workspaces.models import Workspace
from bench.installation import installation, open_workspaces
from bench.tables import Table

MOST_WORDS = 90


@dataclass(frozen=True)
class Imported:
    """One file: what became of it, or why it was refused whole."""

    path: Path
    seconds: float
    outcome: Outcome | None
    refusal: str = ""


def measure(folder: Path) -> list[Table]:
    """Every file by itself, and the folders summed. Times without a zone are taken as UTC."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    with installation("importers") as settings, open_session(settings) as session:
        [opened] = open_workspaces(settings)
        workspace = workspace_called(session, opened.slug)
        done = [_import(session, workspace, path, folder) for path in paths]
    return [_by_file(done), _by_folder(done)]


def _import(session: Session, workspace: Workspace, path: Path, folder: Path) -> Imported:
    before = _stored(session)
    began = time.perf_counter()
    shown = path.relative_to(folder)
    outcome, refusal = None, ""
    try:
        with open_source(str(path)) as source:
            outcome = import_source(
                session, workspace, source, AUTO, actor=cli_session.operator().actor, zone=UTC
            )
    except SourceError as error:
        refusal = str(error).removeprefix(f"{path} ")
    seconds = time.perf_counter() - began
    # The import's own record is an event too.
    expected = before + (outcome.added + 1 if outcome else 0)
    if _stored(session) != expected:
        raise SystemExit(f"{shown}: {_stored(session)} events are stored, not {expected}")
    return Imported(shown, seconds, outcome, refusal)


def _stored(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(events)) or 0


def _by_file(done: list[Imported]) -> Table:
    table = Table(
        "Importers, by file",
        ["file", "recognised as", "events stored", "already there", "lines refused", "the first"],
    )
    for found in done:
        name, outcome = f"`{found.path}`", found.outcome
        if outcome is None:
            table.add(name, "refused whole", "0", "", "", _cell(found.refusal))
            continue
        first = outcome.first_refused[0] if outcome.first_refused else None
        table.add(
            name,
            outcome.format,
            f"{outcome.added:,}",
            f"{outcome.already_there:,}",
            f"{outcome.refused:,}",
            _cell(f"{first.place}: {first.reason}") if first else "",
        )
    return table


def _by_folder(done: list[Imported]) -> Table:
    table = Table(
        "Importers, by folder and format",
        ["folder", "recognised as", "files", "events stored", "lines refused", "seconds"],
    )
    for (folder, kind), group in groupby(sorted(done, key=_kind), key=_kind):
        files = list(group)
        table.add(f"`{folder}`", kind, *_sums(files))
    table.add("all", "", *_sums(done))
    return table


def _kind(found: Imported) -> tuple[str, str]:
    return str(found.path.parent), found.outcome.format if found.outcome else "refused whole"


def _sums(files: list[Imported]) -> Iterator[str]:
    outcomes = [found.outcome for found in files if found.outcome]
    yield f"{len(files):,}"
    yield f"{sum(outcome.added for outcome in outcomes):,}"
    yield f"{sum(outcome.refused for outcome in outcomes):,}"
    yield f"{sum(found.seconds for found in files):.1f}"


def _cell(text: str) -> str:
    shown = text if len(text) <= MOST_WORDS else f"{text[:MOST_WORDS]}…"
    return shown.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    for shown in measure(Path(sys.argv[1])):
        print(shown)
