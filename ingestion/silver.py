"""Which files of silver stand: exactly those of the batches that the ledger says are live.

A batch writes its rows under a pending name, the ledger books it, and only then the rows become
visible and those of the batch it supersedes are retired. A mark says that a feed is between the
two; after a stop there, `settle` brings silver to what the ledger says.

Belongs here: names and moves of files. Not here: what is in them (`landing.py`).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from ingestion import bronze
from ingestion.entity import entities
from ingestion.lake import Lake, write_parquet
from ingestion.ledger import Ledger

_PENDING = ".pending"


def pending(path: Path) -> Path:
    """The name of a file of silver before its batch is booked."""
    return path.with_name(path.name + _PENDING)


def write_pending(frame: pl.DataFrame, path: Path) -> None:
    """Write rows where no reader of silver sees them."""
    write_parquet(frame, pending(path))


@contextmanager
def unfinished(lake: Lake, feed: str) -> Iterator[None]:
    """Mark the feed until the block has ended well: silver and ledger may differ meanwhile."""
    mark = _mark(lake, feed)
    mark.touch()
    yield
    mark.unlink()


def show(files: Iterable[Path]) -> None:
    """Make the rows of a booked batch visible."""
    for path in files:
        pending(path).rename(path)


def drop_pending(files: Iterable[Path]) -> None:
    """Remove the rows of a batch that will not be booked."""
    for path in files:
        pending(path).unlink()


def scan(lake: Lake, entity: str) -> pl.LazyFrame:
    """All rows of one entity, columns by name: a file written before a column was there reads as
    null in it."""
    return pl.scan_parquet(
        sorted(lake.silver(entity).glob("*/*.parquet")),
        schema=entities()[entity].schema(),
        missing_columns="insert",
        extra_columns="ignore",
        hive_partitioning=False,
    )


def files_of(lake: Lake, feed: str, batch_id: str) -> dict[str, list[Path]]:
    """Visible files of one batch by entity."""
    found: dict[str, list[Path]] = {}
    for path in sorted(lake.home.glob(f"silver/*/*/{feed}--{batch_id}.parquet")):
        found.setdefault(path.parent.parent.name, []).append(path)
    return found


def retire(lake: Lake, files: Iterable[Path]) -> None:
    """Take the rows of a superseded batch out of silver; facts still ask which keys they had."""
    for path in files:
        target = lake.retired(path.parent.parent.name) / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)


def settle(lake: Lake, feed: str, ledger: Ledger) -> None:
    """After a stop in the middle: what was never booked goes, what was booked is shown, what was
    superseded is retired. Only within the feed's `turn`."""
    if not _mark(lake, feed).exists():
        return
    live = {row["batch_id"] for row in ledger.live(feed)}
    booked = ledger.batch_ids(feed)
    for path in sorted(lake.home.glob(f"silver/*/*/{feed}--*")):
        batch_id = path.name.split("--")[1].removesuffix(_PENDING).removesuffix(".parquet")
        if batch_id not in booked:
            path.unlink()
        elif path.name.endswith(_PENDING):
            path.rename(path.with_name(path.name.removesuffix(_PENDING)))
        elif batch_id not in live:
            retire(lake, [path])
    arrivals = ledger.arrival_ids(feed)
    for path in bronze.every_file(lake, feed):
        if bronze.batch_of(path) not in arrivals:
            path.unlink()
    _mark(lake, feed).unlink()


def _mark(lake: Lake, feed: str) -> Path:
    return lake.home / "locks" / f"{feed}.unfinished"
