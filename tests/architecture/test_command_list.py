"""The list of commands is data, so that help needs none of them; here it meets the commands."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from auditsaas.cli import COMMANDS, HELP, Commands, cli


@pytest.mark.parametrize("name", COMMANDS)
def test_listed_command_is_the_one_that_runs(name: str) -> None:
    command = COMMANDS[name].command()
    assert command.name == name
    paragraph = (command.help or "").partition("\n\n")[0]
    assert COMMANDS[name].words == " ".join(paragraph.split())


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_help_is_what_click_writes_of_loaded_commands(columns: int) -> None:
    loaded = click.Group(
        "auditsaas",
        {name: place.command() for name, place in COMMANDS.items()},
        params=cli.params,
        help=cli.help,
        context_settings=HELP,
    )
    listed, written = (
        CliRunner().invoke(group, ["--help"], prog_name="auditsaas", terminal_width=columns)
        for group in (cli, loaded)
    )
    assert isinstance(cli, Commands)
    assert listed.output == written.output
    assert "workspace" in listed.output
