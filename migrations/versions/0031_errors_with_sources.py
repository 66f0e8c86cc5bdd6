"""Let the index of errors hold sources too, which the panel counts beside people and browsers."""

from alembic import op

from auditsaas.events.maintenance import indexes

revision = "0031"
down_revision = "0030"

KEYS = "(workspace_id, id)"
ERRORS = "WHERE status = 'error'"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    engine = op.get_bind().engine
    held = "INCLUDE (actor_id, platform, browser, source)"
    indexes.build(engine, "ix_events_errors_sources", f"{KEYS} {held} {ERRORS}")
    indexes.drop(engine, "ix_events_errors_facets")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    engine = op.get_bind().engine
    held = "INCLUDE (actor_id, platform, browser)"
    indexes.build(engine, "ix_events_errors_facets", f"{KEYS} {held} {ERRORS}")
    indexes.drop(engine, "ix_events_errors_sources")
