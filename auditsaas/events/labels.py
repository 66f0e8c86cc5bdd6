"""Labels of activities. They are neutral: the status says whether the activity worked."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

OWN_LABELS: Final[dict[str, str]] = {
    "user.login": "Sign in",
    "user.logout": "Sign out",
    "user.password_change": "Change password",
    "user.password_reset": "Reset password",
    "account.update": "Update account",
    "events.import": "Import events",
    "import.run": "Import events",
    "export.requested": "Request export",
    "export.completed": "Build export",
    "export.failed": "Build export",
    "export.cancelled": "Cancel export",
    "export.downloaded": "Download export",
    "member.role_update": "Update member role",
    "platform.access": "Open log as super-admin",
    "platform.view": "View super-admin page",
    "platform.request": "Ask to open log as super-admin",
    "platform.approve": "Let super-admin open log",
    "platform.decline": "Refuse super-admin",
    "platform.break_glass": "Open log without approval",
    "tree.mismatch": "Find difference to seal",
    "tree.check": "Check log against seal",
    "tree.acknowledge": "Acknowledge difference to seal",
    "user.update": "Update account",
    "view.unshare": "Stop sharing view",
    "workspace.opened": "Open workspace as super-admin",
}
ACRONYMS: Final = frozenset(
    re.findall(
        r"\w+",
        "acl api csv dns http https id ip json mfa oauth oidc otp pat pdf saml scim sdk sql ssh "
        "sso tls totp url vpn xml",
    )
)
HTTP_METHODS: Final = frozenset({"get", "post", "put", "patch", "delete", "head", "options"})
_BASE_FORM: Final[dict[str, str]] = {
    "accepted": "accept",
    "added": "add",
    "approved": "approve",
    "archived": "archive",
    "assigned": "assign",
    "cancelled": "cancel",
    "changed": "change",
    "completed": "complete",
    "created": "create",
    "deleted": "delete",
    "disabled": "disable",
    "downloaded": "download",
    "enabled": "enable",
    "invited": "invite",
    "removed": "remove",
    "requested": "request",
    "restored": "restore",
    "revoked": "revoke",
    "rotated": "rotate",
    "started": "start",
    "suspended": "suspend",
    "updated": "update",
    "uploaded": "upload",
    "viewed": "view",
}
_LEADING_VERBS: Final = frozenset(_BASE_FORM.values()) | {
    "list",
    "replace",
    "reset",
    "run",
    "send",
}
_WORDS: Final = re.compile(r"[a-z0-9]+(?:[_.-][a-z0-9]+)*", re.IGNORECASE)


@lru_cache(maxsize=4096)
def label(activity: str) -> str:
    """Label `user.login` as `Sign in`, `invoice.download` as `Download invoice`.

    `http.get` is `HTTP GET`; text that is no `noun.verb` is its own label.
    """
    if activity in OWN_LABELS:
        return OWN_LABELS[activity]
    if not _WORDS.fullmatch(activity):
        return activity
    *nouns, verb = activity.split(".")
    if nouns == ["http"] and verb.lower() in HTTP_METHODS:
        return f"HTTP {verb.upper()}"
    return _sentence(_in_order([word for noun in nouns for word in _words(noun)], _words(verb)))


def _words(text: str) -> list[str]:
    return [word.lower() for word in re.split(r"[_-]", text)]


def _in_order(nouns: list[str], verb: list[str]) -> list[str]:
    """Order `member` + `role update` as `update member role`; the verb always comes first."""
    last = _BASE_FORM.get(verb[-1], verb[-1])
    if len(verb) > 1 and last in _LEADING_VERBS:
        return [last, *nouns, *verb[:-1]]
    if last == "list" and nouns and not nouns[-1].endswith("s"):
        nouns = [*nouns[:-1], f"{nouns[-1]}s"]
    return [*verb[:-1], last, *nouns]


def _sentence(words: list[str]) -> str:
    text = " ".join(word.upper() if word in ACRONYMS else word for word in words)
    return text[:1].upper() + text[1:]


def capitalized(word: str) -> str:
    """Capitalise the word's first letter; what follows stays, for a role may be `SRE`."""
    return word[:1].upper() + word[1:]
