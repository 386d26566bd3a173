"""Beyond the vault nobody's name, ID number, phone or address is anywhere in the lake."""

import json
import sqlite3
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tests.end_to_end.conftest import CountyFolder, Yigong

NOT_SCANNED = ("bronze/", "vault.sqlite", "keys/")


@pytest.fixture(scope="module")
def secrets(county: CountyFolder) -> list[str]:
    values = pl.read_parquet(county.key / "pii.parquet")["value"].unique().to_list()
    assert len(values) > 1000
    return values


def leaked(texts: pl.Series, secrets: list[str]) -> int:
    return int(texts.drop_nulls().unique().str.contains_any(secrets).sum())


def scanned(home: Path) -> list[Path]:
    files = [p for p in home.rglob("*") if p.is_file() and not p.is_symlink()]
    return [p for p in files if not p.relative_to(home).as_posix().startswith(NOT_SCANNED)]


def test_no_name_number_phone_or_address_leaves_the_vault(
    yigong: Yigong, secrets: list[str]
) -> None:
    found, looked = [], 0
    for path in scanned(yigong.home):
        for where, texts in texts_of(path):
            looked += len(texts)
            if hits := leaked(texts, secrets):
                found.append((path.relative_to(yigong.home).as_posix(), where, hits))
    assert not found, found[:10]
    assert looked > 50_000


def test_the_scan_would_see_a_leak(secrets: list[str]) -> None:
    assert leaked(pl.Series(["x", f"患者 {secrets[0]} 来诊"]), secrets) == 1


def test_reveal_gives_one_person_and_logs_the_look_first(
    yigong: Yigong, county: CountyFolder
) -> None:
    (row,) = json.loads(yigong("query", "select min(person_id) as p from person", "--json"))
    found = json.loads(yigong("reveal", row["p"], "--reason", "随访核实", "--json"))
    names = set(pl.read_parquet(county.key / "pii.parquet")["value"])
    assert {f["person_name"] for f in found if "person_name" in f} <= names
    with sqlite3.connect(yigong.home / "vault.sqlite") as vault:
        looks = vault.execute("select reason from reveal_log").fetchall()
    assert looks == [("随访核实",)] * len(found)
    assert "没有居民编号" in yigong("reveal", "P0", "--reason", "x", expect=1)


def texts_of(path: Path) -> list[tuple[str, pl.Series]]:
    """Every text in a file, by column; other files as their decoded bytes."""
    if path.suffix == ".parquet":
        frame = pl.read_parquet(path, hive_partitioning=False)
        return [(c, frame[c]) for c, t in frame.schema.items() if t == pl.String]
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            columns = connection.execute(
                "select table_name, column_name from duckdb_columns()"
                " where data_type = 'VARCHAR'"
                " and table_name in (select table_name from duckdb_tables())"
            ).fetchall()
            return [
                (
                    f"{t}.{c}",
                    connection.execute(f'select distinct "{c}" from "{t}"').pl().to_series(),
                )
                for t, c in columns
            ]
    return [("content", pl.Series([path.read_bytes().decode("utf-8", errors="ignore")]))]
