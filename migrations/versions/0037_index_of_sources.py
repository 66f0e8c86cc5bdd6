"""Find what the product recorded, and what an import brought, without reading what keys sent.

Nearly all of a log comes from keys, so their events are left out: the index is small, and costs
what applications send nothing. The bound is one that the planner can derive from an equal source,
for ``api:…`` comes before ``b`` under the C collation, and all others after it.
"""

from alembic import op

from auditsaas.events.maintenance import indexes

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    engine = op.get_bind().engine
    held = "(workspace_id, source, id) WHERE source >= 'b'"
    indexes.build(engine, "ix_events_sources", held)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    indexes.drop(op.get_bind().engine, "ix_events_sources")
