"""Forms that were acted on, so that one that is sent twice acts once."""

from alembic import context, op

revision = "0024"
down_revision = "0023"

PERSON = "NULLIF(current_setting('auditsaas.person', true), '')::uuid"


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(
        """
        CREATE TABLE sent_forms (
            user_id uuid NOT NULL REFERENCES users (id),
            key bytea NOT NULL,
            address text,
            created_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (user_id, key)
        )
        """
    )
    op.execute("ALTER TABLE sent_forms ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE sent_forms FORCE ROW LEVEL SECURITY")
    own = f"user_id = {PERSON}"
    op.execute(f"CREATE POLICY tenant ON sent_forms USING ({own}) WITH CHECK ({own})")
    op.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON sent_forms TO "{roles.app}"')


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TABLE sent_forms")
