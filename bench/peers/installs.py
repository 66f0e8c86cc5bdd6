"""The peers' packages, each in a virtual environment of its own below BENCH_DIR."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from bench.dataset import bench_dir

PACKAGES = {
    "flask-admin": ["flask-admin==2.2.1", "flask-sqlalchemy==3.1.1", "psycopg[binary]", "gunicorn"],
    "django": ["django>=5.2,<5.3", "django-auditlog==3.4.1", "psycopg[binary]", "gunicorn"],
    "datasette": ["datasette==0.65.5"],
    "chdb": ["chdb==4.4.0"],
}
INSTALL_SECONDS = 600


def python_with(name: str) -> Path:
    """The interpreter that has a peer's packages, which are installed if they are not there."""
    folder = bench_dir() / "peers" / name
    python, mark = folder / "bin" / "python", folder / "installed.json"
    if not mark.exists() or json.loads(mark.read_text()) != PACKAGES[name]:
        print(f"installing {', '.join(PACKAGES[name])} …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", *PACKAGES[name]]
        subprocess.run(pip, check=True, timeout=INSTALL_SECONDS, stderr=subprocess.DEVNULL)
        mark.write_text(json.dumps(PACKAGES[name]))
    return python


def version(name: str, package: str) -> str:
    script = f"from importlib.metadata import version; print(version({package!r}))"
    run = [str(python_with(name)), "-c", script]
    return subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip()
