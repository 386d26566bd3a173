"""A backup is sealed, incremental and verified; a restore brings the very lake back."""

import hashlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from ingestion.agreement import SilverDisagrees
from ingestion.choice import choose_site, chosen_site
from ingestion.ingest import ingest_feed
from ingestion.lake import Lake
from ingestion.ledger import Ledger
from ingestion.quarantine import entries
from ingestion.site import Site
from ingestion.vault import KeysUnfit, Vault
from pipelines import backup
from pipelines.backup import BackupUnfit, back_up, restore, verify
from pipelines.run_lock import NotRestored, writing
from tests.demo import DEMO
from tests.unit.ingestion.builders import contract, visit

TINY = Path(__file__).resolve().parents[2] / "sites" / "tiny"
NAME = "阿依古丽·买买提"


def take(lake: Lake, name: str, *numbers: int) -> None:
    (lake.inbox / "clinic").mkdir(parents=True, exist_ok=True)
    rows = [visit(number, 收缩压="999" if number == 3 else "130") for number in numbers]
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    (lake.inbox / "clinic" / name).write_text("\n".join(lines), "utf-8")
    with Vault(lake.home) as vault, Ledger(lake.home) as ledger:
        ingest_feed(lake, contract(), vault=vault, ledger=ledger, settle=0)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake.open(tmp_path / "lake")
    choose_site(lake.home, DEMO)
    take(lake, "a.csv", 1, 2, 3)
    version = lake.published / "v1"
    version.mkdir(parents=True)
    (version / "county.duckdb").write_bytes(bytes(1000))
    (lake.published / "current").symlink_to("v1")
    return lake


def moved(lake: Lake) -> Path:
    """An empty home that has the sealing key and nothing else."""
    home = lake.home.with_name("new")
    (home / "keys").mkdir(parents=True)
    shutil.copy(lake.home / "keys" / "vault.key", home / "keys")
    return home


def content(home: Path) -> dict[str, str]:
    """Digest of every file but databases, which are compared by their rows."""
    return {
        path.relative_to(home).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("bronze", "silver", "published", "keys")
        for path in (home / folder).rglob("*")
        if path.is_file()
    }


def rows(home: Path, database: str) -> list[str]:
    with sqlite3.connect(home / database) as connection:
        return list(connection.iterdump())


def test_what_comes_back_is_what_was_there(lake: Lake, tmp_path: Path) -> None:
    done = back_up(lake, tmp_path / "backup")
    assert done.files > 5
    with Vault(lake.home) as vault:
        old_token = vault.token("id_number", "1")
    home = moved(lake)
    assert restore(tmp_path / "backup", home).files == done.files
    assert content(home) == content(lake.home)
    for database in ("ledger.sqlite", "vault.sqlite"):
        assert rows(home, database) == rows(lake.home, database)
    assert (home / "published" / "current").readlink() == Path("v1")
    again = Lake.open(home)
    take(again, "b.csv", 1, 2)
    with Ledger(home) as ledger:
        (feed,) = ledger.feeds().values()
        assert (feed["received"], feed["accepted"], feed["duplicate"]) == (5, 2, 2)
        assert len(entries(ledger)) == 1
    with Vault(home) as vault:
        assert vault.token("id_number", "1") == old_token
    assert {p.stat().st_mode & 0o077 for p in home.rglob("silver/*/*/*--*")} == {0}


def test_a_second_backup_writes_only_what_is_new(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    first = back_up(lake, folder)
    second = back_up(lake, folder)
    assert second.written_bytes == 0
    assert second.skipped >= first.files - 4, "all but databases and the link"
    take(lake, "b.csv", 4)
    third = back_up(lake, folder)
    assert 0 < third.written_bytes < first.written_bytes
    home = moved(lake)
    restore(folder, home, second.snapshot)
    with Ledger(home) as ledger:
        assert ledger.feeds()[contract().feed]["received"] == 3, "as it was then"


def test_old_snapshots_go_with_the_parts_that_only_they_had(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    back_up(lake, folder)
    (lake.published / "v1").rename(lake.published / "v2")
    (lake.published / "v2" / "county.duckdb").write_bytes(b"other" * 10)
    (lake.published / "current").unlink()
    (lake.published / "current").symlink_to("v2")
    gone = hashlib.sha256(bytes(1000)).hexdigest()
    assert list(folder.glob(f"objects/*/{gone}"))
    back_up(lake, folder, keep=1)
    assert not list(folder.glob(f"objects/*/{gone}"))
    assert len(list(folder.glob("snapshots/*"))) == 1
    verify(folder, lake.home)


def test_nothing_in_a_backup_stands_clear_and_the_sealing_key_is_not_in_it(
    lake: Lake, tmp_path: Path
) -> None:
    back_up(lake, tmp_path / "backup")
    key = (lake.home / "keys" / "vault.key").read_text()
    written = [p for p in (tmp_path / "backup").rglob("*") if p.is_file()]
    for data in (path.read_bytes() for path in written):
        assert NAME.encode() not in data
        assert key.encode() not in data
        assert contract().feed.encode() not in data
    assert not [p for p in written if hashlib.sha256(key.encode()).hexdigest() in p.name]


def test_damage_is_found_and_named(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    back_up(lake, folder)
    verify(folder, lake.home)
    victim = hashlib.sha256(bytes(1000)).hexdigest()
    (path,) = folder.glob(f"objects/*/{victim}")
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(BackupUnfit, match=r"published/v1/county\.duckdb"):
        verify(folder, lake.home)
    home = moved(lake)
    with pytest.raises(BackupUnfit, match=r"published/v1/county\.duckdb"):
        restore(folder, home)
    with pytest.raises(NotRestored), writing(Lake(home), "yigong run"):
        pytest.fail("half a lake is used")
    path.write_bytes(data)
    restore(folder, home)
    assert content(home) == content(lake.home)


def test_a_restore_asks_for_an_empty_home_and_the_right_key(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    back_up(lake, folder)
    with pytest.raises(BackupUnfit, match="不是空目录"):
        restore(folder, lake.home)
    bare = tmp_path / "bare"
    with pytest.raises(KeysUnfit, match=r"vault\.key"):
        restore(folder, bare)
    assert list(bare.iterdir()) == []
    home = moved(lake)
    (home / "keys" / "vault.key").write_text("00" * 16)
    with pytest.raises(KeysUnfit, match="不符"):
        restore(folder, home)


def test_a_backup_goes_to_a_folder_of_its_own(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(BackupUnfit, match="之内"):
        back_up(lake, lake.home / "backup")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    with pytest.raises(BackupUnfit, match="不是备份目录"):
        back_up(lake, tmp_path / "photos")
    with pytest.raises(BackupUnfit, match="没有备份"):
        verify(tmp_path / "nothing", lake.home)


def test_half_a_lake_is_not_backed_up(lake: Lake, tmp_path: Path) -> None:
    next(lake.silver("hypertension_visit").glob("*/*--*.parquet")).unlink()
    with pytest.raises(SilverDisagrees):
        back_up(lake, tmp_path / "backup")


def test_large_files_are_kept_in_parts(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "PART_BYTES", 300)
    back_up(lake, tmp_path / "backup")
    home = moved(lake)
    restore(tmp_path / "backup", home)
    assert content(home) == content(lake.home)


def test_a_county_that_lies_inside_the_lake_goes_with_it(lake: Lake, tmp_path: Path) -> None:
    shutil.copytree(TINY, lake.home / "county")
    choose_site(lake.home, Site.open(lake.home / "county"), change=True)
    back_up(lake, tmp_path / "kept")
    home = moved(lake)
    restore(tmp_path / "kept", home)
    found = chosen_site(home)
    assert found.folder == home / "county"
    assert set(found.contracts) == set(Site.open(TINY).contracts)
