"""Finds the storage that an address names: a local folder or an object store."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from auditsaas.storage.base import Storage
from auditsaas.storage.local import LocalStorage
from config.errors import SettingsError


def storage_at(url: str) -> Storage:
    """Return the storage that ``STORAGE_URL`` names.

    Raises:
        SettingsError: it names none that is known.
        StorageError: an object store cannot be spoken to, as with half of the credentials.
    """
    parts = urlsplit(url)
    send = _sent_from(parts.query, "https://" if parts.scheme == "s3" else "/")
    if parts.scheme == "s3" and parts.netloc:
        from auditsaas.storage.s3 import ObjectStorage, client_of  # late: boto3 is slow to load

        return ObjectStorage(parts.netloc, unquote(parts.path), client_of(os.getpid()), send)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path:
        raise SettingsError("STORAGE_URL must start with file:/// or s3://bucket.")
    return LocalStorage(Path(unquote(parts.path)), send)


def _sent_from(query: str, begins: str) -> str:
    """Return where others send files from: a path of the proxy's, or the store's address."""
    name, _, value = query.partition("=")
    if not query:
        return ""
    loopback = begins == "https://" and value.startswith("http://127.0.0.1:")
    if name != "send" or not (value.startswith(begins) or loopback):
        raise SettingsError(
            f"STORAGE_URL may end in ?send={begins}…, where files are sent from, and in no other."
        )
    return value
