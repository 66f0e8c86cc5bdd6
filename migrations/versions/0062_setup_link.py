"""Keep the link that makes the first super-admin, and let the app role use it once.

No role that serves people may write who is a super-admin. So the function of the owner does, which
asks for the link and for an installation without people; two at once take turns at the lock.
"""

from alembic import context, op

revision = "0062"
down_revision = "0061"

FUNCTION = "make_first_super_admin(bytea, uuid, text, text, text)"

TABLE = """
CREATE TABLE setup_links (
    id smallint DEFAULT 1 PRIMARY KEY CONSTRAINT only_one CHECK (id = 1),
    token_hash bytea NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
)
"""

MAKE = """
CREATE FUNCTION make_first_super_admin(
    link bytea, person uuid, address text, called text, hashed text
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM setup_links WHERE token_hash = link AND expires_at > now();
    IF NOT FOUND OR EXISTS (SELECT FROM users) THEN
        RETURN false;
    END IF;
    INSERT INTO users (id, email, name, password_hash, is_super_admin)
        VALUES (person, address, called, hashed, true);
    RETURN true;
END
$$
"""


def upgrade() -> None:
    roles = context.config.attributes["roles"]
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(TABLE)
    op.execute(f'GRANT SELECT, INSERT, UPDATE ON setup_links TO "{roles.app}"')
    op.execute(MAKE)
    op.execute(f"REVOKE ALL ON FUNCTION {FUNCTION} FROM PUBLIC")
    op.execute(f'GRANT EXECUTE ON FUNCTION {FUNCTION} TO "{roles.app}"')


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(f"DROP FUNCTION {FUNCTION}")
    op.execute("DROP TABLE setup_links")
