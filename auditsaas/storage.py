"""Where files are kept: a local folder, or an object store (``object_store``).

A file is written under a temporary name, made durable, and only then given its key; so whatever
has a key is whole. Nothing is ever read or written as a whole in memory.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self
from urllib.parse import unquote, urlsplit

from config.settings import SettingsError

UNFINISHED = ".part"
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class StorageError(Exception):
    """The storage refused a file; ``str()`` is a sentence for whoever asked for it."""


class StorageFull(StorageError):
    """There is no room left."""


class FileMissing(StorageError):
    """No file has this key."""


class Upload(Protocol):
    """A file being written. It gets its key when the context ends well, and vanishes otherwise."""

    size: int
    """Bytes written so far."""

    @property
    def sha256(self) -> str: ...

    def write(self, chunk: bytes, /) -> int: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...


class Storage(Protocol):
    def write(self, key: str) -> Upload:
        """Raises StorageError from here, from its ``write`` and from the end of its context."""

    def open(self, key: str) -> BinaryIO:
        """The file's bytes, seekable. Raises FileMissing."""

    def size(self, key: str) -> int:
        """Bytes. Raises FileMissing."""

    def delete(self, key: str) -> None:
        """Remove the file, and what an interrupted write left of it, where they exist."""

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that start so, also those of writes that were interrupted or are under way."""


def storage_at(url: str) -> Storage:
    """The storage that ``STORAGE_URL`` names.

    Raises:
        SettingsError: it names none that is known.
    """
    parts = urlsplit(url)
    if parts.scheme == "s3" and parts.netloc:
        from auditsaas.object_store import ObjectStorage, client_of

        return ObjectStorage(parts.netloc, unquote(parts.path), client_of(os.getpid()))
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path:
        raise SettingsError("STORAGE_URL must start with file:/// or s3://bucket.")
    return LocalStorage(Path(unquote(parts.path)))


class LocalStorage:
    """A folder that only this account can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, key: str) -> LocalUpload:
        path = self._folder / key
        with _explained():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            return LocalUpload(path)

    def open(self, key: str) -> BinaryIO:
        with _explained():
            return (self._folder / key).open("rb")

    def size(self, key: str) -> int:
        with _explained():
            return (self._folder / key).stat().st_size

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


class LocalUpload:
    def __init__(self, path: Path) -> None:
        self._path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        self._file = os.fdopen(os.open(_unfinished(path), flags, 0o600), "wb")
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, chunk: bytes, /) -> int:
        with _explained():
            self._file.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)
        return len(chunk)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        if kind is not None:
            self._discard()
            return
        try:
            with _explained():
                self._keep()
        except StorageError:
            self._discard()
            raise

    def _keep(self) -> None:
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
