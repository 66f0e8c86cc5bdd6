"""Says why PostgreSQL or Redis does not take a connection, and what ends that.

libpq gives no SQLSTATE for a refused connection, so the server's words are read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import redis
from sqlalchemy import URL

from auditsaas.operations.finding import Finding, fail


@dataclass(frozen=True)
class Refusal:
    """A kind of refusal: how the server tells it, and how the doctor does."""

    pattern: str
    words: str
    remedy: str


OF_DATABASE = (
    Refusal(
        r"password authentication failed|no password supplied",
        "the database refuses the password of {role}",
        "Put the role's password into {setting}, or give the role another."
        " As an administrator: ALTER ROLE \"{role}\" PASSWORD '…';",
    ),
    Refusal(
        r"too many connections for role",
        "the database takes no more connections of {role}",
        'As an administrator: ALTER ROLE "{role}" CONNECTION LIMIT -1;',
    ),
    Refusal(
        r"too many connections for database",
        "the database takes no more connections",
        'As an administrator: ALTER DATABASE "{database}" CONNECTION LIMIT -1;',
    ),
    Refusal(
        r"too many clients|remaining connection slots|no more connections allowed",
        "the server is full: all of its connections are in use",
        "See pg_stat_activity for who holds them; raise max_connections and restart the server,"
        " run fewer processes, or put a pooler before it.",
    ),
    Refusal(
        r'role ".*" does not exist',
        "the database has no role {role}",
        "As an administrator: CREATE ROLE \"{role}\" LOGIN PASSWORD '…' NOSUPERUSER NOBYPASSRLS;"
        " then run: auditsaas db upgrade",
    ),
    Refusal(
        r"is not permitted to log in",
        "the role {role} may not sign in",
        'As an administrator: ALTER ROLE "{role}" LOGIN;',
    ),
    Refusal(
        r'database ".*" does not exist',
        "the server has no database {database}",
        'Mend its name in {setting}; or, as an administrator: CREATE DATABASE "{database}"'
        " OWNER the owner's role ENCODING 'UTF8' TEMPLATE template0;",
    ),
    Refusal(
        r"permission denied for database",
        "the role {role} may not connect to the database",
        'As an administrator: GRANT CONNECT ON DATABASE "{database}" TO "{role}";',
    ),
    Refusal(
        r"not currently accepting connections",
        "the database {database} is closed to connections",
        'As an administrator: ALTER DATABASE "{database}" ALLOW_CONNECTIONS true;',
    ),
    Refusal(
        r"no pg_hba\.conf entry",
        "the server lets {role} in from nowhere near: no line of pg_hba.conf does",
        "Add this line to pg_hba.conf, with this machine's address, and reload the server:"
        " host {database} {role} ADDRESS/32 scram-sha-256",
    ),
    Refusal(
        r"starting up|shutting down|in recovery|not yet accepting",
        "the server is starting or stopping",
        "Wait until it is up; its own log says how far it is.",
    ),
    Refusal(
        r"SSL|certificate|TLS",
        "no encrypted connection is agreed on",
        "Compare sslmode and sslrootcert in {setting} with what the server offers.",
    ),
    Refusal(
        r"refused|no such file|resolve|could not translate|unreachable|no route|timed? ?out|timeout"
        r"|not answered|does not answer|reset by peer|closed the connection",
        "the server is away",
        "Start PostgreSQL, or mend the host and port in {setting}.",
    ),
)
OTHERWISE = Refusal(
    "", "the database refuses", "Mend {setting}, or what the server's own log says."
)


def of_database(error: BaseException, part: str, setting: str, url: URL) -> Finding:
    """Tell why a role cannot connect."""
    said = str(getattr(error, "orig", None) or error).strip()
    kinds = (each for each in OF_DATABASE if re.search(each.pattern, said, re.IGNORECASE))
    kind = next(kinds, OTHERWISE)
    names = {"role": url.username or "", "database": url.database or "", "setting": setting}
    cause = re.sub(r"^.*?(?:FATAL|failed): +", "", said.splitlines()[0])
    return fail(part, f"{kind.words.format(**names)} ({cause})", kind.remedy.format(**names))


def of_redis(error: BaseException) -> Finding:
    """Tell why Redis does not answer."""
    if isinstance(error, redis.AuthenticationError | redis.exceptions.NoPermissionError):
        words = "refuses the password"
        remedy = "Put the password of redis.conf (requirepass), or of its user, into REDIS_URL."
    elif isinstance(error, redis.exceptions.BusyLoadingError):
        words, remedy = "is still loading its files", "Wait until it is up."
    elif isinstance(error, redis.exceptions.MaxConnectionsError) or "max number" in str(error):
        words, remedy = "takes no more connections", "With redis-cli: CONFIG SET maxclients 10000"
    elif isinstance(error, ValueError):
        words = "is not named by REDIS_URL"
        remedy = "Set it to redis://:password@host:6379/0, or rediss:// with TLS."
    else:
        words = "is away, or does not answer"
        remedy = "Start it, or mend the host and port in REDIS_URL."
    return fail("Redis", f"{words} ({error})", remedy)
