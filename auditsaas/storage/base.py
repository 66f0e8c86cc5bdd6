"""The interface of file storages.

A file is written under a temporary name, made durable, and only then given its key; so what has a
key is whole. Nothing is ever read or written as a whole in memory.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Protocol, Self


class StorageError(Exception):
    """The storage refused a file; ``str()`` is a sentence for the requester."""


class StorageFull(StorageError):
    """There is no room left."""


class BucketMissing(StorageError):
    """The store answers, and has no such bucket."""


class CredentialsMissing(StorageError):
    """The store's credentials are incomplete, or there are none."""


class FileMissing(StorageError):
    """No file has this key."""


@dataclass(frozen=True)
class Elsewhere:
    """The header of an answer by which another than this process sends the file."""

    header: str
    address: str

    @property
    def is_link(self) -> bool:
        """Whether the caller is led to the store itself."""
        return self.header == "Location"


class Upload(ABC):
    """A file being written. It gets its key when the context ends well, and vanishes otherwise."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.size = 0
        """Bytes written so far."""

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, chunk: bytes, /) -> int:
        self._send(chunk)
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
            self._keep()
        except StorageError:
            self._discard()
            raise

    @abstractmethod
    def _send(self, chunk: bytes) -> None:
        """Write the chunk where the file is prepared. Raises StorageError."""

    @abstractmethod
    def _keep(self) -> None:
        """Make the file durable and give it its key. Raises StorageError."""

    @abstractmethod
    def _discard(self) -> None:
        """Remove what was written; never raises."""


class Storage(Protocol):
    def write(self, key: str) -> Upload:
        """Open an upload; raise StorageError here, from its ``write`` and when its context ends."""

    def open(self, key: str) -> BinaryIO:
        """Open the file's bytes, seekable. Raise FileMissing."""

    def size(self, key: str) -> int:
        """Return the size in bytes. Raise FileMissing."""

    def elsewhere(self, key: str, *, disposition: str, content_type: str) -> Elsewhere | None:
        """Return how others send the file, where the storage's address says that they do."""

    def delete(self, key: str) -> None:
        """Remove the file, and what an interrupted write left of it, where they exist."""

    def keys(self, prefix: str) -> Iterator[str]:
        """List keys with this prefix, also of writes that were interrupted or are under way."""
