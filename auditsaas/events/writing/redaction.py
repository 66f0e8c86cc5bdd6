"""Redacts the values of a workspace's redacted keys before events are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REDACTED = "[redacted]"


def redacted(value: Any, keys: frozenset[str]) -> Any:
    """``value`` with everything under one of ``keys`` (in lower case) replaced, at any depth.

    What holds none of them is returned as it is; nothing is changed in place.
    """
    if isinstance(value, Mapping):
        changed = {
            key: REDACTED if key.lower() in keys else redacted(inner, keys)
            for key, inner in value.items()
        }
        return changed if changed != value else value
    if isinstance(value, list):
        changed_list = [redacted(inner, keys) for inner in value]
        return changed_list if changed_list != value else value
    return value


def redacted_changes(
    changes: Mapping[str, list[Any]], keys: frozenset[str]
) -> Mapping[str, list[Any]]:
    """As ``redacted``, keeping that a field under such a key changed, and not from or to what."""
    return {
        field: [REDACTED] * len(pair) if field.lower() in keys else redacted(pair, keys)
        for field, pair in changes.items()
    }
