"""``auditsaas verify``: whether the log is whole."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

import click

from auditsaas.cli_session import open_session, workspace_called
from auditsaas.db.pools import make_engine
from auditsaas.operations.verification import installation
from auditsaas.operations.verification.damage import Report
from auditsaas.storage.address import storage_at
from config.start import load

DAMAGED: Final = 1
COLOURS: Final = {True: "green", False: "red"}


@click.command("verify")
@click.argument("slug", required=False)
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line, the last one sums up.")
@click.option("--no-files", is_flag=True, help="Leave out the files of exports and imports.")
@click.pass_context
def verify(context: click.Context, slug: str | None, as_json: bool, no_files: bool) -> None:
    """Compare every log with its seal, its numbering and its counts, and files with their rows.

    Of the workspace SLUG, or of all. Everything is read, so it takes as long as that; nothing is
    changed. The exit code is 0 when all is whole, and 1 when something is damaged.
    """
    counted: Counter[str] = Counter()
    damaged = 0
    for report in _reports(slug, with_files=not no_files):
        counted[report.part] += 1
        damaged += not report.whole
        (_told_as_json if as_json else _told)(report)
    _sum_up(counted, damaged, as_json=as_json)
    context.exit(DAMAGED if damaged else 0)


def _reports(slug: str | None, *, with_files: bool) -> Iterator[Report]:
    settings = load()
    storage = storage_at(settings.storage_url) if with_files else None
    with open_session(settings) as session, open_session(settings, as_platform=True) as platform:
        if slug is None:
            owner = settings.migration_database_url and make_engine(settings.owner_url)
            yield from installation.everything(session, platform, storage, owner or None)
        else:
            workspace = workspace_called(session, slug)
            session.expunge(workspace)  # its log is read in a transaction of its own
            session.rollback()
            yield from installation.one(session, platform, storage, workspace)


def _told(report: Report) -> None:
    if report.part in ("export", "import") and report.whole:
        return  # there can be thousands; the sum tells how many
    own = report.part in ("workspace", "seal", "words", "months", "together")
    name = report.name if own else f"{report.part} {report.name}"
    lines = [each.words for each in report.damages] or [report.words]
    for words in lines:
        click.secho(f"{'ok' if report.whole else 'fail':4}  ", fg=COLOURS[report.whole], nl=False)
        click.echo(f"{name}: {words}")


def _told_as_json(report: Report) -> None:
    line: dict[str, Any] = asdict(report)
    click.echo(json.dumps(line | {"whole": report.whole}, ensure_ascii=False))


def _sum_up(counted: Counter[str], damaged: int, *, as_json: bool) -> None:
    logs, exports, imports = (counted[part] for part in ("workspace", "export", "import"))
    if as_json:
        seen = {"workspaces": logs, "exports": exports, "imports": imports}
        click.echo(json.dumps({"part": "sum", **seen, "damaged": damaged, "whole": not damaged}))
        return
    looked_at = f"{logs:,} logs, {exports:,} exports and {imports:,} imports were verified"
    click.echo(f"{looked_at}: {f'{damaged:,} damaged' if damaged else 'all whole'}.")
