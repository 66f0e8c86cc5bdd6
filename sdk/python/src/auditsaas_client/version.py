"""The client's version, as the installed package declares it."""

from __future__ import annotations

from importlib import metadata


def installed_version() -> str:
    """Read the version; ``unknown`` where the sources were copied and not installed."""
    try:
        return metadata.version("auditsaas-client")
    except metadata.PackageNotFoundError:
        return "unknown"


__version__ = installed_version()
