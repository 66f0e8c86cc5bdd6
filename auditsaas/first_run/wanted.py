"""The first super-admin, workspace and admin as one form asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import available_timezones

from auditsaas.accounts import passwords
from auditsaas.accounts.service import checked_name, normal_email
from auditsaas.errors import Invalid
from auditsaas.workspaces.service import checked_slug, checked_workspace_name

MYSELF: Final = "me"
ANOTHER: Final = "another"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Every field as text, the way it was typed."""

    name: str = ""
    email: str = ""
    password: str = ""
    workspace: str = ""
    slug: str = ""
    """Empty: it is made from the name."""
    time_zone: str = "UTC"
    admin: str = MYSELF
    """Who is the workspace's admin: ``MYSELF`` or ``ANOTHER``."""
    admin_email: str = ""

    @classmethod
    def of(cls, form: Mapping[str, str]) -> Wanted:
        given = {name: form[name] for name in cls.__dataclass_fields__ if name in form}
        typed = {name: " ".join(text.split()) for name, text in given.items()}
        return cls(**(typed | {"password": form.get("password", "")}))

    @property
    def invites(self) -> bool:
        return self.admin == ANOTHER

    def errors(self) -> dict[str, str]:
        """Return a sentence for each field that cannot be used."""
        found: dict[str, str] = {}
        address = normal_email(self.email)
        if address is None:
            found["email"] = "That is not an email address."
        _note(found, "name", lambda: checked_name(self.name))
        _note(found, "workspace", lambda: checked_workspace_name(self.workspace))
        if self.slug:
            _note(found, "slug", lambda: checked_slug(self.slug))
        if self.time_zone not in available_timezones():
            found["time_zone"] = "Choose a time zone of the list, such as Europe/Berlin."
        owner, about = (address or self.email, self.name), (self.workspace,)
        _note(
            found,
            "password",
            lambda: passwords.refuse_weak(self.password, owner=owner, about=about),
        )
        return found | self._admin_errors(address)

    def _admin_errors(self, own_address: str | None) -> dict[str, str]:
        if self.admin not in (MYSELF, ANOTHER):
            return {"admin": "Say who is its admin."}
        if not self.invites:
            return {}
        invited = normal_email(self.admin_email)
        if invited is None:
            return {"admin_email": "That is not an email address."}
        if invited == own_address:
            return {"admin_email": "That is your own address: choose yourself."}
        return {}


def _note(found: dict[str, str], field: str, check: Callable[[], object]) -> None:
    """Note what a check of a field refuses."""
    try:
        check()
    except Invalid as error:
        found[field] = str(error)
