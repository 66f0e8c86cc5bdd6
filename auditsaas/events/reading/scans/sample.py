"""Samples: the newest matching events of each log, as statements for their reader to aggregate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select

Take = Callable[[Select[Any]], int]
"""Runs one part of a read and returns how many events it held."""


Shares = Counter[UUID]
"""How many events of each workspace an answer was made of; counted where it is asked for."""


@dataclass(frozen=True)
class Sample:
    """``cut`` says that logs may hold more than was sampled."""

    parts: Sequence[Select[Any]]
    cut: bool
    whole_below: int = 0
    """No log was cut short where all together hold fewer matching events than this."""

    def holds_all(self, found: int) -> bool:
        """Tell whether a sample in which ``found`` events were counted is complete."""
        return not self.cut or found < self.whole_below
