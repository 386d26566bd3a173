"""One parsed batch into silver, and what became of every row of it.

Belongs here: conforming, telling repeats from new rows, writing rows and persons. Not here: which
batch is landed (`ingest.py`, `again.py`) and when its rows become visible (`silver.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

import polars as pl
import xxhash

from ingestion import silver
from ingestion.booking import Count, Quarantined
from ingestion.conform import Conformed, clean, conform, row_digests
from ingestion.contract import Contract
from ingestion.entity import ZONE, Entity, entities
from ingestion.formats.source import DELETED, FILE, ITEM, RECORD, Parsed, Problem
from ingestion.lake import Lake, empty_frame
from ingestion.person import People, local_keys, people
from ingestion.snapshot import SHRANK, compare
from ingestion.vault import Vault
from ingestion.window import arrival_days

UNREADABLE = "unreadable"
"""The entity name under which pieces are booked that never became rows."""

EMPTY = "carries_nothing"
"""The entity name under which records are booked that carry nothing by their kind."""

Digests = dict[str, pl.Series]


class ReaderFailed(Exception):
    """Rows of a batch could not be conformed; which file it was is found by halving."""


@dataclass(frozen=True)
class Outcome:
    """What became of a parsed batch. `quarantined` are pieces new to quarantine, `repeated` refused
    ones that are in it already (counted as duplicates); `unmapped` counts codes of accepted rows by
    (entity, column, code), `days` accepted rows by (entity, organization, day of the event).
    `files` hold the rows, still unseen by readers; `lapsed` counts those that only take back."""

    counts: dict[str, Count] = field(default_factory=dict)
    quarantined: list[Quarantined] = field(default_factory=list)
    repeated: list[Quarantined] = field(default_factory=list)
    unmapped: dict[tuple[str, str, str], int] = field(default_factory=dict)
    days: dict[tuple[str, str, date], int] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    lapsed: dict[str, int] = field(default_factory=dict)

    @property
    def persons(self) -> int:
        """Rows of source persons among the files."""
        found = [silver.pending(p) for p in self.files if p.parent.parent.name == "source_person"]
        return sum(pl.scan_parquet(p).select(pl.len()).collect().item() for p in found)


@dataclass(frozen=True)
class Landing:
    """Brings one parsed batch into silver and says what became of every row.

    Args:
        batch_id: The batch to be booked.
        arrival_id: The batch that brought the bytes: the same one, unless they are conformed again.
        moment: When the bytes arrived.
        seen: The feed's row digests by entity, from one batch of a run to the next, so that silver
            is read for them once.
        without: Batches whose rows do not count as seen: they are about to be superseded.
        modified: When each file of the batch was last written, by file index.
    """

    lake: Lake
    contract: Contract
    vault: Vault
    batch_id: str
    arrival_id: str
    moment: datetime
    seen: Digests = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    modified: Sequence[datetime | None] = ()
    carried: dict[str, pl.DataFrame] = field(default_factory=dict)
    outcome: Outcome = field(default_factory=Outcome)
    shrunken: list[Problem] = field(default_factory=list)

    def land(self, parsed: Parsed, files: Sequence[tuple[str, str]], *, known: set[str]) -> Outcome:
        """Conform and write every table.

        Args:
            parsed: What the format read.
            files: Name and digest of the batch's files, by file index.
            known: Ids already in quarantine: the same piece again is a repeat, not a new entry.
        """
        known = set(known)
        whole = not parsed.problems
        persons = [
            found
            for name, table in parsed.tables.items()
            if (found := self._land_table(name, clean(table), files, known, whole))
        ]
        parsed = replace(parsed, problems=[*parsed.problems, *self.shrunken])
        if parsed.problems:
            pieces = [self.unreadable(p, files) for p in parsed.problems]
            kept, again = self._refuse(pieces, known)
            self.outcome.counts[UNREADABLE] = Count(
                received=len(pieces), quarantined=kept, duplicate=again
            )
        if parsed.empty:
            empty = len(parsed.empty)
            self.outcome.counts[EMPTY] = Count(received=empty, accepted=empty)
        self._write_people(persons, files)
        for name, rows in self.carried.items():
            self._save(entities()[name], rows)
        return self.outcome

    def carry(self, entity: str, rows: pl.DataFrame) -> None:
        """Take rows of a superseded batch over as they are; `land` adds what is new to them."""
        rows = rows.filter(said(rows))
        self.carried[entity] = rows
        self.seen[entity] = pl.concat([self._seen_of(entity), rows["row_digest"]])

    def _land_table(
        self,
        name: str,
        source: pl.DataFrame,
        files: Sequence[tuple[str, str]],
        known: set[str],
        whole: bool,
    ) -> People | None:
        """Conform and write the rows of one entity; gives the people they name.

        Args:
            whole: Nothing of the batch was unreadable.
        """
        mapping, entity = self.contract.mapping(), entities()[name]
        record = mapping.records[name]
        hidden = [field for field in mapping.person_sources if field in source.columns]
        if record.partial:  # what is deleted of a person is unknown, like what was never said
            source = source.with_columns(
                pl.when(pl.col(field) != DELETED).then(field) for field in dict.fromkeys(hidden)
            )
        received = len(source)
        if name in self.carried:  # what repeats a row that stands is no news, whatever it is now
            stands = self.carried[name]["row_digest"]
            unsaid = mapping.unsaid(record)
            digests = row_digests(source, hidden, unsaid)
            source = source.filter(~digests.is_in(stands.implode()))
        repeats = received - len(source)
        try:
            result = conform(
                source,
                entity=entity,
                record=record,
                contract=self.contract,
                hidden=hidden,
                arrived=arrival_days(self.moment, len(files), self.modified),
            )
        except Exception as error:
            raise ReaderFailed(f"{name}: {type(error).__name__}") from error
        if self.contract.holds.is_snapshot:
            accepted, lapsed = self._compared(entity, result, whole)
        else:
            accepted, lapsed = self._unseen(name, result.accepted), None
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
        kept, again = self._refuse(refused, known)
        numbers = [column for column, field in record.fields.items() if field.as_person]
        accepted = accepted.with_columns(
            self.vault.tokens("person", local_keys(self.contract.member, accepted[column])).alias(
                column
            )
            for column in numbers
        )
        persons = None
        if entity.person and mapping.person:
            taken = source.join(result.accepted, on=_POSITION, how="semi")
            persons = people(taken, fields=mapping.person, contract=self.contract, vault=self.vault)
            accepted = accepted.join(persons.links, on=_POSITION, how="left")
            versions = result.accepted.select(*_POSITION, *_SAID)
            persons = replace(persons, rows=persons.rows.join(versions, on=_POSITION, how="left"))
        count = len(accepted)
        rows = accepted if lapsed is None else pl.concat([accepted, lapsed], how="diagonal_relaxed")
        self._write(entity, rows, files)
        self.outcome.counts[name] = Count(
            received=received,
            accepted=count,
            quarantined=kept,
            duplicate=repeats + len(result.accepted) - count + again,
        )
        new = result.unmapped.join(accepted, on=[FILE, RECORD, ITEM], how="semi")
        for column, code, rows in new.group_by("column", "code").len().iter_rows():
            self.outcome.unmapped[name, column, code] = rows
        for organization, day, rows in rows_by_day(entity, accepted).iter_rows():
            self.outcome.days[name, organization, day] = rows
        return persons

    def _compared(
        self, entity: Entity, result: Conformed, whole: bool
    ) -> tuple[pl.DataFrame, pl.DataFrame | None]:
        """The rows of a snapshot that are new, and those that take back what it no longer holds."""
        name, rows = entity.entity, result.accepted
        if name in self.carried:
            rows = pl.concat([rows, self.carried[name]], how="diagonal_relaxed")
        paths = [
            path
            for path in sorted(self.lake.silver(name).glob(f"*/{self.contract.feed}--*.parquet"))
            if path.stem.split("--")[1] not in self.without
        ]
        before = (
            pl.read_parquet(paths, hive_partitioning=False) if paths else empty_frame(entity)
        ).filter(pl.col("arrival_batch_id") < self.arrival_id)
        found = compare(
            rows,
            before,
            entity=entity,
            holds=self.contract.holds,
            unread=result.refused_keys,
            is_whole=whole,
        )
        if found.refused:
            self.shrunken.append(Problem(0, 0, 0, SHRANK, f"{name}: {found.refused}"))
        if len(found.lapsed):
            self.outcome.lapsed[name] = len(found.lapsed)
        if name in self.carried:
            fresh = found.fresh.join(result.accepted, on=_POSITION, how="semi")
            return fresh.select(result.accepted.columns), found.lapsed
        return found.fresh, found.lapsed

    def _refuse(self, pieces: Sequence[Quarantined], known: set[str]) -> tuple[int, int]:
        """Sort refused pieces into new ones and repeats; gives how many of each."""
        kept, again = _first_time(pieces, known)
        self.outcome.quarantined.extend(kept)
        self.outcome.repeated.extend(again)
        return len(kept), len(again)

    def _unseen(self, entity: str, rows: pl.DataFrame) -> pl.DataFrame:
        """The first of equal rows, where silver does not hold it; from now on it does."""
        old = self._seen_of(entity)
        fresh = rows.unique("row_digest", keep="first", maintain_order=True)
        if len(old):
            fresh = fresh.filter(~pl.col("row_digest").is_in(old.implode()))
        self.seen[entity] = pl.concat([old, fresh["row_digest"]])
        return fresh

    def _seen_of(self, entity: str) -> pl.Series:
        if entity not in self.seen:
            self.seen[entity] = self._digests(entity)
        return self.seen[entity]

    def _digests(self, entity: str) -> pl.Series:
        files = [
            path
            for path in sorted(self.lake.silver(entity).glob(f"*/{self.contract.feed}--*.parquet"))
            if path.stem.split("--")[1] not in self.without
        ]
        if not files:
            return pl.Series("row_digest", [], dtype=pl.UInt64)
        return pl.read_parquet(files, columns=["row_digest"], hive_partitioning=False).to_series()

    def _write(self, entity: Entity, rows: pl.DataFrame, files: Sequence[tuple[str, str]]) -> None:
        digests = pl.Series([digest for _, digest in files], dtype=pl.String)
        frame = rows.with_columns(
            feed=pl.lit(self.contract.feed),
            member_id=pl.lit(self.contract.member),
            file_digest=pl.lit(digests).gather(pl.col(FILE)),
            file_number=pl.col(FILE).cast(pl.Int64),
            record_number=pl.col(RECORD),
            item_number=pl.col(ITEM),
            received_at=pl.lit(self.moment).dt.convert_time_zone(ZONE).dt.cast_time_unit("us"),
            arrival_batch_id=pl.lit(self.arrival_id),
        )
        carried = self.carried.pop(entity.entity, None)
        if carried is not None:
            frame = pl.concat([carried, frame], how="diagonal_relaxed")
        if len(frame):
            self._save(entity, frame)

    def _save(self, entity: Entity, frame: pl.DataFrame) -> None:
        """Write rows in the entity's schema, columns by name, under this batch's id."""
        schema = entity.schema()
        missing = [
            pl.lit(None, dtype).alias(n) for n, dtype in schema.items() if n not in frame.columns
        ]
        frame = frame.with_columns(missing).with_columns(batch_id=pl.lit(self.batch_id))
        frame = frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
        path = self.lake.silver_file(
            entity.entity, self.contract.feed, self.batch_id, self.arrival_id
        )
        silver.write_pending(frame, path)
        self.outcome.files.append(path)

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
        self._write(entity, rows, files)

    def unreadable(self, problem: Problem, files: Sequence[tuple[str, str]]) -> Quarantined:
        """A problem as a piece of quarantine; the same one of the same bytes has the same id."""
        name, digest = files[problem.file]
        place = f"{digest}|{problem.record}|{problem.item}|{problem.code}|{problem.detail}"
        return Quarantined(
            _identifier(self.contract.feed, UNREADABLE, place),
            UNREADABLE, problem.code, problem.detail, name, digest, problem.record, problem.item,
        )  # fmt: skip


def rows_by_day(entity: Entity, rows: pl.DataFrame) -> pl.DataFrame:
    """`organization_id`, `day` and `len`: rows of one entity by the day of their event."""
    if not entity.event_time or "organization_id" not in entity.columns:
        return pl.DataFrame(schema={"organization_id": pl.String, "day": pl.Date, "len": pl.UInt32})
    day = pl.col(entity.event_time).cast(pl.Date).alias("day")
    if entity.columns[entity.event_time].type == "timestamp":
        day = pl.col(entity.event_time).dt.date().alias("day")
    return rows.group_by("organization_id", day).len().drop_nulls()


def said(rows: pl.DataFrame) -> pl.Series:
    """Which rows a source sent; the others only take back what a snapshot no longer holds."""
    return rows["row_digest"].is_not_null()


_POSITION = [FILE, RECORD, ITEM]
_SAID = ("version_at", "feed_sequence")
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
