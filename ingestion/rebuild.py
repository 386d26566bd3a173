"""A lake's silver, ledger and vault entries made anew from bronze, with the lake's own keys.

Belongs here: taking every batch of bronze in again, beside what stands, and swapping the whole.
Not here: taking new files in (`ingest.py`) and conforming single batches again (`again.py`).
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ingestion import bronze, guard, silver
from ingestion.booking import Batch, Count, SeenFile
from ingestion.contract import Contract
from ingestion.definition import definition_of
from ingestion.formats.source import Parsed, Problem
from ingestion.lake import Lake
from ingestion.landing import Digests, Landing, Outcome, ReaderFailed
from ingestion.ledger import Ledger
from ingestion.vault import Vault

Progress = Callable[[str, int, int], None]
_PARTS = ("silver", "ledger.sqlite")


@dataclass(frozen=True)
class Rebuilt:
    """What was taken in again. `without_contract` are feeds in bronze that no contract knows: their
    bytes stay, their rows are gone until somebody writes one."""

    feeds: int
    batches: int
    count: Count
    without_contract: tuple[str, ...]


def rebuild(
    lake: Lake, contracts: Mapping[str, Contract], *, progress: Progress | None = None
) -> Rebuilt:
    """Make silver and ledger anew from bronze; what stood is replaced only when all is done.

    Every batch keeps its id and the moment it was received, so the versions of a row keep their
    order. Identity, published versions and quarantined decisions of persons are not touched.

    Args:
        contracts: Today's contracts by feed.
        progress: Called with the feed, feeds done and feeds to do.
    """
    ground = lake.home / ".rebuild"
    shutil.rmtree(ground, ignore_errors=True)
    work = Lake.open(ground)
    (work.home / "locks").mkdir()
    feeds = sorted(path.name for path in (lake.home / "bronze").glob("*") if path.is_dir())
    known = [feed for feed in feeds if feed in contracts]
    batches, total = 0, Count()
    with Vault(lake.home) as vault, Ledger(work.home) as ledger:
        for number, feed in enumerate(known):
            if progress:
                progress(feed, number, len(known))
            seen: Digests = {}
            for batch_id in bronze.batches(lake, feed):
                landing = _Landing(lake, work, contracts[feed], vault, seen)
                batch = landing.take(batch_id, ledger)
                batches, total = batches + 1, sum(batch.counts.values(), total)
        if progress:
            progress("", len(known), len(known))
    _swap(lake, ground)
    return Rebuilt(len(known), batches, total, tuple(f for f in feeds if f not in contracts))


@dataclass(frozen=True)
class _Landing:
    """Batches of one feed from the lake's bronze into the work lake."""

    lake: Lake
    work: Lake
    contract: Contract
    vault: Vault
    seen: Digests

    def take(self, batch_id: str, ledger: Ledger) -> Batch:
        """Land and book one batch under the id and the moment it had."""
        contract = self.contract
        parsed, files = guard.parse_kept(self.lake, contract, batch_id)
        moment = bronze.received_at(self.lake, contract.feed, batch_id)
        known = ledger.open_ids(contract.feed)
        try:
            outcome = self._land(parsed, batch_id, moment, files, known)
        except ReaderFailed as failure:
            self.seen.clear()
            refused = [Problem(n, 0, 0, "reader_failed", str(failure)) for n in range(len(files))]
            parsed = Parsed({}, refused, [0] * len(files))
            outcome = self._land(parsed, batch_id, moment, files, known)
        batch = Batch(
            batch_id=batch_id,
            feed=contract.feed,
            member_id=contract.member,
            received_at=moment,
            definition=definition_of(contract),
            files=[SeenFile(file.name, file.digest, file.byte_count, 0) for file in files],
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

    def _land(
        self,
        parsed: Parsed,
        batch_id: str,
        moment: datetime,
        files: list[bronze.Kept],
        known: set[str],
    ) -> Outcome:
        landing = Landing(
            self.work, self.contract, self.vault, batch_id, batch_id, moment, self.seen,
            modified=[file.modified_at for file in files],
        )  # fmt: skip
        return landing.land(parsed, [(file.name, file.digest) for file in files], known=known)


def _swap(lake: Lake, ground: Path) -> None:
    """Put the new parts in place of the old ones, which go last."""
    old = lake.home / ".before_rebuild"
    shutil.rmtree(old, ignore_errors=True)
    old.mkdir()
    for name in (*_PARTS, "ledger.sqlite-wal", "ledger.sqlite-shm", "retired"):
        if (lake.home / name).exists():
            (lake.home / name).rename(old / name)
    for name in _PARTS:
        (ground / name).rename(lake.home / name)
    for path in (lake.home / "locks").glob("*.unfinished"):
        path.unlink()
    shutil.rmtree(ground)
    shutil.rmtree(old)
