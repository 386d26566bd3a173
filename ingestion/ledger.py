"""The ledger: what arrived, what became of it, and that nothing was lost.

One SQLite file per lake. Belongs here: batches, files seen, what each batch was conformed with and
the balance `received = accepted + quarantined + duplicate`. The quarantine table lives in the same
file so that a batch and its quarantine commit together (`quarantine.py` reads it).

A batch is *live* until another one conforms the same arrival again and supersedes it
(`again.py`); totals, quarantine and silver are those of live batches, the others are history.
"""

import json
import sqlite3
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from ingestion.booking import Batch, Count, Days, Supersession, UnbalancedLedger
from ingestion.clock import now
from ingestion.definition import Definition

_VERSION = 3
_SCHEMA = """
create table if not exists definition (
    definition_id text primary key, feed text not null, parts text not null);
create table if not exists batch (
    batch_id text primary key, feed text not null, member_id text not null,
    kind text not null, arrival_id text not null, superseded_by text,
    definition_id text not null references definition,
    received_at text not null, booked_at text not null,
    files integer not null, records integer not null,
    received integer not null, accepted integer not null,
    quarantined integer not null, duplicate integer not null, unmapped integer not null,
    persons integer not null, check (received = accepted + quarantined + duplicate));
create index if not exists batch_of_feed on batch (feed, batch_id);
create table if not exists batch_entity (
    batch_id text not null references batch, entity text not null,
    received integer not null, accepted integer not null,
    quarantined integer not null, duplicate integer not null,
    primary key (batch_id, entity),
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
create index if not exists quarantine_of_feed on quarantine (feed, state);
create index if not exists quarantine_of_batch on quarantine (batch_id);
create table if not exists unmapped_code (
    batch_id text not null references batch, entity text not null, column_name text not null,
    source_code text not null, seen integer not null,
    primary key (batch_id, entity, column_name, source_code));
create table if not exists feed_day (
    feed text not null, entity text not null, organization_id text not null, day text not null,
    row_count integer not null, primary key (feed, entity, organization_id, day)) without rowid;
create table if not exists lapsed_rows (
    batch_id text not null references batch, entity text not null, row_count integer not null,
    primary key (batch_id, entity));
create table if not exists conform_change (
    batch_id text not null references batch, entity text not null, change text not null,
    what text not null, row_count integer not null,
    primary key (batch_id, entity, change, what));
"""


class OldLedger(RuntimeError):
    """The ledger was written by an earlier version; bronze can be taken in anew."""


class Ledger:
    """Opens or makes `ledger.sqlite` in a lake's home.

    Raises:
        OldLedger: the file was written by a version whose books this one cannot go on with.
    """

    def __init__(self, home: Path) -> None:
        self.database = sqlite3.connect(home / "ledger.sqlite", timeout=60)
        self.database.row_factory = sqlite3.Row
        (version,) = self.database.execute("pragma user_version").fetchone()
        (tables,) = self.database.execute("select count(*) from sqlite_schema").fetchone()
        if version != _VERSION and tables:
            self.database.close()
            raise OldLedger(
                f"台账由另一版本写成（第 {version} 版，应为第 {_VERSION} 版）："
                "请运行 yigong rebuild --from-bronze，从青铜层重建"
            )
        self.database.executescript(
            f"pragma journal_mode = wal; pragma user_version = {_VERSION};" + _SCHEMA
        )

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

    def arrival_ids(self, feed: str) -> set[str]:
        """The batches that brought bytes: bronze holds these and no others."""
        rows = self.database.execute(
            "select batch_id from batch where feed = ? and kind = 'arrival'", (feed,)
        )
        return {row["batch_id"] for row in rows}

    def batch_ids(self, feed: str) -> set[str]:
        rows = self.database.execute("select batch_id from batch where feed = ?", (feed,))
        return {row["batch_id"] for row in rows}

    def live(self, feed: str) -> list[sqlite3.Row]:
        """The batches of a feed that stand, in the order in which they arrived."""
        return self.database.execute(
            "select * from batch where feed = ? and superseded_by is null order by arrival_id",
            (feed,),
        ).fetchall()

    def definitions(self, ids: Collection[str]) -> list[Definition]:
        """Some definitions, by their ids."""
        rows = self.database.execute("select definition_id, parts from definition").fetchall()
        return [Definition(json.loads(r["parts"])) for r in rows if r["definition_id"] in ids]

    def counts(self, batch_id: str) -> dict[str, Count]:
        """What became of one batch, by entity."""
        rows = self.database.execute(
            """select entity, received, accepted, quarantined, duplicate from batch_entity
            where batch_id = ?""",
            (batch_id,),
        )
        return {entity: Count(*numbers) for entity, *numbers in rows}

    def unmapped(self, batch_id: str) -> dict[tuple[str, str, str], int]:
        """Rows by entity, column and code that nobody mapped, of one batch."""
        rows = self.database.execute(
            """select entity, column_name, source_code, seen from unmapped_code
            where batch_id = ?""",
            (batch_id,),
        )
        return {(entity, column, code): seen for entity, column, code, seen in rows}

    def held(self, batch_id: str) -> list[sqlite3.Row]:
        """The pieces that one batch holds in quarantine."""
        return self.database.execute(
            "select * from quarantine where batch_id = ? and state = 'open'", (batch_id,)
        ).fetchall()

    def open_ids(self, feed: str) -> set[str]:
        """What of a feed stands in quarantine."""
        rows = self.database.execute(
            "select quarantine_id from quarantine where feed = ? and state = 'open'", (feed,)
        )
        return {row["quarantine_id"] for row in rows}

    def next_batch_id(self, moment: datetime) -> str:
        """An id for a batch begun at a moment; later than all others, whatever the clock says."""
        (last,) = self.database.execute("select max(batch_id) from batch").fetchone()
        made = f"{moment:%Y%m%dT%H%M%S%f}"
        if last is None or made > last:
            return made
        day, clock = last.split("T")
        return f"{day}T{int(clock) + 1:012d}"

    def commit(self, batch: Batch, *, supersedes: Supersession | None = None) -> None:
        """Write a batch, its files, counts and quarantine in one transaction.

        Args:
            batch: What became of an arrival.
            supersedes: The batch that this one takes the place of, when it conforms it again.

        Raises:
            UnbalancedLedger: an entity's counts do not add up.
        """
        for entity, count in batch.counts.items():
            if not count.balanced:
                raise UnbalancedLedger(f"{batch.feed} {entity}: {count}")
        with self.database:
            self._insert(batch)
            if supersedes:
                self._supersede(batch, supersedes)
            self._hold(batch)

    def _insert(self, batch: Batch) -> None:
        total = sum(batch.counts.values(), Count())
        run, many = self.database.execute, self.database.executemany
        made = batch.definition
        run(
            "insert or ignore into definition values (?,?,?)",
            (made.definition_id, batch.feed, made.to_json()),
        )
        run(
            "insert into batch values (?,?,?,?,?,null,?,?,?,?,?,?,?,?,?,?,?)",
            (
                batch.batch_id, batch.feed, batch.member_id, batch.kind,
                batch.arrival_id or batch.batch_id, made.definition_id,
                batch.received_at.isoformat(), now().isoformat(), len(batch.files), batch.records,
                total.received, total.accepted, total.quarantined, total.duplicate,
                sum(batch.unmapped.values()), batch.persons,
            ),
        )  # fmt: skip
        many(
            "insert into batch_entity values (?,?,?,?,?,?)",
            [
                (batch.batch_id, entity, c.received, c.accepted, c.quarantined, c.duplicate)
                for entity, c in batch.counts.items()
            ],
        )
        many(
            "insert or ignore into file values (?,?,?,?,?,?)",
            [
                (batch.feed, f.name, f.digest, f.bytes, f.modified_ns, batch.batch_id)
                for f in batch.files
            ],
        )
        many(
            "insert into unmapped_code values (?,?,?,?,?)",
            [(batch.batch_id, *code, seen) for code, seen in batch.unmapped.items()],
        )
        many(
            "insert into lapsed_rows values (?,?,?)",
            [(batch.batch_id, entity, rows) for entity, rows in batch.lapsed.items()],
        )
        self._add_days(batch.feed, batch.days, 1)

    def _add_days(self, feed: str, days: Days, sign: int) -> None:
        self.database.executemany(
            """insert into feed_day values (?,?,?,?,?)
            on conflict do update set row_count = row_count + excluded.row_count""",
            [
                (feed, entity, organization, day.isoformat(), sign * rows)
                for (entity, organization, day), rows in days.items()
            ],
        )
        if sign < 0:
            self.database.execute("delete from feed_day where feed = ? and row_count = 0", (feed,))

    def _hold(self, batch: Batch) -> None:
        """Quarantine what the batch refused; what was there already is seen once more."""
        moment = batch.received_at.isoformat()
        self.database.executemany(
            """insert into quarantine values (?,?,?,?,?,?,?,?,?,?,?,?,?,1,'open')
            on conflict (quarantine_id) do update set
                state = 'open', batch_id = excluded.batch_id, reason_code = excluded.reason_code,
                detail = excluded.detail""",
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
            "update quarantine set last_seen = ?, seen = seen + 1 where quarantine_id = ?",
            [(moment, q.quarantine_id) for q in batch.repeated],
        )

    def _supersede(self, batch: Batch, old: Supersession) -> None:
        self.database.execute(
            "update batch set superseded_by = ? where batch_id = ?", (batch.batch_id, old.batch_id)
        )
        self.database.executemany(
            "update quarantine set state = 'replayed', last_seen = ? where quarantine_id = ?",
            [(now().isoformat(), quarantine_id) for quarantine_id in old.released],
        )
        self._add_days(batch.feed, old.days, -1)
        self.database.executemany(
            "insert into conform_change values (?,?,?,?,?)",
            [(batch.batch_id, c.entity, c.change, c.what, c.rows) for c in old.changes],
        )

    def feeds(self) -> dict[str, sqlite3.Row]:
        """Totals by feed: received, accepted, quarantined, duplicate, unmapped, first and last."""
        rows = self.database.execute(
            """select feed, sum(received) as received, sum(accepted) as accepted,
                sum(quarantined) as quarantined, sum(duplicate) as duplicate,
                sum(unmapped) as unmapped, min(received_at) as first_received_at,
                max(received_at) as last_received_at
            from batch where superseded_by is null group by feed order by feed"""
        )
        return {row["feed"]: row for row in rows}

    def accepted(self) -> list[sqlite3.Row]:
        """`batch_id`, `entity`, `accepted` of every batch that stands."""
        return self.database.execute(
            """select batch_id, entity, batch_entity.accepted
            from batch_entity join batch using (batch_id) where superseded_by is null"""
        ).fetchall()

    def silver_batches(self) -> list[tuple[str, str, str, str, int]]:
        """Entity, feed, batch, its arrival and whether it is live (1), of batches with rows."""
        rows = self.database.execute(
            """select entity, feed, batch_id, arrival_id, superseded_by is null
            from batch_entity join batch using (batch_id)
            where batch_entity.accepted > 0 or exists (
                select 1 from lapsed_rows
                where lapsed_rows.batch_id = batch.batch_id
                    and lapsed_rows.entity = batch_entity.entity)
            union all
            select 'source_person', feed, batch_id, arrival_id, superseded_by is null
            from batch where persons > 0
            order by 1, 3"""
        )
        return [
            (entity, feed, batch, arrival, bool(live))
            for entity, feed, batch, arrival, live in rows
        ]

    def silver_versions(self) -> dict[str, str]:
        """By entity, what tells two contents of its silver apart: live batches and the latest."""
        batches: dict[str, list[str]] = {}
        for entity, _, batch_id, _, is_live in self.silver_batches():
            if is_live:
                batches.setdefault(entity, []).append(batch_id)
        return {entity: f"{len(ids)} {max(ids)}" for entity, ids in batches.items()}

    def rows_of_silver(self) -> dict[str, int]:
        """Rows that live batches hold, by entity."""
        rows = self.database.execute(
            """select entity, sum(batch_entity.accepted)
            from batch_entity join batch using (batch_id)
            where superseded_by is null group by entity
            union all
            select entity, sum(row_count) from lapsed_rows join batch using (batch_id)
            where superseded_by is null group by entity
            union all
            select 'source_person', sum(persons) from batch where superseded_by is null"""
        )
        found: dict[str, int] = {}
        for entity, count in rows:
            found[entity] = found.get(entity, 0) + (count or 0)
        return found

    def lapsed(self) -> list[sqlite3.Row]:
        """`feed`, `batch_id`, `arrival_id`, `received_at`, `entity`, `row_count` of live batches
        that took rows back, latest first: snapshots that no longer hold them."""
        return self.database.execute(
            """select feed, batch_id, arrival_id, received_at, entity, row_count
            from lapsed_rows join batch using (batch_id) where superseded_by is null
            order by arrival_id desc, entity"""
        ).fetchall()

    def feed_days(self) -> list[tuple[str, str, str, str, int]]:
        """Feed, entity, organization, day of the event and rows accepted, in this order."""
        rows = self.database.execute("select * from feed_day order by 1, 2, 3, 4")
        return [tuple(row) for row in rows]

    def unmapped_codes(self, feed: str | None = None) -> list[sqlite3.Row]:
        """`feed`, `entity`, `column_name`, `source_code`, `seen`; most seen first."""
        return self.database.execute(
            """select feed, entity, column_name, source_code, sum(seen) as seen
            from unmapped_code join batch using (batch_id)
            where superseded_by is null and (:feed is null or feed = :feed)
            group by feed, entity, column_name, source_code
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
            "select coalesce(sum(quarantined), 0) from batch where superseded_by is null"
        ).fetchone()[0]
        return bool(odd == 0 and open_count == booked)
