"""Tampers with a sealed log as the owner of its tables can, and takes it back."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, Table, select, text, update
from sqlalchemy.orm import Session

from auditsaas.evidence.checking.looking import read_tiles
from auditsaas.evidence.format import merkle
from auditsaas.evidence.format.leaf import leaf_hash
from auditsaas.evidence.format.locators import Sums
from auditsaas.evidence.format.notes import Checkpoint, SigningKey, VerifierKey
from auditsaas.evidence.models import (
    TILE,
    checkpoints,
    tree_heads,
    tree_keys,
    tree_leaves,
    tree_tiles,
)
from auditsaas.evidence.tree import rows
from auditsaas.evidence.tree.store import Tree

TABLES: Final = (
    *("events", "log_heads", "tree_heads", "tree_leaves", "tree_tiles", "checkpoints"),
    *("tree_keys", "seals_seen", "known_heads", "erasures"),
)
"""What makes up a log and its seal."""


class Owner:
    """The owner of the tables, while the policies are off for them, and one log as it was."""

    def __init__(self, engine: Engine, workspace_id: UUID) -> None:
        self.engine, self.workspace_id = engine, workspace_id
        self._names: set[str] = set()

    def does(self, *statements: str, **values: Any) -> None:
        """Run statements, each of which has to change something; ``:w`` is the workspace."""
        with self.engine.begin() as connection:
            for statement in statements:
                given = {"w": self.workspace_id, **values}
                assert connection.execute(text(statement), given).rowcount, statement

    def reseal(self, seq: int, *parts: str) -> None:
        """Rewrite the seal of an event as it is now: its ``leaf``, the hash of its ``tile``, the
        ``root``, and the ``locators``.

        As the log was sealed by the product, so it is rewritten here, by who has its code.
        """
        n, place = divmod(seq - 1, TILE)
        with Session(self.engine) as session:
            size = session.scalars(select(tree_heads.c.size).where(self._mine(tree_heads))).one()
            [tile] = read_tiles(session, self.workspace_id, n, n, size)
            preimages = list(tile.preimages)
            preimages[place] = tile.rows[seq][0].preimage(tile.seeds[place])
            self._write(session, tree_leaves, {"preimages": b"".join(preimages)}, n)
            if "tile" in parts and tile.above is not None:
                self._rewrite_tile(session, n, preimages)
            if "locators" in parts:
                sums = Sums()
                for number, rows_there in tile.rows.items():
                    hashes = rows.slot_hashes(rows_there[0].values, tile.seeds[number - tile.first])
                    sums.add(number - tile.first, hashes)
                self._write(session, tree_leaves, {"locators": sums.kept}, n)
            if "root" in parts:
                root = Tree(session, self.workspace_id, size).root
                session.execute(update(tree_heads).where(self._mine(tree_heads)).values(root=root))
            session.commit()

    def resign(self, secret: bytes = bytes(32)) -> None:
        """Sign the root as it is now by a key of the log's name: the owner's own, unless given."""
        with Session(self.engine) as session:
            head = session.execute(select(tree_heads).where(self._mine(tree_heads))).one()
            name = VerifierKey.parse(
                session.scalars(select(tree_keys.c.vkey).where(self._mine(tree_keys))).first() or ""
            ).name
            note = Checkpoint(name, head.size, head.root).signed_by(SigningKey(name, secret))
            session.execute(
                update(checkpoints)
                .where(self._mine(checkpoints), checkpoints.c.size == head.size)
                .values(note=note, root=head.root)
            )
            session.commit()

    def _rewrite_tile(self, session: Session, n: int, preimages: list[bytes]) -> None:
        first = n * TILE + 1
        leaves = [leaf_hash(first + at, kept) for at, kept in enumerate(preimages)]
        mine = self._mine(tree_tiles), tree_tiles.c.level == 1, tree_tiles.c.n == n // TILE
        hashes = session.scalars(select(tree_tiles.c.hashes).where(*mine)).one()
        at = n % TILE * 32
        made = hashes[:at] + merkle.root_of(leaves) + hashes[at + 32 :]
        session.execute(update(tree_tiles).where(*mine).values(hashes=made))

    def _write(self, session: Session, table: Table, values: dict[str, Any], n: int) -> None:
        session.execute(update(table).where(self._mine(table), table.c.n == n).values(**values))
        session.flush()

    def _mine(self, table: Table) -> ColumnElement[bool]:
        return table.c.workspace_id == self.workspace_id

    def _copy(self, name: str, table: str) -> str:
        return f"{name}_{self.workspace_id.hex[-8:]}_{table}"

    def keep(self, name: str = "now") -> None:
        """Copy the log and its seal as they are now."""
        with self.engine.begin() as connection:
            for table in TABLES:
                copied = f"SELECT * FROM {table} WHERE workspace_id = '{self.workspace_id}'"  # noqa: S608  # constants
                connection.exec_driver_sql(f"DROP TABLE IF EXISTS {self._copy(name, table)}")
                connection.exec_driver_sql(f"CREATE TABLE {self._copy(name, table)} AS {copied}")
        self._names.add(name)

    def take_back(self, name: str = "now", *, but: Collection[str] = ()) -> None:
        """Put the log and its seal back as they were kept, without some tables."""
        with self.engine.begin() as connection:
            for table in set(TABLES) - set(but):
                mine = f"WHERE workspace_id = '{self.workspace_id}'"
                connection.exec_driver_sql(f"DELETE FROM {table} {mine}")  # noqa: S608  # constants
                copied = f"SELECT * FROM {self._copy(name, table)}"  # noqa: S608  # as above
                connection.exec_driver_sql(f"INSERT INTO {table} {copied}")

    def forget(self) -> None:
        """Drop what was kept."""
        with self.engine.begin() as connection:
            for name in self._names:
                for table in TABLES:
                    connection.exec_driver_sql(f"DROP TABLE {self._copy(name, table)}")


@contextmanager
def unguarded(engine: Engine, workspace_id: UUID) -> Iterator[Owner]:
    """Switch the policies off for the owner, as an owner may, and on again; the log comes back."""
    owner = Owner(engine, workspace_id)
    _force(engine, "NO FORCE")
    owner.keep()
    try:
        yield owner
    finally:
        owner.forget()
        _force(engine, "FORCE")


def _force(engine: Engine, word: str) -> None:
    with engine.begin() as connection:
        for table in TABLES:
            connection.exec_driver_sql(f"ALTER TABLE {table} {word} ROW LEVEL SECURITY")
