"""``auditsaas version``: what is installed here; asks no server and no setting."""

from __future__ import annotations

import json
import platform

import click

from auditsaas.commands.listing import json_option
from auditsaas.operations import revisions
from auditsaas.version import version


@click.command("version")
@json_option
def version_command(as_json: bool) -> None:
    """Tell the version of the product, of Python, and the schema that it needs."""
    found = {
        "auditsaas": version(),
        "python": platform.python_version(),
        "schema": revisions.HEAD,
    }
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"AuditSaaS {found['auditsaas']}")
    click.echo(f"Python {found['python']}, schema {found['schema']}")
