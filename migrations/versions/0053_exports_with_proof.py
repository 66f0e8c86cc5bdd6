"""Keep of exports and schedules whether a proof goes with their files, and of the file that has it.

Readers and writers notice nothing: the defaults are constant, so no row is written.
"""

from alembic import op

revision = "0053"
down_revision = "0052"

COLUMNS = {
    "proof": "boolean NOT NULL DEFAULT false",
    "proof_user": "text CONSTRAINT ck_exports_proof_user CHECK (proof_user IN"
    " ('actor.id', 'actor.email'))",
    "bundle_key": "text",
    "bundle_bytes": "bigint",
    "bundle_sha256": "text",
    "sealed_size": "bigint",
}


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for name, kind in COLUMNS.items():
        op.execute(f"ALTER TABLE exports ADD COLUMN {name} {kind}")
    op.execute("ALTER TABLE schedules ADD COLUMN proof boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE schedules DROP COLUMN proof")
    for name in reversed(COLUMNS):
        op.execute(f"ALTER TABLE exports DROP COLUMN {name}")
