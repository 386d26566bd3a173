"""Bronze: the bytes that arrived, with their envelope, append only, replayable."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from ingestion.contract import Contract
from ingestion.formats.source import SourceFile
from ingestion.lake import Lake, write_parquet
from ingestion.transports import Arrival

_SCHEMA = {
    "feed": pl.String(),
    "member_id": pl.String(),
    "transport": pl.String(),
    "received_at": pl.Datetime("us", "Asia/Shanghai"),
    "file_name": pl.String(),
    "file_digest": pl.String(),
    "byte_count": pl.Int64(),
    "part": pl.Int32(),
    "content": pl.Binary(),
}
FILE_BYTES = 64 << 20
"""Content of one Parquet file where a single arriving file is larger. A file above a transport's
chunk (8 MB) lies in several rows: a Parquet writer holds many copies of one huge value."""


@dataclass(frozen=True)
class Kept:
    """One file of a batch, without its content."""

    name: str
    digest: str
    byte_count: int


def keep(
    lake: Lake, contract: Contract, batch_id: str, moment: datetime, arrivals: Sequence[Arrival]
) -> None:
    """Write one batch to `bronze/<feed>/day=<day>/`; grain: a part of a file.

    Small files lie together in `<batch_id>.parquet`. A file above `FILE_BYTES` is passed through
    in chunks and never held: more of it lies in `<batch_id>-0001.parquet` and so on.

    Raises:
        Changed: a file that had to be read again is another one by now.
    """
    first = _path(lake, contract.feed, batch_id)
    written = 0

    def write(rows: list[tuple[object, ...]], group_rows: int | None) -> None:
        nonlocal written
        path = first.with_name(f"{batch_id}-{written:04}.parquet") if written else first
        write_parquet(pl.DataFrame(rows, schema=_SCHEMA, orient="row"), path, group_rows=group_rows)
        written += 1

    rows: list[tuple[object, ...]] = []
    size, parts = 0, False
    for arrival in arrivals:
        for part, content in enumerate(arrival.chunks()):
            if arrival.byte_count > FILE_BYTES and size >= FILE_BYTES:
                write(rows, 1)
                rows, size = [], 0
            rows.append(
                (
                    contract.feed, contract.member, contract.location.kind, moment,
                    arrival.name, arrival.digest, arrival.byte_count, part, content,
                )
            )  # fmt: skip
            size += len(content)
            parts = parts or part > 0
    if rows or not written:
        write(rows, 1 if parts else None)


def batches(lake: Lake, feed: str) -> list[str]:
    """Ids of the batches that bronze holds of a feed, in the order in which they arrived."""
    return sorted({batch_of(path) for path in lake.bronze(feed).glob("*/*.parquet")})


def batch_of(path: Path) -> str:
    """The batch that a file of bronze belongs to."""
    return path.stem.partition("-")[0]


def paths(lake: Lake, feed: str, batch_id: str) -> list[Path]:
    """Where one batch lies, in order.

    Raises:
        KeyError: bronze does not hold the batch.
    """
    first = _path(lake, feed, batch_id)
    if not first.exists():
        raise KeyError(f"{feed}: bronze lacks batch {batch_id}")
    return [first, *sorted(first.parent.glob(f"{batch_id}-*.parquet"))]


def contents(lake: Lake, feed: str, batch_id: str) -> list[Kept]:
    """The files of one batch in the order in which they arrived, without their content."""
    frame = pl.concat(
        pl.read_parquet(path, columns=list(_ENVELOPE), hive_partitioning=False)
        for path in paths(lake, feed, batch_id)
    )
    first = frame.filter(pl.col("part") == 0).drop("part")
    return [Kept(*row) for row in first.iter_rows()]


def files(where: Sequence[Path]) -> Iterator[SourceFile]:
    """The files of one batch as they arrived, in their order, one held at a time."""
    name, parts = None, []
    for path in where:
        columns = ["file_name", "part", "content"]
        frame = pl.read_parquet(path, columns=columns, hive_partitioning=False)
        for file_name, part, content in frame.iter_rows():
            if part == 0 and name is not None:
                yield SourceFile(name, b"".join(parts))
                parts = []
            name = file_name
            parts.append(content)
    if name is not None:
        yield SourceFile(name, b"".join(parts))


_ENVELOPE = ("file_name", "file_digest", "byte_count", "part")


def _path(lake: Lake, feed: str, batch_id: str) -> Path:
    day = f"{batch_id[:4]}-{batch_id[4:6]}-{batch_id[6:8]}"
    return lake.bronze(feed) / f"day={day}" / f"{batch_id}.parquet"
