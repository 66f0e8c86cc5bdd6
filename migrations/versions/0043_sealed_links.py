"""Links of waiting mails that open something, sealed and apart from what else the mail says.

A table of its own, for the owner seals it anew when the key is changed, and sees no mail.
"""

from alembic import context, op

revision = "0043"
down_revision = "0042"


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(
        """
        CREATE TABLE sealed_links (
            id uuid PRIMARY KEY REFERENCES mails (id) ON DELETE CASCADE,
            sealed text NOT NULL
        )
        """
    )
    op.execute(f'GRANT SELECT, INSERT, DELETE ON sealed_links TO "{roles.app}"')


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TABLE sealed_links")
