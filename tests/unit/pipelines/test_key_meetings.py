"""How far keys meet: per feed, among current rows, and not counted again without need."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from ingestion.lake import Lake
from pipelines.key_meetings import refresh_key_meetings
from pipelines.reading import key_meetings
from tests.unit.marts.small_lake import RECEIVED_AT, Rows, write_lake

ALL = {"laboratory_result": "1", "laboratory_request": "1", "recognition_item": "1"}


def result(number: int, request: str | None, **more: Any) -> dict[str, Any]:
    return {
        "feed": "lis", "member_id": "H01", "organization_id": "H01", "report_id": f"R{number}",
        "item_sequence": "1", "test_code": "718-7", "requesting_organization_id": "T01",
        "request_id": request, **more,
    }  # fmt: skip


def request(name: str, organization: str = "T01") -> dict[str, Any]:
    return {"feed": "his", "member_id": "T01", "organization_id": organization,
            "request_id": name}  # fmt: skip


def counted(home: Path, rows: Rows) -> dict[str, Any]:
    """The meeting of laboratory results with their requests."""
    write_lake(home, rows, {})
    lake = Lake(home)
    refresh_key_meetings(lake, {name: "1" for name in rows})
    (row,) = (r for r in key_meetings(lake) if r["column_name"] == "request_id"
              and r["entity"] == "laboratory_result")  # fmt: skip
    return row


def test_a_value_meets_the_row_of_the_organization_it_is_of(tmp_path: Path) -> None:
    rows = [result(1, "A1"), result(2, "A2"), result(3, "A3"), result(4, None)]
    row = counted(
        tmp_path,
        {
            "laboratory_result": rows,
            "laboratory_request": [request("A1"), request("A2"), request("A3", "T02")],
        },
    )
    found = [row[name] for name in ("row_count", "filled_count", "met_count", "state")]
    assert found == [4, 3, 2, "unfilled"]
    assert row["column_label"] == "检验申请单编号"
    assert row["target_name"] == "检验申请"


@pytest.mark.parametrize(
    ("requests", "state"), [(["A1"], "below"), (["A1", "A2"], "ok"), ([], "no_target")]
)
def test_a_state_says_what_is_short(tmp_path: Path, requests: list[str], state: str) -> None:
    rows: Rows = {"laboratory_result": [result(1, "A1"), result(2, "A2")]}
    if requests:
        rows["laboratory_request"] = [request(one) for one in requests]
    assert counted(tmp_path, rows)["state"] == state


def test_rows_that_several_rows_could_meet_are_counted_once(tmp_path: Path) -> None:
    items = [{"feed": "qc", "member_id": "C", "organization_id": f"H{n}", "item_code": "L001",
              "valid_from": dt.date(2026, 1, 1)} for n in range(3)]  # fmt: skip
    asked = request("A1") | {"panel_code": "L001"}
    rows: Rows = {"laboratory_request": [asked], "recognition_item": items}
    write_lake(tmp_path, rows, {})
    refresh_key_meetings(Lake(tmp_path), ALL)
    (row,) = (r for r in key_meetings(Lake(tmp_path)) if r["column_name"] == "panel_code")
    assert (row["row_count"], row["met_count"]) == (1, 1)


def test_only_the_current_version_of_a_row_is_counted(tmp_path: Path) -> None:
    later = RECEIVED_AT + dt.timedelta(days=1)
    rows = [
        result(1, "wrong"),
        result(1, "A1", received_at=later, batch_id="b2", arrival_batch_id="b2"),
    ]
    row = counted(tmp_path, {"laboratory_result": rows, "laboratory_request": [request("A1")]})
    assert (row["row_count"], row["met_count"]) == (1, 1)


def test_what_has_not_changed_is_not_counted_again(tmp_path: Path) -> None:
    rows: Rows = {"laboratory_result": [result(1, "A1")], "laboratory_request": [request("A1")]}
    write_lake(tmp_path, rows, {})
    lake = Lake(tmp_path)
    assert refresh_key_meetings(lake, ALL)
    for path in lake.silver("laboratory_result").glob("*/*.parquet"):
        path.unlink()  # counting would find no row
    assert not refresh_key_meetings(lake, ALL)
    assert refresh_key_meetings(lake, {**ALL, "laboratory_request": "2"})
