"""Checks what files need: storage, and what PDF files are drawn with."""

from __future__ import annotations

import ctypes
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from auditsaas.exports.writers.pdf import coverage
from auditsaas.operations.checks.check import Sight, either
from auditsaas.operations.finding import Finding, fail, ok, warn
from auditsaas.storage.address import storage_at
from auditsaas.storage.base import (
    BucketMissing,
    CredentialsMissing,
    Storage,
    StorageError,
    StorageFull,
)
from config.errors import SettingsError

MEND = "See that STORAGE_URL is right, has room, and may be written."


def _storage(sight: Sight) -> Finding:
    """Write, read and delete a small file."""
    url = sight.settings.storage_url
    try:
        if not _keeps_a_file(storage_at(url)):
            words = "gave back another file than was written"
            return fail("storage", words, "Look at its own log.")
    except (StorageError, SettingsError) as error:
        cause = f" ({error.__cause__})" if error.__cause__ else ""
        return fail("storage", f"{error}{cause}", _remedy(url, error))
    return ok("storage", "writes, reads and deletes")


def _remedy(url: str, error: Exception) -> str:
    parts = urlsplit(url)
    if isinstance(error, BucketMissing):
        return (
            f"Make it, such as: aws s3api create-bucket --bucket {parts.netloc}; or mend"
            " STORAGE_URL, AWS_ENDPOINT_URL_S3 and AWS_REGION."
        )
    if isinstance(error, CredentialsMissing):
        return (
            "Set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither where the machine"
            " has a role."
        )
    if isinstance(error, StorageFull):
        return "Make room where STORAGE_URL points, or let it point elsewhere."
    if parts.scheme == "file" and isinstance(error, StorageError):
        return f"Let this account write there: {Path(unquote(parts.path))}; or mend STORAGE_URL."
    return MEND


def _keeps_a_file(found: Storage) -> bool:
    key, content = f"doctor/{uuid4()}", b"written by auditsaas doctor\n"
    try:
        with found.write(key) as upload:
            upload.write(content)
        with found.open(key) as file:
            return file.read() == content
    finally:
        found.delete(key)


def _pdf(_: Sight) -> Finding:
    try:
        ctypes.CDLL("libpangoft2-1.0.so.0")
    except OSError:
        return warn(
            "PDF", "Pango is not installed, so PDF exports fail", "Install libpangoft2-1.0-0."
        )
    return ok("PDF", "Pango is installed")


def _fonts(_: Sight) -> Finding:
    return fonts()


def fonts() -> Finding:
    """Check that the fonts have a letter of every script that a report has to draw."""
    try:
        missing = coverage.undrawn_scripts()
    except OSError:
        missing = ["any script but Latin"]
    if missing:
        return warn(
            "PDF fonts",
            f"have no letters for {', '.join(missing)}: a report prints code points instead",
            "Install fonts-noto-core, fonts-noto-cjk and fonts-noto-color-emoji, or put the Noto"
            " fonts into /usr/local/share/fonts; then start the workers again.",
        )
    return ok("PDF fonts", f"draw Latin and {len(coverage.SCRIPTS)} kinds of letters beside it")


CHECKS = (either("storage", _storage), either("pdf", _pdf), either("pdf-fonts", _fonts))
