"""The quarantine: what could not be conformed, where it lies, and taking it in again.

A refused piece is never copied: quarantine holds its place, bronze holds its bytes. Replay reads
the file again with today's contract and crosswalks; what passes now is accepted and booked as a
correction (received 0, accepted +1, quarantined -1), so a second replay changes nothing.
"""

import sqlite3
from collections import Counter
from dataclasses import dataclass

import polars as pl

from ingestion import bronze
from ingestion.clock import now
from ingestion.contract import Contract
from ingestion.formats.source import FILE, ITEM, RECORD, Parsed
from ingestion.ingest import UNREADABLE, Landing, parse
from ingestion.lake import Lake
from ingestion.ledger import Batch, Count, Ledger
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
    """Try every open piece of a feed again. Idempotent."""
    waiting = entries(ledger, feed=contract.feed)
    if not waiting:
        return Replay(contract.feed, 0, 0, 0)
    digests = sorted({row["file_digest"] for row in waiting})
    files = bronze.recall(lake, contract.feed, digests)
    parsed = parse(contract, [files[d] for d in digests])
    still = _still_refused(parsed, digests)
    moment = now()
    batch_id = f"{moment:%Y%m%dT%H%M%S%f}"
    landing = Landing(lake, contract, vault, batch_id, moment)
    open_ids = {row["quarantine_id"] for row in waiting}
    outcome = landing.land(
        _only(parsed, waiting, digests),
        [(files[d].name, d) for d in digests],
        known=ledger.quarantine_ids(contract.feed) - open_ids,
    )
    refused = {piece.quarantine_id for piece in outcome.quarantined}
    released = [
        row for row in waiting if row["quarantine_id"] not in refused and _place(row) not in still
    ]
    new = [piece for piece in outcome.quarantined if piece.quarantine_id not in open_ids]
    accepted = sum(c.accepted for c in outcome.counts.values())
    counts = _correction(
        freed=Counter(row["entity"] for row in released),
        gained={name: count.accepted for name, count in outcome.counts.items()},
        new=Counter(piece.entity for piece in new),
    )
    ledger.commit(
        Batch(
            batch_id=batch_id,
            feed=contract.feed,
            member_id=contract.member,
            received_at=moment,
            kind="replay",
            files=[],
            records=0,
            counts=counts,
            quarantined=new,
            unmapped=outcome.unmapped,
        ),
        released=[row["quarantine_id"] for row in released],
    )
    duplicate = sum(c.duplicate for c in counts.values())
    return Replay(contract.feed, len(waiting), accepted, duplicate)


def _place(row: sqlite3.Row) -> tuple[str, int, int, str]:
    return row["file_digest"], row["record_number"], row["item_number"], row["reason_code"]


def _still_refused(parsed: Parsed, digests: list[str]) -> set[tuple[str, int, int, str]]:
    return {(digests[p.file], p.record, p.item, p.code) for p in parsed.problems}


def _only(parsed: Parsed, waiting: list[sqlite3.Row], digests: list[str]) -> Parsed:
    """The rows that stood in quarantine, and all rows of pieces that were unreadable then."""
    index = {digest: i for i, digest in enumerate(digests)}
    tables = {}
    for name, table in parsed.tables.items():
        places = [
            (index[r["file_digest"]], r["record_number"], r["item_number"])
            for r in waiting if r["entity"] == name
        ]  # fmt: skip
        whole = [index[r["file_digest"]] for r in waiting if r["entity"] == UNREADABLE]
        wanted = pl.DataFrame(
            places, schema={c: table.schema[c] for c in (FILE, RECORD, ITEM)}, orient="row"
        )
        named = table.join(wanted, on=[FILE, RECORD, ITEM], how="semi")
        unread = table.filter(pl.col(FILE).is_in(whole)).join(
            wanted, on=[FILE, RECORD, ITEM], how="anti"
        )
        tables[name] = pl.concat([named, unread])
    return Parsed(tables=tables, problems=[], records=parsed.records)


def _correction(
    *, freed: Counter[str], gained: dict[str, int], new: Counter[str]
) -> dict[str, Count]:
    """Ledger lines that move freed pieces to accepted or duplicate.

    A piece that was unreadable held an unknown number of rows: it leaves the books as received and
    quarantined, and the rows that came out of it enter them.
    """
    counts = {}
    for name in sorted({*freed, *gained, *new}):
        if name == UNREADABLE:
            count = Count(received=-freed[name], quarantined=-freed[name])
        else:
            accepted = gained.get(name, 0)
            count = Count(
                received=max(0, accepted - freed[name]),
                accepted=accepted,
                quarantined=-freed[name],
                duplicate=max(0, freed[name] - accepted),
            )
        counts[name] = count + Count(received=new[name], quarantined=new[name])
    return counts
