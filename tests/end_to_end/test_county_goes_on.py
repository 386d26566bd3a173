"""Days go by in a county; what arrives each day is what its answer key says, fault by fault."""

import json
from pathlib import Path

import polars as pl
import pytest

from tests.end_to_end.conftest import Yigong


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("going") / "county"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Yigong:
    """A county of 400 and two months, taken in; then a day, then ten days more."""
    command = Yigong(tmp_path_factory.mktemp("going_lake"))
    words = ("--residents", "400", "--months", "2", "--seed", "5", "--out", str(root))
    command("county", *words)
    command("ingest", "--inbox", str(root / "inbox"))
    for days in ("1", "10"):
        command("county", "advance", "--out", str(root), "--days", days)
        command("ingest", "--inbox", str(root / "inbox"))
    return command


def test_nothing_differs_from_the_answer_key(lake: Yigong, root: Path) -> None:
    found = json.loads(lake("county", "check", "--out", str(root), "--json"))
    assert found["differences"] == []
    assert found["balanced"]
    assert min(found["feeds"], found["rows"], found["refusals"], found["unmapped"]) > 20
    assert found["true_rows"] > 10_000
    assert found["values"] > 10 * found["true_rows"]


def test_unmapped_codes_are_listed_for_their_owner(lake: Yigong) -> None:
    found = json.loads(lake("unmapped", "--json"))
    assert found
    assert all(row["owner"] and row["column_label"] and row["seen"] > 0 for row in found)
    (first, *_) = found
    only = json.loads(lake("unmapped", "--feed", first["feed"], "--json"))
    assert {row["feed"] for row in only} == {first["feed"]}
    assert "没有数据源" in lake("unmapped", "--feed", "no_such", expect=1)


def test_a_difference_is_named_and_fails(lake: Yigong, root: Path) -> None:
    path = root / "answer_key" / "ledger.parquet"
    key = path.read_bytes()
    try:
        truth = pl.read_parquet(path)
        truth.with_columns(pl.col("accepted") + (pl.int_range(pl.len()) == 3)).write_parquet(path)
        told = lake("county", "check", "--out", str(root), expect=1)
        assert "1 处差异" in told
        assert truth["feed"][3] in told
    finally:
        path.write_bytes(key)


def test_a_wrong_value_is_named_by_feed_column_and_key(lake: Yigong, root: Path) -> None:
    feed = "township_a__his__visits"
    path = next((root / "answer_key" / "rows" / feed).rglob("*.arrow"))
    kept = path.read_bytes()
    try:
        rows = pl.read_ipc(path)
        first = pl.int_range(pl.len()) == 0
        wrong = pl.when(first).then(pl.lit("0.01")).otherwise("总费用").alias("总费用")
        rows.with_columns(wrong).write_ipc(path)
        told = lake("county", "check", "--out", str(root), expect=1).replace("\n", "")
        assert "1 处差异" in told
        assert f"{feed}/encounter.total_fee_yuan: 1 of" in told
        assert rows["就诊流水号"][0] in told
    finally:
        path.write_bytes(kept)
