"""Let the index of errors hold browsers too, which the panel counts beside people and platforms."""

from alembic import op

from auditsaas.events.maintenance import indexes

revision = "0026"
down_revision = "0025"

KEYS = "(workspace_id, id)"
ERRORS = "WHERE status = 'error'"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    engine = op.get_bind().engine
    held = "INCLUDE (actor_id, platform, browser)"
    indexes.build(engine, "ix_events_errors_facets", f"{KEYS} {held} {ERRORS}")
    indexes.drop(engine, "ix_events_errors_covering")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    engine = op.get_bind().engine
    held = "INCLUDE (actor_id, platform)"
    indexes.build(engine, "ix_events_errors_covering", f"{KEYS} {held} {ERRORS}")
    indexes.drop(engine, "ix_events_errors_facets")
