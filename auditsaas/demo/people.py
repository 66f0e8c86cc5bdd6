"""The invented workspaces and people of the demo."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class DemoWorkspace:
    """A workspace, the zone its people work in, and its share of all events."""

    slug: str
    name: str
    zone: str
    share: float


@dataclass(frozen=True)
class Person:
    """Someone (or, with the role service, something) who acts in one workspace."""

    workspace: str
    name: str
    email: str
    role: str
    status: Literal["active", "disabled"] = "active"

    @property
    def actor_id(self) -> str:
        """The id by which the workspace's own systems would know this person."""
        return f"usr_{hashlib.sha256(self.email.encode()).hexdigest()[:10]}"


WORKSPACES = (
    DemoWorkspace("acme", "Acme Freight", "America/New_York", 0.55),
    DemoWorkspace("globex", "Globex Energy", "Europe/Berlin", 0.28),
    DemoWorkspace("initech", "Initech Software", "America/Chicago", 0.17),
)

_DISABLED = {
    "owen.brandt@acme.example",
    "rosa.delgado@acme.example",
    "lars.huber@globex.example",
    "milton.reyes@initech.example",
}

_NAMES = {
    "acme": {
        "admin": ["Maya Okonkwo", "Ann Lee"],
        "auditor": ["Henrik Sørensen", "Grace Mbeki"],
        "manager": ["Daniel Ferreira", "Yuki Nakamura"],
        "member": [
            "Thảo Nguyen",
            "Chloe Bennett",
            "Ravi Deshpande",
            "Zoë Lindqvist",
            "Marcus Bell",
            "Fatima Rahman",
            "Owen Brandt",
            "Rosa Delgado",
        ],
        "support": ["Ines Carvalho"],
    },
    "globex": {
        "admin": ["Katrin Vogel"],
        "auditor": ["Paul Adeyemi"],
        "manager": ["Sofia Marino"],
        "member": [
            "Sławomir Kowal",
            "Jana Dvořák",
            "Elif Yılmaz",
            "Jonas Weber",
            "Lars Huber",
            "Amina Diop",
        ],
        "support": ["Mateo Rossi"],
    },
    "initech": {
        "admin": ["Priya Menon"],
        "auditor": ["Noah Fischer"],
        "manager": ["Olivia Grant"],
        "member": ["Leo Castillo", "Hana Kobayashi", "Milton Reyes", "Sam O'Connor"],
        "support": ["Tess Walker"],
    },
}

_SERVICES = {
    "acme": ["Customs sync", "Invoice export", "Track and trace"],
    "globex": ["Meter collector", "Grid monitor"],
    "initech": ["Build runner", "Deploy bot"],
}

# Letters that Unicode does not take apart into a plain one and its mark.
_PLAIN = str.maketrans("øłı", "oli", "'")


def people() -> list[Person]:
    """Invent everyone of the demo, workspace by workspace; the same at every call."""
    found = []
    for workspace in WORKSPACES:
        for role, names in _NAMES[workspace.slug].items():
            found += [_person(workspace.slug, name, role) for name in names]
        for name in _SERVICES[workspace.slug]:
            email = f"{name.lower().replace(' ', '-')}@{workspace.slug}.example"
            found.append(Person(workspace.slug, name, email, "service"))
    return found


def _person(workspace: str, name: str, role: str) -> Person:
    letters = unicodedata.normalize("NFKD", name.lower().translate(_PLAIN))
    local = letters.encode("ascii", "ignore").decode().replace(" ", ".")
    email = f"{local}@{workspace}.example"
    return Person(workspace, name, email, role, "disabled" if email in _DISABLED else "active")
