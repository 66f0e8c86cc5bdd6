"""Says what is wrong with a log."""

from __future__ import annotations

from auditsaas.formatting import numbers
from auditsaas.pages.evidence import checks as checked
from auditsaas.pages.evidence.looking_back import LookBack
from auditsaas.pages.evidence.saying import Said, Verdict, events


def forked(said: Said, reason: str) -> Verdict:
    lines = [reason]
    if said.head.sealed_until is not None:
        lines.append(
            f"Nothing has been signed since {said.recent(said.head.sealed_until)}. Events are"
            " stored as ever."
        )
    return Verdict(
        state="forked",
        look="lead-bad",
        icon="shield-x",
        title="This log isn’t the one that was sealed before",
        lines=tuple(lines),
    )


def mismatch(said: Said) -> Verdict:
    first, newest = said.findings[0], said.checks.newest
    count = len(said.findings)
    again = max(finding.last_at for finding in said.findings)
    lines = [f"First found {said.recent(min(finding.first_at for finding in said.findings))}."]
    if any(finding.times > 1 for finding in said.findings):
        lines = [lines[0].removesuffix(".") + f", and again {said.recent(again)}."]
    lines.insert(0, "Leave the log as it is: restoring now would destroy the trace.")
    if newest is not None:
        lines.append(checked.words_of(newest, said.viewer, said.now))
    return Verdict(
        state="mismatch",
        look="lead-bad",
        icon="shield-x",
        title=str(first.found["words"])
        if count == 1
        else f"The log isn’t what was sealed: {numbers.number(count)} differences",
        lines=tuple(lines),
    )


def contradicted(said: Said, back: LookBack) -> Verdict:
    return Verdict(
        state="contradicted",
        look="lead-bad",
        icon="shield-x",
        title=f"The log doesn’t begin as when you last looked {said.on(back.seen.at)}",
        lines=(
            f"You saw {events(back.seen.size)} under the hash {back.seen.root.hex()}.",
            "What is stored now leads to another: it was changed, cut short or rebuilt since.",
        ),
    )
