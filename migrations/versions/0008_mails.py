"""Mail that waits to be sent, and who wants which."""

from alembic import context, op

revision = "0008"
down_revision = "0007"

TABLES = """
CREATE TABLE mails (
    id uuid PRIMARY KEY,
    user_id uuid REFERENCES users (id),
    address text,
    tenant uuid REFERENCES workspaces (id),
    notification_id uuid,
    kind text NOT NULL,
    context jsonb NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CONSTRAINT ck_mails_state CHECK (
        state IN ('waiting', 'sent', 'failed', 'dropped')),
    attempts integer NOT NULL DEFAULT 0,
    next_try_at timestamptz NOT NULL DEFAULT now(),
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz,
    CONSTRAINT ck_mails_addressed CHECK ((user_id IS NULL) <> (address IS NULL)),
    CONSTRAINT ck_mails_owned CHECK (user_id IS NOT NULL OR tenant IS NOT NULL)
);
CREATE INDEX ix_mails_waiting ON mails (next_try_at) WHERE state = 'waiting';
CREATE INDEX ix_mails_notification_id ON mails (notification_id);
CREATE INDEX ix_mails_created_at ON mails (created_at);

CREATE TABLE mail_choices (
    user_id uuid PRIMARY KEY REFERENCES users (id),
    export_ready boolean NOT NULL DEFAULT true,
    export_failed boolean NOT NULL DEFAULT true,
    report boolean NOT NULL DEFAULT true
);
"""

WORKSPACES = "NULLIF(current_setting('auditsaas.workspaces', true), '')::uuid[]"
PERSON = "NULLIF(current_setting('auditsaas.person', true), '')::uuid"

POLICIES = {
    "mails": f"user_id = {PERSON} OR (user_id IS NULL AND tenant = ANY ({WORKSPACES}))",
    "mail_choices": f"user_id = {PERSON}",
}

APP_GRANTS = {
    "mails": "SELECT, INSERT, UPDATE, DELETE",
    "mail_choices": "SELECT, INSERT, UPDATE",
}

# Workers find what waits through the platform pool; it does not read what a mail says.
PLATFORM_GRANTS = {
    "mails": "SELECT (id, user_id, tenant, kind, state, attempts, next_try_at, created_at)",
}


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    for table, condition in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON {table} USING ({condition}) WITH CHECK ({condition})")
        op.execute(f'GRANT {APP_GRANTS[table]} ON {table} TO "{roles.app}"')
    for table, privilege in PLATFORM_GRANTS.items():
        op.execute(f'GRANT {privilege} ON {table} TO "{roles.platform}"')
        op.execute(
            f'CREATE POLICY platform ON {table} FOR SELECT TO "{roles.platform}" USING (true)'
        )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in ("mail_choices", "mails"):
        op.execute(f"DROP TABLE {table}")
