"""Every kind of job there is: what is swept, and what figures, doctor and system page see."""

from __future__ import annotations

from typing import Any

from auditsaas.evidence.checking.kind import CHECKS
from auditsaas.exports.kind import EXPORTS
from auditsaas.imports.kind import IMPORTS
from auditsaas.jobs.kind import Kind
from auditsaas.mail.outbox import MAILS

KINDS: tuple[Kind[Any], ...] = (EXPORTS, IMPORTS, MAILS, CHECKS)
