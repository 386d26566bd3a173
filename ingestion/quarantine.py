"""The quarantine: what could not be conformed, where it lies, and taking it in again.

A refused piece is never copied: quarantine holds its place, bronze holds its bytes. Replay reads
the file again with today's contract and crosswalks; what passes now is accepted and booked as a
correction (received 0, accepted +1, quarantined -1), so a second replay changes nothing. After it
the books read as if the file had been taken with today's contract in the first place.
"""

import sqlite3
from collections import Counter
from dataclasses import dataclass

import polars as pl

from ingestion import bronze
from ingestion.clock import now
from ingestion.conform import clean, row_digests
from ingestion.contract import Contract
from ingestion.formats.source import FILE, ITEM, RECORD, Parsed, position_schema
from ingestion.ingest import UNREADABLE, Landing, Outcome, discard_unbooked, parse
from ingestion.lake import Lake
from ingestion.ledger import Batch, Count, Ledger, Quarantined
from ingestion.turn import turn
from ingestion.vault import Vault


@dataclass(frozen=True)
class Replay:
    """What a replay of one feed did: pieces tried, accepted now, repeats of accepted rows."""

    feed: str
    tried: int
    accepted: int
    duplicate: int


def entries(
    ledger: Ledger, *, feed: str | None = None, state: str | None = "open"
) -> list[sqlite3.Row]:
    """Quarantined pieces, newest first, by feed and state (`open`, `replayed`; None for both)."""
    return ledger.database.execute(
        """select * from quarantine where (:feed is null or feed = :feed)
            and (:state is null or state = :state)
        order by last_seen desc, feed, file_name, record_number, item_number""",
        {"feed": feed, "state": state},
    ).fetchall()


def entry(ledger: Ledger, quarantine_id: str) -> sqlite3.Row:
    """One quarantined piece by its id or an unambiguous beginning of it.

    Raises:
        KeyError: no piece, or several, begin so.
    """
    rows = ledger.database.execute(
        "select * from quarantine where quarantine_id like ? limit 2", (f"{quarantine_id}%",)
    ).fetchall()
    if len(rows) != 1:
        raise KeyError(quarantine_id)
    row: sqlite3.Row = rows[0]
    return row


def replay(lake: Lake, contract: Contract, *, vault: Vault, ledger: Ledger) -> Replay:
    """Try every open piece of a feed again; one that still does not pass, or that today's contract
    no longer finds, stays. Idempotent: without a change of contract a second one books nothing."""
    with turn(lake, contract.feed):
        discard_unbooked(lake, contract, ledger)
        waiting = entries(ledger, feed=contract.feed)
        if not waiting:
            return Replay(contract.feed, 0, 0, 0)
        digests = sorted({row["file_digest"] for row in waiting})
        recalled = bronze.recall(lake, contract.feed, digests)
        files = [(recalled[d].name, d) for d in digests]
        parsed = parse(contract, [recalled[d] for d in digests])
        moment = now()
        landing = Landing(lake, contract, vault, f"{moment:%Y%m%dT%H%M%S%f}", moment)
        unread = {landing.unreadable(p, files).quarantine_id for p in parsed.problems}
        readable = [
            row for row in waiting
            if row["entity"] == UNREADABLE and row["quarantine_id"] not in unread
        ]  # fmt: skip
        chosen, found = _choose(lake, contract.feed, parsed, waiting, readable, digests)
        open_ids = {row["quarantine_id"] for row in waiting}
        outcome = landing.land(chosen, files, known=ledger.quarantine_ids(contract.feed) - open_ids)
        correction = _correct(outcome, waiting, readable, found)
        if correction.changes:
            ledger.commit(
                Batch(
                    batch_id=landing.batch_id,
                    feed=contract.feed,
                    member_id=contract.member,
                    received_at=moment,
                    kind="replay",
                    files=[],
                    records=0,
                    counts=correction.counts,
                    quarantined=correction.added,
                    unmapped=outcome.unmapped,
                ),
                released=correction.released,
                restated=correction.restated,
            )
    total = sum(correction.counts.values(), Count())
    return Replay(contract.feed, len(waiting), total.accepted, total.duplicate)


Place = tuple[str, str, int, int]
"""Entity, file digest, record and item: where a row lies."""


def _place(row: sqlite3.Row) -> Place:
    return row["entity"], row["file_digest"], row["record_number"], row["item_number"]


def _choose(
    lake: Lake,
    feed: str,
    parsed: Parsed,
    waiting: list[sqlite3.Row],
    readable: list[sqlite3.Row],
    digests: list[str],
) -> tuple[Parsed, set[Place]]:
    """The rows to land: those that stood in quarantine, then those that were unreadable then.

    Also gives the places of the former. A row that was accepted from the same file is not new.
    """
    index = {digest: number for number, digest in enumerate(digests)}
    tables: dict[str, pl.DataFrame] = {}
    found: set[Place] = set()
    for name, table in parsed.tables.items():
        here = [row for row in waiting if row["entity"] == name]
        places = pl.DataFrame(
            [(index[r["file_digest"]], r["record_number"], r["item_number"]) for r in here],
            schema=position_schema(),
            orient="row",
        )
        named = table.join(places, on=[FILE, RECORD, ITEM], how="semi")
        found |= {(name, digests[f], r, i) for f, r, i in named.select(FILE, RECORD, ITEM).rows()}
        fresh = _of_pieces(table.join(places, on=[FILE, RECORD, ITEM], how="anti"), readable, index)
        tables[name] = pl.concat([named, _never_accepted(lake, feed, name, fresh, digests)])
    return Parsed(tables, parsed.problems, parsed.records), found


def _of_pieces(
    table: pl.DataFrame, pieces: list[sqlite3.Row], index: dict[str, int]
) -> pl.DataFrame:
    """Rows of pieces that can be read now: their record, or their whole file."""
    whole = {index[piece["file_digest"]] for piece in pieces if piece["record_number"] == 0}
    records = {(index[piece["file_digest"]], piece["record_number"]) for piece in pieces}
    schema = {c: t for c, t in position_schema().items() if c != ITEM}
    wanted = pl.DataFrame(sorted(records), schema=schema, orient="row")
    in_whole = pl.col(FILE).is_in(sorted(whole))
    return pl.concat(
        [
            table.filter(in_whole),
            table.filter(~in_whole).join(wanted, on=[FILE, RECORD], how="semi"),
        ]
    )


def _never_accepted(
    lake: Lake, feed: str, entity: str, rows: pl.DataFrame, digests: list[str]
) -> pl.DataFrame:
    paths = sorted(lake.silver(entity).glob(f"*/{feed}--*.parquet"))
    if not paths or not len(rows):
        return rows
    accepted = (
        pl.scan_parquet(paths, hive_partitioning=False)
        .filter(pl.col("file_digest").is_in(digests))
        .select("file_digest", "row_digest")
        .unique()
        .collect()
    )
    marked = rows.with_columns(
        row_digests(clean(rows)),
        file_digest=pl.lit(pl.Series(digests)).gather(pl.col(FILE)),
    )
    fresh = marked.join(accepted, on=["file_digest", "row_digest"], how="anti")
    return fresh.select(rows.columns)


@dataclass(frozen=True)
class _Correction:
    """Ledger lines of a replay, and what happens to entries of the quarantine."""

    counts: dict[str, Count]
    added: list[Quarantined]
    released: list[str]
    restated: dict[str, tuple[str, str]]

    @property
    def changes(self) -> bool:
        return bool(self.counts or self.added or self.released or self.restated)


def _correct(
    outcome: Outcome,
    waiting: list[sqlite3.Row],
    readable: list[sqlite3.Row],
    found: set[Place],
) -> _Correction:
    """What the books must say after a replay that they did not say before.

    A row found again was received before; only its fate is new. A piece that was unreadable held an
    unknown number of rows: it leaves the books, and the rows that came out of it enter them.
    """
    by_id = {piece.quarantine_id: piece for piece in outcome.quarantined}
    by_place = {_piece_place(p): p for p in outcome.quarantined if p.entity != UNREADABLE}
    released = list(readable)
    restated = {}
    for row in waiting:
        held = by_id.get(row["quarantine_id"]) or by_place.get(_place(row))
        if held is None and _place(row) in found:
            released.append(row)
        elif held and (held.reason_code, held.detail) != (row["reason_code"], row["detail"]):
            restated[row["quarantine_id"]] = (held.reason_code, held.detail)
    open_ids = {row["quarantine_id"] for row in waiting}
    added = [
        piece for piece in outcome.quarantined
        if piece.quarantine_id not in open_ids and _piece_place(piece) not in found
    ]  # fmt: skip
    freed = Counter(row["entity"] for row in released)
    new = Counter(piece.entity for piece in added)
    before = Counter(place[0] for place in found)
    counts = {}
    for name in sorted({*freed, *new, *outcome.counts}):
        quarantined = new[name] - freed[name]
        if name == UNREADABLE:
            counts[name] = Count(received=quarantined, quarantined=quarantined)
            continue
        landed = outcome.counts[name]
        received = landed.received - before[name]
        repeats = received - landed.accepted - quarantined
        counts[name] = Count(received, landed.accepted, quarantined, repeats)
    counts = {name: count for name, count in counts.items() if count != Count()}
    return _Correction(counts, added, [row["quarantine_id"] for row in released], restated)


def _piece_place(piece: Quarantined) -> Place:
    return piece.entity, piece.file_digest, piece.record_number, piece.item_number
