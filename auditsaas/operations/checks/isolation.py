"""Checks the wall between tenants in the database: policies, functions, triggers, the secret."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from auditsaas.accounts import encryption
from auditsaas.accounts.encryption import Opening
from auditsaas.db import isolation, tenancy
from auditsaas.db.ids import new_id
from auditsaas.db.tenancy import Scope
from auditsaas.operations import revisions, walls
from auditsaas.operations.checks.check import Check, Sight, either
from auditsaas.operations.checks.server import UPGRADE
from auditsaas.operations.finding import Finding, fail, ok, warn
from auditsaas.operations.revisions import Standing
from auditsaas.operations.secret_rotation import SEALED

SEALED_SAMPLE = 20
ANOTHER_TIME = "signed at another time"
FORMER_KEY = (
    "Put the SECRET_KEY of before back, for all processes: what was sealed with it opens with no"
    " other. To change it, name that of before in SECRET_KEY_FALLBACKS; docs/operate.md says how."
)

_HOOKS = text(
    """
    SELECT 'trigger ' || quote_ident(t.tgname) AS name, t.tgrelid::regclass::text AS relation,
        format('DROP TRIGGER %I ON %s;', t.tgname, t.tgrelid::regclass) AS cure
    FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'rule ' || quote_ident(r.rulename), r.ev_class::regclass::text,
        format('DROP RULE %I ON %s;', r.rulename, r.ev_class::regclass)
    FROM pg_rewrite AS r JOIN pg_class AS c ON c.oid = r.ev_class
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    ORDER BY 1, 2
    """
)


def _walls(sight: Sight) -> Finding:
    tables = isolation.open_tables(sight.app)
    if not tables:
        return ok("row-level security", "is enabled and forced on every table of tenants")
    remedy = " ".join(
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;"
        f" ALTER TABLE {name} FORCE ROW LEVEL SECURITY;"
        for name in tables
    )
    return fail(
        "row-level security", f"is not forced on {', '.join(tables)}", f"As the owner: {remedy}"
    )


def _policies(sight: Sight) -> Iterator[Finding]:
    if revisions.standing(revisions.of(sight.app)) is not Standing.SAME:
        return  # another version's own are no difference
    differences = list(walls.policies(sight.app, sight.roles))
    for each in differences:
        yield fail("policies", each.words, each.remedy)
    if not differences:
        yield ok("policies", "of every table are as the migrations made them")


def _functions(sight: Sight) -> Iterator[Finding]:
    if revisions.standing(revisions.of(sight.app)) is not Standing.SAME:
        return
    differences = list(walls.functions(sight.app, sight.roles))
    appends = walls.appends(sight.app)
    for each in differences:
        yield fail("functions", each.words, each.remedy)
    for name in appends:
        yield fail("functions", f"{name} is missing or was changed", "Run: auditsaas db upgrade")
    if not differences and not appends:
        yield ok("functions", "of the database are as this version makes them")


def _hooks(sight: Sight) -> Iterator[Finding]:
    found = sight.app.execute(_HOOKS).all()
    for each in found:
        words = f"{each.name} on {each.relation} is none of this product's"
        yield fail("triggers", words, f"As the owner: {each.cure}")
    if not found:
        yield ok("triggers", "none changes what is written")


def _scope(sight: Sight) -> Finding:
    try:
        with tenancy.bind(Scope(user=new_id()), Session(sight.app)) as session:
            session.scalar(text("SELECT scope_is_proven()"))
    except DBAPIError as error:
        cause = str(error.orig).splitlines()[0]
        if ANOTHER_TIME in cause:
            remedy = "Let both machines follow the same time server (chrony or systemd-timesyncd)."
        else:
            remedy = UPGRADE if sight.settings.secret_key_fallbacks else FORMER_KEY
        return fail("scope", f"is refused by the database: {cause}", remedy)
    return ok("scope", "of each transaction is signed, and the database knows the key")


def _sealed(sight: Sight) -> Finding:
    """Open some of what is sealed; ``auditsaas secret status`` looks at all of it."""
    openings: Counter[Opening] = Counter()
    for column in SEALED.values():
        some = select(column).where(column.is_not(None)).limit(SEALED_SAMPLE)
        openings.update(
            encryption.opening(sight.settings.secret_keys, sealed)
            for sealed in sight.app.scalars(some)
            if sealed is not None
        )
    closed = openings[Opening.NONE]
    if closed:
        words = f"{closed} of {openings.total()} that were tried open with no SECRET_KEY of ours"
        return fail("secrets", words, FORMER_KEY)
    if openings[Opening.FALLBACK]:
        words = "open in part with a key of SECRET_KEY_FALLBACKS alone"
        return warn("secrets", words, "Run: auditsaas secret rotate")
    return ok("secrets", "that are sealed open with SECRET_KEY")


CHECKS = (
    either("row-level-security", _walls),
    Check("policies", _policies),
    Check("functions", _functions),
    Check("triggers", _hooks),
    either("scope", _scope),
    either("secrets", _sealed),
)
