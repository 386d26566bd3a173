"""Publishing is atomic under readers, immutable, digested and pruned."""

import hashlib
import json
import threading
from pathlib import Path

import duckdb
import pytest

from ingestion.lake import Lake
from pipelines.publish import current_version, publish

MANIFEST = {
    "nodes": {
        name: {
            "resource_type": "model",
            "name": name,
            "original_file_path": path,
            "config": {"materialized": "table"},
            "description": "试表",
            "columns": {"number": {"name": "number", "description": "数 'n'"}},
        }
        for name, path in {
            "service_month": "marts/operations/service_month.sql",
            "organization": "models/resource/organization.sql",
            "evidence_bed": "marts/performance/evidence/evidence_bed.sql",
            "person": "models/population/person.sql",
        }.items()
    },
    "sources": {
        "publication": {
            "resource_type": "source",
            "source_name": "published",
            "name": "publication",
            "description": "发布版本",
            "columns": {},
        }
    },
}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    found = Lake.open(tmp_path)
    write_warehouse(found, 1)
    return found


def write_warehouse(lake: Lake, number: int) -> None:
    """A tiny warehouse whose tables all carry the same number, so that a mixture would show."""
    lake.warehouse.unlink(missing_ok=True)
    with duckdb.connect(str(lake.warehouse)) as connection:
        for table in ("service_month", "organization", "evidence_bed", "person"):
            connection.execute(
                f"create table {table} as select date '2026-06-01' as month, {number} as number"
                " from range(2000)"
            )
        connection.execute("create table coverage_month as select date '2026-06-30' as as_of_date")


def test_readers_see_one_version_whole_while_versions_are_swapped(lake: Lake) -> None:
    publish(lake, MANIFEST, quality={"passed": 1})
    stop, seen, faults = threading.Event(), set(), []

    def read() -> None:
        while not stop.is_set():
            try:
                path = (lake.published / "current" / "county.duckdb").resolve()
                with duckdb.connect(str(path), read_only=True) as connection:
                    numbers = connection.execute(
                        "select distinct number from service_month"
                        " union select distinct number from organization"
                    ).fetchall()
                    seen.add(numbers[0][0])
                    if len(numbers) != 1:
                        faults.append(f"mixed versions {numbers}")
            except duckdb.Error as error:
                faults.append(str(error))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(2, 8):
        write_warehouse(lake, number)
        publish(lake, MANIFEST, quality={"passed": 1}, keep=10)
    stop.set()
    for reader in readers:
        reader.join()
    assert faults == []
    assert len(seen) > 1


@pytest.mark.parametrize("name", ["county.duckdb", "analysis.duckdb"])
def test_tables_and_columns_carry_their_labels(lake: Lake, name: str) -> None:
    publish(lake, MANIFEST, quality={"passed": 1})
    with duckdb.connect(str(lake.published / "current" / name), read_only=True) as connection:
        tables = dict(
            connection.execute("select table_name, comment from duckdb_tables()").fetchall()
        )
        columns = connection.execute(
            "select comment from duckdb_columns() where column_name = 'number'"
        ).fetchall()
    assert tables["service_month"] == "试表"
    assert tables["publication"] == "发布版本"
    assert set(columns) == {("数 'n'",)}


def test_the_manifest_digests_every_file(lake: Lake) -> None:
    publish(lake, MANIFEST, quality={"passed": 3})
    folder = lake.published / "v1"
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert set(manifest["files"]) == files - {"manifest.json"}
    for name, entry in manifest["files"].items():
        assert entry["sha256"] == hashlib.sha256((folder / name).read_bytes()).hexdigest()


def test_old_versions_are_pruned_and_numbers_never_reused(lake: Lake) -> None:
    for _ in range(5):
        publish(lake, MANIFEST, quality={}, keep=2)
    assert sorted(p.name for p in lake.published.glob("v*")) == ["v4", "v5"]
    assert current_version(lake) == 5


def test_the_cockpit_copy_holds_no_libraries_of_persons_and_no_evidence(lake: Lake) -> None:
    publish(lake, MANIFEST, quality={})
    with duckdb.connect(str(lake.published / "v1" / "county.duckdb"), read_only=True) as found:
        tables = {
            row[0] for row in found.execute("select table_name from duckdb_tables()").fetchall()
        }
    assert tables == {"service_month", "organization", "publication", "indicator_restatement"}


def test_a_publish_that_fails_leaves_the_current_version(lake: Lake) -> None:
    publish(lake, MANIFEST, quality={})
    with duckdb.connect(str(lake.warehouse)) as connection:
        connection.execute("drop table organization")
    with pytest.raises(duckdb.Error):
        publish(lake, MANIFEST, quality={})
    assert current_version(lake) == 1
    assert not (lake.published / "v2").exists()
