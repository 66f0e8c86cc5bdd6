"""Keep what proves an event whose words were erased.

The owner of the tables alone may take words out of an event, and only in a transaction that says
so: ``auditsaas.erasing``. Readers and writers notice nothing.
"""

from alembic import context, op

revision = "0048"
down_revision = "0047"

HERE = "workspace_id = ANY (bound_workspaces())"
ERASING = f"{HERE} AND current_setting('auditsaas.erasing', true) = 'yes'"

TABLE = """
CREATE TABLE erasures (
    workspace_id uuid NOT NULL,
    seq bigint NOT NULL,
    event_id uuid NOT NULL,
    request_id uuid NOT NULL,
    slots smallint[] NOT NULL,
    hashes bytea NOT NULL,
    salts bytea NOT NULL CONSTRAINT ck_erasures_salts CHECK (octet_length(salts) = 256),
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, seq),
    CONSTRAINT ck_erasures_hashes CHECK (octet_length(hashes) = 32 * cardinality(slots))
)
"""
OF_PEOPLE = ("actors", "actor_emails", "actor_names")


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(TABLE)
    op.execute("ALTER TABLE erasures ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE erasures FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY tenant_select ON erasures FOR SELECT USING ({HERE})")
    op.execute(f"CREATE POLICY tenant_insert ON erasures FOR INSERT WITH CHECK ({ERASING})")
    op.execute(f"CREATE POLICY tenant_update ON erasures FOR UPDATE USING ({ERASING})")
    op.execute(f'GRANT SELECT ON erasures TO "{roles.app}"')
    op.execute(f"CREATE POLICY erase ON events FOR UPDATE TO CURRENT_USER USING ({ERASING})")
    op.execute(f"CREATE POLICY erase ON tree_leaves FOR UPDATE TO CURRENT_USER USING ({ERASING})")
    op.execute(f"CREATE POLICY prune ON tree_leaves FOR DELETE TO CURRENT_USER USING ({ERASING})")
    for table in OF_PEOPLE:
        op.execute(f"CREATE POLICY erase ON {table} FOR DELETE TO CURRENT_USER USING ({ERASING})")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in (*OF_PEOPLE, "tree_leaves", "events"):
        op.execute(f"DROP POLICY erase ON {table}")
    op.execute("DROP POLICY prune ON tree_leaves")
    op.execute("DROP TABLE erasures")
