"""What is booked of a batch. Not here: how the books are kept (`ledger.py`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from ingestion.definition import Definition

Days = Mapping[tuple[str, str, date], int]
"""Rows by entity, organization and day of the event."""


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

    @property
    def place(self) -> tuple[str, str, int, int]:
        return self.entity, self.file_digest, self.record_number, self.item_number


@dataclass(frozen=True)
class Change:
    """What conforming an arrival again has changed: `accepted` (with the reason it was refused
    for), `refused` (with the reason now) or `mapped` (column and code), and how many rows."""

    entity: str
    change: str
    what: str
    rows: int


@dataclass(frozen=True)
class Batch:
    """What one arrival became under one definition.

    Args:
        arrival_id: The batch that brought the bytes: its own id, or that of the superseded one.
        received_at: When the bytes arrived, also when they are conformed again.
        quarantined: Refused pieces this batch holds in quarantine.
        repeated: Refused pieces that were in quarantine already.
        days: Accepted rows by entity, organization and day of the event.
        persons: Rows of source persons, which the counts leave out: they are derived.
        lapsed: Rows by entity that a snapshot no longer holds; its counts leave them out, too.
    """

    batch_id: str
    feed: str
    member_id: str
    received_at: datetime
    definition: Definition
    files: Sequence[SeenFile]
    records: int
    counts: dict[str, Count]
    quarantined: Sequence[Quarantined] = ()
    repeated: Sequence[Quarantined] = ()
    unmapped: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    days: Days = field(default_factory=dict)
    persons: int = 0
    lapsed: Mapping[str, int] = field(default_factory=dict)
    arrival_id: str = ""
    kind: str = "arrival"


@dataclass(frozen=True)
class Supersession:
    """What a batch takes the place of: the superseded batch, the pieces that leave quarantine, the
    days its rows were booked on, and what has changed."""

    batch_id: str
    released: Sequence[str]
    days: Days
    changes: Sequence[Change]
