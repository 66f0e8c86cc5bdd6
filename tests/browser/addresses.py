"""The address of every page and of each state worth a look, and what fills them in."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from auditsaas.accounts import resets
from auditsaas.accounts.models import User
from auditsaas.events.event_sources import PRODUCT
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.imports import mappings
from auditsaas.imports import service as imports
from auditsaas.platform_access.models import AccessRequest
from auditsaas.saved_views import service as saved_views
from auditsaas.storage.address import storage_at
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support import factories
from tests.support.erasing import Asking
from tests.support.exporting import ask
from tests.support.factories import append_events, event_input
from tests.support.scheduling import make_schedule

OUTSIDE = {
    "sign in": "/login",
    "forgotten password": "/password-reset",
    "a reset that is over": f"/password-reset/{'A' * 43}",
    "new password": "/password-reset/{reset}",
    "closed invitation": f"/invitations/{'A' * 43}",
    "a link that sets nothing up": f"/welcome/{'A' * 43}",
}
INSIDE = {
    "log": "/w/{slug}/audit-logs",
    "a log before its first event": "/w/{new}/audit-logs",
    "all workspaces": "/audit-logs",
    "long value": f"/w/{{slug}}/audit-logs?user={'x' * 400}",
    "filtered": "/w/{slug}/audit-logs?status=error&activity=invoice.update&range=last_30_days",
    "searched": "/w/{slug}/audit-logs?q=user:ann%40example.com",
    "no match": "/w/{slug}/audit-logs?q=nothing-like-this",
    "unreadable filter": "/w/{slug}/audit-logs?q=activty:x&from=yesterday",
    "one event": "/w/{slug}/audit-logs/{event}",
    "a view that was changed": "/w/{slug}/audit-logs?status=error&tab={view}",
    "saved views": "/w/{slug}/views",
    "one view": "/w/{slug}/views/{view}",
    "my activity": "/me/activity",
    "my event": "/me/activity/{slug}/{own_event}",
    "exports": "/w/{slug}/exports",
    "one export": "/w/{slug}/exports/{export}",
    "all exports": "/exports",
    "schedules": "/w/{slug}/schedules",
    "all schedules": "/schedules",
    "where to schedule": "/schedules/new",
    "new schedule": "/w/{slug}/schedules/new",
    "one schedule": "/w/{slug}/schedules/{schedule}",
    "edit a schedule": "/w/{slug}/schedules/{schedule}/edit",
    "who read the log": "/w/{slug}/reads",
    "reads that were looked for": "/w/{slug}/reads?about=ann&range=today",
    "integrity": "/w/{slug}/integrity",
    "erasures": "/w/{slug}/erasures",
    "one erasure": "/w/{slug}/erasures/{erasure}",
    "access requests": "/w/{slug}/access-requests",
    "members": "/w/{slug}/members",
    "invite": "/w/{slug}/members/invite",
    "keys": "/w/{slug}/api-keys",
    "new key": "/w/{slug}/api-keys/new",
    "settings": "/w/{slug}/settings",
    "retention": "/w/{slug}/settings/retention",
    "usage": "/w/{slug}/settings/usage",
    "imports": "/w/{slug}/imports",
    "new import": "/w/{slug}/imports/new",
    "one import": "/w/{slug}/imports/{file}",
    "one mapping": "/w/{slug}/imports/mappings/{mapping}",
    "mappings": "/w/{slug}/imports/mappings",
    "new mapping": "/w/{slug}/imports/mappings/new",
    "a mapping to start from": "/w/{slug}/imports/mappings/new?from=zoom",
    "a mapping as JSON": "/w/{slug}/imports/mappings/new?from=auth0",
    "notifications": "/notifications",
    "account": "/account",
    "security": "/account/security",
    "asked again": "/account/confirm?next=/account",
    "sessions": "/account/sessions",
    "go to": "/go?in=/w/{slug}",
    "go to, with words": "/go?in=/w/{slug}&q=an",
    "go to, with too many words": f"/go?q={'x' * 201}",
    "API documents": "/api/docs",
    "not found": "/w/nowhere/audit-logs",
}
AS_SUPER_ADMIN = {
    "every workspace's log": "/admin/audit-logs",
    "an event elsewhere": "/admin/audit-logs/{slug}/{event}",
    "every workspace": "/admin/workspaces",
    "no such workspace": "/admin/workspaces?q=nothing-at-all",
    "new workspace": "/admin/workspaces/new",
    "a person for a workspace": "/admin/members/new?workspace={slug}",
    "everybody": "/admin/users",
    "what waits for a workspace": "/admin/access/requests",
    "every export": "/admin/exports",
    "system": "/admin/system",
}
ASKED_FIRST = {"reason": "/admin/access", "reason for one": "/admin/access?workspace={slug}"}
NO_PAGES = {
    "static",
    # Machines read these.
    *("health.alive", "health.ready", "health.metrics", "log_tiles.read"),
    "witness.checkpoint",
    # Fragments, which the pages above hold.
    *(
        "audit_logs.related",
        "audit_logs.suggest",
        "exports.before",
        "exports.progress",
        "notifications.count",
    ),
    *("log_reads.of_event", "integrity.show_verdict", "go_to.found"),
    *("welcome.ready", "onboarding.first_event"),
    # Files.
    *("exports.download", "schedules.download_run", "notifications.kept_mail"),  # or of the demo
    *("exports.download_bundle", "schedules.download_bundle"),
    *("integrity.checkpoint", "integrity.key_file", "findings.download"),
    *("event_proofs.download", "verifier.download"),
    # Lead elsewhere.
    *(
        "accounts.home",
        "superadmin.home",
        "onboarding.lead_to_log",
        "schedules.show_run",
        "schedules.anywhere",
    ),
}
ON_ITS_OWN = {"accounts.second_factor_page"}
"""Looked at by a test of its own, for it takes a person who is halfway in."""


def fill(acme: Workspace, person: User, settings: Settings) -> dict[str, str]:
    """Make one of everything; what the addresses are filled in with."""
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/156.0.0.0"
    found = append_events(
        acme,
        [
            event_input(
                status="error" if n % 3 == 0 else "success",
                duration_ms=10 ** (n % 5),
                user_agent=agent,
                changes={"role": ["member", "admin"]},
                metadata={"plan": "pro", "seats": n},
                targets=[{"type": "invoice", "id": f"inv_{n}", "name": f"Invoice {n}"}],
            )
            for n in range(14)
        ]
        + [
            event_input(
                actor={"id": "i" * 256, "name": "n" * 256, "email": f"{'e' * 60}@example.com"},
                path=f"/{'p' * 2_000}",
                request_id="r" * 128,
                changes={"f" * 200: ["b" * 300, "a" * 300]},
                metadata={"k" * 200: "v" * 2_000},
                targets=[{"type": "t" * 100, "id": "i" * 256, "name": "n" * 256}],
            )
        ],
    )
    long = EventFilter(user=("x" * 400,))
    ask(person, [acme])
    _ask_for_access(acme)
    make_schedule(acme, person, datetime.now(UTC))
    own = event_input(actor={"id": str(person.id), "email": person.email})
    [own_event] = append_events(acme, [own], PRODUCT).ids
    with factories.Sessions.begin() as session:
        reset = resets.begin(session, person)
    return {
        "slug": acme.slug,
        "event": str(found.ids[-1]),
        "own_event": str(own_event),
        "export": str(ask(person, [acme], long)),
        "schedule": str(
            make_schedule(acme, person, datetime.now(UTC), event_filter=long, name="n" * 80)
        ),
        "erasure": _erasure(acme, settings),
        "file": _import(acme, person, settings),
        "mapping": _mapping(acme, person),
        "view": _view(acme, person),
        "reset": reset,
        "new": _new(person),
    }


def _new(person: User) -> str:
    """Make a workspace of the person's without an event."""
    workspace = factories.make_workspace("New Ltd")
    factories.make_member(workspace, user=person)
    return workspace.slug


def _erasure(acme: Workspace, settings: Settings) -> str:
    asker = factories.make_member(acme, user=factories.make_user(name="n" * 80))
    asking = Asking(acme, asker, settings)
    return str(asking.ask("i" * 256, ("person", "address", "client", "id", "metadata")))


def _ask_for_access(acme: Workspace) -> None:
    asker = factories.make_user(name="n" * 80, is_super_admin=True)
    with factories.scoped(acme.id, user=asker.id) as session:
        session.add(AccessRequest(workspace_id=acme.id, user_id=asker.id, reason="r" * 500))
        session.commit()


def _view(acme: Workspace, person: User) -> str:
    """A shared view of a long name, whose filter a schedule sends."""
    query = EventFilter(user=("x" * 400,)).query_string()
    with factories.scoped(acme.id, user=person.id) as session:
        made = saved_views.save(
            session, acme.id, person.id, name="n" * 80, query=query, shared=True, default=False
        )
        session.commit()
        return str(made.id)


def _mapping(acme: Workspace, person: User) -> str:
    form = '{"input": "csv", "fields": {"occurred_at": "when", "activity": "door.{what}"}}'
    with factories.scoped(acme.id, user=person.id) as session:
        made = mappings.save(session, acme.id, person.id, name="doors", form=form)
        session.commit()
        return made.name


def _import(acme: Workspace, person: User, settings: Settings) -> str:
    with factories.scoped(acme.id, user=person.id) as session:
        made = imports.request(
            session,
            storage_at(settings.storage_url),
            workspace_id=acme.id,
            person_id=person.id,
            name="access.log",
            content=io.BytesIO(b"nothing that is a log\n"),
            format="combined",
            time_zone=None,
        )
        session.commit()
        return str(made.id)
