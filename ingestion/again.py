"""Conforming again what arrived: bronze through today's definitions, in place of what stood before.

Every batch remembers what it was conformed with (`definition.py`). When a contract, an entity or
a code list has changed since, the batch *lags*. Conforming it again reads its bytes from bronze,
lands them as a new batch of the same arrival, and lets that one supersede the old: one transaction
of the ledger, after which silver shows the new rows only. Batches are taken one by one in the order
in which they arrived; a stop leaves the rest lagging, and the next time goes on there.

Replaying the quarantine is the same with another choice of batches: those that hold open pieces.

Decision: docs/decisions/0008-silver-generations.md.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import polars as pl

from ingestion import guard, silver
from ingestion.booking import Batch, Change, Count, Quarantined, Supersession
from ingestion.clock import now
from ingestion.contract import Contract
from ingestion.definition import definition_of
from ingestion.entity import entities, raw_name
from ingestion.formats.source import FILE, ITEM, RECORD, Parsed
from ingestion.lake import Lake
from ingestion.landing import Digests, Landing, Outcome, rows_by_day, said
from ingestion.ledger import Ledger
from ingestion.turn import turn
from ingestion.vault import Vault


@dataclass(frozen=True)
class Lag:
    """What of a feed was conformed with other definitions than today's.

    Args:
        batches: Live batches that lag, in the order of arrival.
        files: Files that they brought.
        rows: Entity rows and pieces that they received.
        changed: Parts of the definition that differ, e.g. `crosswalk/followup_mode`.
    """

    feed: str
    batches: tuple[str, ...] = ()
    files: int = 0
    rows: int = 0
    changed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conformed:
    """What conforming a feed again did: batches looked at and batches that became another, what was
    refused and now passes, what passed and is now refused or gone, rows whose code got mapped."""

    feed: str
    batches: int = 0
    changed: int = 0
    accepted: int = 0
    refused: int = 0
    mapped: int = 0
    changes: tuple[Change, ...] = ()


class WouldRefuse(RuntimeError):
    """Rows that stand in silver would leave it: somebody must have meant that."""


def lag(contract: Contract, ledger: Ledger) -> Lag:
    """Which batches of a feed lag behind today's definitions, and in what."""
    today = definition_of(contract)
    behind = [r for r in ledger.live(contract.feed) if r["definition_id"] != today.definition_id]
    if not behind:
        return Lag(contract.feed)
    known = {row["definition_id"] for row in behind}
    changed = {part for other in ledger.definitions(known) for part in today.changed(other)}
    return Lag(
        contract.feed,
        tuple(row["batch_id"] for row in behind),
        sum(row["files"] for row in behind),
        sum(row["received"] for row in behind),
        tuple(sorted(changed)),
    )


def unreadable_silver(lake: Lake, contracts: Mapping[str, Contract], ledger: Ledger) -> list[str]:
    """Names `<entity>.<column>` of silver that today's entities cannot read: lagging batches wrote
    them in another type. Only files that lag in their entity are looked at, one a definition."""
    found: set[str] = set()
    for contract in contracts.values():
        behind = set(lag(contract, ledger).batches)
        rows = [row for row in ledger.live(contract.feed) if row["batch_id"] in behind]
        samples = {row["definition_id"]: row["batch_id"] for row in rows}
        for batch_id in samples.values():
            for entity, paths in silver.files_of(lake, contract.feed, batch_id).items():
                there, today = pl.read_parquet_schema(paths[0]), entities()[entity].schema()
                found |= {
                    f"{entity}.{name}"
                    for name, dtype in there.items()
                    if name in today and today[name] != dtype
                }
    return sorted(found)


def conform_again(
    lake: Lake,
    contract: Contract,
    *,
    vault: Vault,
    ledger: Ledger,
    batches: Collection[str],
    keep: bool = False,
    careful: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Conformed:
    """Conform some live batches of a feed again, each swapped in as soon as it is booked.

    A batch that comes out as it stood under the definition it had is left as it is.

    Args:
        batches: Ids of live batches; others are passed over.
        keep: Rows that stand stay as they are, under the definition they had; only what was refused
            or unread is tried (a replay of the quarantine).
        careful: Stop before a batch whose accepted rows would become fewer.
        progress: Called with batches done and batches to do.

    Raises:
        WouldRefuse: `careful`, and rows would leave silver; batches before it are done.
        KeyError: bronze does not hold the bytes of a batch.
    """
    done: list[Conformed] = []
    with turn(lake, contract.feed):
        silver.settle(lake, contract.feed, ledger)
        chosen = [row for row in ledger.live(contract.feed) if row["batch_id"] in batches]
        if (
            contract.holds.is_snapshot and chosen
        ):  # what a snapshot takes back depends on all before
            first = chosen[0]["arrival_id"]
            chosen = [r for r in ledger.live(contract.feed) if r["arrival_id"] >= first]
        seen: Digests = {}
        for number, row in enumerate(chosen):
            left = frozenset(later["batch_id"] for later in chosen[number:])
            work = _Again(lake, contract, vault, ledger, row, seen, left)
            done.append(work.run(keep=keep, careful=careful))
            if progress:
                progress(number + 1, len(chosen))
    return Conformed(
        contract.feed,
        len(done),
        sum(one.changed for one in done),
        sum(one.accepted for one in done),
        sum(one.refused for one in done),
        sum(one.mapped for one in done),
        tuple(change for one in done for change in one.changes),
    )


@dataclass(frozen=True)
class _Again:
    """One live batch on its way to being superseded."""

    lake: Lake
    contract: Contract
    vault: Vault
    ledger: Ledger
    old: sqlite3.Row
    seen: Digests
    left: frozenset[str]

    def run(self, *, keep: bool, careful: bool) -> Conformed:
        feed, moment = self.contract.feed, datetime.fromisoformat(self.old["received_at"])
        arrival = self.old["arrival_id"]
        held = self.ledger.held(self.old["batch_id"])
        costly = any(row["reason_code"] in guard.COSTLY for row in held)
        parsed, files = guard.parse_kept(self.lake, self.contract, arrival, apart=costly)
        open_elsewhere = self.ledger.open_ids(feed) - {row["quarantine_id"] for row in held}
        batch_id = self.ledger.next_batch_id(now())
        landing = Landing(
            self.lake, self.contract, self.vault, batch_id, arrival, moment,
            self.seen, self.left, modified=[file.modified_at for file in files],
        )  # fmt: skip
        definition = definition_of(self.contract)
        visible = silver.files_of(self.lake, feed, self.old["batch_id"])
        names = [(file.name, file.digest) for file in files]
        with silver.unfinished(self.lake, feed):
            if keep:
                (definition,) = self.ledger.definitions({self.old["definition_id"]})
                parsed = keep_standing(landing, parsed, names, visible)
            outcome = landing.land(parsed, names, known=open_elsewhere)
            if keep:
                self._count_standing(outcome)
            quarantined = list(_same_entry(outcome.quarantined, held))
            batch = Batch(
                batch_id=batch_id,
                feed=feed,
                member_id=self.contract.member,
                received_at=moment,
                definition=definition,
                files=(),
                records=sum(parsed.records),
                counts=outcome.counts,
                quarantined=quarantined,
                unmapped=outcome.unmapped,
                days=outcome.days,
                persons=outcome.persons,
                lapsed=outcome.lapsed,
                arrival_id=self.old["arrival_id"],
                kind="conform",
            )
            if self._as_it_stood(batch, held) and _same_rows(visible, outcome.files):
                silver.drop_pending(outcome.files)
                return Conformed(feed, batches=1)
            result = self._difference(outcome, quarantined, held, visible)
            if careful and result.refused:
                silver.drop_pending(outcome.files)
                raise WouldRefuse(
                    f"按现行定义，已接收的行中有 {result.refused} 行将被拒收或不再出现；"
                    f"确属有意请运行 yigong conform --again {feed}"
                )
            self.ledger.commit(
                batch, supersedes=self._supersession(batch, held, result, {} if keep else visible)
            )
            silver.retire(self.lake, [path for paths in visible.values() for path in paths])
            silver.show(outcome.files)
        return result

    def _count_standing(self, outcome: Outcome) -> None:
        """Book the rows that stayed: as many as the superseded batch had accepted."""
        for entity, count in self.ledger.counts(self.old["batch_id"]).items():
            if entity not in entities():
                continue
            stayed = Count(received=count.accepted, accepted=count.accepted)
            outcome.counts[entity] = outcome.counts.get(entity, Count()) + stayed
        for code, rows in self.ledger.unmapped(self.old["batch_id"]).items():
            outcome.unmapped[code] = outcome.unmapped.get(code, 0) + rows

    def _as_it_stood(self, batch: Batch, held: Sequence[sqlite3.Row]) -> bool:
        """True when the same definition has given the same counts, refusals and unmapped codes."""
        refused = {(q.quarantine_id, q.reason_code, q.detail) for q in batch.quarantined}
        return (
            batch.definition.definition_id == self.old["definition_id"]
            and dict(batch.counts) == self.ledger.counts(self.old["batch_id"])
            and dict(batch.unmapped) == self.ledger.unmapped(self.old["batch_id"])
            and refused == {(r["quarantine_id"], r["reason_code"], r["detail"]) for r in held}
        )

    def _difference(
        self,
        outcome: Outcome,
        quarantined: list[Quarantined],
        held: Sequence[sqlite3.Row],
        visible: dict[str, list[Path]],
    ) -> Conformed:
        """Rows are compared by their place in the bytes; persons are not rows of the books."""
        still = {piece.quarantine_id for piece in quarantined}
        before = {row["quarantine_id"] for row in held}
        counted: Counter[tuple[str, str, str]] = Counter()
        for row in held:
            if row["quarantine_id"] not in still:
                counted[row["entity"], "accepted", row["reason_code"]] += 1
        for piece in quarantined:
            if piece.quarantine_id not in before:
                counted[piece.entity, "refused", piece.reason_code] += 1
        pending: dict[str, list[Path]] = {}
        for path in outcome.files:
            pending.setdefault(path.parent.parent.name, []).append(silver.pending(path))
        lost = gained = 0
        for entity in sorted(({*visible, *pending}) - {"source_person"}):
            was, becomes = _places(visible.get(entity, [])), _places(pending.get(entity, []))
            lost += was.join(becomes, on=was.columns, how="anti").height
            gained += becomes.join(was, on=was.columns, how="anti").height
        for entity, column in sorted(
            {(e, c) for e, c, _ in self.ledger.unmapped(self.old["batch_id"])}
        ):
            for code, rows in _mapped(entity, column, visible[entity], pending.get(entity, [])):
                counted[entity, "mapped", f"{column}:{code}"] += rows
        changes = tuple(Change(*what, rows) for what, rows in sorted(counted.items()))
        mapped = sum(change.rows for change in changes if change.change == "mapped")
        return Conformed(self.contract.feed, 1, 1, gained, lost, mapped, changes)

    def _supersession(
        self,
        batch: Batch,
        held: Sequence[sqlite3.Row],
        result: Conformed,
        leaving: dict[str, list[Path]],
    ) -> Supersession:
        still = {piece.quarantine_id for piece in batch.quarantined}
        released = [row["quarantine_id"] for row in held if row["quarantine_id"] not in still]
        return Supersession(self.old["batch_id"], released, _days(leaving), result.changes)


def keep_standing(
    landing: Landing,
    parsed: Parsed,
    files: Sequence[tuple[str, str]],
    visible: dict[str, list[Path]],
) -> Parsed:
    """Carry the rows of some files of silver over into a landing's batch; what is left to land.

    Args:
        files: Name and digest of the batch's files, by file index.
        visible: Files of silver by entity.
    """
    index = pl.Series([digest for _, digest in files], dtype=pl.String)
    tables = dict(parsed.tables)
    for name, paths in visible.items():
        rows = pl.read_parquet(paths, hive_partitioning=False)
        landing.carry(name, rows)
        if name in tables:
            stands = rows.filter(said(rows)).select(*_PLACE)
            placed = tables[name].with_columns(file_digest=pl.lit(index).gather(pl.col(FILE)))
            left = placed.join(
                stands,
                left_on=["file_digest", RECORD, ITEM],
                right_on=list(_PLACE),
                how="anti",
            )
            tables[name] = left.drop("file_digest")
    return replace(parsed, tables=tables)


def _days(visible: dict[str, list[Path]]) -> dict[tuple[str, str, date], int]:
    """Rows of some files of silver by entity, organization and day, as they were booked."""
    days: dict[tuple[str, str, date], int] = {}
    for name, paths in visible.items():
        if name in entities():
            rows = pl.read_parquet(paths, hive_partitioning=False)
            rows = rows.filter(said(rows))
            for organization, day, count in rows_by_day(entities()[name], rows).iter_rows():
                days[name, organization, day] = count
    return days


_PLACE = {"file_digest": pl.String(), "record_number": pl.Int64(), "item_number": pl.Int64()}


def _same_rows(visible: dict[str, list[Path]], files: list[Path]) -> bool:
    """True when the pending files hold what the visible ones hold, but for their batch."""
    if {path for paths in visible.values() for path in _stems(paths)} != set(_stems(files)):
        return False
    return all(
        _rows(visible[path.parent.parent.name]).equals(_rows([silver.pending(path)]))
        for path in files
    )


def _stems(paths: list[Path]) -> list[str]:
    return [path.parent.parent.name for path in paths]


def _rows(paths: list[Path]) -> pl.DataFrame:
    frame = pl.read_parquet(paths, hive_partitioning=False).drop("batch_id")
    return frame.sort(*_PLACE, "row_digest")


def _places(paths: list[Path]) -> pl.DataFrame:
    """Where the rows of some files of silver lie in the bytes."""
    if not paths:
        return pl.DataFrame(schema=_PLACE)
    rows = pl.read_parquet(paths, columns=[*_PLACE, "row_digest"], hive_partitioning=False)
    return rows.filter(said(rows)).drop("row_digest")


def _mapped(
    entity: str, column: str, before: list[Path], after: list[Path]
) -> Iterator[tuple[str, int]]:
    """Member's code (none where silver does not keep it) and rows whose code nobody knew before."""
    if not after:
        return
    raw = raw_name(column) if column in entities()[entity].coded else None
    was = pl.read_parquet(before, hive_partitioning=False).filter(pl.col(column).is_null())
    becomes = pl.read_parquet(after, hive_partitioning=False).filter(pl.col(column).is_not_null())
    code = pl.col(raw).fill_null("") if raw else pl.lit("")
    known = was.select(*_PLACE, code.alias("code")).join(
        becomes.select(*_PLACE), on=list(_PLACE), how="semi"
    )
    yield from known.group_by("code").len().iter_rows()


def _same_entry(
    refused: Sequence[Quarantined], held: Sequence[sqlite3.Row]
) -> Iterator[Quarantined]:
    """A piece refused at a place where one was refused before keeps that entry's id."""
    ids = {
        (r["entity"], r["file_digest"], r["record_number"], r["item_number"]): r["quarantine_id"]
        for r in held
    }
    taken = {piece.quarantine_id for piece in refused}
    for piece in refused:
        old = ids.get(piece.place)
        if old is None or old in taken:
            yield piece
        else:
            yield replace(piece, quarantine_id=old)
