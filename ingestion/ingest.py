"""From waiting files to silver: bronze, parse, conform, de-duplicate, book.

Belongs here: the order of steps for one feed and the counting. Not here: how bytes arrive
(`transports/`), what they hold (`formats/`) or what they become (`conform.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ingestion import bronze, guard, silver
from ingestion.booking import Batch, Count, SeenFile
from ingestion.clock import now
from ingestion.contract import Contract
from ingestion.definition import definition_of
from ingestion.errors import REASONS
from ingestion.formats.source import Parsed, Problem, SourceFile
from ingestion.lake import Lake
from ingestion.landing import UNREADABLE, Digests, Landing, ReaderFailed
from ingestion.ledger import Ledger
from ingestion.transports import Arrival, Changed, Left, Transport, open_transport
from ingestion.turn import turn
from ingestion.vault import Vault

BATCH_FILES = 5_000
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class FeedRun:
    """What one run took from one feed."""

    feed: str
    files: int
    records: int
    count: Count
    left: Sequence[Left] = ()

    def with_batch(self, batch: Batch) -> "FeedRun":
        files, records = self.files + len(batch.files), self.records + batch.records
        return FeedRun(self.feed, files, records, sum(batch.counts.values(), self.count))


def ingest_feed(
    lake: Lake,
    contract: Contract,
    *,
    vault: Vault,
    ledger: Ledger,
    inbox: Path | None = None,
    settle: float | None = None,
    transport: Transport | None = None,
    progress: Progress | None = None,
) -> FeedRun:
    """Take everything that waits for one feed, in bounded batches, each booked as one transaction.

    A file that cannot be had is left and named in the result; one that cannot be read, or only at
    too high a cost, is quarantined; neither keeps the others from being taken.

    Args:
        transport: How files come in; else the contract's own, at `inbox` with `settle` seconds.
        progress: Called with the feed, files done and files found.

    Raises:
        UnbalancedLedger: rows were lost or invented; the batch is not booked and is taken again.
    """
    place = contract.location
    door = transport or open_transport(place.kind, inbox or lake.inbox, settle=settle)
    told = len(door.left)
    with turn(lake, contract.feed), guard.Underway(lake, contract.feed) as underway:
        silver.settle(lake, contract.feed, ledger)
        waiting = door.waiting(contract.feed, place.pattern, ledger.seen(contract.feed))
        known = ledger.seen_digests(contract.feed)
        run = FeedRun(contract.feed, 0, 0, Count())
        taking = _Taking(lake, contract, vault, ledger, {})
        most = 1 if contract.holds.is_snapshot else BATCH_FILES
        for arrivals in _batches(door.take(contract.feed, waiting), most):
            fresh = [a for a in arrivals if (a.name, a.digest) not in known]
            if not fresh:
                continue
            apart = underway.died_over(fresh)
            underway.take(fresh)
            try:
                for batch in taking.take(fresh, apart=apart):
                    door.left += _set_aside(batch)
                    run = run.with_batch(batch)
            except Changed as changed:
                silver.settle(lake, contract.feed, ledger)
                door.left.append(Left(contract.feed, str(changed), "changing"))
            if progress:
                progress(contract.feed, run.files, len(waiting))
    return replace(run, left=door.left[told:])


def _set_aside(batch: Batch) -> list[Left]:
    """Whole files of a batch that could not be read, or only at too high a cost."""
    return [
        Left(batch.feed, piece.file_name, "set_aside", REASONS[piece.reason_code])
        for piece in batch.quarantined
        if piece.entity == UNREADABLE and piece.reason_code in guard.COSTLY
    ]


def _batches(arrivals: Iterator[Arrival], most: int) -> Iterator[list[Arrival]]:
    batch: list[Arrival] = []
    size = 0
    for arrival in arrivals:
        if batch and (size + arrival.byte_count > guard.BATCH_BYTES or len(batch) >= most):
            yield batch
            batch, size = [], 0
        batch.append(arrival)
        size += arrival.byte_count
    if batch:
        yield batch


@dataclass(frozen=True)
class _Taking:
    """Batches of one feed on their way in."""

    lake: Lake
    contract: Contract
    vault: Vault
    ledger: Ledger
    seen: Digests

    def take(self, arrivals: Sequence[Arrival], *, apart: bool) -> Iterator[Batch]:
        """One booked batch, or several where a file in it cannot be conformed: it is found by
        halving and set aside."""
        refused: Problem | None = None
        while True:
            try:
                batch = self._book(arrivals, apart, refused)
            except ReaderFailed as failure:
                silver.settle(self.lake, self.contract.feed, self.ledger)
                self.seen.clear()
                if len(arrivals) > 1:
                    break
                refused = Problem(0, 0, 0, "reader_failed", str(failure))
                continue
            yield batch
            return
        half = len(arrivals) // 2
        for part in (arrivals[:half], arrivals[half:]):
            yield from self.take(part, apart=apart)

    def _book(self, arrivals: Sequence[Arrival], apart: bool, refused: Problem | None) -> Batch:
        lake, contract, ledger = self.lake, self.contract, self.ledger
        moment = now()
        batch_id = ledger.next_batch_id(moment)
        with silver.unfinished(lake, contract.feed):
            bronze.keep(lake, contract, batch_id, moment, arrivals)
            parsed = (
                Parsed({}, [refused], [0]) if refused else self._parse(batch_id, arrivals, apart)
            )
            landing = Landing(
                lake, contract, self.vault, batch_id, batch_id, moment, self.seen,
                modified=[a.modified_at for a in arrivals],
            )  # fmt: skip
            outcome = landing.land(
                parsed, [(a.name, a.digest) for a in arrivals], known=ledger.open_ids(contract.feed)
            )
            batch = Batch(
                batch_id=batch_id,
                feed=contract.feed,
                member_id=contract.member,
                received_at=moment,
                definition=definition_of(contract),
                files=[SeenFile(a.name, a.digest, a.byte_count, a.modified_ns) for a in arrivals],
                records=sum(parsed.records),
                counts=outcome.counts,
                quarantined=outcome.quarantined,
                repeated=outcome.repeated,
                unmapped=outcome.unmapped,
                days=outcome.days,
                persons=outcome.persons,
                lapsed=outcome.lapsed,
            )
            ledger.commit(batch)
            silver.show(outcome.files)
        return batch

    def _parse(self, batch_id: str, arrivals: Sequence[Arrival], apart: bool) -> Parsed:
        return guard.parse_batch(
            self.lake.home,
            self.contract,
            (SourceFile(a.name, a.data) for a in arrivals),
            bronze.paths(self.lake, self.contract.feed, batch_id),
            [a.byte_count for a in arrivals],
            apart=apart,
        )
