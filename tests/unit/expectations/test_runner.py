"""Suites are evaluated on DuckDB, name the failing rows and let go of the file."""

import gc
from pathlib import Path

import duckdb
import pytest

from expectations.runner import ExpectationError, run_suites
from expectations.suite import Suite


def suite(kind: str, **kwargs: object) -> Suite:
    expectation = {
        "id": "rule", "type": kind, "kwargs": kwargs, "severity": "critical", "label_zh": "规则",
    }  # fmt: skip
    return Suite.model_validate(
        {"table": "bed", "layer": "libraries", "key": ["bed_id"], "expectations": [expectation]}
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with duckdb.connect(str(tmp_path / "county.duckdb")) as warehouse:
        warehouse.execute(
            "create table bed as select 'B1' as bed_id, 3 as ward union select 'B2', 9"
        )
    return tmp_path


def test_a_failing_row_is_named(home: Path) -> None:
    rule = suite("expect_column_values_to_be_between", column="ward", max_value=5)
    (outcome,) = run_suites(home, [rule])
    assert outcome.stops
    assert outcome.failing_keys == [{"bed_id": "B2"}]


def test_an_engine_error_is_not_a_data_failure(home: Path) -> None:
    with pytest.raises(ExpectationError):
        list(run_suites(home, [suite("expect_column_values_to_not_be_null", column="no_such")]))


def test_the_warehouse_can_be_written_right_after(home: Path) -> None:
    gc.disable()
    try:
        list(run_suites(home, [suite("expect_column_values_to_not_be_null", column="ward")]))
        with duckdb.connect(str(home / "county.duckdb")) as warehouse:
            warehouse.execute("insert into bed values ('B3', 1)")
    finally:
        gc.enable()
