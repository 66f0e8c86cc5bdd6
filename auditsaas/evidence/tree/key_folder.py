"""The folder of TREE_KEYS: secrets that the tree's worker alone reads, and what it signed last.

What was signed is written here before the signature is stored, so that a database that is brought
back from an older backup is found to be older, also where no witness tells.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from auditsaas.evidence.format.notes import base64, unbase64

PRIVATE: Final = 0o600
PRIVATE_FOLDER: Final = 0o700
SIGNED: Final = "signed.json"


class SecretMissing(Exception):
    """The secret of a key is not where it should be, so nothing can be signed by it."""


@dataclass(frozen=True)
class Signed:
    """The greatest head of a log that was signed, and when."""

    size: int
    root: bytes
    at: datetime


@dataclass(frozen=True)
class KeyFolder:
    """A folder of files that only their owner reads, one folder a workspace."""

    path: Path

    def read(self, workspace_id: UUID, key_id: UUID) -> bytes:
        """Read the secret of a key.

        Raises:
            SecretMissing: it is not there.
        """
        try:
            return unbase64(self._key(workspace_id, key_id).read_text())
        except FileNotFoundError as error:
            raise SecretMissing(
                f"The log's key is not in TREE_KEYS: {error.filename} is missing."
            ) from error

    def write(self, workspace_id: UUID, key_id: UUID, secret: bytes) -> None:
        """Keep the secret of a new key for good."""
        self._write(self._key(workspace_id, key_id), base64(secret))

    def destroy(self, workspace_id: UUID, key_id: UUID) -> None:
        """Overwrite and remove the secret of a key that signs no more."""
        path = self._key(workspace_id, key_id)
        with suppress(FileNotFoundError):
            with path.open("r+b") as file:
                file.write(bytes(len(file.read())))
                _flush(file.fileno())
            path.unlink()

    def signed(self, workspace_id: UUID, origin: str) -> Signed | None:
        """Read the greatest head that was signed of a log; None where none is known here."""
        found = self._signed(workspace_id).get(origin)
        if found is None:
            return None
        return Signed(found["size"], unbase64(found["root"]), datetime.fromisoformat(found["at"]))

    def note_signed(self, workspace_id: UUID, origin: str, size: int, root: bytes) -> None:
        """Keep the head that is about to be signed; one that is not greater changes nothing."""
        with self._locked(workspace_id):
            known = self._signed(workspace_id)
            if origin in known and known[origin]["size"] >= size:
                return
            at = datetime.now(UTC).isoformat(timespec="seconds")
            known[origin] = {"size": size, "root": base64(root), "at": at}
            self._write(self._of(workspace_id) / SIGNED, json.dumps(known, indent=1))

    def _signed(self, workspace_id: UUID) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self._of(workspace_id) / SIGNED).read_text())
        except FileNotFoundError:
            return {}
        return found

    @contextmanager
    def _locked(self, workspace_id: UUID) -> Iterator[None]:
        """Let one process at a time change what is known of a log."""
        self._made(self._of(workspace_id))
        lock = os.open(self._of(workspace_id), os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _write(self, path: Path, text: str) -> None:
        """Write a file whole or not at all, so that it outlasts a power cut."""
        self._made(path.parent)
        whole = path.with_name(f".{path.name}.{os.getpid()}")
        file = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
        try:
            os.write(file, text.encode())
            _flush(file)
        finally:
            os.close(file)
        whole.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            _flush(folder)
        finally:
            os.close(folder)

    def _made(self, folder: Path) -> None:
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)

    def _of(self, workspace_id: UUID) -> Path:
        return self.path / str(workspace_id)

    def _key(self, workspace_id: UUID, key_id: UUID) -> Path:
        return self._of(workspace_id) / f"{key_id}.key"


def _flush(file: int) -> None:
    os.fsync(file)
