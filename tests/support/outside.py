"""What visitors did to accounts: how a test has it settled, as the workers do every few seconds."""

from __future__ import annotations

from flask import Flask

from tasks.accounts import settle


def settle_accounts(app: Flask) -> int:
    """Settle what waits in the outbox of accounts; return how many rows."""
    with app.app_context():
        return settle()
