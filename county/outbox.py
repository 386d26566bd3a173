"""Where files land, and the books the simulator keeps about them: bytes, ledger, planted faults.

Belongs here: writing bytes and counting. Not here: which fault goes where (`systems/`).
"""

from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

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


@dataclass
class Outbox:
    """Writes files under `inbox/` and keeps count.

    Args:
        root: The county's output folder.
    """

    root: Path
    files: int = 0
    size: int = 0
    fault_count: int = 0
    counts: dict[str, Counts] = field(default_factory=dict)
    _folders: set[Path] = field(default_factory=set)
    _faults: list[Fault] = field(default_factory=list)
    _fault_rows: list[pl.DataFrame] = field(default_factory=list)
    _digest: "object" = field(default_factory=sha256)

    def write(self, name: str, data: bytes) -> None:
        """Write one file; `name` is relative to the inbox.

        Raises:
            FileExistsError: two writers chose one name.
        """
        path = self.root / "inbox" / name
        if path.parent not in self._folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(path.parent)
        with path.open("xb") as stream:
            stream.write(data)
        self.files += 1
        self.size += len(data)
        self._digest.update(name.encode() + b"\0" + sha256(data).digest())  # type: ignore[attr-defined]

    @property
    def digest(self) -> str:
        """SHA-256 over all names and contents in the order they were written."""
        return str(self._digest.hexdigest())  # type: ignore[attr-defined]

    def book(
        self, feed: str, *, accepted: int = 0, quarantined: int = 0, duplicate: int = 0
    ) -> None:
        """Add rows to a feed's ledger."""
        counts = self.counts.setdefault(feed, Counts())
        counts.received += accepted + quarantined + duplicate
        counts.accepted += accepted
        counts.quarantined += quarantined
        counts.duplicate += duplicate

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
        """Every planted fault, in the order of planting per kind of writer."""
        self._settle_faults()
        if not self._fault_rows:
            return pl.DataFrame(schema=_FAULT_SCHEMA)
        return pl.concat(self._fault_rows).cast(dict.fromkeys(_TEXTS, pl.String))

    def _settle_faults(self) -> None:
        rows = [tuple(asdict(fault).values()) for fault in self._faults]
        if rows:
            self._fault_rows.append(
                _compact(pl.DataFrame(rows, schema=_FAULT_SCHEMA, orient="row"))
            )
        self._faults.clear()

    def ledger_frame(self) -> pl.DataFrame:
        rows = [(feed, *asdict(counts).values()) for feed, counts in sorted(self.counts.items())]
        schema = {
            "feed": pl.String, "received": pl.Int64, "accepted": pl.Int64,
            "quarantined": pl.Int64, "duplicate": pl.Int64,
        }  # fmt: skip
        return pl.DataFrame(rows, schema=schema, orient="row")
