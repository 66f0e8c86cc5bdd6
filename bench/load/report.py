"""The tables of one load."""

from __future__ import annotations

from dataclasses import dataclass

from bench.load.exporting import Wanted
from bench.load.records import Asked, Records, failures, milliseconds, percentile
from bench.tables import Table

PAGES = ("page", "filter", "older", "deep")
KINDS = (
    *PAGES,
    "event",
    "count",
    "facets",
    "histogram",
    "ingest",
    "export, asked",
    "export list",
    "export, polled",
    "download",
)
TARGET_MS = 150


@dataclass(frozen=True)
class Restarted:
    part: str
    began: float
    worked: float
    """When it worked again, on the monotonic clock."""
    until: float
    """What ended until then counts as asked under this restart."""


def answers(records: Records, minutes: float, notes: list[str]) -> Table:
    table = Table(
        f"Mixed load, {minutes:g} min",
        ["asked for", "times", "failed", "p50, ms", "p95", "p99", "longest"],
        notes,
    )
    _row(table, "**a page of the log, all kinds**", records.of(*PAGES))
    for kind in KINDS:
        if found := records.of(kind):
            _row(table, kind, found)
    counted = records.of(*KINDS)
    wrong = failures(counted)
    rate = sum(wrong.values()) / max(1, len(counted))
    table.notes.append(
        f"Error rate {rate:.3%} of {len(counted):,}; target 0."
        + "".join(f" {why}: {times}." for why, times in wrong.most_common(8))
    )
    p95 = percentile(milliseconds(records.of(*PAGES)), 95)
    verdict = "reached" if p95 <= TARGET_MS else "missed"
    table.notes.append(f"p95 of a page {p95:.0f} ms; target {TARGET_MS} ms: {verdict}.")
    table.notes.append(
        f"{records.reopened:,} kept connections were closed by the server between two requests and"
        " opened again by the client, as browsers do; none of these counts as failed."
    )
    return table


def _row(table: Table, name: str, asked: list[Asked]) -> None:
    times = milliseconds(asked)
    wrong = sum(failures(asked).values())
    cells = [f"{percentile(times, percent):.0f}" for percent in (50, 95, 99)]
    table.add(name, f"{len(asked):,}", f"{wrong:,}", *cells, f"{max(times, default=0):.0f}")


def exports(files: list[Wanted], not_taken: int) -> Table:
    table = Table(
        "Exports, one every 10 s",
        ["format", "asked", "ready", "failed", "age p50, s", "p95", "oldest", "MB in all"],
        [
            "The age is from asking until its person, who looks every two seconds, saw it ready.",
            f"{not_taken} requests for a file were not taken.",
        ],
    )
    for format in sorted({file.format for file in files}):
        of = [file for file in files if file.format == format]
        ages = sorted(file.seconds for file in of if file.seconds is not None)
        table.add(
            format,
            str(len(of)),
            str(sum(file.state == "ready" for file in of)),
            str(sum(file.state not in ("ready", "queued", "building") for file in of)),
            f"{percentile(ages, 50):.0f}",
            f"{percentile(ages, 95):.0f}",
            f"{max(ages, default=0):.0f}",
            f"{sum(file.bytes for file in of) / 1e6:.0f}",
        )
    return table


def restarts(records: Records, files: list[Wanted], restarted: list[Restarted]) -> Table:
    table = Table(
        "Each part restarted under that load",
        [
            "part",
            "down, s",
            "pages asked",
            "failed",
            "longest, ms",
            "batches sent",
            "tried again",
            "slowest batch, s",
            "oldest export, s",
        ],
        [
            (
                "From the start of the restart until some time after the part worked again. A"
                " batch that was not acknowledged is sent again under its keys; one is slow by its"
                " retries."
            ),
        ],
    )
    for one in restarted:
        during = {"since": one.began, "until": one.until}
        pages = records.of(*(k for k in KINDS if k != "ingest"), **during)
        tries = records.of("ingest", **during)
        whole = milliseconds(records.of("ingest, with retries", **during))
        ages = [f.seconds or 0 for f in files if one.began <= f.asked_at < one.until]
        table.add(
            one.part,
            f"{one.worked - one.began:.1f}",
            f"{len(pages):,}",
            f"{sum(failures(pages).values()):,}",
            f"{max(milliseconds(pages), default=0):.0f}",
            f"{len(tries):,}",
            f"{sum(failures(tries).values()):,}",
            f"{max(whole, default=0) / 1000:.1f}",
            f"{max(ages, default=0):.0f}",
        )
        for why, times in failures(pages).items():
            table.notes.append(f"{one.part}: {why}, {times} times.")
    return table
