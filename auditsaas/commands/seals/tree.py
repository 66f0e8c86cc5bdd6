"""``auditsaas tree``: the tree over the log of a workspace."""

from __future__ import annotations

import click

from auditsaas.commands.seals.tree_check import acknowledge_command, check_command
from auditsaas.commands.seals.tree_witness import known_command, tree_witness_group


@click.group("tree")
def tree_group() -> None:
    """Look after the tree over a log, by which a stranger can check what is in it."""


for command in (check_command, acknowledge_command, tree_witness_group, known_command):
    tree_group.add_command(command)
