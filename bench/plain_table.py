"""What one would write first: the same rows as one HTML table, rendered by WeasyPrint at once.

It has the report's columns, sheet and font, and widths that are fixed, without which it takes five
times as long. ``python -m bench.plain_table WORKSPACE-ID ROWS`` prints what it took as JSON.
"""

# mypy: allow-untyped-calls
# (WeasyPrint ships no types)

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from uuid import UUID

from markupsafe import Markup
from weasyprint import CSS, HTML
from weasyprint.text.fonts import FontConfiguration

from auditsaas.app import create_app
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.presenter import PresentedEvent, WorkspaceName, present
from auditsaas.events.reading.scans.source import source
from auditsaas.exports.writers.pdf.layout import FONT
from auditsaas.exports.writers.pdf.report import COLUMNS
from bench.dataset import Dataset
from bench.exporting import Built, peak_mb, run_apart

STYLE = f"""
@font-face {{ font-family: Inter; src: url({FONT.as_uri()}); }}
@page {{ size: A4 landscape; margin: 12mm; @bottom-right {{ content: counter(page); }} }}
body {{ font: 400 10px/14px Inter; }}
table {{ width: 100%; table-layout: fixed; border-collapse: collapse; }}
td, th {{ padding: 4px; border-bottom: 1px solid #eceef0; white-space: nowrap; overflow: hidden; }}
"""
HEAD = [
    "Created at",
    "Activity",
    "Target",
    "Method",
    "Status",
    "Response",
    "User",
    "User agent",
    "IP address",
]


def rendered(dataset: Dataset, rows: int) -> Built:
    found = run_apart(dataset, "bench.plain_table", str(dataset.big), str(rows))
    return Built(**found)  # type: ignore[arg-type]


def _cells(row: PresentedEvent) -> tuple[str, ...]:
    return (
        f"{row.occurred_at:%m/%d/%Y %H:%M:%S}",
        row.label,
        row.target,
        row.method,
        f"{row.status} {row.code}",
        f"{row.latency.ms} ms" if row.latency else "",
        f"{row.user} {row.user_sub}",
        f"{row.platform}, {row.browser}",
        row.ip,
    )


def _render(workspace: UUID, rows: int) -> Built:
    app = create_app(statement_timeout_ms=0)
    with app.app_context():
        idle, started = peak_mb(), time.perf_counter()
        session = tenancy.bind(Scope.of(workspace))
        statement = source(session, [workspace], EventFilter()).ordered(COLUMNS)
        name = WorkspaceName("big", "Big")
        found = [present(row, name) for row in session.execute(statement.limit(rows))]
        body = Markup("").join(
            Markup("<tr>{}</tr>").format(
                Markup("").join(Markup("<td>{}</td>").format(cell) for cell in _cells(row))
            )
            for row in found
        )
        head = Markup("").join(Markup("<th>{}</th>").format(name) for name in HEAD)
        page = f"<html lang=en><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        fonts = FontConfiguration()
        style = CSS(string=STYLE, font_config=fonts)
        made: bytes = HTML(string=page).write_pdf(stylesheets=[style], font_config=fonts)
        seconds = time.perf_counter() - started
    return Built(rows=len(found), seconds=seconds, bytes=len(made), idle_mb=idle, peak_mb=peak_mb())


if __name__ == "__main__":
    print(json.dumps(asdict(_render(UUID(sys.argv[1]), int(sys.argv[2])))))
