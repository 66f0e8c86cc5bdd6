"""Room on the disks that this machine sees: of files, and of the database where that is told."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from config.settings import Settings

SCARCE = 0.1
"""The share of a disk that is free when an operator should look."""


@dataclass(frozen=True, kw_only=True)
class Disk:
    """A disk by what is kept on it; sizes in bytes."""

    name: str
    size: int
    free: int

    @property
    def scarce(self) -> bool:
        return self.free < self.size * SCARCE


def read(settings: Settings) -> Iterator[Disk]:
    """Look at each disk; one that cannot be looked at from here is left out."""
    for name, folder in _folders(settings):
        try:
            found = shutil.disk_usage(_existing(folder))
        except OSError:
            continue
        # What is left for ordinary accounts, and of all that they could ever have.
        yield Disk(name=name, size=found.used + found.free, free=found.free)


def _folders(settings: Settings) -> Iterator[tuple[str, Path]]:
    storage = urlsplit(settings.storage_url)
    if storage.scheme == "file":
        yield "storage", Path(unquote(storage.path))
    yield "data", settings.data_dir
    if settings.database_disk is not None:
        yield "database", settings.database_disk


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())
