"""Bronze: the bytes that arrived, with their envelope, append only, replayable."""

from collections.abc import Sequence
from datetime import datetime

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
    day = f"{batch_id[:4]}-{batch_id[4:6]}-{batch_id[6:8]}"
    rows = [
        (
            contract.feed, contract.member, contract.location.kind, moment,
            a.name, a.digest, len(a.data), part, a.data[start : start + PART_BYTES],
        )
        for a in arrivals
        for part, start in enumerate(range(0, max(1, len(a.data)), PART_BYTES))
    ]  # fmt: skip
    frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    path = lake.bronze(contract.feed) / f"day={day}" / f"{batch_id}.parquet"
    write_parquet(frame, path, group_rows=1 if len(rows) > len(arrivals) else None)


def recall(lake: Lake, feed: str, digests: Sequence[str]) -> dict[str, SourceFile]:
    """Files of a feed by digest, as they arrived.

    Raises:
        KeyError: bronze does not hold one of them.
    """
    pattern = lake.bronze(feed) / "*" / "*.parquet"
    frame = (
        pl.scan_parquet(
            str(pattern), schema=_SCHEMA, missing_columns="insert", hive_partitioning=False
        )
        .filter(pl.col("file_digest").is_in(list(digests)))
        .select("file_name", "file_digest", pl.col("part").fill_null(0), "content")
        .unique(["file_digest", "part"])
        .sort("file_digest", "part")
        .collect()
    )
    found = {
        digest: SourceFile(parts["file_name"][0], b"".join(parts["content"]))
        for (digest,), parts in frame.partition_by("file_digest", as_dict=True).items()
    }
    missing = set(digests) - set(found)
    if missing:
        raise KeyError(f"{feed}: bronze lacks {sorted(missing)}")
    return found
