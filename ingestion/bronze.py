"""Bronze: the bytes that arrived, with their envelope, append only, replayable.

A file of bronze is Parquet, sealed as a whole with the lake's key (`<batch>.parquet.sealed`), names
of files included. `YIGONG_SEAL_BRONZE=0` leaves new ones clear, for a site whose volume is
encrypted; both kinds are read, whatever the switch says.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path

import polars as pl

from ingestion.contract import Contract
from ingestion.formats.source import SourceFile
from ingestion.lake import Lake, parquet_bytes, write_bytes, write_parquet
from ingestion.seal import Sealer
from ingestion.transports import Arrival

_SCHEMA = {
    "feed": pl.String(),
    "member_id": pl.String(),
    "transport": pl.String(),
    "received_at": pl.Datetime("us", "Asia/Shanghai"),
    "file_name": pl.String(),
    "file_digest": pl.String(),
    "byte_count": pl.Int64(),
    "modified_at": pl.Datetime("us", "Asia/Shanghai"),  # bronze of earlier versions lacks it
    "part": pl.Int32(),
    "content": pl.Binary(),
}
SWITCH = "YIGONG_SEAL_BRONZE"
PURPOSE = "bronze"
PLAIN, SEALED = ".parquet", ".sealed"
FILE_BYTES = 64 << 20
"""Content of one Parquet file where a single arriving file is larger. A file above a transport's
chunk (8 MB) lies in several rows: a Parquet writer holds many copies of one huge value."""


@dataclass(frozen=True)
class Kept:
    """One file of a batch, without its content."""

    name: str
    digest: str
    byte_count: int
    modified_at: datetime | None = None


def keep(
    lake: Lake, contract: Contract, batch_id: str, moment: datetime, arrivals: Sequence[Arrival]
) -> None:
    """Write one batch to `bronze/<feed>/day=<day>/`; grain: a part of a file.

    Small files lie together in `<batch_id>.parquet[.sealed]`. A file above `FILE_BYTES` is passed
    through in chunks and never held: more of it lies in `<batch_id>-0001.parquet` and so on.

    Raises:
        KeysUnfit: the lake has no key to seal with.
        Changed: a file that had to be read again is another one by now.
    """
    folder = _folder(lake, contract.feed, batch_id)
    sealer = Sealer(lake.home, PURPOSE) if os.environ.get(SWITCH, "1") != "0" else None
    written = 0

    def write(rows: list[tuple[object, ...]], group_rows: int | None) -> None:
        nonlocal written
        frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
        path = folder / f"{batch_id}{f'-{written:04}' if written else ''}{PLAIN}"
        if sealer:
            write_bytes(
                sealer.seal(parquet_bytes(frame, group_rows=group_rows), _sealed_as(path)),
                path.with_name(path.name + SEALED),
            )
        else:
            write_parquet(frame, path, group_rows=group_rows)
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
                    arrival.name, arrival.digest, arrival.byte_count, arrival.modified_at, part,
                    content,
                )
            )  # fmt: skip
            size += len(content)
            parts = parts or part > 0
    if rows or not written:
        write(rows, 1 if parts else None)


def batches(lake: Lake, feed: str) -> list[str]:
    """Ids of the batches that bronze holds of a feed, in the order in which they arrived."""
    return sorted({batch_of(path) for path in every_file(lake, feed)})


def every_file(lake: Lake, feed: str) -> Iterator[Path]:
    """Whatever bronze keeps of a feed, in no order."""
    return lake.bronze(feed).glob(f"*/*{PLAIN}*")


def batch_of(path: Path) -> str:
    """The batch that a file of bronze belongs to."""
    return path.name.partition(".")[0].partition("-")[0]


def paths(lake: Lake, feed: str, batch_id: str) -> list[Path]:
    """Where one batch lies, in order.

    Raises:
        KeyError: bronze does not hold the batch.
    """
    folder = _folder(lake, feed, batch_id)
    found = [*folder.glob(f"{batch_id}{PLAIN}*"), *sorted(folder.glob(f"{batch_id}-*{PLAIN}*"))]
    if not found or "-" in found[0].name:
        raise KeyError(f"{feed}: bronze lacks batch {batch_id}")
    return found


def contents(lake: Lake, feed: str, batch_id: str) -> list[Kept]:
    """The files of one batch in the order in which they arrived, without their content."""
    read = [_read(lake.home, path, list(_ENVELOPE)) for path in paths(lake, feed, batch_id)]
    first = pl.concat(read, how="diagonal").filter(pl.col("part") == 0).drop("part")
    return [Kept(*row) for row in first.iter_rows()]


def files(home: Path, where: Sequence[Path]) -> Iterator[SourceFile]:
    """The files of one batch as they arrived, in their order, one held at a time.

    Raises:
        Damaged: a sealed file is not what was sealed.
    """
    name, parts = None, []
    for path in where:
        for file_name, part, content in _read(
            home, path, ["file_name", "part", "content"]
        ).iter_rows():
            if part == 0 and name is not None:
                yield SourceFile(name, b"".join(parts))
                parts = []
            name = file_name
            parts.append(content)
    if name is not None:
        yield SourceFile(name, b"".join(parts))


def _read(home: Path, path: Path, columns: list[str]) -> pl.DataFrame:
    """Some columns of one file of bronze, sealed or clear."""
    file: Path | BytesIO = path
    if path.name.endswith(SEALED):
        file = BytesIO(Sealer(home, PURPOSE).open(path.read_bytes(), _sealed_as(path)))
    there = pl.read_parquet_schema(file)
    return pl.read_parquet(
        file, columns=[c for c in columns if c in there], hive_partitioning=False
    )


def _sealed_as(path: Path) -> str:
    """Feed, day and batch: where the file belongs."""
    return "/".join((*path.parts[-3:-1], path.name.removesuffix(SEALED)))


_ENVELOPE = ("file_name", "file_digest", "byte_count", "modified_at", "part")


def withdraw(lake: Lake, feed: str, batch_id: str, *, withdrawn: bool = True) -> None:
    """Mark a batch as one that must not count, or take the mark away; the bytes stay."""
    paths(lake, feed, batch_id)
    mark = _folder(lake, feed, batch_id) / f"{batch_id}.withdrawn"
    if withdrawn:
        mark.touch()
    else:
        mark.unlink(missing_ok=True)


def is_withdrawn(lake: Lake, feed: str, batch_id: str) -> bool:
    return (_folder(lake, feed, batch_id) / f"{batch_id}.withdrawn").exists()


def received_at(lake: Lake, feed: str, batch_id: str) -> datetime:
    """When a batch arrived, as its envelope says."""
    first = paths(lake, feed, batch_id)[0]
    moment: datetime = _read(lake.home, first, ["received_at"])["received_at"][0]
    return moment


def _folder(lake: Lake, feed: str, batch_id: str) -> Path:
    day = f"{batch_id[:4]}-{batch_id[4:6]}-{batch_id[6:8]}"
    return lake.bronze(feed) / f"day={day}"
