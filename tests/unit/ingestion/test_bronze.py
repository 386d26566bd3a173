"""Bronze gives back the very bytes that arrived."""

from pathlib import Path

import pytest

from ingestion import bronze
from ingestion.clock import now
from ingestion.formats.source import SourceFile
from ingestion.lake import Lake
from ingestion.transports.directory import Arrival
from tests.unit.ingestion.builders import contract

FILES = {"clinic/empty.csv": b"", "clinic/small.csv": b"abc", "clinic/big.csv": bytes(range(23))}

BATCH = "20260301T000000000000"


def keep_all(lake: Lake) -> str:
    arrivals = [Arrival(name, data, f"d{len(data)}", 0) for name, data in FILES.items()]
    bronze.keep(lake, contract(), BATCH, now(), arrivals)
    return contract().feed


def test_files_come_back_whole_whatever_their_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bronze, "PART_BYTES", 5)
    lake = Lake.open(tmp_path)
    feed = keep_all(lake)
    assert bronze.batches(lake, feed) == [BATCH]
    assert bronze.batch(lake, feed, BATCH) == [
        (SourceFile(name, data), f"d{len(data)}") for name, data in FILES.items()
    ]
    with pytest.raises(KeyError):
        bronze.batch(lake, feed, "20260301T000000000001")
