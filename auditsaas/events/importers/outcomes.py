"""Translates other logs' words for an outcome: success or error.

Only a word for failure is an error. Whatever else a source says (``SUCCESS``, ``ALLOW``, a
``CHALLENGE`` that is but a step, ``SKIPPED``, ``UNKNOWN``), nothing went wrong that it knows of.
"""

from __future__ import annotations

import re

# As stems: `FAILURE`, `failed_login`, `DENY`, `DENIED`, `rejected_ref_update`, `timed_out`.
_FAILURE = re.compile(
    r"(?:^|[^a-z])(?:fail|den(?:y|ied)|error|reject|block|unauthori[sz]ed|forbidden|invalid"
    r"|timed?_?out|rate_?limit|abandon)",
    re.IGNORECASE,
)


def status_of(outcome: object) -> str:
    """Map a source's word for the outcome to `success` or `error`; none is success."""
    return "error" if isinstance(outcome, str) and _FAILURE.search(outcome) else "success"
