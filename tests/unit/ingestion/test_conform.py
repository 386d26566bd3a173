"""Conforming: what fits is typed, what does not is named, nothing is lost."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from ingestion.cast import typed
from ingestion.conform import Conformed, clean, conform, row_digests
from ingestion.entity import ZONE, Column, entities
from ingestion.window import Window, arrival_days
from tests.unit.ingestion.builders import contract, table, visit


def conform_rows(*rows: dict[str, str]) -> Conformed:
    feed = contract()
    return conform(
        clean(table(*rows)),
        entity=entities()["hypertension_visit"],
        record=feed.mapping().records["hypertension_visit"],
        contract=feed,
    )


def test_values_become_typed_columns() -> None:
    accepted = conform_rows(visit()).accepted
    row = accepted.row(0, named=True)
    assert row["visited_date"] == date(2026, 3, 5)
    assert row["systolic_mmhg"] == 130
    assert row["visit_mode_code"] == "1"


def test_organization_defaults_to_the_member() -> None:
    assert conform_rows(visit()).accepted["organization_id"].to_list() == ["653999T01"]


@pytest.mark.parametrize(
    ("change", "reason", "about"),
    [
        ({"随访编号": "　"}, "missing_required", "visit_id"),
        ({"随访日期": "2026-02-30"}, "impossible_date", "visited_date"),
        ({"收缩压": "一百三"}, "not_a_number", "systolic_mmhg"),
        ({"收缩压": "130.5"}, "not_a_number", "systolic_mmhg"),
        ({"收缩压": "999"}, "out_of_range", "systolic_mmhg"),
        ({"收缩压": "70", "舒张压": "80"}, "rule_failed", "systolic_above_diastolic"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(
    change: dict[str, str], reason: str, about: str
) -> None:
    result = conform_rows(visit(1), visit(2, **change))
    assert result.accepted["visit_id"].to_list() == ["F0001"]
    refused = result.refused.row(0, named=True)
    assert refused["reason_code"] == reason
    assert f"{reason}:{about}" in refused["detail"]
    assert refused["_record"] == 2


def test_every_violation_of_a_row_is_kept() -> None:
    detail = conform_rows(visit(随访日期="昨天", 收缩压="高")).refused["detail"][0]
    assert "impossible_date:visited_date" in detail
    assert "not_a_number:systolic_mmhg" in detail


def test_refusals_never_carry_the_value() -> None:
    refused = conform_rows(visit(收缩压="阿依古丽")).refused
    assert "阿依古丽" not in refused.write_csv()


def test_an_unknown_optional_code_is_kept_raw_and_counted() -> None:
    result = conform_rows(visit(方式="微信"))
    row = result.accepted.row(0, named=True)
    assert row["visit_mode_code"] is None
    assert row["visit_mode_code_raw"] == "微信"
    assert result.unmapped.select("column", "code").rows() == [("visit_mode_code", "微信")]


def test_slash_dates_and_times_are_understood() -> None:
    result = conform_rows(visit(1, 随访日期="2026/3/5"), visit(2, 随访日期="2026-03-05 10:11:12"))
    assert result.accepted["visited_date"].to_list() == [date(2026, 3, 5)] * 2


def test_equal_rows_have_equal_digests_and_nulls_count() -> None:
    frame = clean(table(visit(1), visit(1), visit(1, 电话="")))
    first, second, third = row_digests(frame).to_list()
    assert first == second != third


def test_free_text_loses_the_patients_own_name() -> None:
    feed = contract(
        entity="examination_report",
        fields={
            "report_id": {"from": "单号"},
            "reported_at": {"from": "时间"},
            "conclusion": {"from": "结论"},
        },
    )
    rows = [
        {
            "单号": "R1",
            "时间": "2026-01-01 08:00:00",
            "结论": "古丽娜尔：未见异常",
            "姓名": "古丽娜尔",
        },
        {"单号": "R2", "时间": "2026-01-01 08:00:00", "结论": "未见异常", "姓名": "古丽娜尔"},
    ]
    result = conform(
        clean(table(*rows)),
        entity=entities()["examination_report"],
        record=feed.mapping().records["examination_report"],
        contract=feed,
        hidden=["姓名"],
    )
    assert result.accepted["conclusion"].to_list() == ["＊：未见异常", "未见异常"]


def test_free_text_keeps_words_that_hold_a_sex_or_a_short_number() -> None:
    feed = contract(
        entity="examination_report",
        fields={
            "report_id": {"from": "单号"}, "reported_at": {"from": "时间"},
            "conclusion": {"from": "结论"},
        },
        person={"sex_code": {"from": "性别"}, "local_id": {"from": "号"}},
    )  # fmt: skip
    row = {
        "单号": "R1",
        "时间": "2026-01-01 08:00:00",
        "结论": "aVF抬高12mm",
        "性别": "F",
        "号": "12",
    }
    result = conform(
        clean(table(row)),
        entity=entities()["examination_report"],
        record=feed.mapping().records["examination_report"],
        contract=feed,
        hidden=["性别", "号"],
    )
    assert result.accepted["conclusion"].to_list() == ["aVF抬高12mm"]


def test_hl7_times_with_offset_are_shanghai_time() -> None:
    feed = contract(format="hl7v2", entity="laboratory_result", fields={
        "report_id": {"from": "OBR-3.1"}, "test_code": {"from": "OBX-3.1"},
        "reported_at": {"from": "OBR-22"},
    })  # fmt: skip
    frame = table(
        {"OBR-3.1": "1", "OBX-3.1": "a", "OBR-22": "20260101080000+0000"},
        {"OBR-3.1": "1", "OBX-3.1": "b", "OBR-22": "202601011600"},
        {"OBR-3.1": "1", "OBX-3.1": "c", "OBR-22": "198298313000"},
    )
    result = conform(
        clean(frame),
        entity=entities()["laboratory_result"],
        record=feed.mapping().records["laboratory_result"],
        contract=feed,
    )
    times = result.accepted["reported_at"].dt.strftime("%Y-%m-%d %H:%M").to_list()
    assert times == ["2026-01-01 16:00"] * 2
    assert result.refused["reason_code"].to_list() == ["impossible_date"]


def cast_one(text: str, kind: str, *, compact: bool = True) -> date | None:
    """One source text as a column of a type, the way standard messages or tables write it."""
    cast = typed(
        pl.col("v"), Column(type=kind, label_zh="时间"), pattern=None, compact=compact, scale=None
    )
    return pl.DataFrame({"v": [text]}).select(cast).item()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("202603", datetime(2026, 3, 1)),
        ("20260301", datetime(2026, 3, 1)),
        ("2026030108", datetime(2026, 3, 1, 8)),
        ("2026030100+0000", datetime(2026, 3, 1, 8)),
        ("202603010830", datetime(2026, 3, 1, 8, 30)),
        ("20260301083015.25", datetime(2026, 3, 1, 8, 30, 15)),
    ],
)
def test_partial_hl7_times_begin_their_month_day_or_hour(text: str, moment: datetime) -> None:
    found = cast_one(text, "timestamp")
    assert found == moment.replace(tzinfo=ZoneInfo(ZONE))
    assert cast_one(text, "date") == moment.date()


@pytest.mark.parametrize(
    "text", ["202613", "202600", "2026030124", "2026022908", "2026", "2026030"]
)
def test_partial_hl7_times_must_exist(text: str) -> None:
    assert cast_one(text, "timestamp") is None
    assert cast_one(text, "date") is None


@pytest.mark.parametrize("text", ["202601+0900", "20260101+1400", "20260101-1200"])
def test_an_offset_never_moves_a_time_without_hours(text: str) -> None:
    assert cast_one(text, "date") == date(2026, 1, 1)


@pytest.mark.parametrize("text", ["260301", "202603", "1710121200"])
def test_tables_do_not_take_any_number_for_a_partial_time(text: str) -> None:
    assert cast_one(text, "date", compact=False) is None


def test_all_accepted_columns_follow_the_entity() -> None:
    accepted = conform_rows(visit()).accepted
    schema = entities()["hypertension_visit"].schema()
    for name in accepted.columns:
        if not name.startswith("_"):
            assert accepted.schema[name] == schema[name], name
    assert accepted.schema["row_digest"] == pl.UInt64


ARRIVED = [date(2026, 3, 31)]


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        ("2029-03-05", "date_after_arrival"),
        ("2026-04-01", "date_after_arrival"),
        ("1962-03-05", "date_too_early"),
        ("2026-03-31", None),
        ("2011-04-01", None),
    ],
)
def test_a_date_outside_the_accepted_window_is_refused_by_name(
    day: str, reason: str | None
) -> None:
    feed = contract()
    result = conform(
        clean(table(visit(随访日期=day))),
        entity=entities()["hypertension_visit"],
        record=feed.mapping().records["hypertension_visit"],
        contract=feed,
        arrived=ARRIVED,
    )
    assert result.refused["reason_code"].to_list() == ([reason] if reason else [])
    assert len(result.accepted) == (reason is None)


def test_a_contract_may_widen_the_window_and_registers_have_none() -> None:
    feed = contract(accepted={"hypertension_visit": {"years_back": None, "days_ahead": 30}})
    result = conform(
        clean(table(visit(随访日期="1962-03-05"), visit(随访日期="2026-04-30"))),
        entity=entities()["hypertension_visit"],
        record=feed.mapping().records["hypertension_visit"],
        contract=feed,
        arrived=ARRIVED,
    )
    assert len(result.accepted) == 2
    assert entities()["bed"].window is None
    assert entities()["birth"].window == Window(years_back=None)


def test_a_file_arrives_at_the_later_of_the_clock_and_its_own_time() -> None:
    moment = datetime(2026, 3, 31, 6, tzinfo=ZoneInfo(ZONE))
    later = datetime(2027, 1, 2, tzinfo=ZoneInfo(ZONE))
    days = arrival_days(moment, 3, [None, later, datetime(2020, 1, 1, tzinfo=ZoneInfo(ZONE))])
    assert days == [date(2026, 3, 31), date(2027, 1, 2), date(2026, 3, 31)]
