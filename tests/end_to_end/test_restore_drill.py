"""The restore drill: a published county is backed up, lost, brought back and run; nothing is lost.

Prints how much was lost (nothing) and how long it took.
"""

import json
import shutil
import time
from pathlib import Path

import duckdb
import pytest

from tests.end_to_end.conftest import Yigong

pytestmark = pytest.mark.usefixtures("no_hang")


@pytest.fixture(scope="module")
def backup(yigong: Yigong, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backup") / "county"
    yigong("backup", "--to", str(folder))
    return folder


def bring_back(backup: Path, yigong: Yigong, home: Path) -> Yigong:
    """A lake on an empty home with nothing but the backup and the sealing key."""
    key = yigong.home / "keys" / "vault.key"
    restored = Yigong(home)
    restored.command("restore", "--from", str(backup), "--key", str(key))
    return restored


def rows_of(home: Path) -> dict[str, tuple[int, int]]:
    """Rows and order-free hash of every published table but the one that says when."""
    path = (home / "published" / "current" / "analysis.duckdb").resolve()
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute("select table_name from duckdb_tables()").fetchall()
        return {
            name: connection.execute(
                f'select count(*), coalesce(sum(hash(t)::hugeint), 0) from "{name}" as t'
            ).fetchone()
            for (name,) in found
            if name != "publication"
        }


def silver_of(home: Path) -> dict[str, tuple[int, int]]:
    found = {}
    with duckdb.connect() as connection:
        for folder in sorted((home / "silver").iterdir()):
            found[folder.name] = connection.execute(
                f"select count(*), coalesce(sum(hash(t)::hugeint), 0)"
                f" from read_parquet('{folder}/*/*.parquet') as t"
            ).fetchone()
    return found


def test_a_lost_lake_comes_back_row_for_row(yigong: Yigong, backup: Path, tmp_path: Path) -> None:
    verified = json.loads(yigong("backup", "--verify", str(backup), "--json"))
    started = time.monotonic()
    restored = bring_back(backup, yigong, tmp_path / "lake")
    back = time.monotonic() - started
    assert silver_of(restored.home) == silver_of(yigong.home)
    assert rows_of(restored.home) == rows_of(yigong.home), "the cockpit is up at once"
    restored("run")
    ready = time.monotonic() - started
    before, after = rows_of(yigong.home), rows_of(restored.home)
    lost = sum(before[name][0] - after[name][0] for name in before)
    differing = [name for name in before if after[name] != before[name]]
    old = json.loads(yigong("status", "--json"))
    new = json.loads(restored("status", "--json"))
    assert [f["received"] for f in old["feeds"]] == [f["received"] for f in new["feeds"]]
    print(
        f"restore drill: {verified['files']} files, {verified['bytes'] / 1e6:.0f} MB, back in"
        f" {back:.1f} s, run and published in {ready:.1f} s, {lost} rows lost"
    )
    assert differing == []


def test_a_lake_without_its_silver_is_never_published(
    yigong: Yigong, backup: Path, tmp_path: Path
) -> None:
    restored = bring_back(backup, yigong, tmp_path / "lake")
    before = (restored.home / "published" / "current").readlink()
    shutil.rmtree(restored.home / "silver")
    said = restored("run", expect=4)
    assert "白银层与台账不符" in said
    assert (restored.home / "published" / "current").readlink() == before
