"""An installation whose PostgreSQL has a small disk of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.faults.disk import Disk
from bench.faults.installation import Installation
from config import embedded

MEGABYTES = 400


@contextmanager
def small_installation() -> Iterator[tuple[Installation, Disk]]:
    """Make one, with the disk that can be filled.

    Raises:
        PermissionError: nothing may be mounted here.
    """
    folder = Path(tempfile.mkdtemp(prefix="auditsaas-full-"))
    disk = Disk(folder, MEGABYTES)
    made = None
    try:
        if not disk.is_mounted:
            raise PermissionError("only an account that may mount can fill PostgreSQL's disk")
        made = Installation(folder, None)
        yield made, disk
    finally:
        if made is not None:
            made.close()
        embedded.stop(folder)
        disk.close()
        shutil.rmtree(folder, ignore_errors=True)
