"""Checks the settings, and the folder that processes keep their own files in."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from auditsaas.operations.checks.check import Check, Sight, either
from auditsaas.operations.finding import Finding, fail, ok, warn


def _environment(sight: Sight) -> Finding:
    if sight.settings.production:
        return ok("settings", "are complete for production")
    return warn(
        "settings",
        "are a trial's: AUDITSAAS_ENV is not production",
        "Set AUDITSAAS_ENV=production before people rely on it: it refuses what is unsafe.",
    )


def _proxies(sight: Sight) -> Iterator[Finding]:
    if sight.settings.production and sight.settings.trusted_proxies == 0:
        yield warn(
            "proxies",
            "TRUSTED_PROXIES is 0, so every event would carry the proxy's address",
            "Set TRUSTED_PROXIES to the number of proxies in front, 1 for nginx alone.",
        )


def _metrics(sight: Sight) -> Iterator[Finding]:
    if sight.settings.production and not sight.settings.metrics_token:
        yield warn(
            "metrics",
            "METRICS_TOKEN is not set, so only a program on this machine reads /metrics",
            "Set it to a secret of 16 characters or more, and give it to Prometheus.",
        )


def _data_folder(sight: Sight) -> Finding:
    """Write into ``DATA_DIR``, or see that it could be made where the first process makes it."""
    folder = sight.settings.data_dir
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        _write_into(there)
    except NotADirectoryError:
        words = f"{there} is no folder"
        return fail("data folder", words, f"Run: mv {there} {there}.before && mkdir -m 700 {there}")
    except OSError as error:
        return fail(
            "data folder",
            f"{there} cannot be written by {_account()}: {error.strerror}",
            f"Run: chown -R {_account()} {there} && chmod -R u+rwX {there}",
        )
    return ok("data folder", f"{folder} can be written")


def _write_into(folder: Path) -> None:
    if not folder.is_dir():
        raise NotADirectoryError(0, "It is no folder")
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"written by auditsaas doctor\n")
        file.flush()


def _account() -> str:
    return str(os.geteuid())


CHECKS = (
    either("settings", _environment),
    Check("proxies", _proxies),
    Check("metrics", _metrics),
    either("data-folder", _data_folder),
)
