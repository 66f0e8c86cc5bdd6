"""Passwords: Argon2id with the parameters of OWASP's cheat sheet (about 70 ms a check)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from auditsaas.errors import Invalid

MIN_LENGTH = 12
MAX_LENGTH = 1024
"""Longer input is refused before any work is done on it."""

STRONG_ENOUGH = 3
"""Of zxcvbn's 0 to 4: more than 10^8 guesses."""

JUDGED_LENGTH = 72
"""zxcvbn's own limit, which bounds its work; what comes after can only add strength."""

CONTEXT_WORDS = ("auditsaas", "audit log", "audit", "workspace")
"""Words that everybody here thinks of first (ASVS 5.0, 6.1.2)."""

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def hashed(password: str) -> str:
    return _hasher.hash(password)


SHORTEST_PART = 4
"""Shorter parts of a name or an address are in too many words by chance."""


def refuse_weak(password: str, *, owner: Iterable[str] = (), about: Iterable[str] = ()) -> None:
    """Refuse a password that is too short, too long, common, or made of what others know.

    ``owner`` holds the name and the address, no part of which may be in it; words ``about`` the
    owner only make it weaker.

    Raises:
        Invalid: a sentence that says what to do instead.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise Invalid(f"A password has {MIN_LENGTH} to {MAX_LENGTH:,} characters.")
    owner = tuple(owner)
    if any(part in _letters(password) for part in _parts(owner)):
        raise Invalid("A password holds no part of your name or address.")
    # Its word lists take memory that workers, which judge no passwords, need not hold.
    from zxcvbn import zxcvbn

    words = [*CONTEXT_WORDS, *(word[:JUDGED_LENGTH] for word in (*owner, *about) if word)]
    judged = zxcvbn(password[:JUDGED_LENGTH], user_inputs=words)
    if judged["score"] < STRONG_ENOUGH:
        reason = judged["feedback"]["warning"].rstrip(".") or "That password is easy to guess"
        raise Invalid(f"{reason}. Use several words that have nothing to do with each other.")


def _parts(texts: Iterable[str]) -> set[str]:
    """Return the words of the texts, and each text as one word, as ``_letters`` has them."""
    words = {word for text in texts for word in (text, *re.split(r"[\W_]+", text))}
    return {part for part in map(_letters, words) if len(part) >= SHORTEST_PART}


def _letters(text: str) -> str:
    """Return the letters and digits alone, in one case."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"[\W_]+", "", folded)


def matches(password: str, password_hash: str | None) -> bool:
    """Check a password against its stored hash.

    Without a hash (an unknown person, or one who never set a password) the same work is done and
    the answer is False, so that the time taken tells nothing.
    """
    if len(password) > MAX_LENGTH:
        password, password_hash = "", None
    try:
        _hasher.verify(password_hash or _dummy_hash(), password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def outdated(password_hash: str) -> bool:
    """Tell whether the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


@cache
def _dummy_hash() -> str:
    return _hasher.hash("nobody has this password")
