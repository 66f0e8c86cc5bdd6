"""The meter of this application, and the quotas of the request under way."""

from __future__ import annotations

from flask import Flask, current_app

from auditsaas.extensions import settings
from auditsaas.quotas import spending
from auditsaas.quotas.known import Quota
from auditsaas.quotas.meter import Meter
from auditsaas.quotas.spending import Spender
from config.settings import Settings

EXTENSION = "quota_meter"


def install(app: Flask, made: Settings) -> None:
    app.extensions[EXTENSION] = Meter.at(made.redis_url)


def meter() -> Meter:
    found: Meter = current_app.extensions[EXTENSION]
    return found


def spend(quota: Quota, spender: Spender, amount: int) -> None:
    """Count a use; raise QuotaSpent where not so much is left."""
    spending.spend(meter(), settings(), quota, spender, amount)


def note(quota: Quota, spender: Spender, amount: int) -> None:
    """Count what was used already."""
    spending.note(meter(), settings(), quota, spender, amount)


def refuse_spent(quota: Quota, spender: Spender) -> None:
    """Raise QuotaSpent where nothing is left."""
    spending.refuse_spent(meter(), settings(), quota, spender)
