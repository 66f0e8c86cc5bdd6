"""A machine whose clock jumps under its web, worker, beat and doctor; the clocks of PostgreSQL,
Redis and the senders stay right.

``clock.c`` stands before the C library of the product's processes. libfaketime would do the same,
but Debian's makes ``time.sleep`` of Python 3.11 fail.
"""

from __future__ import annotations

import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.faults.site import Site

SOURCE = Path(__file__).with_suffix(".c")
NAME = "clock"
AHEAD, LATER = 90, (0, -90, 0, 3_600, -3_600, 86_400, -86_400)
"""In seconds: the jump that is to be seen, and those that follow it."""
BETWEEN_JUMPS = 4.0
PAUSE = threading.Event()


def variables(folder: Path) -> dict[str, str]:
    """Return what gives a process the clock of this folder, which is right at first.

    Raises:
        FileNotFoundError: there is no C compiler.
    """
    library = folder / f"{NAME}.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE)], check=True)
    (folder / NAME).write_bytes(struct.pack("=q", 0))
    return {"LD_PRELOAD": str(library), "CLOCK_AHEAD_FILE": str(folder / NAME)}


@contextmanager
def jumped(found: Site) -> Iterator[None]:
    """Let it jump ahead; afterwards back, and by hours and days, and at last right again."""
    _jump(found, AHEAD)
    try:
        yield
        for seconds in LATER:
            _jump(found, seconds)
            PAUSE.wait(BETWEEN_JUMPS)
    finally:
        _jump(found, 0)


def _jump(found: Site, seconds: int) -> None:
    with (found.made.folder / NAME).open("r+b", buffering=0) as shared:
        shared.write(struct.pack("=q", seconds))
