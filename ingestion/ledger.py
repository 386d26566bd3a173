"""The ledger: what arrived, what became of it, and that nothing was lost.

One SQLite file per lake. Belongs here: batches, files seen and the balance
`received = accepted + quarantined + duplicate`. The quarantine table lives in the same file so that
a batch and its quarantine commit together (`quarantine.py` reads and replays it).
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

_SCHEMA = """
create table if not exists batch (
    batch_id text primary key, feed text not null, member_id text not null,
    received_at text not null, kind text not null, files integer not null, records integer not null,
    received integer not null, accepted integer not null,
    quarantined integer not null, duplicate integer not null, unmapped integer not null,
    check (received = accepted + quarantined + duplicate));
create table if not exists batch_entity (
    batch_id text not null references batch, entity text not null,
    received integer not null, accepted integer not null,
    quarantined integer not null, duplicate integer not null,
    check (received = accepted + quarantined + duplicate));
create table if not exists file (
    feed text not null, name text not null, digest text not null, bytes integer not null,
    modified_ns integer not null, batch_id text not null references batch,
    primary key (feed, name, digest));
create table if not exists quarantine (
    quarantine_id text primary key,
    feed text not null, member_id text not null, entity text not null,
    reason_code text not null, detail text not null, file_name text not null,
    file_digest text not null, record_number integer not null, item_number integer not null,
    batch_id text not null, first_seen text not null, last_seen text not null,
    seen integer not null, state text not null);
create table if not exists unmapped_code (
    feed text not null, entity text not null, column_name text not null, source_code text not null,
    seen integer not null, primary key (feed, entity, column_name, source_code));
"""


@dataclass(frozen=True)
class Count:
    """Rows of one entity in one batch; the unit is an entity row or one unreadable piece."""

    received: int = 0
    accepted: int = 0
    quarantined: int = 0
    duplicate: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(
            self.received + other.received,
            self.accepted + other.accepted,
            self.quarantined + other.quarantined,
            self.duplicate + other.duplicate,
        )

    @property
    def balanced(self) -> bool:
        return self.received == self.accepted + self.quarantined + self.duplicate


class UnbalancedLedger(RuntimeError):
    """A batch lost or invented rows; nothing of it is committed."""


@dataclass(frozen=True)
class SeenFile:
    name: str
    digest: str
    bytes: int
    modified_ns: int


@dataclass(frozen=True)
class Quarantined:
    """One refused piece. Says where and why, never what it contained."""

    quarantine_id: str
    entity: str
    reason_code: str
    detail: str
    file_name: str
    file_digest: str
    record_number: int
    item_number: int


@dataclass(frozen=True)
class Batch:
    batch_id: str
    feed: str
    member_id: str
    received_at: datetime
    kind: str
    files: Sequence[SeenFile]
    records: int
    counts: dict[str, Count]
    quarantined: Sequence[Quarantined] = ()
    unmapped: dict[tuple[str, str, str], int] = field(default_factory=dict)


class Ledger:
    """Opens or makes `ledger.sqlite` in a lake's home."""

    def __init__(self, home: Path) -> None:
        self.database = sqlite3.connect(home / "ledger.sqlite", timeout=60)
        self.database.row_factory = sqlite3.Row
        self.database.executescript("pragma journal_mode = wal;" + _SCHEMA)

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def seen(self, feed: str) -> set[tuple[str, int, int]]:
        """Files of a feed already taken, by name, size and modification time."""
        rows = self.database.execute(
            "select name, bytes, modified_ns from file where feed = ?", (feed,)
        )
        return {(row["name"], row["bytes"], row["modified_ns"]) for row in rows}

    def seen_digests(self, feed: str) -> set[tuple[str, str]]:
        rows = self.database.execute("select name, digest from file where feed = ?", (feed,))
        return {(row["name"], row["digest"]) for row in rows}

    def batch_ids(self, feed: str) -> set[str]:
        rows = self.database.execute("select batch_id from batch where feed = ?", (feed,))
        return {row["batch_id"] for row in rows}

    def quarantine_ids(self, feed: str) -> set[str]:
        rows = self.database.execute("select quarantine_id from quarantine where feed = ?", (feed,))
        return {row["quarantine_id"] for row in rows}

    def commit(
        self,
        batch: Batch,
        *,
        released: Sequence[str] = (),
        restated: Mapping[str, tuple[str, str]] | None = None,
    ) -> None:
        """Write a batch, its files, counts and quarantine in one transaction.

        Args:
            batch: A quarantined piece that is in quarantine already is seen once more.
            released: Quarantine ids that this batch (a replay) has taken out of quarantine.
            restated: Present reason code and detail of pieces that stay, by quarantine id.

        Raises:
            UnbalancedLedger: an entity's counts do not add up.
        """
        for entity, count in batch.counts.items():
            if not count.balanced:
                raise UnbalancedLedger(f"{batch.feed} {entity}: {count}")
        total = sum(batch.counts.values(), Count())
        moment = batch.received_at.isoformat()
        with self.database:
            self.database.execute(
                "insert into batch values (?,?,?,?,?,?,?,?,?,?,?,?)",
                (
                    batch.batch_id, batch.feed, batch.member_id, moment, batch.kind,
                    len(batch.files), batch.records, total.received, total.accepted,
                    total.quarantined, total.duplicate, sum(batch.unmapped.values()),
                ),
            )  # fmt: skip
            self.database.executemany(
                "insert into batch_entity values (?,?,?,?,?,?)",
                [
                    (batch.batch_id, entity, c.received, c.accepted, c.quarantined, c.duplicate)
                    for entity, c in batch.counts.items()
                ],
            )
            self.database.executemany(
                "insert or ignore into file values (?,?,?,?,?,?)",
                [
                    (batch.feed, f.name, f.digest, f.bytes, f.modified_ns, batch.batch_id)
                    for f in batch.files
                ],
            )
            self.database.executemany(
                """insert into quarantine values (?,?,?,?,?,?,?,?,?,?,?,?,?,1,'open')
                on conflict (quarantine_id) do update
                set last_seen = excluded.last_seen, seen = seen + 1""",
                [
                    (
                        q.quarantine_id, batch.feed, batch.member_id, q.entity, q.reason_code,
                        q.detail, q.file_name, q.file_digest, q.record_number, q.item_number,
                        batch.batch_id, moment, moment,
                    )
                    for q in batch.quarantined
                ],
            )  # fmt: skip
            self.database.executemany(
                """insert into unmapped_code values (?,?,?,?,?)
                on conflict do update set seen = seen + excluded.seen""",
                [
                    (batch.feed, entity, column, code, seen)
                    for (entity, column, code), seen in batch.unmapped.items()
                ],
            )
            self.database.executemany(
                "update quarantine set state = 'replayed', last_seen = ? where quarantine_id = ?",
                [(moment, quarantine_id) for quarantine_id in released],
            )
            self.database.executemany(
                "update quarantine set reason_code = ?, detail = ? where quarantine_id = ?",
                [(*reason, quarantine_id) for quarantine_id, reason in (restated or {}).items()],
            )

    def feeds(self) -> dict[str, sqlite3.Row]:
        """Totals by feed: received, accepted, quarantined, duplicate, unmapped, first and last."""
        rows = self.database.execute(
            """select feed, sum(received) as received, sum(accepted) as accepted,
                sum(quarantined) as quarantined, sum(duplicate) as duplicate,
                sum(unmapped) as unmapped, min(received_at) as first_received_at,
                max(case when kind = 'arrival' then received_at end) as last_received_at
            from batch group by feed order by feed"""
        )
        return {row["feed"]: row for row in rows}

    def unmapped_codes(self, feed: str | None = None) -> list[sqlite3.Row]:
        """`feed`, `entity`, `column_name`, `source_code`, `seen`; most seen first."""
        return self.database.execute(
            """select * from unmapped_code where :feed is null or feed = :feed
            order by seen desc, feed, entity, column_name, source_code""",
            {"feed": feed},
        ).fetchall()

    def balanced(self) -> bool:
        """True when every batch and every feed total adds up, by the stored rows themselves."""
        odd = self.database.execute(
            """select count(*) from (
                select batch.batch_id from batch join batch_entity using (batch_id)
                group by batch.batch_id
                having sum(batch_entity.received) != max(batch.received)
                    or sum(batch_entity.accepted) != max(batch.accepted)
                    or max(batch.received) != max(batch.accepted) + max(batch.quarantined)
                        + max(batch.duplicate))"""
        ).fetchone()[0]
        open_count = self.database.execute(
            "select count(*) from quarantine where state = 'open'"
        ).fetchone()[0]
        booked = self.database.execute(
            "select coalesce(sum(quarantined), 0) from batch"
        ).fetchone()[0]
        return bool(odd == 0 and open_count == booked)
