"""``auditsaas doctor``: what is wrong with an installation, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click

from auditsaas.cli_errors import Refusal
from auditsaas.operations.checks.check import Check
from auditsaas.operations.doctor import CHECKS, findings
from auditsaas.operations.finding import Finding, Verdict
from auditsaas.version import version
from config.start import load

COLOURS: Final = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}
FAILED, WARNED = 1, 3
"""Exit codes; 2 is what every command ends with that could not do its work."""


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@click.option("--only", metavar="NAME[,NAME]", help="Make these checks alone.")
@click.option("--strict", is_flag=True, help="End with 3 where something is only warned of.")
@click.pass_context
def doctor(context: click.Context, as_json: bool, only: str | None, strict: bool) -> None:
    """Check settings, database, Redis, workers, storage and mail; say what to do about each.

    The exit code is 0 when nothing fails, 1 when something does.
    """
    chosen = _chosen(only)
    found = findings(load(), chosen)
    told = _told_as_json(found) if as_json else _told(found)
    if Verdict.FAIL in told:
        context.exit(FAILED)
    context.exit(WARNED if strict and Verdict.WARN in told else 0)


def _chosen(only: str | None) -> Sequence[Check]:
    if only is None:
        return CHECKS
    known = {check.name: check for check in CHECKS}
    names = [name.strip() for name in only.split(",")]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Refusal(f"There is no check {unknown[0]!r}. There are: {', '.join(known)}.")
    return [check for check in CHECKS if check.name in names]


def _told(found: Iterable[tuple[str, Finding]]) -> set[Verdict]:
    verdicts = set()
    for _, finding in found:
        verdicts.add(finding.verdict)
        click.secho(f"{finding.verdict:4}  ", fg=COLOURS[finding.verdict], nl=False)
        click.echo(f"{finding.part}: {finding.words}")
        if finding.remedy:
            click.echo(f"      {finding.remedy}")
    return verdicts


def _told_as_json(found: Iterable[tuple[str, Finding]]) -> set[Verdict]:
    """Write all findings as one object, whose names docs/operate.md lists."""
    lines: list[dict[str, Any]] = [
        {
            "check": name,
            "part": finding.part,
            "verdict": finding.verdict.value,
            "words": finding.words,
            "remedy": finding.remedy or None,
        }
        for name, finding in found
    ]
    verdicts = {Verdict(line["verdict"]) for line in lines}
    worst = max(verdicts, key=list(Verdict).index, default=Verdict.OK)
    answer = {
        "version": version(),
        "checked_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "verdict": worst.value,
        "findings": lines,
    }
    click.echo(json.dumps(answer, ensure_ascii=False, indent=2))
    return verdicts
