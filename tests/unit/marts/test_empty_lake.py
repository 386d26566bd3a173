"""A county that has not received anything yet."""

from pathlib import Path

from tests.unit.marts.small_lake import build, write_lake


def test_empty_lake_builds_every_table(tmp_path: Path) -> None:
    write_lake(tmp_path, {}, {})
    connection = build(tmp_path)
    found = connection.execute("select sum(estimated_size) from duckdb_tables()").fetchone()
    connection.close()
    assert found == (0,)
