"""Part the policies of reading from those of writing, and ask a function what a transaction is for.

Reading one's own rows must not let a person write them: who only knows themself could have made
themself a member of anything. ``bound_workspaces`` and ``bound_person`` say what was bound, so that
how a scope is proven can change without touching a policy. Readers and writers notice nothing; the
version before goes on, for no right is taken from a role here (``auditsaas db tighten`` does that).
"""

from alembic import context, op

revision = "0034"
down_revision = "0033"

FUNCTIONS = """
CREATE FUNCTION bound_workspaces() RETURNS uuid[]
LANGUAGE sql STABLE PARALLEL SAFE
RETURN NULLIF(current_setting('auditsaas.workspaces', true), '')::uuid[];

CREATE FUNCTION bound_person() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN NULLIF(current_setting('auditsaas.person', true), '')::uuid;
"""

# What scope_is_proven() does comes with 0039; a body is read when it is called.
# To keep less, a change must have waited for its time; to keep more, an admin has to ask.
SET_RETENTION = """
CREATE FUNCTION set_retention(workspace uuid, days integer, held boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    before workspaces;
    shorter boolean;
    lifted boolean;
    allowed boolean;
BEGIN
    SELECT * INTO before FROM workspaces WHERE id = workspace;
    shorter := coalesce(days < before.retention_days, days IS NOT NULL
        AND before.retention_days IS NULL);
    lifted := before.legal_hold AND NOT held;
    allowed := CASE
        WHEN session_user = current_user THEN true
        WHEN workspace = ANY (bound_workspaces()) IS NOT TRUE THEN false
        WHEN NOT scope_is_proven() THEN false
        WHEN shorter OR lifted THEN
            (NOT shorter OR change_is_due(workspace, jsonb_build_object('retention_days', days)))
            AND (NOT lifted OR change_is_due(workspace, jsonb_build_object('legal_hold', held)))
        ELSE EXISTS (
            SELECT FROM memberships AS m WHERE m.workspace_id = workspace
            AND m.user_id = bound_person() AND m.role = 'admin' AND m.disabled_at IS NULL)
    END;
    IF allowed THEN
        UPDATE workspaces SET retention_days = days, legal_hold = held WHERE id = workspace;
    ELSE
        RAISE insufficient_privilege USING
            MESSAGE = 'permission denied for the retention of this workspace';
    END IF;
END
$$
"""

CHANGE_IS_DUE = """
CREATE FUNCTION change_is_due(workspace uuid, asked jsonb) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp
RETURN EXISTS (
    SELECT FROM pending_changes AS c WHERE c.workspace_id = workspace AND c.wanted = asked
    AND c.state = 'waiting' AND c.effective_at <= now()
    AND (NOT c.needs_second OR c.approved_by IS NOT NULL)
)
"""

SET_DISABLED = """
CREATE FUNCTION set_disabled(person uuid, since timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT scope_is_proven() OR NOT EXISTS (
        SELECT FROM users WHERE id = bound_person() AND is_super_admin AND disabled_at IS NULL
    ) THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'permission denied to disable or enable a person';
    END IF;
    UPDATE users SET disabled_at = since WHERE id = person;
END
$$
"""

HERE = "workspace_id = ANY (bound_workspaces())"
MINE = "user_id = bound_person()"
COVERED = "workspace_ids <@ bound_workspaces()"
OWN_EXPORT = f"{COVERED} OR requested_by = bound_person()"
EVERYWHERE = "'00000000-0000-0000-0000-000000000000'"
"""In place of a workspace: views of the log over all of a person's."""
OWN_VIEW = f"{MINE} AND ({HERE} OR workspace_id = {EVERYWHERE})"
TO_MEMBERS = "tenant = ANY (bound_workspaces())"
MAIL = f"{MINE} OR (user_id IS NULL AND {TO_MEMBERS})"
NEW_MAIL = f"({MAIL}) AND (tenant IS NULL OR {TO_MEMBERS})"

READ, INSERT, UPDATE, DELETE = "SELECT", "INSERT", "UPDATE", "DELETE"

# A command that no role needs has no policy: the owner's UPDATE of an event finds none either.
POLICIES = {
    "memberships": {READ: f"{HERE} OR {MINE}", INSERT: HERE, UPDATE: HERE, DELETE: HERE},
    "api_keys": {READ: HERE, INSERT: HERE, UPDATE: HERE},
    "events": {READ: HERE, INSERT: HERE, DELETE: HERE},
    "log_heads": {READ: HERE, INSERT: f"{HERE} AND seq = 0 AND removed = 0", UPDATE: HERE},
    "event_counts": {READ: HERE, INSERT: HERE, UPDATE: HERE, DELETE: HERE},
    "event_days": {READ: HERE, INSERT: HERE, UPDATE: HERE, DELETE: HERE},
    "actors": {READ: HERE, INSERT: HERE, UPDATE: HERE},
    "actor_emails": {READ: HERE, INSERT: HERE},
    "actor_names": {READ: HERE, INSERT: HERE},
    "exports": {
        READ: OWN_EXPORT,
        INSERT: f"{COVERED} AND workspace_ids <> '{{}}'",
        UPDATE: OWN_EXPORT,
    },
    "notifications": {READ: MINE, INSERT: MINE, UPDATE: MINE},
    "saved_views": {
        READ: f"{MINE} OR (shared AND {HERE})",
        INSERT: OWN_VIEW,
        UPDATE: MINE,
        DELETE: MINE,
    },
    "invitations": {READ: HERE, INSERT: HERE, UPDATE: HERE},
    "mails": {READ: MAIL, INSERT: NEW_MAIL, UPDATE: MAIL},
    "mail_choices": {READ: MINE, INSERT: MINE, UPDATE: MINE},
    "schedules": {READ: HERE, INSERT: HERE, UPDATE: HERE},
    "schedule_runs": {READ: HERE, INSERT: HERE, UPDATE: HERE},
    "imports": {READ: HERE, INSERT: HERE, UPDATE: HERE},
    "import_mappings": {READ: HERE, INSERT: HERE, UPDATE: HERE, DELETE: HERE},
    "request_keys": {READ: HERE, INSERT: HERE, UPDATE: HERE, DELETE: HERE},
    "log_reads": {READ: HERE, INSERT: HERE, UPDATE: HERE, DELETE: HERE},
    "pending_changes": {READ: HERE, INSERT: HERE, UPDATE: HERE},
    "sent_forms": {READ: MINE, INSERT: MINE, UPDATE: MINE, DELETE: MINE},
}

# What has been told in full may go after a day; nothing else may be removed.
OWN_LOOK = f"{MINE} OR {HERE}"
TOLD = f"NOT open AND hour < now() - interval '1 day' AND {HERE}"
LOOKS = {READ: OWN_LOOK, INSERT: OWN_LOOK, UPDATE: OWN_LOOK, DELETE: TOLD}
LOOKS_BEFORE = {READ: "seen", INSERT: "noted", UPDATE: "counted", DELETE: "removed"}

# What leads to a workspace is read before any is known. These policies count once row-level
# security is switched on, which the version before would not survive.
ITSELF = "id = ANY (bound_workspaces())"
GLOBAL_POLICIES = {
    "workspaces": {READ: "true", INSERT: ITSELF, UPDATE: ITSELF},
    "api_key_lookups": {READ: "true", INSERT: TO_MEMBERS},
    "invitation_lookups": {READ: "true", INSERT: TO_MEMBERS},
    "former_slugs": {READ: "true", INSERT: TO_MEMBERS, UPDATE: TO_MEMBERS, DELETE: TO_MEMBERS},
    "platform_accesses": {READ: "true", INSERT: MINE},
}

ALL = {**POLICIES, **GLOBAL_POLICIES, "platform_looks": LOOKS}

WORKSPACES = "NULLIF(current_setting('auditsaas.workspaces', true), '')::uuid[]"
PERSON = "NULLIF(current_setting('auditsaas.person', true), '')::uuid"
BEFORE_HERE = f"workspace_id = ANY ({WORKSPACES})"
BEFORE_MINE = f"user_id = {PERSON}"
BEFORE = dict.fromkeys(POLICIES, BEFORE_HERE) | {
    "memberships": f"{BEFORE_HERE} OR {BEFORE_MINE}",
    "exports": f"workspace_ids <@ {WORKSPACES} OR requested_by = {PERSON}",
    "mails": f"{BEFORE_MINE} OR (user_id IS NULL AND tenant = ANY ({WORKSPACES}))",
    **dict.fromkeys(("notifications", "mail_choices", "sent_forms"), BEFORE_MINE),
}


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    functions = FUNCTIONS.strip().split("\n\n")
    for statement in (*functions, CHANGE_IS_DUE, SET_RETENTION, SET_DISABLED):
        op.execute(statement)
    for signature in ("set_retention(uuid, integer, boolean)", "set_disabled(uuid, timestamptz)"):
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f'GRANT EXECUTE ON FUNCTION {signature} TO "{roles.app}"')
    for table in POLICIES:
        op.execute(f"DROP POLICY tenant ON {table}")
    for name in LOOKS_BEFORE.values():
        op.execute(f"DROP POLICY {name} ON platform_looks")
    for table, commands in ALL.items():
        for command, condition in commands.items():
            op.execute(_policy(f"tenant_{command.lower()}", table, command, condition))


def _policy(name: str, table: str, command: str, condition: str) -> str:
    conditions = {
        READ: f"USING ({condition})",
        INSERT: f"WITH CHECK ({condition})",
        UPDATE: f"USING ({condition}) WITH CHECK ({condition})",
        DELETE: f"USING ({condition})",
    }
    return f"CREATE POLICY {name} ON {table} FOR {command} {conditions[command]}"


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table, commands in ALL.items():
        for command in commands:
            op.execute(f"DROP POLICY tenant_{command.lower()} ON {table}")
    for table, condition in BEFORE.items():
        if table != "saved_views":
            op.execute(
                f"CREATE POLICY tenant ON {table} USING ({condition}) WITH CHECK ({condition})"
            )
    op.execute(
        f"CREATE POLICY tenant ON saved_views USING ({BEFORE_MINE} OR (shared AND {BEFORE_HERE}))"
        f" WITH CHECK ({BEFORE_MINE})"
    )
    for command, condition in LOOKS.items():
        before = condition.replace(MINE, BEFORE_MINE).replace(HERE, BEFORE_HERE)
        op.execute(_policy(LOOKS_BEFORE[command], "platform_looks", command, before))
    op.execute("DROP FUNCTION set_disabled(uuid, timestamptz)")
    op.execute("DROP FUNCTION set_retention(uuid, integer, boolean)")
    op.execute("DROP FUNCTION change_is_due(uuid, jsonb)")
    op.execute("DROP FUNCTION bound_workspaces(), bound_person()")
