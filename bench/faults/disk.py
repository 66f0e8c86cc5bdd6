"""A disk that can be full: a small one in memory where one may mount, else ``/dev/full``."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

FULL = Path("/dev/full")
CHUNK = bytes(1 << 16)


class Disk:
    """The folder of the files; everything written to it fails with ENOSPC between the two calls."""

    def __init__(self, folder: Path, megabytes: int | None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.is_mounted = megabytes is not None and _mounted(folder, megabytes)
        self._planted: list[Path] = []

    def becomes_full(self, about_to_write: Iterable[str]) -> None:
        """Nothing fits from now on; without a disk of one's own, into the files of these keys."""
        if self.is_mounted:
            self._fill()
            return
        for key in about_to_write:
            path = self.folder / f"{key}.part"
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                path.symlink_to(FULL)
                self._planted.append(path)

    def has_room_again(self) -> None:
        (self.folder / "filler").unlink(missing_ok=True)
        for path in self._planted:
            if path.is_symlink():
                path.unlink()
        self._planted.clear()

    def close(self) -> None:
        self.has_room_again()
        if self.is_mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=False)

    def _fill(self) -> None:
        with (self.folder / "filler").open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(CHUNK)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


def _mounted(folder: Path, megabytes: int) -> bool:
    """Whether the folder is now a small disk of its own, which only some may make."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(folder)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
