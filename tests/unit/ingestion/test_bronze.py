"""Bronze gives back the very bytes that arrived."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from ingestion import bronze, transports
from ingestion.clock import now
from ingestion.formats.source import SourceFile
from ingestion.lake import Lake
from ingestion.seal import Damaged
from ingestion.transports import Arrival
from ingestion.vault import KeysUnfit, Vault
from tests.unit.ingestion.builders import contract

FILES = {"clinic/empty.csv": b"", "clinic/small.csv": b"abc", "clinic/big.csv": bytes(range(23))}

BATCH = "20260301T000000000000"

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_lake(home: Path) -> Lake:
    Vault(home).close()  # which makes the keys
    return Lake.open(home)


def keep_all(lake: Lake) -> str:
    arrivals = [Arrival.of(name, data, f"d{len(data)}", 0) for name, data in FILES.items()]
    bronze.keep(lake, contract(), BATCH, now(), arrivals)
    return contract().feed


def test_files_come_back_whole_whatever_their_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transports, "CHUNK_BYTES", 5)
    lake = new_lake(tmp_path)
    feed = keep_all(lake)
    assert bronze.batches(lake, feed) == [BATCH]
    assert bronze.contents(lake, feed, BATCH) == [
        bronze.Kept(name, f"d{len(data)}", len(data), EPOCH) for name, data in FILES.items()
    ]
    assert list(bronze.files(lake.home, bronze.paths(lake, feed, BATCH))) == [
        SourceFile(name, data) for name, data in FILES.items()
    ]
    with pytest.raises(KeyError):
        bronze.paths(lake, feed, "20260301T000000000001")


def test_a_file_of_many_parts_lies_in_several_files_and_is_never_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bronze, "FILE_BYTES", 10)
    lake = new_lake(tmp_path)
    big = Arrival("clinic/big.csv", "d40", 40, 0, lambda: [bytes([n]) * 5 for n in range(8)])
    bronze.keep(lake, contract(), BATCH, now(), [big])
    where = bronze.paths(lake, contract().feed, BATCH)
    assert [p.name.partition(".")[0] for p in where] == [
        BATCH,
        *(f"{BATCH}-{n:04}" for n in (1, 2, 3)),
    ]
    assert bronze.batches(lake, contract().feed) == [BATCH]
    assert list(bronze.files(lake.home, where)) == [SourceFile("clinic/big.csv", big.data)]


def read(lake: Lake, feed: str) -> dict[str, bytes]:
    return {f.name: f.data for f in bronze.files(lake.home, bronze.paths(lake, feed, BATCH))}


def test_neither_content_nor_names_stand_clear_on_disk(tmp_path: Path) -> None:
    lake = new_lake(tmp_path)
    keep_all(lake)
    written = b"".join(p.read_bytes() for p in lake.home.rglob("bronze/*/*/*"))
    assert FILES["clinic/big.csv"] not in written
    assert b"clinic" not in written
    assert b"PAR1" not in written


def test_a_site_on_an_encrypted_volume_leaves_them_clear_and_both_kinds_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = new_lake(tmp_path)
    monkeypatch.setenv("YIGONG_SEAL_BRONZE", "0")
    feed = keep_all(lake)
    (clear,) = bronze.paths(lake, feed, BATCH)
    assert pl.read_parquet(clear)["file_name"].to_list() == list(FILES)
    assert read(lake, feed) == FILES
    clear.unlink()
    monkeypatch.delenv("YIGONG_SEAL_BRONZE")
    keep_all(lake)
    assert read(lake, feed) == FILES


def test_sealed_bronze_that_was_changed_cut_or_moved_is_refused(tmp_path: Path) -> None:
    lake = new_lake(tmp_path)
    feed = keep_all(lake)
    (path,) = bronze.paths(lake, feed, BATCH)
    whole = path.read_bytes()
    for broken in (whole[:-1], whole[:60], whole[:100] + b"\0" + whole[101:], b""):
        path.write_bytes(broken)
        with pytest.raises(Damaged):
            read(lake, feed)
    other = "20260301T000000000001"
    path.with_name(path.name.replace(BATCH, other)).write_bytes(whole)
    with pytest.raises(Damaged):
        list(bronze.files(lake.home, bronze.paths(lake, feed, other)))


def test_without_a_key_nothing_is_written(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path)
    with pytest.raises(KeysUnfit):
        keep_all(lake)
    assert list(lake.home.rglob("bronze/*/*/*")) == []
