"""``auditsaas tree``: the tree over the log of a workspace."""

from __future__ import annotations

from typing import Final

import click

from auditsaas.commands.seals.tree_anchor import tree_anchor_group
from auditsaas.commands.seals.tree_check import acknowledge_command, check_command
from auditsaas.commands.seals.tree_keys import begin_anew_command, key_rotate_command
from auditsaas.commands.seals.tree_state import signed_command, status_command
from auditsaas.commands.seals.tree_witness import known_command, tree_witness_group


@click.group("tree")
def tree_group() -> None:
    """Look after the tree over a log, by which a stranger can check what is in it."""


COMMANDS: Final = (
    *(status_command, check_command, acknowledge_command, signed_command),
    *(key_rotate_command, begin_anew_command, tree_witness_group, known_command),
    tree_anchor_group,
)
for command in COMMANDS:
    tree_group.add_command(command)
