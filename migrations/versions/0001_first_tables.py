"""People, workspaces, the log, exports and notifications, with their tenancy walls."""

from alembic import context, op

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE users (
    id uuid PRIMARY KEY,
    email text NOT NULL CONSTRAINT uq_users_email UNIQUE,
    name text NOT NULL,
    password_hash text,
    is_super_admin boolean NOT NULL DEFAULT false,
    disabled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    time_zone text,
    date_format text NOT NULL DEFAULT 'MM/DD/YYYY',
    clock text NOT NULL DEFAULT '24',
    theme text NOT NULL DEFAULT 'auto',
    density text NOT NULL DEFAULT 'comfortable',
    single_key_shortcuts boolean NOT NULL DEFAULT true,
    hidden_columns text[] NOT NULL DEFAULT '{}'
);

CREATE TABLE sessions (
    id_hash bytea PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ip inet,
    user_agent text
);
CREATE INDEX ix_sessions_user_id ON sessions (user_id);

CREATE TABLE workspaces (
    id uuid PRIMARY KEY,
    slug text NOT NULL CONSTRAINT uq_workspaces_slug UNIQUE,
    name text NOT NULL,
    time_zone text NOT NULL DEFAULT 'UTC',
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE memberships (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    user_id uuid NOT NULL REFERENCES users (id),
    role text NOT NULL CONSTRAINT ck_memberships_role CHECK (
        role IN ('admin', 'auditor', 'member')),
    disabled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, user_id)
);
CREATE INDEX ix_memberships_user_id ON memberships (user_id);

CREATE TABLE api_keys (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    public_id text NOT NULL,
    secret_hash bytea NOT NULL,
    name text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid REFERENCES users (id),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT uq_api_keys_public_id UNIQUE (workspace_id, public_id)
);

CREATE TABLE api_key_lookups (
    public_id text PRIMARY KEY,
    tenant uuid NOT NULL REFERENCES workspaces (id)
);

CREATE TABLE events (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    seq bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    activity text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    actor_id text COLLATE "C" NOT NULL,
    actor_name text,
    actor_email text,
    actor_role text,
    actor_status text,
    method text COLLATE "C",
    path text,
    status_code smallint,
    ip inet,
    user_agent text,
    platform text NOT NULL,
    browser text NOT NULL,
    duration_ms double precision,
    request_id text COLLATE "C",
    targets json,
    changes json,
    metadata json,
    idempotency_key text,
    CONSTRAINT pk_events PRIMARY KEY (workspace_id, id),
    CONSTRAINT ck_events_status CHECK (status IN ('success', 'error'))
) PARTITION BY RANGE (id);
CREATE TABLE events_default PARTITION OF events DEFAULT;
CREATE INDEX ix_events_seq ON events (workspace_id, seq);
CREATE INDEX ix_events_activity ON events (workspace_id, activity, id);
CREATE INDEX ix_events_actor ON events (workspace_id, actor_id, id);
CREATE INDEX ix_events_ip ON events (workspace_id, ip, id);
CREATE INDEX ix_events_errors ON events (workspace_id, id) WHERE status = 'error';

CREATE TABLE log_heads (
    workspace_id uuid PRIMARY KEY REFERENCES workspaces (id),
    seq bigint NOT NULL,
    last_received_at timestamptz
);

CREATE TABLE event_counts (
    workspace_id uuid NOT NULL,
    hour timestamptz NOT NULL,
    activity text COLLATE "C" NOT NULL,
    method text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    n integer NOT NULL,
    PRIMARY KEY (workspace_id, hour, activity, method, status)
);

CREATE TABLE actors (
    workspace_id uuid NOT NULL,
    id text COLLATE "C" NOT NULL,
    name text,
    email text,
    role text,
    status text CONSTRAINT ck_actors_status CHECK (status IN ('active', 'disabled')),
    as_of timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);

CREATE TABLE actor_emails (
    workspace_id uuid NOT NULL,
    email text COLLATE "C" NOT NULL,
    actor_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (workspace_id, email, actor_id)
);

CREATE TABLE exports (
    id uuid PRIMARY KEY,
    workspace_ids uuid[] NOT NULL,
    requested_by uuid NOT NULL REFERENCES users (id),
    through_platform boolean NOT NULL DEFAULT false,
    format text NOT NULL,
    query text NOT NULL,
    starts_at timestamptz,
    ends_at timestamptz,
    time_zone text NOT NULL,
    snapshot jsonb NOT NULL,
    state text NOT NULL DEFAULT 'queued' CONSTRAINT ck_exports_state CHECK (
        state IN ('queued', 'building', 'ready', 'failed', 'cancelled', 'expired')),
    fence bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    rows_total bigint,
    rows_done bigint NOT NULL DEFAULT 0,
    file_key text,
    bytes bigint,
    sha256 text,
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    expires_at timestamptz
);
CREATE INDEX ix_exports_unfinished ON exports (created_at) WHERE state IN ('queued', 'building');
CREATE INDEX ix_exports_requested_by ON exports (requested_by, created_at);
CREATE INDEX ix_exports_workspace_ids ON exports USING gin (workspace_ids);

CREATE TABLE notifications (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    kind text NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    url text,
    created_at timestamptz NOT NULL DEFAULT now(),
    read_at timestamptz
);
CREATE INDEX ix_notifications_user_id ON notifications (user_id, created_at);
"""

# A setting that was used once in a connection is '' afterwards, not NULL; both mean no rows.
WORKSPACES = "NULLIF(current_setting('auditsaas.workspaces', true), '')::uuid[]"
PERSON = "NULLIF(current_setting('auditsaas.person', true), '')::uuid"

POLICIES = {
    "memberships": f"workspace_id = ANY ({WORKSPACES}) OR user_id = {PERSON}",
    "api_keys": f"workspace_id = ANY ({WORKSPACES})",
    "events": f"workspace_id = ANY ({WORKSPACES})",
    "log_heads": f"workspace_id = ANY ({WORKSPACES})",
    "event_counts": f"workspace_id = ANY ({WORKSPACES})",
    "actors": f"workspace_id = ANY ({WORKSPACES})",
    "actor_emails": f"workspace_id = ANY ({WORKSPACES})",
    "exports": f"workspace_ids <@ {WORKSPACES} OR requested_by = {PERSON}",
    "notifications": f"user_id = {PERSON}",
}

APP_GRANTS = {
    "users": "SELECT, INSERT, UPDATE",
    "sessions": "SELECT, INSERT, UPDATE, DELETE",
    "workspaces": "SELECT, INSERT, UPDATE",
    "memberships": "SELECT, INSERT, UPDATE, DELETE",
    "api_keys": "SELECT, INSERT, UPDATE",
    "api_key_lookups": "SELECT, INSERT",
    "events": "SELECT, INSERT",
    "log_heads": "SELECT, INSERT, UPDATE",
    "event_counts": "SELECT, INSERT, UPDATE",
    "actors": "SELECT, INSERT, UPDATE",
    "actor_emails": "SELECT, INSERT",
    "exports": "SELECT, INSERT, UPDATE",
    "notifications": "SELECT, INSERT, UPDATE",
    "alembic_version": "SELECT",
}

PLATFORM_READS = (
    "workspaces",
    "memberships",
    "events",
    "log_heads",
    "event_counts",
    "actors",
    "actor_emails",
    "exports",
)


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    op.execute(f'GRANT USAGE ON SCHEMA public TO "{roles.app}", "{roles.platform}"')
    for table, condition in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY tenant ON {table} USING ({condition}) WITH CHECK ({condition})")
    for table, privileges in APP_GRANTS.items():
        op.execute(f'GRANT {privileges} ON {table} TO "{roles.app}"')
    for table in PLATFORM_READS:
        op.execute(f'GRANT SELECT ON {table} TO "{roles.platform}"')
        if table in POLICIES:
            op.execute(
                f'CREATE POLICY platform ON {table} FOR SELECT TO "{roles.platform}" USING (true)'
            )
    # The platform role sees who people are, never how they sign in.
    op.execute(
        "GRANT SELECT (id, email, name, is_super_admin, disabled_at, created_at, time_zone) "
        f'ON users TO "{roles.platform}"'
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in (
        "notifications",
        "exports",
        "actor_emails",
        "actors",
        "event_counts",
        "log_heads",
        "events",
        "api_key_lookups",
        "api_keys",
        "memberships",
        "workspaces",
        "sessions",
        "users",
    ):
        op.execute(f"DROP TABLE {table}")
