"""The quarantine: what could not be conformed, where it lies, and taking it in again.

A refused piece is never copied: quarantine holds its place, bronze holds its bytes. Replay
conforms the batches that hold open pieces again (`again.py`), with today's contract and code lists.
Rows that stand stay as they are: a contract mended for what was refused need not fit what was
accepted.
"""

import sqlite3
from dataclasses import dataclass

from ingestion.again import conform_again
from ingestion.contract import Contract
from ingestion.lake import Lake
from ingestion.ledger import Ledger
from ingestion.vault import Vault


@dataclass(frozen=True)
class Replay:
    """What a replay of one feed did: pieces tried, rows accepted now, pieces still refused."""

    feed: str
    tried: int
    accepted: int
    still_refused: int


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
    """Try every open piece of a feed again. Idempotent: without a change of contract or code list a
    second one books nothing."""
    waiting = entries(ledger, feed=contract.feed)
    if not waiting:
        return Replay(contract.feed, 0, 0, 0)
    holders = {row["batch_id"] for row in waiting}
    done = conform_again(lake, contract, vault=vault, ledger=ledger, batches=holders, keep=True)
    left = len(entries(ledger, feed=contract.feed))
    return Replay(contract.feed, len(waiting), done.accepted, left)
