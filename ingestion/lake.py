"""Where things lie on disk, and the one Parquet writer.

Belongs here: paths of the lake and atomic writes. Not here: what the rows mean.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import IO

import polars as pl

from ingestion.choice import TERMINOLOGY, chosen_site
from ingestion.entity import Entity, entities
from ingestion.site import Site


@dataclass(frozen=True)
class Lake:
    """One county's lake under one folder (`YIGONG_HOME`, default `var/`)."""

    home: Path

    @classmethod
    def open(cls, home: Path | None = None) -> "Lake":
        """The lake at `home`, or at `YIGONG_HOME`; zero-row files are made if missing."""
        lake = cls((home or Path(os.environ.get("YIGONG_HOME", "var"))).absolute())
        if not lake.home.exists():
            lake.home.mkdir(parents=True)
            lake.home.chmod(0o711)  # an inbox in it may belong to those who fill it
        lake.close_to_others()
        for entity in entities().values():
            stub = lake.silver(entity.entity) / "day=0000-00-00" / "empty.parquet"
            if not stub.exists() or pl.read_parquet_schema(stub) != pl.Schema(entity.schema()):
                write_parquet(empty_frame(entity), stub)
        return lake

    @cached_property
    def site(self) -> Site:
        """The county this lake belongs to, as `yigong init` wrote it.

        Raises:
            NoSite: none has been chosen.
            BadSite: its folder is gone or wrong.
        """
        return chosen_site(self.home)

    def close_to_others(self) -> None:
        """Only the owner reads what lies in the lake; the inbox is its members' concern."""
        for path in self.home.iterdir():
            mode = path.lstat().st_mode
            if path.name != "inbox" and mode & 0o077 and not stat.S_ISLNK(mode):
                path.chmod(stat.S_IMODE(mode) & ~0o077)

    def silver(self, entity: str) -> Path:
        return self.home / "silver" / entity

    def bronze(self, feed: str) -> Path:
        return self.home / "bronze" / feed

    def retired(self, entity: str) -> Path:
        """Rows of batches that were conformed again since; facts ask which keys they had."""
        return self.home / "retired" / entity

    @property
    def inbox(self) -> Path:
        return self.home / "inbox"

    @property
    def reference(self) -> Path:
        return self.home / "reference"

    @property
    def terminology(self) -> Path:
        """Code lists and decisions on codes that the county has loaded (`terminology.py`)."""
        return self.home / TERMINOLOGY

    @property
    def identity(self) -> Path:
        return self.home / "identity"

    @property
    def published(self) -> Path:
        return self.home / "published"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file that dbt builds; never read by the cockpit."""
        return self.home / "county.duckdb"

    def silver_file(self, entity: str, feed: str, batch_id: str, arrival_id: str) -> Path:
        """One file a batch, feed and entity; `day=` is the day of receipt."""
        day = f"{arrival_id[:4]}-{arrival_id[4:6]}-{arrival_id[6:8]}"
        return self.silver(entity) / f"day={day}" / f"{feed}--{batch_id}.parquet"


def empty_frame(entity: Entity) -> pl.DataFrame:
    return pl.DataFrame(schema=entity.schema())


def write_parquet(frame: pl.DataFrame, path: Path, *, group_rows: int | None = None) -> None:
    """Write a frame whole or not at all: temporary name, fsync, rename.

    Args:
        group_rows: Rows of a row group; few for very long rows, which bounds the memory taken.
    """
    with _whole(path) as stream:
        _encode(frame, stream, group_rows)


def parquet_bytes(frame: pl.DataFrame, *, group_rows: int | None = None) -> bytes:
    """What `write_parquet` would write."""
    stream = BytesIO()
    _encode(frame, stream, group_rows)
    return stream.getvalue()


def write_bytes(data: bytes, path: Path) -> None:
    """Write bytes whole or not at all."""
    with _whole(path) as stream:
        stream.write(data)


def _encode(frame: pl.DataFrame, stream: IO[bytes], group_rows: int | None) -> None:
    frame.write_parquet(stream, compression="zstd", compression_level=1, row_group_size=group_rows)


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
