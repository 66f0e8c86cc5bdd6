"""Keep of every event where it came from, and of what is known of an actor who said it.

What was stored before has no known source, and none is guessed: it stays NULL. New rows need one,
but for a week in which processes of the version before may still append; a new installation has
none of these. Of members the product knows the name, role and status itself, so whatever senders
said of them before is put right.
"""

from alembic import op
from sqlalchemy import text

revision = "0028"
down_revision = "0027"

# Whole days, so that the constraint is the same however often it is made.
SINCE = text(
    "SELECT CAST(extract(epoch FROM date_trunc('day', now(), 'UTC')"
    " + CASE WHEN EXISTS (SELECT FROM workspaces) THEN interval '8 days' ELSE '0' END) AS bigint)"
)
NEEDED = """ALTER TABLE events ADD CONSTRAINT ck_events_source
CHECK (source IS NOT NULL OR received_at < to_timestamp({since})) NOT VALID"""
BIND = text("SELECT set_config('auditsaas.workspaces', :ids, true)")
KNOWN_MEMBERS = text("""
UPDATE actors AS a SET name = u.name, email = u.email, role = m.role, source = 'product',
    status = CASE WHEN m.disabled_at IS NULL AND u.disabled_at IS NULL
        THEN 'active' ELSE 'disabled' END
FROM memberships AS m JOIN users AS u ON u.id = m.user_id
WHERE a.workspace_id = :id AND m.workspace_id = :id AND a.id = CAST(m.user_id AS text)
""")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute('ALTER TABLE events ADD COLUMN source text COLLATE "C"')
    op.execute(NEEDED.format(since=op.get_bind().scalar(SINCE)))
    op.execute('ALTER TABLE actors ADD COLUMN source text COLLATE "C"')
    credit_members()


def credit_members() -> None:
    """State what the product knows of its members, workspace by workspace."""
    connection = op.get_bind()
    for identifier in connection.scalars(text("SELECT id FROM workspaces")).all():
        connection.execute(BIND, {"ids": f"{{{identifier}}}"})
        connection.execute(KNOWN_MEMBERS, {"id": identifier})


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE events DROP COLUMN source")
    op.execute("ALTER TABLE actors DROP COLUMN source")
