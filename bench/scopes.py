"""Binds a plain connection to a workspace, as the product's own sessions are bound."""

from __future__ import annotations

from auditsaas.db import tenancy, tickets
from bench.dataset import Dataset


def bound_to_biggest(dataset: Dataset) -> str:
    """Return the statements that bind a connection to the biggest workspace, with a ticket.

    A transaction must begin within five minutes of them.
    """
    tickets.sign_with(dataset.settings.secret_key)
    workspaces = tenancy.uuid_array([dataset.big])
    ticket = tickets.ticket(workspaces, "")
    return f"SET auditsaas.workspaces = '{workspaces}'; SET auditsaas.ticket = '{ticket}'"
