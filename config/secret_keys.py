"""The installation's secret, and those that are still understood beside it while it is changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SecretKeys:
    """``SECRET_KEY``, by which all is sealed and signed, and ``SECRET_KEY_FALLBACKS``."""

    current: str = field(repr=False)
    fallbacks: tuple[str, ...] = field(default=(), repr=False)
    """What they sealed and signed is taken too: of the key before, or of the one to come."""

    def __iter__(self) -> Iterator[str]:
        yield self.current
        yield from self.fallbacks


def read_fallbacks(text: str, current: str) -> tuple[str, ...]:
    """Read a list that commas part, without the current key and without repetitions."""
    found = dict.fromkeys(part.strip() for part in text.split(","))
    return tuple(key for key in found if key not in ("", current))
