"""From waiting files to silver: bronze, parse, conform, de-duplicate, book.

Belongs here: the order of steps for one feed and the counting. Not here: how bytes arrive
(`transports/`), what they hold (`formats/`) or what they become (`conform.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import Path

import polars as pl
import xxhash

from ingestion import bronze
from ingestion.clock import now
from ingestion.conform import clean, conform
from ingestion.contract import Contract
from ingestion.entity import ZONE, Entity, entities
from ingestion.formats.source import FILE, ITEM, RECORD, Parsed, Problem, SourceFile
from ingestion.lake import Lake, write_parquet
from ingestion.ledger import Batch, Count, Ledger, Quarantined, SeenFile
from ingestion.person import People, people
from ingestion.transports import directory
from ingestion.transports.directory import Arrival
from ingestion.turn import turn
from ingestion.vault import Vault

BATCH_BYTES = 64 * 1024 * 1024
BATCH_FILES = 5_000
UNREADABLE = "unreadable"
"""The entity name under which pieces are booked that never became rows."""

Digests = dict[str, pl.Series]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class FeedRun:
    """What one run took from one feed."""

    feed: str
    files: int
    records: int
    count: Count


def ingest_feed(
    lake: Lake,
    contract: Contract,
    *,
    vault: Vault,
    ledger: Ledger,
    inbox: Path | None = None,
    settle: float = directory.SETTLE_SECONDS,
    progress: Progress | None = None,
) -> FeedRun:
    """Take everything that waits for one feed, in bounded batches, each booked as one transaction.

    Args:
        progress: Called with the feed, files done and files found.

    Raises:
        UnbalancedLedger: rows were lost or invented; the batch is not booked and is taken again.
    """
    box = inbox or lake.inbox
    with turn(lake, contract.feed):
        discard_unbooked(lake, contract, ledger)
        paths = directory.waiting(box, contract.location.pattern, ledger.seen(contract.feed))
        known = ledger.seen_digests(contract.feed)
        run = FeedRun(contract.feed, 0, 0, Count())
        seen: Digests = {}
        for arrivals in _batches(directory.take(box, paths, settle=settle)):
            fresh = [a for a in arrivals if (a.name, a.digest) not in known]
            if not fresh:
                continue
            batch = _take_batch(lake, contract, vault, ledger, fresh, now(), seen)
            ledger.commit(batch)
            run = FeedRun(
                run.feed,
                run.files + len(fresh),
                run.records + batch.records,
                sum(batch.counts.values(), run.count),
            )
            if progress:
                progress(contract.feed, run.files, len(paths))
    return run


def parse(contract: Contract, files: Sequence[SourceFile]) -> Parsed:
    """Read a batch of files with the format module the contract names."""
    module = import_module(f"ingestion.formats.{contract.format}")
    parsed: Parsed = module.read(
        files, contract.mapping(), encoding=contract.encoding, options=dict(contract.options)
    )
    return parsed


def discard_unbooked(lake: Lake, contract: Contract, ledger: Ledger) -> None:
    """Remove what a batch wrote that was never booked, so that it can be taken again.

    Only within the feed's `turn`: another process may be about to book what it has written.
    """
    booked = ledger.batch_ids(contract.feed)
    for entity in [*contract.mapping().records, "source_person"]:
        for path in lake.silver(entity).glob(f"*/{contract.feed}--*.parquet"):
            if path.stem.split("--")[1] not in booked:
                path.unlink()
    for path in lake.bronze(contract.feed).glob("*/*.parquet"):
        if path.stem not in booked:
            path.unlink()


def _batches(arrivals: Iterator[Arrival]) -> Iterator[list[Arrival]]:
    batch: list[Arrival] = []
    size = 0
    for arrival in arrivals:
        if batch and (size + len(arrival.data) > BATCH_BYTES or len(batch) >= BATCH_FILES):
            yield batch
            batch, size = [], 0
        batch.append(arrival)
        size += len(arrival.data)
    if batch:
        yield batch


def _take_batch(
    lake: Lake,
    contract: Contract,
    vault: Vault,
    ledger: Ledger,
    arrivals: Sequence[Arrival],
    moment: datetime,
    seen: Digests,
) -> Batch:
    batch_id = f"{moment:%Y%m%dT%H%M%S%f}"
    bronze.keep(lake, contract, batch_id, moment, arrivals)
    parsed = parse(contract, [SourceFile(a.name, a.data) for a in arrivals])
    landing = Landing(lake, contract, vault, batch_id, moment, seen)
    outcome = landing.land(
        parsed, [(a.name, a.digest) for a in arrivals], known=ledger.quarantine_ids(contract.feed)
    )
    return Batch(
        batch_id=batch_id,
        feed=contract.feed,
        member_id=contract.member,
        received_at=moment,
        kind="arrival",
        files=[SeenFile(a.name, a.digest, len(a.data), a.modified_ns) for a in arrivals],
        records=sum(parsed.records),
        counts=outcome.counts,
        quarantined=[*outcome.quarantined, *outcome.repeated],
        unmapped=outcome.unmapped,
    )


@dataclass(frozen=True)
class Outcome:
    """What became of a parsed batch. `quarantined` are pieces new to quarantine, `repeated` refused
    ones that are in it already (counted as duplicates); `unmapped` counts codes of accepted rows by
    (entity, column, code)."""

    counts: dict[str, Count]
    quarantined: list[Quarantined]
    repeated: list[Quarantined]
    unmapped: dict[tuple[str, str, str], int]


@dataclass(frozen=True)
class Landing:
    """Brings one parsed batch into silver and says what became of every row.

    `seen` holds the feed's row digests by entity from one batch of a run to the next, so that
    silver is read for them once.
    """

    lake: Lake
    contract: Contract
    vault: Vault
    batch_id: str
    moment: datetime
    seen: Digests = field(default_factory=dict)

    def land(self, parsed: Parsed, files: Sequence[tuple[str, str]], *, known: set[str]) -> Outcome:
        """Conform and write every table.

        Args:
            parsed: What the format read.
            files: Name and digest of the batch's files, by file index.
            known: Ids already in quarantine: the same piece again is a repeat, not a new entry.
        """
        mapping = self.contract.mapping()
        known = set(known)
        counts: dict[str, Count] = {}
        quarantined: list[Quarantined] = []
        repeated: list[Quarantined] = []
        unmapped: dict[tuple[str, str, str], int] = {}
        persons: list[People] = []
        for name, table in parsed.tables.items():
            entity, source = entities()[name], clean(table)
            hidden = [s for f in mapping.person.values() for s in f.sources]
            result = conform(
                source,
                entity=entity,
                record=mapping.records[name],
                contract=self.contract,
                hidden=[h for h in hidden if h in source.columns],
            )
            accepted, repeats = self._new_rows(entity, result.accepted)
            refused = [
                Quarantined(
                    quarantine_id=_identifier(self.contract.feed, name, row["row_digest"]),
                    entity=name,
                    reason_code=row["reason_code"],
                    detail=row["detail"],
                    file_name=files[row[FILE]][0],
                    file_digest=files[row[FILE]][1],
                    record_number=row[RECORD],
                    item_number=row[ITEM],
                )
                for row in result.refused.iter_rows(named=True)
            ]
            kept, again = _first_time(refused, known)
            if entity.person and mapping.person:
                found = people(
                    source, fields=mapping.person, contract=self.contract, vault=self.vault
                )
                accepted = accepted.join(found.links, on=[FILE, RECORD, ITEM], how="left")
                persons.append(found)
            self._write(entity, accepted, files)
            counts[name] = Count(
                received=len(table),
                accepted=len(accepted),
                quarantined=len(kept),
                duplicate=repeats + len(again),
            )
            quarantined += kept
            repeated += again
            new = result.unmapped.join(accepted, on=[FILE, RECORD, ITEM], how="semi")
            for column, code, seen in new.group_by("column", "code").len().iter_rows():
                unmapped[name, column, code] = seen
        if parsed.problems:
            pieces = [self.unreadable(p, files) for p in parsed.problems]
            kept, again = _first_time(pieces, known)
            counts[UNREADABLE] = Count(
                received=len(pieces), quarantined=len(kept), duplicate=len(again)
            )
            quarantined += kept
            repeated += again
        self._write_people(persons, files)
        return Outcome(counts, quarantined, repeated, unmapped)

    def _new_rows(self, entity: Entity, accepted: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """Rows never seen in this feed, and how many were exact repeats."""
        fresh = self._unseen(entity.entity, accepted)
        return fresh, len(accepted) - len(fresh)

    def _unseen(self, entity: str, rows: pl.DataFrame) -> pl.DataFrame:
        """The first of equal rows, where silver does not hold it; from now on it does."""
        if entity not in self.seen:
            self.seen[entity] = self._digests(entity)
        old = self.seen[entity]
        fresh = rows.unique("row_digest", keep="first", maintain_order=True)
        if len(old):
            fresh = fresh.filter(~pl.col("row_digest").is_in(old.implode()))
        self.seen[entity] = pl.concat([old, fresh["row_digest"]])
        return fresh

    def _digests(self, entity: str) -> pl.Series:
        files = sorted(self.lake.silver(entity).glob(f"*/{self.contract.feed}--*.parquet"))
        if not files:
            return pl.Series("row_digest", [], dtype=pl.UInt64)
        return pl.read_parquet(files, columns=["row_digest"], hive_partitioning=False).to_series()

    def _write(self, entity: Entity, rows: pl.DataFrame, files: Sequence[tuple[str, str]]) -> None:
        if not len(rows):
            return
        digests = pl.Series([digest for _, digest in files], dtype=pl.String)
        frame = rows.with_columns(
            feed=pl.lit(self.contract.feed),
            member_id=pl.lit(self.contract.member),
            batch_id=pl.lit(self.batch_id),
            file_digest=pl.lit(digests).gather(pl.col(FILE)),
            record_number=pl.col(RECORD),
            item_number=pl.col(ITEM),
            received_at=pl.lit(self.moment).dt.convert_time_zone(ZONE).dt.cast_time_unit("us"),
        )
        schema = entity.schema()
        missing = [
            pl.lit(None, dtype).alias(n) for n, dtype in schema.items() if n not in frame.columns
        ]
        frame = frame.with_columns(missing).select(
            pl.col(name).cast(dtype) for name, dtype in schema.items()
        )
        write_parquet(
            frame, self.lake.silver_file(entity.entity, self.contract.feed, self.batch_id)
        )

    def _write_people(self, persons: Sequence[People], files: Sequence[tuple[str, str]]) -> None:
        if not persons:
            return
        entity = entities()["source_person"]
        rows = self._unseen(entity.entity, pl.concat([p.rows for p in persons]))
        if not len(rows):
            return
        sealed = pl.concat([p.sealed for p in persons]).unique("row_digest", maintain_order=True)
        sealed = sealed.join(rows.select("row_digest"), on="row_digest", how="semi")
        self.vault.seal(
            (row["source_person_id"], {k: v for k, v in row.items() if k not in _NOT_SEALED})
            for row in sealed.iter_rows(named=True)
        )
        position = {FILE: pl.lit(0), RECORD: pl.lit(0), ITEM: pl.lit(0)}
        self._write(entity, rows.with_columns(**position), files)

    def unreadable(self, problem: Problem, files: Sequence[tuple[str, str]]) -> Quarantined:
        """A problem as a piece of quarantine; the same one of the same bytes has the same id."""
        name, digest = files[problem.file]
        place = f"{digest}|{problem.record}|{problem.item}|{problem.code}|{problem.detail}"
        return Quarantined(
            _identifier(self.contract.feed, UNREADABLE, place),
            UNREADABLE, problem.code, problem.detail, name, digest, problem.record, problem.item,
        )  # fmt: skip


_NOT_SEALED = frozenset({"source_person_id", "row_digest"})


def _identifier(feed: str, entity: str, what: object) -> str:
    return xxhash.xxh3_128_hexdigest(f"{feed}|{entity}|{what}".encode())


def _first_time(
    refused: Sequence[Quarantined], known: set[str]
) -> tuple[list[Quarantined], list[Quarantined]]:
    """Refused pieces not in quarantine yet, and those that are; `known` learns the new ones."""
    kept, again = [], []
    for piece in refused:
        if piece.quarantine_id in known:
            again.append(piece)
        else:
            known.add(piece.quarantine_id)
            kept.append(piece)
    return kept, again
