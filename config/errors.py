"""Errors of configuration."""

from __future__ import annotations


class SettingsError(Exception):
    """A setting is missing or cannot be used; the message is one sentence for the operator."""
