"""Invitations, second factors, limits on sign-in, and what a workspace decides for itself."""

from alembic import context, op

revision = "0005"
down_revision = "0004"

WORKSPACES = "NULLIF(current_setting('auditsaas.workspaces', true), '')::uuid[]"

TABLES = """
CREATE TABLE invitations (
    workspace_id uuid NOT NULL REFERENCES workspaces (id),
    id uuid NOT NULL,
    email text NOT NULL,
    role text NOT NULL CONSTRAINT ck_invitations_role CHECK (
        role IN ('admin', 'auditor', 'member')),
    token_hash bytea NOT NULL,
    invited_by uuid NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    accepted_at timestamptz,
    accepted_by uuid REFERENCES users (id),
    revoked_at timestamptz,
    PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX uq_invitations_open ON invitations (workspace_id, email)
    WHERE accepted_at IS NULL AND revoked_at IS NULL;

CREATE TABLE invitation_lookups (
    token_hash bytea PRIMARY KEY,
    tenant uuid NOT NULL REFERENCES workspaces (id)
);

CREATE TABLE former_slugs (
    slug text PRIMARY KEY,
    tenant uuid NOT NULL REFERENCES workspaces (id)
);

CREATE TABLE password_resets (
    token_hash bytea PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX ix_password_resets_user_id ON password_resets (user_id);

CREATE TABLE attempts (
    subject bytea PRIMARY KEY,
    n integer NOT NULL,
    began_at timestamptz NOT NULL
);
CREATE INDEX ix_attempts_began_at ON attempts (began_at);

CREATE TABLE recovery_codes (
    user_id uuid NOT NULL REFERENCES users (id),
    code_hash bytea NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

CREATE TABLE passkeys (
    credential_id bytea PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    name text NOT NULL,
    public_key bytea NOT NULL,
    sign_count bigint NOT NULL,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz
);
CREATE INDEX ix_passkeys_user_id ON passkeys (user_id);

CREATE TABLE passkey_challenges (
    session_hash bytea PRIMARY KEY,
    challenge bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
"""

ALTERATIONS = (
    "ALTER TABLE workspaces ADD COLUMN retention_days integer",
    "ALTER TABLE workspaces ADD CONSTRAINT ck_workspaces_retention_days CHECK (retention_days > 0)",
    "ALTER TABLE workspaces ADD COLUMN export_days integer NOT NULL DEFAULT 7",
    "ALTER TABLE workspaces ADD CONSTRAINT ck_workspaces_export_days CHECK (export_days > 0)",
    "ALTER TABLE workspaces ADD COLUMN require_second_factor boolean NOT NULL DEFAULT false",
    "ALTER TABLE workspaces ADD COLUMN legal_hold boolean NOT NULL DEFAULT false",
    "ALTER TABLE log_heads ADD COLUMN redacted_keys text[]",
    "ALTER TABLE api_keys ADD COLUMN allowed_networks text[] NOT NULL DEFAULT '{}'",
    "ALTER TABLE users ADD COLUMN totp_secret text",
    "ALTER TABLE users ADD COLUMN totp_confirmed_at timestamptz",
    "ALTER TABLE users ADD COLUMN totp_last_step bigint",
    "ALTER TABLE sessions ADD COLUMN second_factor_at timestamptz",
    "ALTER TABLE sessions ADD COLUMN awaits_second_factor boolean NOT NULL DEFAULT false",
)

APP_GRANTS = {
    "invitations": "SELECT, INSERT, UPDATE",
    "invitation_lookups": "SELECT, INSERT",
    "former_slugs": "SELECT, INSERT, UPDATE, DELETE",
    "password_resets": "SELECT, INSERT, DELETE",
    "attempts": "SELECT, INSERT, UPDATE, DELETE",
    "recovery_codes": "SELECT, INSERT, DELETE",
    "passkeys": "SELECT, INSERT, UPDATE, DELETE",
    "passkey_challenges": "SELECT, INSERT, UPDATE, DELETE",
}


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    for statement in ALTERATIONS:
        op.execute(statement)
    op.execute("ALTER TABLE invitations ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE invitations FORCE ROW LEVEL SECURITY")
    condition = f"workspace_id = ANY ({WORKSPACES})"
    op.execute(f"CREATE POLICY tenant ON invitations USING ({condition}) WITH CHECK ({condition})")
    for table, privileges in APP_GRANTS.items():
        op.execute(f'GRANT {privileges} ON {table} TO "{roles.app}"')


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in reversed(APP_GRANTS):
        op.execute(f"DROP TABLE {table}")
    for statement in reversed(ALTERATIONS):
        if "ADD COLUMN" in statement:
            op.execute(" ".join(statement.replace("ADD", "DROP").split()[:6]))
