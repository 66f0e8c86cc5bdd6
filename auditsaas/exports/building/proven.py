"""Builds the file of an export together with its proof: both, or none.

The proof is of JSONL in the order of the log. Where the file is something else, the archive that
holds both holds that JSONL, too. A scheduled report has events of two kinds, those of its period
and those of before that arrived late; each kind has a JSONL and a proof of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy.orm import Session

from auditsaas.evidence.bundles.lines import Shown
from auditsaas.evidence.bundles.proof import Proof, Removal, removal
from auditsaas.evidence.bundles.readme import VERIFIER, Proven, readme
from auditsaas.evidence.tree import key_chain
from auditsaas.evidence.tree.checked_proofs import NotAsSealed
from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.exports import wording
from auditsaas.exports.building import sealing
from auditsaas.exports.building.archive import Archive, archive
from auditsaas.exports.building.finish import Built, Bundle
from auditsaas.exports.building.keys import bundle_key, file_key
from auditsaas.exports.building.opening import InstallationOptions, opened_source
from auditsaas.exports.building.packing import SMALL, packed
from auditsaas.exports.building.pieces import Log, Piece, pieces
from auditsaas.exports.formats import Format, format_called
from auditsaas.exports.kind import ExportClaim
from auditsaas.exports.source import Output, Progress, Source
from auditsaas.exports.writers import jsonl
from auditsaas.jobs.heartbeat import Heartbeat
from auditsaas.storage.base import Storage, StorageError

NUMBERS: Final = 50_000
"""So many numbers of a log are read by one statement."""
CHUNK: Final = 1 << 20
FILE: Final = "audit-logs"
"""The name of the files in an archive: short, for it is typed."""

WriteFile = Callable[[Output], object]


class _Digest:
    """A stream that remembers the SHA-256 of what goes through it."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._digest = hashlib.sha256()

    def write(self, chunk: bytes, /) -> int:
        self._digest.update(chunk)
        self._out.write(chunk)
        return len(chunk)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


@dataclass(frozen=True)
class Exact:
    """A JSONL that was written: its rows, and the SHA-256 of them unpacked."""

    rows: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A file with proof, as it was asked for."""

    log: Log
    format: Format
    gzip: bool
    name: str
    """The folder's in the archive."""
    made_at: datetime

    @property
    def extension(self) -> str:
        return f"{self.format.extension}.gz" if self.gzip else self.format.extension


@dataclass(frozen=True, kw_only=True)
class FileWithProof:
    """A file and its proof, read in one transaction, over a checkpoint that covers it."""

    session: Session
    source: Source
    sealed: Sealed
    wanted: Wanted
    removal: Removal | None
    pieces: Sequence[Piece]
    progress: Progress

    @classmethod
    def of(
        cls, session: Session, source: Source, sealed: Sealed, wanted: Wanted, progress: Progress
    ) -> FileWithProof:
        """Prepare a file and its proof.

        Raises:
            NotAsSealed: the log does not hold what was sealed.
            TooManyNumbers: the proof would cover more numbers than it may.
        """
        log = wanted.log
        removed = removal(session, log.workspace_id, source.slugs[log.workspace_id], sealed)
        return cls(
            session=session,
            source=source,
            sealed=sealed,
            wanted=wanted,
            removal=removed,
            pieces=pieces(session, log, removed.cut if removed else 0),
            progress=progress,
        )

    def write_file(self, out: Output) -> tuple[int, Exact | None]:
        """Write the file; return its rows, and what a proof is of where the file itself is it."""
        if self.wanted.format.key == "jsonl" and len(self.pieces) == 1:
            exact = self._write_exact(self.pieces[0], out)
            return exact.rows, exact
        with packed(out, self.wanted.gzip) as rows:
            return self.wanted.format.write(self.source, rows, self.progress), None

    def write_archive(
        self, out: Output, write_file: WriteFile, exact: Exact | None
    ) -> list[Proven]:
        """Write the archive of the file, its proof, and what checks it; return what it proves.

        A file that is JSONL is not written by ``write_file`` where nothing ``exact`` is of it.

        Raises:
            NotAsSealed: the log does not hold what was sealed.
        """
        wanted = self.wanted
        with archive(out, wanted.name, wanted.made_at) as packing:
            if exact is not None or wanted.format.key != "jsonl":
                with packing.file(f"{FILE}.{wanted.extension}") as file:
                    write_file(file)
            proven = [self._write_piece(packing, piece, exact) for piece in self.pieces]
            signers = key_chain.up_to_signer(
                self.session, wanted.log.workspace_id, self.sealed.note
            )
            vkey = str(signers[-1].verifier)
            packing.add("README.txt", readme(proven, self.sealed, vkey))
            packing.add("KEY.txt", f"{vkey}\n")
            packing.add(VERIFIER.name, VERIFIER.read_text())
        return proven

    def _write_piece(self, packing: Archive, piece: Piece, exact: Exact | None) -> Proven:
        """Write a piece's JSONL, unless it is the file, and its proof."""
        name = f"{FILE}{piece.name}"
        file, proof = f"{name}.jsonl{'.gz' if self.wanted.gzip else ''}", f"{name}.proof.gz"
        if exact is None:
            with packing.file(file) as out:
                exact = self._write_exact(piece, out)
        with packing.file(proof) as out, packed(out, gzip=True, level=SMALL) as lines:
            shown = self._write_proof(piece, lines, exact)
        return Proven(file, proof, piece.part, shown, is_late=bool(piece.name))

    def _write_exact(self, piece: Piece, out: Output) -> Exact:
        rows, part = 0, piece.part
        with packed(out, self.wanted.gzip) as lines:
            digest = _Digest(lines)
            for first in range(part.first, part.last + 1, NUMBERS):
                last = min(first + NUMBERS - 1, part.last)
                some = replace(self.source, select=partial(piece.rows, first=first, last=last))
                rows += jsonl.write(some, digest, partial(self._progress_from, rows))
        return Exact(rows, digest.sha256)

    def _progress_from(self, before: int, rows: int) -> None:
        self.progress(before + rows)

    def _write_proof(self, piece: Piece, out: Output, exact: Exact) -> Shown:
        shown = Proof(
            session=self.session,
            sealed=self.sealed,
            part=piece.part,
            removal=self.removal,
            matching=partial(piece.matching, self.session),
            slug=self.source.slugs[piece.part.workspace_id],
        ).write(out, exact.sha256, self.progress)
        if shown.rows != exact.rows:
            raise NotAsSealed("The log has rows that were not sealed. No proof is made of it.")
        return shown


def build(
    claim: ExportClaim, heartbeat: Heartbeat, *, storage: Storage, options: InstallationOptions
) -> Built:
    """Build the file of an export and, around it, the archive with its proof.

    Raises:
        NotYet: the log is about to be sealed as far as the export goes.
        NotSealedYet: it is not, and has been waited for.
        NotAsSealed: the log does not hold what was sealed.
        TooManyNumbers: the proof would cover more numbers than it may.
    """
    sealed = sealing.sealed_head(claim)
    with opened_source(claim, options) as (session, source):
        heartbeat.interrupts(source.cancel)
        wanted = _wanted(claim, source)
        made = FileWithProof.of(session, source, sealed, wanted, heartbeat.progress)
        key, archived = file_key(claim), bundle_key(claim)
        with storage.write(key) as upload:
            rows, exact = made.write_file(upload)
        with _or_neither(storage, key), storage.write(archived) as bundle:
            made.write_archive(bundle, partial(_copy, storage, key, heartbeat, rows), exact)
        heartbeat.progress(rows)
    proof = Bundle(archived, bundle.size, bundle.sha256, sealed.size)
    return Built(key, rows, upload.size, upload.sha256, proof)


@contextmanager
def _or_neither(storage: Storage, key: str) -> Iterator[None]:
    """Remove the file where its archive can't be written: it was asked for with proof."""
    try:
        yield
    except BaseException:
        with suppress(StorageError):
            storage.delete(key)
        raise


def _wanted(claim: ExportClaim, source: Source) -> Wanted:
    export = claim.row
    ((workspace_id, last),) = export.snapshot_seqs.items()
    since = export.since_seqs
    return Wanted(
        log=Log(
            workspace_id=workspace_id,
            event_filter=export.pinned_filter,
            last=last,
            since=None if since is None else since[workspace_id],
        ),
        format=format_called(export.format),
        gzip=export.gzip,
        name=wording.base_name(export, [source.slugs[workspace_id]]),
        made_at=export.created_at,
    )


def _copy(storage: Storage, key: str, heartbeat: Heartbeat, rows: int, out: Output) -> None:
    with storage.open(key) as file:
        while chunk := file.read(CHUNK):
            out.write(chunk)
            heartbeat.progress(rows)
