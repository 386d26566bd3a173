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
    "content": pl.Binary(),
}


def keep(
    lake: Lake, contract: Contract, batch_id: str, moment: datetime, arrivals: Sequence[Arrival]
) -> None:
    """Write one batch of files to `bronze/<feed>/day=<day>/<batch_id>.parquet`, one row a file."""
    day = f"{batch_id[:4]}-{batch_id[4:6]}-{batch_id[6:8]}"
    rows = [
        (
            contract.feed, contract.member, contract.location.kind, moment,
            a.name, a.digest, len(a.data), a.data,
        )
        for a in arrivals
    ]  # fmt: skip
    frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    write_parquet(frame, lake.bronze(contract.feed) / f"day={day}" / f"{batch_id}.parquet")


def recall(lake: Lake, feed: str, digests: Sequence[str]) -> dict[str, SourceFile]:
    """Files of a feed by digest, as they arrived.

    Raises:
        KeyError: bronze does not hold one of them.
    """
    pattern = lake.bronze(feed) / "*" / "*.parquet"
    frame = (
        pl.scan_parquet(str(pattern), hive_partitioning=False)
        .filter(pl.col("file_digest").is_in(list(digests)))
        .unique("file_digest")
        .collect()
    )
    found = {
        row["file_digest"]: SourceFile(row["file_name"], row["content"])
        for row in frame.iter_rows(named=True)
    }
    missing = set(digests) - set(found)
    if missing:
        raise KeyError(f"{feed}: bronze lacks {sorted(missing)}")
    return found
