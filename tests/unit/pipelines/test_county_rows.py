"""True rows against silver and the libraries: what agrees is silent, what differs is named."""

from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl

from ingestion.entity import entities
from pipelines.county_rows import _in_library, _in_silver

ZONE = ZoneInfo("Asia/Shanghai")
VISIT, SETTLEMENT = entities()["encounter"], entities()["insurance_settlement"]


def visits(*rows: tuple[str, int, str, int, str | None]) -> pl.DataFrame:
    """File, record, encounter, hour of recording, department."""
    return pl.DataFrame(
        [
            (file, record, number, "653999T01", datetime(2026, 1, 1, hour, tzinfo=ZONE), department)
            for file, record, number, hour, department in rows
        ],
        schema={
            "file": pl.String, "record_number": pl.Int64, "encounter_id": pl.String,
            "organization_id": pl.String, "recorded_at": pl.Datetime("us", "Asia/Shanghai"),
            "department_code": pl.String,
        }, orient="row",
    )  # fmt: skip


def in_silver(truth: pl.DataFrame, lake: pl.DataFrame) -> list[str]:
    silver = lake.rename({"file": "file_digest"})
    return _in_silver("feed", VISIT, truth, silver, {"a": "a", "b": "b"}).differences


def in_library(truth: pl.DataFrame, lake: pl.DataFrame) -> list[str]:
    return _in_library("feed", VISIT, truth, lake.drop("file", "record_number")).differences


def test_equal_rows_are_silent() -> None:
    rows = visits(("a", 1, "E1", 8, "01"), ("a", 2, "E2", 8, None))
    assert in_silver(rows, rows) == in_library(rows, rows) == []


def test_a_value_is_named_by_column_and_key() -> None:
    truth = visits(("a", 1, "E1", 8, "01"), ("a", 2, "E2", 8, "50"))
    lake = visits(("a", 1, "E1", 8, "01"), ("a", 2, "E2", 8, None))
    assert in_silver(truth, lake) == [
        "silver feed/encounter.department_code: 1 of 2 differ: 653999T01/E2: None, key 50"
    ]


def test_a_row_that_one_side_lacks_is_named() -> None:
    truth = visits(("a", 1, "E1", 8, "01"), ("b", 1, "E2", 8, "01"))
    lake = visits(("a", 1, "E1", 8, "01"), ("b", 2, "E2", 8, "01"))
    assert in_silver(truth, lake) == [
        "silver feed/encounter: 1 only in the key: 653999T01/E2",
        "silver feed/encounter: 1 only in the lake: 653999T01/E2",
    ]


def test_the_latest_version_is_the_current_row() -> None:
    """Recorded at nine, but sent after the one of ten."""
    truth = visits(("a", 1, "E1", 10, "02"), ("b", 1, "E1", 9, "01"))
    assert in_library(truth, truth.head(1)) == []
    assert "E1: 01, key 02" in in_library(truth, truth.tail(1))[-1]


def test_of_versions_without_a_time_the_one_sent_last_is_the_current_row() -> None:
    truth = visits(("a", 2, "E1", 8, "01"), ("b", 1, "E1", 8, "02")).drop("recorded_at")
    lake = visits(("b", 1, "E1", 8, "01")).drop("recorded_at")
    assert in_library(truth, truth.tail(1)) == []
    assert "E1: 01, key 02" in in_library(truth, lake)[-1]


def test_a_reversal_takes_back_and_does_not_replace() -> None:
    truth = pl.DataFrame(
        {"file": ["a", "a"], "record_number": [1, 2], "settlement_id": ["S1", "S1"],
         "total_fee_yuan": [5.0, -5.0], "is_reversed": [None, True]},
    )  # fmt: skip
    library = pl.DataFrame(
        {"settlement_id": ["S1"], "total_fee_yuan": [5.0], "is_reversed": [True]}
    )
    assert _in_library("feed", SETTLEMENT, truth, library).differences == []
