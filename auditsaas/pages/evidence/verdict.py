"""Says in one sentence what is known of the whole log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from auditsaas.formatting import numbers, times
from auditsaas.formatting.viewer import Viewer
from auditsaas.pages.evidence.head import LATE, Head, LookBack

TAKEN_IN: Final = (
    "The log was there before sealing began. New events are stored as ever, and sealed after those"
    " that are older."
)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The sentence, and what belongs to it."""

    state: str
    look: str
    """`lead-ok`, `lead-waits`, `lead-bad` or nothing."""
    icon: str
    title: str
    lines: tuple[str, ...] = ()
    percent: int | None = None
    """How much of an existing log has been taken in."""


@dataclass(frozen=True)
class Said:
    """What a verdict is made of, and how times are written in it."""

    head: Head
    back: LookBack | None
    viewer: Viewer
    now: datetime

    def recent(self, at: datetime) -> str:
        return times.recent(at, self.now, self.viewer)


def verdict(said: Said) -> Verdict:
    """Say what is known of the log, the worst first."""
    head, back = said.head, said.back
    if head.forked_for is not None:
        return _forked(said, head.forked_for)
    if back is not None and not back.began_so:
        return _contradicted(said, back)
    if head.signed is None:
        return _unsealed(head)
    if not head.is_taken_in:
        return _taken_in(said)
    late = head.lag_since is not None and said.now - head.lag_since > LATE
    return Verdict(
        state="behind" if late else "sealed",
        look="lead-waits" if late else "",
        icon="hourglass" if late else "shield-check",
        title=" · ".join(_parts(said, late)),
        lines=tuple(_lines(said)),
    )


def _parts(said: Said, late: bool) -> Iterator[str]:
    head = said.head
    if head.signed is None or head.sealed_until is None:
        return
    if late:
        yield f"Sealed until {said.recent(head.sealed_until)}"
    else:
        ago = times.relative(head.signed.at, said.now)
        yield f"Sealed {'just now' if ago == 'now' else ago}"
    yield _events(head.size)
    if late:
        yield f"{numbers.number(head.behind)} {'waits' if head.behind == 1 else 'wait'}"
    if said.back is not None:
        yield f"nothing changed since you last looked {_on(said, said.back.seen.at)}"


def _lines(said: Said) -> Iterator[str]:
    back = said.back
    if back is None:
        yield (
            "What you see now is remembered: when you look again, this page checks that the log"
            " still begins so."
        )
    elif back.seen.size:
        yield (
            f"The {_events(back.seen.size)} that were sealed when you last looked are under the"
            " hash that you saw."
        )
    if said.head.is_older_than_sealing:
        yield (
            f"Numbers 1 to {numbers.number(said.head.taken_in)} were in the log before sealing"
            " began: earlier changes of them can’t be seen."
        )


def _unsealed(head: Head) -> Verdict:
    wait = (
        "The first seal follows the first event within a minute."
        if head.log_seq == 0
        else f"{_events(head.log_seq)} {'waits' if head.log_seq == 1 else 'wait'} for the first"
        " seal, which is due within a minute of the first."
    )
    return Verdict(
        state="fresh", look="lead-waits", icon="hourglass", title="Not sealed yet", lines=(wait,)
    )


def _taken_in(said: Said) -> Verdict:
    head = said.head
    done, all_of = numbers.number(head.size), numbers.number(head.taken_in)
    return Verdict(
        state="taken in",
        look="lead-waits",
        icon="hourglass",
        title=f"Being sealed for the first time: {done} of {all_of} events",
        lines=(TAKEN_IN,),
        percent=100 * head.size // head.taken_in,
    )


def _forked(said: Said, reason: str) -> Verdict:
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


def _contradicted(said: Said, back: LookBack) -> Verdict:
    return Verdict(
        state="contradicted",
        look="lead-bad",
        icon="shield-x",
        title=f"The log doesn’t begin as when you last looked {_on(said, back.seen.at)}",
        lines=(
            f"You saw {_events(back.seen.size)} under the hash {back.seen.root.hex()}.",
            "What is stored now leads to another: it was changed, cut short or rebuilt since.",
        ),
    )


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{numbers.number(count)} events"


def _on(said: Said, at: datetime) -> str:
    """Write `on 11/20`, or `at 14:32:09 EST` of today."""
    if times.date(at, said.viewer) == times.date(said.now, said.viewer):
        return f"at {said.recent(at)}"
    if at.year == said.now.year:
        return f"on {times.short_date(at, said.viewer)}"
    return f"on {times.date(at, said.viewer)}"
