"""Operators' commands on the database of this run, and what they leave in the logs."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from click.testing import CliRunner, Result
from sqlalchemy import Row, select

from auditsaas.cli import cli
from auditsaas.events.models import events
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from config.settings import Settings
from tests.support.factories import scoped
from tests.support.serving import environment


class Commands:
    """Runs ``auditsaas`` as an operator who knows the owner of the tables."""

    def __init__(self, settings: Settings, **variables: str) -> None:
        known = environment(settings) | {"MIGRATION_DATABASE_URL": settings.owner_url}
        self._runner = CliRunner(env=known | variables)

    def __call__(self, *words: object, given: str = "") -> Result:
        result = self._runner.invoke(cli, [str(word) for word in words], input=given)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    def done(self, *words: object, given: str = "") -> str:
        """Run what succeeds; its output."""
        result = self(*words, given=given)
        assert result.exit_code == 0, result.output
        return result.stdout

    def refused(self, *words: object, given: str = "") -> str:
        """Run what ends in one sentence and exit code 2; the sentence."""
        result = self(*words, given=given)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.count("\n") == 1, result.stderr
        return result.stderr

    def listed(self, *words: object) -> list[dict[str, Any]]:
        """Run a list with ``--json``."""
        rows: list[dict[str, Any]] = json.loads(self.done(*words, "--json"))
        return rows


def told(workspace_id: UUID, activity: str, target: object) -> list[Row[Any]]:
    """The events of an activity about a target, in a workspace's log."""
    with scoped(workspace_id) as session:
        found = session.execute(select(events).where(events.c.activity == activity)).all()
    return [row for row in found if any(each["id"] == str(target) for each in row.targets or [])]


def told_installation(activity: str, target: object) -> list[Row[Any]]:
    return told(SYSTEM_WORKSPACE_ID, activity, target)
