"""Reports of ``auditsaas verify``: each part of an installation, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Damage:
    """One thing that is not as it must be, by its kind, such as ``sequence``."""

    kind: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """The part looked at, in words and figures, and its damages; without any it is whole."""

    part: str
    """``workspace``, ``seal``, ``words``, ``months``, ``together``, ``export`` or ``import``."""
    name: str
    words: str
    figures: Mapping[str, int] = field(default_factory=dict)
    damages: tuple[Damage, ...] = ()

    @property
    def whole(self) -> bool:
        return not self.damages
