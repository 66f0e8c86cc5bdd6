"""A workspace with one of everything that an address can name."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import Table, func, insert, select, text

from auditsaas.accounts.models import User
from auditsaas.db.ids import new_id
from auditsaas.erasures.models import requests
from auditsaas.events.event_sources import PRODUCT
from auditsaas.events.models import removals
from auditsaas.events.writing.request_keys import first_arrival
from auditsaas.evidence.anchors.models import anchor_places, anchors
from auditsaas.evidence.checking.models import TreeCheck, TreeFinding
from auditsaas.evidence.format.notes import SigningKey
from auditsaas.evidence.models import (
    checkpoints,
    erasures,
    seals_seen,
    tree_heads,
    tree_keys,
    tree_leaves,
    tree_tiles,
)
from auditsaas.evidence.witnesses.models import cosignatures, known_heads, witnesses
from auditsaas.exports.building.build import export_job
from auditsaas.exports.models import Export, ExportState
from auditsaas.extensions import Base
from auditsaas.imports import mappings
from auditsaas.imports.models import Import
from auditsaas.jobs.runner import run
from auditsaas.mail.models import Mail
from auditsaas.notifications.models import Notification
from auditsaas.pending_changes.kinds import ERASE
from auditsaas.pending_changes.models import PendingChange
from auditsaas.permissions import Role
from auditsaas.platform_access.models import AccessRequest, PlatformLook
from auditsaas.reads.counting import count
from auditsaas.reads.reading import Reader, Reading
from auditsaas.saved_views.models import ALL_MY_WORKSPACES, SavedView
from auditsaas.schedules.models import ScheduleRun
from auditsaas.storage.address import storage_at
from auditsaas.workspaces.models import ApiKey, Invitation, InvitationLookup, Workspace
from tests.support import blocks, sealing, wording
from tests.support.exporting import ask
from tests.support.factories import (
    append_events,
    as_owner,
    event_input,
    make_api_key,
    make_member,
    make_user,
    make_workspace,
    scoped,
    unique,
)
from tests.support.scheduling import make_schedule

COUNTED_TOGETHER = (
    "INSERT INTO platform_days VALUES (now(), :mark, '', 'success', 1)",
    "INSERT INTO platform_marks (kind, upto, workspaces) VALUES (:mark, now(), 0)",
    "INSERT INTO platform_totals VALUES (:id, :mark, '', 'success', 1)",
    "INSERT INTO platform_heads VALUES (:id, 0, 0, 1)",
)


@dataclass(frozen=True)
class Company:
    """A workspace and its admin, who made all that is in it."""

    app: Flask
    workspace: Workspace
    admin: User
    mark: str
    """A word that stands in the names of everything here, and nowhere else."""

    @classmethod
    def found(cls, app: Flask) -> Company:
        mark = unique("mark")
        workspace = make_workspace(name=f"{mark} Ltd")
        return cls(app, workspace, make_member(workspace), mark)

    def event(self) -> UUID:
        """An event of the admin's doing."""
        actor = {"id": str(self.admin.id), "name": f"{self.mark} Lee"}
        return append_events(self.workspace, [event_input(actor=actor)], PRODUCT).ids[0]

    def person(self, role: Role = Role.MEMBER) -> UUID:
        return make_member(self.workspace, role).id

    def key(self) -> UUID:
        make_api_key(self.workspace)
        with scoped(self.workspace.id) as session:
            newest = select(ApiKey.id).order_by(ApiKey.id.desc()).limit(1)
            return session.scalars(newest).one()

    def contested_event(self) -> None:
        """Two events of one key, with other content, of two senders."""
        event = event_input(idempotency_key=self.mark, occurred_at=datetime.now(UTC).isoformat())
        append_events(self.workspace, [event])
        append_events(self.workspace, [event | {"path": "/other"}], PRODUCT)

    def invitation(self, email: str | None = None) -> tuple[UUID, str]:
        """An open invitation, and the token of its link."""
        token = secrets.token_urlsafe(32)
        digest = hashlib.sha256(token.encode()).digest()
        made = Invitation(
            workspace_id=self.workspace.id,
            email=email or f"{unique(self.mark)}@acme.example",
            role=Role.AUDITOR.value,
            token_hash=digest,
            invited_by=self.admin.id,
            expires_at=datetime.now(UTC) + timedelta(days=7),
        )
        lookup = InvitationLookup(token_hash=digest, tenant=self.workspace.id)
        return self._keep(made, lookup), token

    def finding(self) -> UUID:
        """A difference to the seal, by its words alone."""
        found = {"words": f"{self.mark} differs"}
        return self._keep(
            TreeFinding(
                workspace_id=self.workspace.id,
                fingerprint=unique("finding").encode(),
                kind="seal",
                found=found,
            )
        )

    def export(self, state: ExportState = ExportState.READY, *, proof: bool = False) -> UUID:
        if proof:
            append_events(self.workspace, [event_input()])  # of an empty log there is no proof
        export_id = ask(self.admin, [self.workspace], proof=proof)
        if state is ExportState.READY:
            self.build(export_id, proof=proof)
        else:
            with scoped(self.workspace.id, user=self.admin.id) as session:
                session.get_one(Export, export_id).state = state.value
                session.commit()
        return export_id

    def build(self, export_id: UUID, *, proof: bool = False) -> None:
        if proof:
            sealing.seal(self.workspace)
        with self.app.app_context():
            run(export_job(storage_at(self.app.extensions["settings"].storage_url)), export_id)

    def upload(self) -> UUID:
        return self._keep(
            Import(
                workspace_id=self.workspace.id,
                id=new_id(),
                requested_by=self.admin.id,
                name=f"{self.mark}.log",
                format="combined",
                bytes=1,
            )
        )

    def mapping(self) -> str:
        """A mapping of foreign files, by its name."""
        form = {"input": "csv", "fields": {"occurred_at": "time", "activity": "action"}}
        name = unique("mapping")
        with scoped(self.workspace.id, user=self.admin.id) as session:
            mappings.save(
                session, self.workspace.id, self.admin.id, name=name, form=json.dumps(form)
            )
            session.commit()
        return name

    def change(self, *, by_another: bool = False) -> UUID:
        """A change that waits, for the approval of another admin too."""
        asker = make_member(self.workspace).id if by_another else self.admin.id
        made: UUID = self._keep(
            PendingChange(
                workspace_id=self.workspace.id,
                id=new_id(),
                kind="hold.lift",
                subject=unique("subject"),
                wanted={"legal_hold": False},
                words=f"{self.mark} is lifted",
                asked_by=asker,
                effective_at=datetime.now(UTC) + timedelta(days=7),
                needs_second=True,
            ),
            by=asker,
        )
        return made

    def schedule(self) -> UUID:
        now = datetime.now(UTC)
        return make_schedule(self.workspace, self.admin, now, name=f"{self.mark} digest")

    def report(
        self,
        schedule_id: UUID,
        state: ExportState = ExportState.READY,
        *,
        proof: bool = False,
    ) -> UUID:
        """A report that a schedule has made."""
        now = datetime.now(UTC)
        return self._keep(
            ScheduleRun(
                workspace_id=self.workspace.id,
                id=new_id(),
                schedule_id=schedule_id,
                due_at=now,
                export_id=self.export(state, proof=proof),
                starts_at=now - timedelta(days=1),
                ends_at=now,
                since_seq=0,
                upto_seq=0,
                state="sent",
            )
        )

    def view(self, *, everywhere: bool = False) -> UUID:
        """A saved view: shared here, or the admin's own over all their workspaces."""
        return self._keep(
            SavedView(
                workspace_id=ALL_MY_WORKSPACES if everywhere else self.workspace.id,
                id=new_id(),
                user_id=self.admin.id,
                name=unique(self.mark),
                query="status=error",
                shared=not everywhere,
            )
        )

    def request_key(self) -> None:
        """The key of a request, as its sender gave it."""
        with scoped(self.workspace.id) as session:
            first_arrival(session, self.workspace.id, PRODUCT, self.mark, datetime.now(UTC))
            session.commit()

    def read(self) -> None:
        """A read of the log by its admin, still to be appended."""
        reader = Reader(id=str(self.admin.id), name=self.mark)
        with scoped(self.workspace.id) as session:
            count(session, [Reading(workspace_id=self.workspace.id, reader=reader, part="rows")])
            session.commit()

    def notification(self) -> UUID:
        about = {"title": self.mark, "body": self.mark}
        return self._keep(
            Notification(id=new_id(), user_id=self.admin.id, kind="export.ready", **about)
        )

    def mail(self) -> UUID:
        """A mail to the admin, kept as a file."""
        made: UUID = self._keep(
            Mail(id=new_id(), user_id=self.admin.id, kind="export_ready", context={}, state="sent")
        )
        folder = self.app.extensions["settings"].data_dir / "mail"
        folder.mkdir(exist_ok=True)
        (folder / f"{made}.eml").write_text(self.mark)
        return made

    def request(self) -> UUID:
        """A super-admin's wish to look into it."""
        asker = make_user(name="Robin Ross", is_super_admin=True)
        with scoped(self.workspace.id, user=asker.id) as session:
            made = AccessRequest(
                workspace_id=self.workspace.id, user_id=asker.id, reason=f"{self.mark} case 4711"
            )
            session.add(made)
            session.commit()
            return made.id

    def look(self) -> None:
        """What a super-admin read of it, as the admin's own row."""
        now = datetime.now(UTC)
        with scoped(self.workspace.id, user=self.admin.id) as session:
            session.add(
                PlatformLook(
                    workspace_id=self.workspace.id,
                    user_id=self.admin.id,
                    hour=now,
                    kind="rows",
                    query_hash=b"",
                    query="",
                    filter=self.mark,
                    every=False,
                    request={},
                    first_at=now,
                    last_at=now,
                    told=1,
                )
            )
            session.commit()

    def tree(self) -> None:
        """A row of each table of the log's tree, and of what the admin saw of it."""
        here = {"workspace_id": self.workspace.id}
        key = SigningKey(self.mark, bytes(32))
        rows: dict[Table, dict[str, object]] = {
            tree_heads: {},
            tree_leaves: {"n": 0, "preimages": bytes(40), "seeds": bytes(16)},
            tree_tiles: {"level": 1, "n": 0, "hashes": bytes(32)},
            checkpoints: {"size": 1, "root": b"", "at": func.now(), "note": self.mark},
            tree_keys: {"id": new_id(), "vkey": str(key.verifier), "seq": 1, "made_at": func.now()},
            **self._witnesses(),
            seals_seen: {"user_id": self.admin.id, "size": 1, "root": b"", "at": func.now()},
        }
        with scoped(self.workspace.id, user=self.admin.id) as session:
            for table, values in rows.items():
                session.execute(insert(table).values(here | values))
            session.add(TreeCheck(**here, kind="sample"))
            session.add(
                TreeFinding(**here, fingerprint=b"", kind="changed", found={"words": self.mark})
            )
            session.commit()
        self.erased_event()
        self.erasure()

    def words(self) -> None:
        """The words of the events that are there."""
        wording.word(self.workspace)

    def columns(self) -> None:
        """The events that are there, column by column."""
        blocks.build(self.workspace)

    def counts_together(self) -> None:
        """Rows of what is counted of all workspaces together, which tell no truth."""
        with as_owner(self.workspace.id) as session:
            for statement in COUNTED_TOGETHER:
                session.execute(text(statement), {"mark": self.mark, "id": self.workspace.id})
            session.commit()

    def _witnesses(self) -> dict[Table, dict[str, object]]:
        held = {"size": 1, "at": func.now()}
        asked = {"id": new_id(), "name": self.mark, "vkey": self.mark, "url": self.mark}
        place = {"id": new_id(), "kind": "tsa", "name": self.mark, "config": {}, "hours": 24}
        return {
            anchor_places: place | {"next_try_at": "infinity", "added_at": func.now()},
            anchors: held | {"id": new_id(), "kind": "tsa", "state": "made"},
            witnesses: asked | {"next_try_at": "infinity", "added_at": func.now()},
            cosignatures: held | {"witness_id": new_id(), "line": self.mark},
            known_heads: held | {"holder": self.mark, "root": b"", "note": self.mark},
        }

    def erased_event(self) -> None:
        """What proves an event whose words were erased, and what is noted of removed ones."""
        ids = {"event_id": new_id(), "request_id": new_id()}
        kept = {"slots": [], "hashes": b"", "salts": bytes(256)}
        with as_owner(self.workspace.id) as owner:
            owner.execute(text("SET LOCAL auditsaas.erasing = 'yes'"))
            owner.execute(
                insert(erasures).values(workspace_id=self.workspace.id, seq=1, **ids, **kept)
            )
            owner.execute(
                insert(removals).values(
                    workspace_id=self.workspace.id,
                    before=func.now(),
                    events=0,
                    first_seq=1,
                    last_seq=1,
                )
            )
            owner.commit()

    def erasure(self, *, by_another: bool = False) -> UUID:
        """A request for an erasure, which waits for another admin."""
        asker = make_member(self.workspace).id if by_another else self.admin.id
        made: UUID = self._keep(
            PendingChange(
                workspace_id=self.workspace.id,
                id=new_id(),
                kind=ERASE,
                subject=unique("subject"),
                wanted={"slots": [6]},
                words=f"{self.mark} erased",
                asked_by=asker,
                effective_at=datetime.now(UTC) + timedelta(days=7),
                needs_second=True,
            ),
            by=asker,
        )
        of_it = {"workspace_id": self.workspace.id, "id": made, "sample": self.event()}
        row = {"person": self.mark, "pseudonym": "erased-0123456789ab", "slots": [6]}
        with scoped(self.workspace.id, user=self.admin.id) as session:
            session.execute(insert(requests).values(of_it | row | {"events": 1, "up_to": 1}))
            session.commit()
        return made

    def _keep(self, row: Base, *others: Base, by: UUID | None = None) -> Any:
        with scoped(self.workspace.id, user=by or self.admin.id) as session:
            session.add_all([row, *others])
            session.flush()
            identity = row.id  # type: ignore[attr-defined]
            session.commit()
        return identity
