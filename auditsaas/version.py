"""The product's version, as the installed package declares it in ``pyproject.toml``."""

from __future__ import annotations

from functools import cache
from importlib import metadata


@cache
def version() -> str:
    return metadata.version("auditsaas")
