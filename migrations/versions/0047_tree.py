"""Keep a tree of hashes beside each log, by which a stranger can check what is in it.

Nothing is added to the log or to an append: a worker builds the tree behind it. Hashes do not
compress, so they are stored as they are. A full tile is changed by nothing but its owner.
"""

from alembic import context, op

revision = "0047"
down_revision = "0046"

JOBS = "current_setting('auditsaas.looked_at', true) = 'jobs'"
HERE = "workspace_id = ANY (bound_workspaces())"
MINE = "user_id = bound_person()"

TABLES = {
    "tree_heads": """
        workspace_id uuid PRIMARY KEY,
        size bigint NOT NULL DEFAULT 0,
        root bytea,
        taken_in bigint,
        pruned_to bigint NOT NULL DEFAULT 0,
        state text NOT NULL DEFAULT 'growing' CONSTRAINT ck_tree_heads_state CHECK (
            state IN ('growing', 'forked')),
        reason text,
        sealed_size bigint NOT NULL DEFAULT 0,
        sealed_at timestamptz,
        grown_at timestamptz,
        attempts integer NOT NULL DEFAULT 0,
        retry_at timestamptz,
        closed jsonb NOT NULL DEFAULT '[]'
    """,
    "tree_leaves": """
        workspace_id uuid NOT NULL,
        n bigint NOT NULL,
        preimages bytea STORAGE EXTERNAL NOT NULL,
        seeds bytea STORAGE EXTERNAL NOT NULL,
        PRIMARY KEY (workspace_id, n),
        CONSTRAINT ck_tree_leaves_width CHECK (
            octet_length(seeds) BETWEEN 16 AND 4096
            AND octet_length(seeds) % 16 = 0
            AND octet_length(preimages) = octet_length(seeds) / 16 * 40)
    """,
    "tree_tiles": """
        workspace_id uuid NOT NULL,
        level smallint NOT NULL CONSTRAINT ck_tree_tiles_level CHECK (level BETWEEN 1 AND 7),
        n bigint NOT NULL,
        hashes bytea STORAGE EXTERNAL NOT NULL,
        PRIMARY KEY (workspace_id, level, n),
        CONSTRAINT ck_tree_tiles_width CHECK (
            octet_length(hashes) BETWEEN 32 AND 8192 AND octet_length(hashes) % 32 = 0)
    """,
    "checkpoints": """
        workspace_id uuid NOT NULL,
        size bigint NOT NULL,
        root bytea NOT NULL,
        at timestamptz NOT NULL,
        note text NOT NULL,
        kept boolean NOT NULL DEFAULT false,
        PRIMARY KEY (workspace_id, size)
    """,
    "tree_keys": """
        workspace_id uuid NOT NULL,
        id uuid NOT NULL,
        vkey text NOT NULL,
        seq bigint NOT NULL,
        sealed text,
        made_at timestamptz NOT NULL,
        retired_at timestamptz,
        PRIMARY KEY (workspace_id, id)
    """,
    "seals_seen": """
        workspace_id uuid NOT NULL,
        user_id uuid NOT NULL REFERENCES users (id),
        size bigint NOT NULL,
        root bytea NOT NULL,
        at timestamptz NOT NULL,
        PRIMARY KEY (workspace_id, user_id)
    """,
}
CHANGED = {
    "tree_heads": (
        "size, root, taken_in, state, reason, sealed_size, sealed_at, grown_at, attempts, retry_at"
    ),
    "tree_leaves": "preimages, seeds",
    "tree_tiles": "hashes",
    "checkpoints": "kept",
    "tree_keys": "sealed, retired_at",
    "seals_seen": "size, root, at",
}
"""The columns that the app role may change."""
GROWING = {
    "tree_leaves": " AND octet_length(seeds) < 4096",
    "tree_tiles": " AND octet_length(hashes) < 8192",
}
"""What else a row must be, so that it may be changed."""


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table, columns in TABLES.items():
        op.execute(_created(table, columns))
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        whose = f"{HERE} AND {MINE}" if table == "seals_seen" else HERE
        changed = whose + GROWING.get(table, "")
        for command, condition in (
            ("SELECT", f"USING ({whose})"),
            ("INSERT", f"WITH CHECK ({whose})"),
            ("UPDATE", f"USING ({changed}) WITH CHECK ({whose})"),
        ):
            name = f"tenant_{command.lower()}"
            op.execute(f"CREATE POLICY {name} ON {table} FOR {command} {condition}")
        op.execute(f'GRANT SELECT, INSERT ON {table} TO "{roles.app}"')
        op.execute(f'GRANT UPDATE ({CHANGED[table]}) ON {table} TO "{roles.app}"')
    # Workers are handed the logs that grew, and see of them how far they are.
    op.execute(f'GRANT SELECT ON tree_heads TO "{roles.platform}"')
    for table, policy in (("tree_heads", "platform"), ("log_heads", "platform_jobs")):
        op.execute(
            f'CREATE POLICY {policy} ON {table} FOR SELECT TO "{roles.platform}" USING ({JOBS})'
        )


def _created(table: str, columns: str) -> str:
    """Write the statement that makes a table; STORAGE in it is known from PostgreSQL 16 on."""
    plain = columns.replace(" STORAGE EXTERNAL", "")
    wide = [line.split()[0] for line in columns.splitlines() if " STORAGE EXTERNAL" in line]
    stored = "".join(
        f"; ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL" for column in wide
    )
    return f"CREATE TABLE {table} ({plain}){stored}"


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP POLICY platform_jobs ON log_heads")
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table}")
