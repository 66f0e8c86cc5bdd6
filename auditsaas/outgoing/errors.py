"""Refusals of requests that go out, and their failures."""

from __future__ import annotations

from auditsaas.errors import Invalid


class AddressRefused(Invalid):
    """The address is not one that is spoken to; ``str()`` names the rule, for who typed it."""

    title = "Address refused"


class Unanswered(Exception):
    """The address could not be reached, or did not answer in form; ``str()`` is a sentence.

    The request may have arrived, unless ``sent`` is False.
    """

    def __init__(self, sentence: str, *, sent: bool = False) -> None:
        super().__init__(sentence)
        self.sent = sent
