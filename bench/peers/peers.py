"""Each peer with its best reasonable settings, and the product as it ships."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg

from bench.dataset import Dataset, session_of
from bench.peers import installs
from bench.peers.peer import ROWS, Peer
from bench.peers.same_events import COLUMNS, INDEXED, SameEvents
from tests.support.serving import environment
from tests.support.workers import ROOT

SITES = Path(__file__).parent / "sites"
ONE_WORKER = ("--workers", "1", "--threads", "4", "--timeout", "0", "--log-level", "warning")


def auditsaas(data: Dataset, same: SameEvents) -> Peer:
    log = f"/w/{data.big_slug}/audit-logs"
    cookie = f"{data.app.config['SESSION_COOKIE_NAME']}={session_of(data)}"
    return Peer(
        name=f"AuditSaaS {version('auditsaas')}",
        settings="as it ships: gunicorn with `config/gunicorn.py`, row-level security on, the whole"
        " page; its counts come after the page; its search goes back in steps of half a second that"
        " somebody follows, and the figure is all of them; CSV by `auditsaas export`",
        command=[
            *(sys.executable, "-m", "gunicorn", "--config", "config/gunicorn.py"),
            *("--bind", "127.0.0.1:{port}", "wsgi:app"),
        ],
        paths={
            "first page": log,
            "one person": f"{log}?{urlencode({'user': same.person})}",
            "deep": f"{log}?before={same.edge}",
            "search": f"{log}?{urlencode({'q': json.dumps(same.words)})}",
        },
        row=r"data-event-id=",
        further=r'<a class="btn" href="([^"]+)"[^>]*>Keep searching<',
        environ=environment(data.settings),
        headers={"Cookie": cookie},
        folder=ROOT,
    )


def flask_admin(_data: Dataset, same: SameEvents) -> Peer:
    python = installs.python_with("flask-admin")
    page = "/admin/events/"
    return Peer(
        name=f"Flask-Admin {installs.version('flask-admin', 'flask-admin')}",
        settings=f"SQLAlchemy on the same PostgreSQL; indexes (X, id) on {', '.join(INDEXED)};"
        " `simple_list_pager`, so it never counts; gunicorn, 1 worker of 4 threads",
        command=[
            *(str(python), "-m", "gunicorn", "--bind", "127.0.0.1:{port}"),
            *(*ONE_WORKER, "flask_admin_site:app"),
        ],
        paths={
            "first page": page,
            "one person": f"{page}?{urlencode({'flt0_actor_id_equals': same.person})}",
            "deep": f"{page}?page={same.depth // ROWS}",
            "search": f"{page}?{urlencode({'search': same.words})}",
            "csv": f"{page}export/csv/",
        },
        row=r'<td class="col-occurred_at"',
        environ={"PEERS_URL": same.url},
        folder=SITES,
    )


def django_admin(_data: Dataset, same: SameEvents) -> Peer:
    python = installs.python_with("django")
    environ = {"PEERS_URL": same.url, "PEERS_SECRET": secrets.token_hex(16)}
    print("filling django-auditlog …", flush=True)
    filled = subprocess.run(
        [python, "django_site.py", "fill", same.person],
        cwd=SITES,
        env=os.environ | environ,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found = json.loads(filled.stdout.splitlines()[-1])
    page = "/admin/auditlog/logentry/"
    return Peer(
        name=f"Django admin {installs.version('django', 'django')} with django-auditlog"
        f" {installs.version('django', 'django-auditlog')}",
        settings="its LogEntry on the same PostgreSQL, indexes on timestamp, (actor, timestamp) and"
        " (action, timestamp) added; `show_full_result_count=False`, counts estimated where nothing"
        " is filtered, no date hierarchy; CSV by a streaming view, for it has none; gunicorn, 1"
        " worker of 4 threads",
        command=[
            *(str(python), "-m", "gunicorn", "--bind", "127.0.0.1:{port}"),
            *(*ONE_WORKER, "django_site:application"),
        ],
        paths={
            "first page": page,
            "one person": f"{page}?actor__id__exact={found['person']}",
            "deep": f"{page}?p={same.depth // ROWS + 1}",
            "search": f"{page}?{urlencode({'q': same.words})}",
            "csv": "/admin/csv",
        },
        row=r'<t[hd] class="field-created',
        environ=environ,
        headers={"Cookie": f"sessionid={found['cookie']}"},
        folder=SITES,
    )


def datasette(_data: Dataset, same: SameEvents, folder: Path) -> Peer:
    python = installs.python_with("datasette")
    file = folder / "events.db"
    edge = _sqlite(file, same)
    counts = folder / "counts.json"
    run = [str(path) for path in (python, "-m", "datasette", "inspect", file)]
    run += ["--inspect-file", str(counts)]
    subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
    page = f"/events/events?_sort_desc=id&_size={ROWS}"
    settings = {
        "sql_time_limit_ms": 600_000,
        "suggest_facets": "off",
        "max_csv_mb": 0,
        "max_returned_rows": 5000,
        "cache_size_kb": 262_144,
        "num_sql_threads": 4,
    }
    return Peer(
        name=f"Datasette {installs.version('datasette', 'datasette')}",
        settings="SQLite, immutable with `inspect` counts; indexes (X, id) on"
        f" {', '.join(INDEXED)};"
        " full-text index over activity, path, name and e-mail (whole words only); a cache of 256"
        " MB, no suggested facets; pages by key",
        command=[
            *(str(python), "-m", "datasette", "serve", "--immutable", str(file)),
            *("--inspect-file", str(counts), "--host", "127.0.0.1", "--port", "{port}"),
            *(part for name, value in settings.items() for part in ("--setting", name, str(value))),
        ],
        paths={
            "first page": page,
            "one person": f"{page}&{urlencode({'actor_id': same.person})}",
            "deep": f"{page}&_next={quote(f'{edge},{edge}')}",
            "search": f"{page}&{urlencode({'_search': same.words})}",
            "csv": "/events/events.csv?_stream=on&_size=max",
        },
        row=r'<td class="col-occurred_at',
        folder=folder,
    )


SQLITE_TYPES = {"smallint": "INTEGER", "double precision": "REAL"}


def _sqlite(file: Path, same: SameEvents) -> int:
    """Make the file unless it is there; the number of the last event above the deep page.

    Events are numbered in the order of time, for a whole number is SQLite's quickest key.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        print("making Datasette's file …", flush=True)
        unfinished = file.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        with sqlite3.connect(unfinished) as target, psycopg.connect(same.url) as source:
            _fill_sqlite(target, source)
        unfinished.rename(file)
    with sqlite3.connect(file) as connection:
        [edge] = connection.execute("SELECT id FROM events WHERE uuid = ?", [same.edge]).fetchone()
    return int(edge)


def _fill_sqlite(target: sqlite3.Connection, source: psycopg.Connection) -> None:
    names = ["id", "uuid", *list(COLUMNS)[1:]]
    kinds = {name: SQLITE_TYPES.get(kind, "TEXT") for name, kind in COLUMNS.items()}
    columns = ["id INTEGER PRIMARY KEY", "uuid TEXT"]
    target.execute("PRAGMA journal_mode = off")
    target.execute(
        f"CREATE TABLE events ({', '.join([*columns, *(f'{n} {kinds[n]}' for n in names[2:])])})"
    )
    wanted = [
        "id::text",
        "occurred_at::text",
        *(f"host({n})" if n == "ip" else n for n in names[3:]),
    ]
    with source.cursor(name="all") as rows:
        rows.itersize = 20_000
        rows.execute(f"SELECT {', '.join(wanted)} FROM events ORDER BY id")
        marks = ", ".join("?" * len(names))
        target.executemany(
            f"INSERT INTO events VALUES ({marks})", ((n, *row) for n, row in enumerate(rows, 1))
        )
    for name in (*INDEXED, "uuid"):
        target.execute(f"CREATE INDEX ix_{name} ON events ({name}, id)")
    texts = "activity, path, actor_name, actor_email"
    target.execute(
        f'CREATE VIRTUAL TABLE events_fts USING fts5 ({texts}, content="events",'
        ' content_rowid="id")'
    )
    target.execute("INSERT INTO events_fts (events_fts) VALUES ('rebuild')")
    target.execute("ANALYZE")
    target.commit()


def makers(data: Dataset, same: SameEvents, folder: Path) -> dict[str, Callable[[], Peer]]:
    """By a short name, what makes each peer ready; the product first."""
    return {
        "auditsaas": lambda: auditsaas(data, same),
        "flask-admin": lambda: flask_admin(data, same),
        "django": lambda: django_admin(data, same),
        "datasette": lambda: datasette(data, same, folder),
    }
