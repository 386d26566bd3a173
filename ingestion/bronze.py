"""Bronze: the bytes that arrived, with their envelope, append only, replayable."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from ingestion.contract import Contract
from ingestion.formats.source import SourceFile
from ingestion.lake import Lake, write_parquet
from ingestion.transports.directory import Arrival

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
PART_BYTES = 8 << 20
"""A file above this lies in several rows: a Parquet writer holds many copies of one huge value."""


def keep(
    lake: Lake, contract: Contract, batch_id: str, moment: datetime, arrivals: Sequence[Arrival]
) -> None:
    """Write one batch to `bronze/<feed>/day=<day>/<batch_id>.parquet`; grain: a part of a file."""
    rows = [
        (
            contract.feed, contract.member, contract.location.kind, moment,
            a.name, a.digest, len(a.data), part, a.data[start : start + PART_BYTES],
        )
        for a in arrivals
        for part, start in enumerate(range(0, max(1, len(a.data)), PART_BYTES))
    ]  # fmt: skip
    frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    path = _path(lake, contract.feed, batch_id)
    write_parquet(frame, path, group_rows=1 if len(rows) > len(arrivals) else None)


def batches(lake: Lake, feed: str) -> list[str]:
    """Ids of the batches that bronze holds of a feed, in the order in which they arrived."""
    return sorted(path.stem for path in lake.bronze(feed).glob("*/*.parquet"))


def batch(lake: Lake, feed: str, batch_id: str) -> list[tuple[SourceFile, str]]:
    """The files of one batch as they arrived, in their order, each with its digest.

    Raises:
        KeyError: bronze does not hold the batch.
    """
    path = _path(lake, feed, batch_id)
    if not path.exists():
        raise KeyError(f"{feed}: bronze lacks batch {batch_id}")
    frame = pl.read_parquet(path, columns=["file_name", "file_digest", "content"])
    parts: dict[tuple[str, str], list[bytes]] = {}
    for name, digest, content in frame.iter_rows():
        parts.setdefault((name, digest), []).append(content)
    return [(SourceFile(name, b"".join(found)), digest) for (name, digest), found in parts.items()]


def _path(lake: Lake, feed: str, batch_id: str) -> Path:
    day = f"{batch_id[:4]}-{batch_id[4:6]}-{batch_id[6:8]}"
    return lake.bronze(feed) / f"day={day}" / f"{batch_id}.parquet"
