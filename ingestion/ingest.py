"""From waiting files to silver: bronze, parse, conform, de-duplicate, book.

Belongs here: the order of steps for one feed and the counting. Not here: how bytes arrive
(`transports/`), what they hold (`formats/`) or what they become (`conform.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path

from ingestion import bronze, silver
from ingestion.booking import Batch, Count, SeenFile
from ingestion.clock import now
from ingestion.contract import Contract
from ingestion.definition import definition_of
from ingestion.formats.source import Parsed, SourceFile
from ingestion.lake import Lake
from ingestion.landing import Digests, Landing
from ingestion.ledger import Ledger
from ingestion.transports import directory
from ingestion.transports.directory import Arrival
from ingestion.turn import turn
from ingestion.vault import Vault

BATCH_BYTES = 64 * 1024 * 1024
BATCH_FILES = 5_000
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class FeedRun:
    """What one run took from one feed."""

    feed: str
    files: int
    records: int
    count: Count


def ingest_feed(
    lake: Lake,
    contract: Contract,
    *,
    vault: Vault,
    ledger: Ledger,
    inbox: Path | None = None,
    settle: float = directory.SETTLE_SECONDS,
    progress: Progress | None = None,
) -> FeedRun:
    """Take everything that waits for one feed, in bounded batches, each booked as one transaction.

    Args:
        progress: Called with the feed, files done and files found.

    Raises:
        UnbalancedLedger: rows were lost or invented; the batch is not booked and is taken again.
    """
    box = inbox or lake.inbox
    with turn(lake, contract.feed):
        silver.settle(lake, contract.feed, ledger)
        paths = directory.waiting(box, contract.location.pattern, ledger.seen(contract.feed))
        known = ledger.seen_digests(contract.feed)
        run = FeedRun(contract.feed, 0, 0, Count())
        seen: Digests = {}
        for arrivals in _batches(directory.take(box, paths, settle=settle)):
            fresh = [a for a in arrivals if (a.name, a.digest) not in known]
            if not fresh:
                continue
            batch = _take_batch(lake, contract, vault, ledger, fresh, now(), seen)
            run = FeedRun(
                run.feed,
                run.files + len(fresh),
                run.records + batch.records,
                sum(batch.counts.values(), run.count),
            )
            if progress:
                progress(contract.feed, run.files, len(paths))
    return run


def parse(contract: Contract, files: Sequence[SourceFile]) -> Parsed:
    """Read a batch of files with the format module the contract names."""
    module = import_module(f"ingestion.formats.{contract.format}")
    parsed: Parsed = module.read(
        files, contract.mapping(), encoding=contract.encoding, options=dict(contract.options)
    )
    return parsed


def _batches(arrivals: Iterator[Arrival]) -> Iterator[list[Arrival]]:
    batch: list[Arrival] = []
    size = 0
    for arrival in arrivals:
        if batch and (size + len(arrival.data) > BATCH_BYTES or len(batch) >= BATCH_FILES):
            yield batch
            batch, size = [], 0
        batch.append(arrival)
        size += len(arrival.data)
    if batch:
        yield batch


def _take_batch(
    lake: Lake,
    contract: Contract,
    vault: Vault,
    ledger: Ledger,
    arrivals: Sequence[Arrival],
    moment: datetime,
    seen: Digests,
) -> Batch:
    batch_id = ledger.next_batch_id(moment)
    with silver.unfinished(lake, contract.feed):
        bronze.keep(lake, contract, batch_id, moment, arrivals)
        parsed = parse(contract, [SourceFile(a.name, a.data) for a in arrivals])
        landing = Landing(lake, contract, vault, batch_id, batch_id, moment, seen)
        outcome = landing.land(
            parsed, [(a.name, a.digest) for a in arrivals], known=ledger.open_ids(contract.feed)
        )
        batch = Batch(
            batch_id=batch_id,
            feed=contract.feed,
            member_id=contract.member,
            received_at=moment,
            definition=definition_of(contract),
            files=[SeenFile(a.name, a.digest, len(a.data), a.modified_ns) for a in arrivals],
            records=sum(parsed.records),
            counts=outcome.counts,
            quarantined=outcome.quarantined,
            repeated=outcome.repeated,
            unmapped=outcome.unmapped,
            days=outcome.days,
        )
        ledger.commit(batch)
        silver.show(outcome.files)
    return batch
