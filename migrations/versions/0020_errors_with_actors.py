"""Let the index of errors hold what their facets count, so that counting reads no event.

Facets of a year's 87,000 errors read nearly every page of the log: 252 ms, by the index alone 21.
"""

from alembic import op

from auditsaas.events.maintenance import indexes

revision = "0020"
down_revision = "0019"

KEYS = "(workspace_id, id)"
ERRORS = "WHERE status = 'error'"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    engine = op.get_bind().engine
    indexes.build(
        engine, "ix_events_errors_covering", f"{KEYS} INCLUDE (actor_id, platform) {ERRORS}"
    )
    indexes.drop(engine, "ix_events_errors")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    engine = op.get_bind().engine
    indexes.build(engine, "ix_events_errors", f"{KEYS} {ERRORS}")
    indexes.drop(engine, "ix_events_errors_covering")
