"""What visitors who are not signed in did to accounts, to be recorded and answered by a worker."""

from alembic import context, op

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(
        """
        CREATE TABLE account_outbox (
            id uuid PRIMARY KEY,
            kind text NOT NULL,
            address text,
            reason text,
            facts jsonb NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute(f'GRANT SELECT, INSERT, DELETE ON account_outbox TO "{roles.app}"')
    # A row that is locked by FOR UPDATE needs the right to change one of its columns.
    op.execute(f'GRANT UPDATE (kind) ON account_outbox TO "{roles.app}"')


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TABLE account_outbox")
