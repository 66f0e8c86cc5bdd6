"""Find actors by name: what each was called, as it is compared, beside its addresses.

An index of ``fold_text(name)`` would not serve: under row-level security only leakproof functions
are asked before the policy. A key that has lost its case is plain text. What counts is the name
that ``actors`` has now; this table only leads to it. Names that a process of the version before
stores meanwhile are added when the actor's next event arrives.
"""

from alembic import context, op
from sqlalchemy import text

revision = "0027"
down_revision = "0026"

WORKSPACES = "NULLIF(current_setting('auditsaas.workspaces', true), '')::uuid[]"

TABLE = """
CREATE TABLE actor_names (
    workspace_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    actor_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (workspace_id, name, actor_id)
)
"""

# Forced row-level security holds the owner as well; binding is what everybody does.
BIND = text("SELECT set_config('auditsaas.workspaces', :ids, true)")
FILL = text(
    "INSERT INTO actor_names (workspace_id, name, actor_id)"
    " SELECT workspace_id, left(fold_text(name), 256), id FROM actors"
    " WHERE workspace_id = :id AND name IS NOT NULL"
)
# Addresses were lowered as the database's locale has it, which may be Turkish.
FOLD_ADDRESSES = text(
    "INSERT INTO actor_emails (workspace_id, email, actor_id)"
    " SELECT workspace_id, left(fold_text(email), 320), actor_id FROM actor_emails"
    " WHERE workspace_id = :id AND octet_length(email) <> length(email) ON CONFLICT DO NOTHING"
)


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(TABLE)
    condition = f"workspace_id = ANY ({WORKSPACES})"
    op.execute("ALTER TABLE actor_names ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE actor_names FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant ON actor_names USING ({condition}) WITH CHECK ({condition})")
    op.execute(f'GRANT SELECT, INSERT ON actor_names TO "{roles.app}"')
    op.execute(f'GRANT SELECT ON actor_names TO "{roles.platform}"')
    op.execute(
        f'CREATE POLICY platform ON actor_names FOR SELECT TO "{roles.platform}" USING (true)'
    )
    fill()


def fill() -> None:
    """Enter the names of today, workspace by workspace."""
    connection = op.get_bind()
    for identifier in connection.scalars(text("SELECT id FROM workspaces")).all():
        connection.execute(BIND, {"ids": f"{{{identifier}}}"})
        connection.execute(FILL, {"id": identifier})
        connection.execute(FOLD_ADDRESSES, {"id": identifier})


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TABLE actor_names")
