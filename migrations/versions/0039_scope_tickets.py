"""Check the ticket of a transaction's scope, by a key that no role that serves people can read.

Nothing asks for it yet: ``auditsaas db tighten`` makes the policies that do, once no process of the
version before is left, which signs nothing. PostgreSQL has SHA-256 built in and HMAC-SHA256 is two
of them, so no extension is needed.
"""

from alembic import context, op

revision = "0039"
down_revision = "0038"

TABLE = """
CREATE TABLE scope_keys (
    inner_pad bytea PRIMARY KEY,
    outer_pad bytea NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
)
"""

# A ticket is good for transactions that begin within five minutes of it, as clocks may differ; what
# runs for long is bound once. It fails aloud: no rows would be a wrong answer.
IS_PROVEN = """
CREATE FUNCTION scope_is_proven() RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    workspaces text := coalesce(current_setting('auditsaas.workspaces', true), '');
    person text := coalesce(current_setting('auditsaas.person', true), '');
    ticket text := coalesce(current_setting('auditsaas.ticket', true), '');
    issued text := split_part(ticket, '.', 1);
BEGIN
    IF workspaces IN ('', '{}') AND person = '' THEN
        RETURN false;
    END IF;
    PERFORM FROM scope_keys AS k WHERE split_part(ticket, '.', 2) = encode(sha256(
        k.outer_pad || sha256(
            k.inner_pad || convert_to(concat_ws('|', issued, person, workspaces), 'UTF8')
        )), 'hex');
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE = 'the scope of this transaction is not signed';
    END IF;
    IF to_timestamp(issued::bigint) NOT BETWEEN now() - interval '5 minutes'
        AND clock_timestamp() + interval '5 minutes' THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'the scope of this transaction was signed at another time';
    END IF;
    RETURN true;
END
$$
"""


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(TABLE)
    op.execute(IS_PROVEN)
    op.execute("REVOKE ALL ON FUNCTION scope_is_proven() FROM PUBLIC")
    op.execute(f'GRANT EXECUTE ON FUNCTION scope_is_proven() TO "{roles.app}"')


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP FUNCTION scope_is_proven() CASCADE")
    op.execute("DROP TABLE scope_keys")
