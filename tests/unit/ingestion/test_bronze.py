"""Bronze gives back the very bytes that arrived."""

from pathlib import Path

import polars as pl
import pytest

from ingestion import bronze
from ingestion.clock import now
from ingestion.formats.source import SourceFile
from ingestion.lake import Lake
from ingestion.transports.directory import Arrival
from tests.unit.ingestion.builders import contract

FILES = {"clinic/empty.csv": b"", "clinic/small.csv": b"abc", "clinic/big.csv": bytes(range(23))}


def keep_all(lake: Lake) -> str:
    arrivals = [Arrival(name, data, f"d{len(data)}", 0) for name, data in FILES.items()]
    bronze.keep(lake, contract(), "20260301T000000000000", now(), arrivals)
    return contract().feed


def test_files_come_back_whole_whatever_their_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bronze, "PART_BYTES", 5)
    lake = Lake.open(tmp_path)
    feed = keep_all(lake)
    found = bronze.recall(lake, feed, ["d0", "d3", "d23"])
    assert found == {f"d{len(d)}": SourceFile(n, d) for n, d in FILES.items()}
    with pytest.raises(KeyError):
        bronze.recall(lake, feed, ["d3", "unknown"])


def test_bronze_written_before_files_had_parts_is_still_read(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path)
    feed = keep_all(lake)
    (path,) = lake.bronze(feed).glob("*/*.parquet")
    pl.read_parquet(path).drop("part", "day", strict=False).write_parquet(path)
    assert bronze.recall(lake, feed, ["d3"])["d3"].data == b"abc"
