"""Builds the policies by which a table's rows are compared with a scope that is proven.

SQL that was slipped into a statement can set another scope while the statement runs: after the
policies asked whether it is signed, or before, between the search of an index and its rows. So
what proves a scope gives it as well, ``proven_workspaces()`` and ``proven_person()``: each
condition of the tenants' policies stands again in a restrictive one, with these functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, text

ASKED_ONCE: Final = frozenset(
    {
        *("events", "event_counts", "event_days", "event_words", "event_columns"),
        *("actors", "actor_emails", "actor_names", "log_heads", "word_heads", "column_heads"),
    }
)
"""Tables that are read in parts, row by row or of many workspaces: their scope is asked for once a
statement, as that of every INSERT, which takes longer to plan.

Citus takes no subquery in a policy, and has none of these.
"""
WALLED: Final = (
    *("workspaces", "api_key_lookups", "invitation_lookups", "former_slugs", "platform_accesses"),
)
"""Tables with policies of writing only; they count once the version before is gone."""

PROVEN: Final = "scope_is_proven()"
_INSTEAD: Final = {
    "bound_workspaces()": ("proven_workspaces()", "::uuid[]"),
    "bound_person()": ("proven_person()", ""),
}
_RULES = text(
    "SELECT cmd, qual, coalesce(with_check, qual) AS checked FROM pg_policies"
    " WHERE schemaname = 'public' AND tablename = :table"
    " AND policyname = 'tenant_' || lower(cmd)"
)
_CLAUSES: Final = {
    "SELECT": ("USING",),
    "INSERT": ("WITH CHECK",),
    "UPDATE": ("USING", "WITH CHECK"),
    "DELETE": ("USING",),
}


def policies(connection: Connection, table: str, app: str) -> Iterator[str]:
    """Build the policies of a table by what those of its tenants allow."""
    rules = {
        command: {"USING": using, "WITH CHECK": checked}
        for command, using, checked in connection.execute(_RULES, {"table": table})
    }
    for command, clauses in _CLAUSES.items():
        if command == "SELECT" and table in WALLED:
            continue  # what leads to a scope is read before one is known
        once = table in ASKED_ONCE or command == "INSERT"
        given = rules.get(command, {})
        conditions = " ".join(
            f"{clause} ({_proof(table, clause, given.get(clause), once=once)})"
            for clause in clauses
        )
        yield (
            f"CREATE POLICY proven_{command.lower()} ON {table} AS RESTRICTIVE FOR {command}"
            f' TO "{app}" {conditions}'
        )


def _proof(table: str, clause: str, rule: str | None, *, once: bool) -> str:
    """Return a tenants' condition with what is proven.

    As ``nullif(…, false) IS NOT NULL`` it holds for the same rows, is no condition of an index, and
    takes next to nothing off the planner's estimates. Where it is asked once a statement, the
    scope is asked for before any row, so that a search that finds none is refused as well.
    """
    proven = f"(SELECT {PROVEN})" if once else PROVEN
    if rule is None:
        return proven
    for bound, (function, of_type) in _INSTEAD.items():
        if once and of_type:
            # As a subquery of rows, which is hashed: an array of many would be searched one by one.
            rule = rule.replace(f"= ANY ({bound})", f"IN (SELECT unnest((SELECT {function})))")
        rule = rule.replace(bound, f"(SELECT {function}){of_type}" if once else function)
    asked = f"nullif({rule}, false) IS NOT NULL"
    is_first = clause == "USING" and (table in ASKED_ONCE or table in WALLED)
    return f"{proven} AND {asked}" if is_first else asked
