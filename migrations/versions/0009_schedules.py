"""Schedules, and the history of their runs."""

from alembic import context, op

revision = "0009"
down_revision = "0008"

TABLES = """
CREATE TABLE schedules (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    name text NOT NULL,
    owner_id uuid NOT NULL REFERENCES users (id),
    query text NOT NULL,
    format text NOT NULL,
    columns text[],
    frequency text NOT NULL CONSTRAINT ck_schedules_frequency CHECK (
        frequency IN ('daily', 'weekly', 'monthly', 'quarterly')),
    weekday smallint NOT NULL CONSTRAINT ck_schedules_weekday CHECK (weekday BETWEEN 0 AND 6),
    month_day smallint NOT NULL CONSTRAINT ck_schedules_month_day CHECK (
        month_day BETWEEN 1 AND 31),
    time_of_day time NOT NULL,
    time_zone text NOT NULL,
    recipients uuid[] NOT NULL,
    covered_until timestamptz NOT NULL,
    covered_seq bigint NOT NULL,
    next_due_at timestamptz NOT NULL,
    paused_at timestamptz,
    paused_because text,
    created_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX ix_schedules_due ON schedules (next_due_at)
    WHERE paused_at IS NULL AND deleted_at IS NULL;

CREATE TABLE schedule_runs (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    schedule_id uuid NOT NULL,
    due_at timestamptz NOT NULL,
    asked_by uuid REFERENCES users (id),
    export_id uuid NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    since_seq bigint NOT NULL,
    upto_seq bigint NOT NULL,
    state text NOT NULL DEFAULT 'building' CONSTRAINT ck_schedule_runs_state CHECK (
        state IN ('building', 'sent', 'failed')),
    findings jsonb,
    sent_to uuid[],
    left_out uuid[],
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT uq_schedule_runs_due UNIQUE (workspace_id, schedule_id, due_at),
    CONSTRAINT fk_schedule_runs_schedule FOREIGN KEY (workspace_id, schedule_id)
        REFERENCES schedules (workspace_id, id)
);
CREATE INDEX ix_schedule_runs_building ON schedule_runs (created_at) WHERE state = 'building';
"""

WORKSPACES = "NULLIF(current_setting('auditsaas.workspaces', true), '')::uuid[]"
PERSON = "NULLIF(current_setting('auditsaas.person', true), '')::uuid"

POLICIES = {
    "schedules": f"workspace_id = ANY ({WORKSPACES})",
    "schedule_runs": f"workspace_id = ANY ({WORKSPACES})",
}

APP_GRANTS = {
    "schedules": "SELECT, INSERT, UPDATE",
    "schedule_runs": "SELECT, INSERT, UPDATE",
}

PLATFORM_GRANTS = {
    "schedules": "SELECT",
    "schedule_runs": "SELECT",
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
    for table in ("schedule_runs", "schedules"):
        op.execute(f"DROP TABLE {table}")
