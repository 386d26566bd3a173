"""Bronze gives back the very bytes that arrived."""

from pathlib import Path

import pytest

from ingestion import bronze, transports
from ingestion.clock import now
from ingestion.formats.source import SourceFile
from ingestion.lake import Lake
from ingestion.transports import Arrival
from tests.unit.ingestion.builders import contract

FILES = {"clinic/empty.csv": b"", "clinic/small.csv": b"abc", "clinic/big.csv": bytes(range(23))}

BATCH = "20260301T000000000000"


def keep_all(lake: Lake) -> str:
    arrivals = [Arrival.of(name, data, f"d{len(data)}", 0) for name, data in FILES.items()]
    bronze.keep(lake, contract(), BATCH, now(), arrivals)
    return contract().feed


def test_files_come_back_whole_whatever_their_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transports, "CHUNK_BYTES", 5)
    lake = Lake.open(tmp_path)
    feed = keep_all(lake)
    assert bronze.batches(lake, feed) == [BATCH]
    assert bronze.contents(lake, feed, BATCH) == [
        bronze.Kept(name, f"d{len(data)}", len(data)) for name, data in FILES.items()
    ]
    assert list(bronze.files(bronze.paths(lake, feed, BATCH))) == [
        SourceFile(name, data) for name, data in FILES.items()
    ]
    with pytest.raises(KeyError):
        bronze.paths(lake, feed, "20260301T000000000001")


def test_a_file_of_many_parts_lies_in_several_files_and_is_never_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bronze, "FILE_BYTES", 10)
    lake = Lake.open(tmp_path)
    big = Arrival("clinic/big.csv", "d40", 40, 0, lambda: [bytes([n]) * 5 for n in range(8)])
    bronze.keep(lake, contract(), BATCH, now(), [big])
    where = bronze.paths(lake, contract().feed, BATCH)
    assert [p.stem for p in where] == [BATCH, *(f"{BATCH}-{n:04}" for n in (1, 2, 3))]
    assert bronze.batches(lake, contract().feed) == [BATCH]
    assert list(bronze.files(where)) == [SourceFile("clinic/big.csv", big.data)]
