"""Copies stored files into another storage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from auditsaas.storage.base import FileMissing, Storage, StorageError

CHUNK: Final = 1 << 20


def copy_files(source: Storage, target: Storage) -> Iterator[tuple[str, int]]:
    """Copy every whole file; yield the key and size of each.

    A file that the target has in the same size is left, so a copy can be run again.

    Raises:
        StorageError: a file cannot be read or kept, or arrived in another size.
    """
    for key in sorted(set(source.keys(""))):
        try:
            size = source.size(key)
        except FileMissing:
            continue  # of an upload that was never finished
        if _size(target, key) != size:
            _copy(source, target, key)
            if _size(target, key) != size:
                raise StorageError(f"The file {key} did not arrive whole.")
        yield key, size


def _copy(source: Storage, target: Storage, key: str) -> None:
    with source.open(key) as file, target.write(key) as upload:
        while chunk := file.read(CHUNK):
            upload.write(chunk)


def _size(storage: Storage, key: str) -> int | None:
    try:
        return storage.size(key)
    except FileMissing:
        return None
