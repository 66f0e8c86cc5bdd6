"""Files in a local folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from auditsaas.storage.base import Elsewhere, FileMissing, StorageError, StorageFull, Upload

UNFINISHED = ".part"
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class LocalStorage:
    """A folder that only this account can read.

    With ``send`` a proxy sends its files from that address of its own (``X-Accel-Redirect``), and
    the account's group may read them.
    """

    def __init__(self, folder: Path, send: str = "") -> None:
        self._folder = folder
        self._send = send

    def write(self, key: str) -> LocalUpload:
        path = self._folder / key
        with _explained():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o750 if self._send else 0o700)
            return LocalUpload(path, 0o640 if self._send else 0o600)

    def open(self, key: str) -> BinaryIO:
        with _explained():
            return (self._folder / key).open("rb")

    def size(self, key: str) -> int:
        with _explained():
            return (self._folder / key).stat().st_size

    def elsewhere(self, key: str, *, disposition: str, content_type: str) -> Elsewhere | None:
        del disposition, content_type  # the answer's own headers say both
        address = f"{self._send.rstrip('/')}/{quote(key)}"
        return Elsewhere("X-Accel-Redirect", address) if self._send else None

    def delete(self, key: str) -> None:
        path = self._folder / key
        with _explained():
            path.unlink(missing_ok=True)
            _unfinished(path).unlink(missing_ok=True)
        with suppress(OSError):
            path.parent.rmdir()

    def keys(self, prefix: str) -> Iterator[str]:
        for path in (self._folder / prefix.rpartition("/")[0]).rglob("*"):
            key = path.relative_to(self._folder).as_posix().removesuffix(UNFINISHED)
            if path.is_file() and key.startswith(prefix):
                yield key


class LocalUpload(Upload):
    def __init__(self, path: Path, mode: int = 0o600) -> None:
        super().__init__()
        self._path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        self._file = os.fdopen(os.open(_unfinished(path), flags, mode), "wb")

    def _send(self, chunk: bytes) -> None:
        with _explained():
            self._file.write(chunk)

    def _keep(self) -> None:
        with _explained():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            _unfinished(self._path).replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _discard(self) -> None:
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            _unfinished(self._path).unlink(missing_ok=True)
            self._path.parent.rmdir()


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + UNFINISHED)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise FileMissing("The file is no longer in storage.") from error
    except OSError as error:
        if error.errno in FULL:
            raise StorageFull("Storage is full. Nothing was kept.") from error
        raise StorageError("Storage refused the file. Nothing was kept.") from error
