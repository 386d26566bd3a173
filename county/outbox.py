"""Where files land, and the books the simulator keeps about them: bytes, ledger, planted faults.

Belongs here: writing bytes, holding them back until their day, and counting. Not here: which fault
goes where (`systems/`).
"""

import os
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from county.parameters import parameters


@dataclass(frozen=True, slots=True)
class Fault:
    """One planted fault. `record` is 1-based, 0 for a whole file; `reason` is a code of
    `ingestion/errors.py` or None when the record is accepted."""

    feed: str
    file: str
    record: int
    item: str
    kind: str
    outcome: str
    reason: str | None


_FAULT_SCHEMA = {
    "feed": pl.String, "file": pl.String, "record_number": pl.Int64, "item": pl.String,
    "kind": pl.String, "outcome": pl.String, "reason_code": pl.String,
}  # fmt: skip
_TEXTS = [name for name, kind in _FAULT_SCHEMA.items() if kind == pl.String]
_FAULTS_HELD = 100_000
_ZONE = ZoneInfo("Asia/Shanghai")


def _compact(rows: pl.DataFrame) -> pl.DataFrame:
    """Texts that repeat a million times as categories."""
    return rows.cast({"record_number": pl.Int64, **dict.fromkeys(_TEXTS, pl.Categorical)})


@dataclass(slots=True)
class Counts:
    """Entity rows of one feed, plus one for each unreadable file or message."""

    received: int = 0
    accepted: int = 0
    quarantined: int = 0
    duplicate: int = 0

    def add(self, accepted: int, quarantined: int, duplicate: int) -> None:
        self.received += accepted + quarantined + duplicate
        self.accepted += accepted
        self.quarantined += quarantined
        self.duplicate += duplicate


@dataclass
class Outbox:
    """Writes files under `inbox/`, or holds them back under `state/pending/`, and keeps count.

    Args:
        root: The county's output folder.
    """

    root: Path
    holds: bool = False
    """Files wait for `release` of their day."""
    day: date = date.min
    """The day of files whose writer names none: the last of the month."""
    files: int = 0
    size: int = 0
    fault_count: int = 0
    digest: str = ""
    """SHA-256 over the digest before, the file's name and its content's SHA-256."""
    counts: dict[str, Counts] = field(default_factory=dict)
    _waiting: dict[date, list[str]] = field(default_factory=dict)
    _held: dict[str, list[tuple[str, Counts]]] = field(default_factory=dict)
    _folders: set[Path] = field(default_factory=set)
    _faults: list[Fault] = field(default_factory=list)
    _fault_rows: list[pl.DataFrame] = field(default_factory=list)

    def write(self, name: str, data: bytes, day: date | None = None) -> None:
        """Write one file; `name` is relative to the inbox.

        Args:
            day: When it is sent; the month's last day when not given.

        Raises:
            FileExistsError: two writers chose one name.
        """
        if self.holds:
            self._waiting.setdefault(day or self.day, []).append(name)
            self._put(self._pending / name, data)
        else:
            self._send(name, data, day or self.day)

    def _send(self, name: str, data: bytes, day: date) -> None:
        """A file bears the time at which it is sent: the morning after its day."""
        path = self.root / "inbox" / name
        self._put(path, data)
        if day > date.min:
            sent = datetime.combine(day + timedelta(days=1), time(6), _ZONE).timestamp()
            os.utime(path, (sent, sent))
        self.files += 1
        self.size += len(data)
        content = sha256(data).digest()
        self.digest = sha256(self.digest.encode() + name.encode() + b"\0" + content).hexdigest()

    def _put(self, path: Path, data: bytes) -> None:
        if path.parent not in self._folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(path.parent)
        with path.open("xb") as stream:
            stream.write(data)

    @property
    def _pending(self) -> Path:
        return self.root / "state" / "pending"

    def resume(self, root: Path) -> None:
        """Go on from a saved state in this folder; undo what a broken-off run did beyond it."""
        self.root = root
        self._folders.clear()
        if self._journal.exists():
            for name in self._journal.read_text("utf-8").splitlines():
                (root / "inbox" / name).unlink(missing_ok=True)
        waiting = {name for names in self._waiting.values() for name in names}
        for path in [p for p in self._pending.rglob("*") if p.is_file()]:
            if path.relative_to(self._pending).as_posix() not in waiting:
                path.unlink()

    def release(self, until: date) -> None:
        """Send the files that wait for a day up to and including `until`.

        `keep_released` makes it final, once the state is safe.
        """
        days = [day for day in sorted(self._waiting) if day <= until]
        due = {name: day for day in days for name in self._waiting.pop(day)}
        self._journal.write_text("\n".join(due), "utf-8")
        for name, day in due.items():
            self._send(name, (self._pending / name).read_bytes(), day)
            self._held.pop(name, None)

    def keep_released(self) -> None:
        for name in self._journal.read_text("utf-8").splitlines():
            (self._pending / name).unlink()
        self._journal.unlink()

    @property
    def _journal(self) -> Path:
        return self.root / "state" / "releasing.txt"

    def book(
        self, feed: str, file: str, *, accepted: int = 0, quarantined: int = 0, duplicate: int = 0
    ) -> None:
        """Add rows of a file to a feed's ledger."""
        self.counts.setdefault(feed, Counts()).add(accepted, quarantined, duplicate)
        if self.holds:
            held = Counts()
            held.add(accepted, quarantined, duplicate)
            self._held.setdefault(file, []).append((feed, held))

    def plant(
        self, feed: str, file: str, record: int, item: str, kind: str,
        outcome: str, reason: str | None = None,
    ) -> None:  # fmt: skip
        self.add_fault(Fault(feed, file, record, item, kind, outcome, reason))

    def add_fault(self, fault: Fault) -> None:
        self.fault_count += 1
        self._faults.append(fault)
        if len(self._faults) >= _FAULTS_HELD:
            self._settle_faults()

    def plant_rows(self, feed: str, file: str, rows: pl.DataFrame) -> None:
        """Plant many faults of one file: `record_number`, `item`, `kind`, `outcome`,
        `reason_code`."""
        if len(rows):
            self.fault_count += len(rows)
            where = rows.select(pl.lit(feed).alias("feed"), pl.lit(file).alias("file"), pl.all())
            self._fault_rows.append(_compact(where))

    def room_for_faults(self, feed: str, coming: int = 0, broken: int = 0) -> int:
        """How many more broken pieces keep the feed under its ceiling.

        `coming` rows, `broken` of them broken, are on their way and not booked yet.
        """
        counts = self.counts.get(feed, Counts())
        ceiling = float(parameters()["faults"]["quarantined_ceiling"])
        room = int(ceiling * (counts.received + coming)) - counts.quarantined - broken
        return max(0, room)

    def fault_frame(self) -> pl.DataFrame:
        """Every planted fault of the files sent, in order of file and record."""
        self._settle_faults()
        if not self._fault_rows:
            return pl.DataFrame(schema=_FAULT_SCHEMA)
        planted = pl.concat(self._fault_rows).cast(dict.fromkeys(_TEXTS, pl.String))
        planted = planted.sort("file", "record_number", "feed", "kind", "item")
        waiting = [name for names in self._waiting.values() for name in names]
        return planted.filter(~pl.col("file").is_in(waiting)) if waiting else planted

    def _settle_faults(self) -> None:
        rows = [tuple(asdict(fault).values()) for fault in self._faults]
        if rows:
            self._fault_rows.append(
                _compact(pl.DataFrame(rows, schema=_FAULT_SCHEMA, orient="row"))
            )
        self._faults.clear()

    def ledger_frame(self) -> pl.DataFrame:
        """One row per feed that has sent a file."""
        sent = {feed: replace(counts) for feed, counts in self.counts.items()}
        for feed, held in (entry for entries in self._held.values() for entry in entries):
            sent[feed].add(-held.accepted, -held.quarantined, -held.duplicate)
        rows = [(f, *asdict(c).values()) for f, c in sorted(sent.items()) if c.received]
        schema = {
            "feed": pl.String, "received": pl.Int64, "accepted": pl.Int64,
            "quarantined": pl.Int64, "duplicate": pl.Int64,
        }  # fmt: skip
        return pl.DataFrame(rows, schema=schema, orient="row")
