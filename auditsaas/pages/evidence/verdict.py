"""Says in one sentence what is known of the whole log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from auditsaas.evidence.checking.models import CheckKind, CheckState, TreeCheck
from auditsaas.formatting import numbers, times
from auditsaas.pages.evidence import checks as checked
from auditsaas.pages.evidence import trouble
from auditsaas.pages.evidence.head import LATE, Head
from auditsaas.pages.evidence.saying import Said, Verdict, events

TAKEN_IN: Final = (
    "The log was there before sealing began. New events are stored as ever, and sealed after those"
    " that are older."
)


def verdict(said: Said) -> Verdict:
    """Say what is known of the log, the worst first, and what is under way."""
    made = _known(said)
    check = said.checks.under_way
    if check is None:
        return made
    words, percent = _under_way(check)
    return replace(made, progress=words, percent=percent, again=True)


def _known(said: Said) -> Verdict:
    head, back = said.head, said.back
    if head.forked_for is not None:
        return trouble.forked(said, head.forked_for)
    if back is not None and said.is_contradicted:
        return trouble.contradicted(said, back)
    if said.findings:
        return trouble.mismatch(said)
    if head.signed is None:
        return _unsealed(head)
    if not head.is_taken_in:
        return _taken_in(said)
    late = head.lag_since is not None and said.now - head.lag_since > LATE
    look = "lead-ok" if _all_is_fine(said.checks.newest) else ""
    return Verdict(
        state="behind" if late else "sealed",
        look="lead-waits" if late else look,
        icon="hourglass" if late else "shield-check",
        title=" · ".join(_parts(said, late)),
        lines=tuple(_lines(said)),
    )


def _all_is_fine(check: TreeCheck | None) -> bool:
    return check is not None and check.kind == CheckKind.ALL and not checked.differences(check)


def _under_way(check: TreeCheck) -> tuple[str, int | None]:
    if check.state == CheckState.QUEUED or check.total is None:
        return "A check of everything waits for its turn.", None
    done, total = numbers.number(check.done), numbers.number(check.total)
    percent = 100 * check.done // check.total if check.total else 100
    return f"Reading again: {done} of {total} events", percent


def _parts(said: Said, late: bool) -> Iterator[str]:
    head = said.head
    if head.signed is None or head.sealed_until is None:
        return
    if late:
        yield f"Sealed until {said.recent(head.sealed_until)}"
    else:
        ago = times.relative(head.signed.at, said.now)
        yield f"Sealed {'just now' if ago == 'now' else ago}"
    yield events(head.size)
    if late:
        yield f"{numbers.number(head.behind)} {'waits' if head.behind == 1 else 'wait'}"
    if said.back is not None:
        yield f"nothing changed since you last looked {said.on(said.back.seen.at)}"


def _lines(said: Said) -> Iterator[str]:
    back, checks = said.back, said.checks
    if checks.newest is not None:
        yield checked.words_of(checks.newest, said.viewer, said.now)
    if checks.failed is not None:
        yield f"The last check of everything couldn’t be finished: {checks.failed.error}"
    if agree := [
        one.at for one in said.holders if one.is_witness and one.state == "holds" and one.at
    ]:
        noun = "witness holds it all" if len(agree) == 1 else "witnesses hold it all"
        yield f"{len(agree)} {noun}, as of {times.relative(max(agree), said.now)}."
    if back is None:
        yield (
            "What you see now is remembered: when you look again, this page checks that the log"
            " still begins so."
        )
    elif back.seen.size:
        yield (
            f"The {events(back.seen.size)} that were sealed when you last looked are under the"
            " hash that you saw."
        )
    for closing in said.head.closings:
        yield (
            f"An operator closed the log {said.on(closing.at)}, with {events(closing.size)} signed,"
            f" and began it anew: {closing.reason}"
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
        else f"{events(head.log_seq)} {'waits' if head.log_seq == 1 else 'wait'} for the first"
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
        progress="Taking in what was there",
        percent=100 * head.size // head.taken_in,
    )
