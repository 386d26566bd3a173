"""What each indicator must do at its edges, on a lake of a few hand-made rows.

Expected figures are worked out by hand, in the comments of `small_county.py`, never by SQL.
"""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from standards.catalogue import load_systems
from tests.unit.marts.small_county import (
    COUNTY,
    EXTRA,
    GROUP,
    HOSPITAL,
    OTHER_TOWNSHIP,
    TOWNSHIP,
    contracts,
    rows,
)
from tests.unit.marts.small_lake import build, write_lake


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    home = Path(tmp_path_factory.mktemp("lake"))
    write_lake(home, rows(), contracts(), [*load_systems(), EXTRA])
    connection = build(home)
    yield connection
    connection.close()


def measure(county: duckdb.DuckDBPyConnection, name: str, code: str, month: str) -> float:
    found = county.execute(
        "select value from measure_month"
        " where measure_id = ? and organization_id = ? and month = ?",
        [name, code, f"{month}-01"],
    ).fetchone()
    return float(found[0]) if found else 0.0


def indicator(county: duckdb.DuckDBPyConnection, name: str, code: str, period: str) -> Any:
    return county.execute(
        "select state, numerator::double, denominator::double, value, excluded_count"
        " from indicator_value"
        " where indicator_id = ? and organization_id = ? and period = ?",
        [name, code, period],
    ).fetchone()


def said(county: duckdb.DuckDBPyConnection, name: str, code: str, period: str) -> Any:
    return county.execute(
        "select is_to_date, as_of, covered_share, reason from indicator_value"
        " where indicator_id = ? and organization_id = ? and period = ?",
        [name, code, period],
    ).fetchone()


@pytest.mark.parametrize(
    ("name", "month", "value"),
    [
        ("outpatient_visits", "2026-01", 2),
        ("outpatient_visits", "2026-02", 1),
        ("tcm_outpatient_visits", "2026-01", 1),
        ("outpatient_fee_yuan", "2026-01", 150),
        ("admissions", "2026-01", 3),
        ("discharges", "2026-01", 2),
        ("discharge_bed_days", "2026-01", 2),
        ("discharge_bed_days", "2026-02", 3),
        ("occupied_bed_days", "2026-01", 4),
        ("occupied_bed_days", "2026-02", 3),
        ("occupied_bed_days", "2026-03", 10),
        ("open_bed_days", "2026-01", 21),
        ("open_bed_days", "2026-02", 28),
        ("open_bed_days", "2026-03", 10),
    ],
)
def test_hospital_measures_hold_their_edges(
    county: duckdb.DuckDBPyConnection, name: str, month: str, value: float
) -> None:
    assert measure(county, name, HOSPITAL, month) == value


def test_reversed_and_foreign_settlements_do_not_count(county: duckdb.DuckDBPyConnection) -> None:
    assert measure(county, "insured_admissions", COUNTY, "2026-01") == 2
    assert measure(county, "insured_admissions_in_county", COUNTY, "2026-01") == 1


def test_every_inpatient_class_is_a_stay_and_a_stay_counts_once(
    county: duckdb.DuckDBPyConnection,
) -> None:
    # i6 i7 i8, i10 with i11, and i12 whose second settlement was taken back; two of them beyond.
    assert measure(county, "insured_admissions", COUNTY, "2026-02") == 5
    assert measure(county, "insured_admissions_in_county", COUNTY, "2026-02") == 3


@pytest.mark.parametrize(
    ("name", "month", "value"),
    [
        # old young blank a lost, gone until 10 February, dead until 3 March, new from 20 February.
        ("hypertension_registered", "2026-01", 7),
        ("hypertension_registered", "2026-02", 7),
        ("hypertension_registered", "2026-03", 6),
        ("hypertension_visited", "2026-01", 2),
        ("hypertension_controlled", "2026-01", 2),
        ("hypertension_visited", "2026-03", 4),
        ("hypertension_controlled", "2026-03", 2),
        ("hypertension_standard", "2026-03", 0),
        ("diabetes_registered", "2026-01", 3),
        ("diabetes_visited", "2026-01", 3),
        ("diabetes_on_schedule", "2026-01", 2),
        ("diabetes_controlled", "2026-01", 2),
        ("diabetes_controlled", "2026-02", 1),
        ("diabetes_controlled", "2026-03", 2),
    ],
)
def test_managed_patients_are_counted_as_of_the_month_end(
    county: duckdb.DuckDBPyConnection, name: str, month: str, value: float
) -> None:
    assert measure(county, name, TOWNSHIP, month) == value


def test_parents_sum_numerators_and_denominators(county: duckdb.DuckDBPyConnection) -> None:
    # Township 1 + village 1 + other township 1 of five visits in January.
    assert indicator(county, "CM24-07", COUNTY, "2026-01")[:4] == ("ok", 3, 5, 0.6)
    assert indicator(county, "CM24-07", TOWNSHIP, "2026-01")[:4] == ("ok", 2, 2, 1)
    assert indicator(county, "SEC-13", COUNTY, "2026-01")[:4] == ("ok", 2, 2, 1)


def test_latest_measures_take_the_last_month_of_a_period(
    county: duckdb.DuckDBPyConnection,
) -> None:
    # Controlled in March: 65-year-old and person a; visited: four. April to December do not exist.
    assert indicator(county, "BPH-15-YTD", TOWNSHIP, "2026")[1:4] == (2, 4, 0.5)
    assert indicator(county, "BPH-15-YTD", TOWNSHIP, "2026Q1")[1:4] == (2, 4, 0.5)
    # In management: six, who was not visited is not controlled.
    assert indicator(county, "BPH-15", TOWNSHIP, "2026")[:4] == ("not_applicable", 2, 6, None)


def test_a_definition_of_the_whole_year_has_no_value_before_it_is_over(
    county: duckdb.DuckDBPyConnection,
) -> None:
    assert indicator(county, "BPH-14", TOWNSHIP, "2026-03") is None
    state, _, _, value, _ = indicator(county, "BPH-14", TOWNSHIP, "2026")
    assert (state, value) == ("not_applicable", None)


def test_missing_month_of_one_feed_reads_no_feed_there_and_partial_above_it(
    county: duckdb.DuckDBPyConnection,
) -> None:
    assert indicator(county, "CM24-07", OTHER_TOWNSHIP, "2026-02")[0] == "no_feed"
    assert indicator(county, "CM24-07", COUNTY, "2026-02")[0] == "partial"
    assert indicator(county, "CM24-07", COUNTY, "2026")[0] == "partial"
    assert indicator(county, "CM24-07", TOWNSHIP, "2026-02")[0] == "ok"
    assert said(county, "CM24-07", OTHER_TOWNSHIP, "2026-02")[1:3] == (None, 0.0)
    _, as_of, share, reason = said(county, "CM24-07", COUNTY, "2026-02")
    assert as_of == dt.date(2026, 2, 28)
    # Two rows of the hospital, one of the township; what lacks of the other one is about one.
    assert 0.5 < share < 1
    assert "other_township__his__visits缺28天" in reason


def test_an_open_period_ends_at_the_last_complete_day(county: duckdb.DuckDBPyConnection) -> None:
    # The last rows are of 10 March: two follow-ups, seen in July.
    for period in ("2026-03", "2026Q1", "2026"):
        is_to_date, as_of, share, reason = said(county, "CM24-07", TOWNSHIP, period)
        assert (is_to_date, as_of, share, reason) == (True, dt.date(2026, 3, 10), 1.0, None)
    assert said(county, "CM24-07", TOWNSHIP, "2026-02")[:2] == (False, dt.date(2026, 2, 28))
    label = county.execute(
        "select distinct period_label from indicator_display where period = '2026-03'"
    ).fetchall()
    assert label == [("2026-03（本月至今）",)]


def test_feed_that_never_came_reads_no_feed(county: duckdb.DuckDBPyConnection) -> None:
    assert indicator(county, "SEC-01", HOSPITAL, "2026-01")[0] == "no_feed"
    assert indicator(county, "SEC-01", COUNTY, "2026-01")[0] == "no_feed"


def test_organization_no_feed_speaks_for_is_not_applicable(
    county: duckdb.DuckDBPyConnection,
) -> None:
    assert indicator(county, "BPH-15-YTD", HOSPITAL, "2026-03")[0] == "not_applicable"


def test_zero_denominator_is_not_applicable(county: duckdb.DuckDBPyConnection) -> None:
    assert indicator(county, "PRI-23", TOWNSHIP, "2026-01") == ("not_applicable", 0, 0, None, 0)


def test_indicator_is_stated_only_where_it_applies(county: duckdb.DuckDBPyConnection) -> None:
    assert indicator(county, "SEC-13", TOWNSHIP, "2026-01") is None
    assert indicator(county, "CM24-11", GROUP, "2026-01") is None
    assert indicator(county, "CM24-11", COUNTY, "2026-01")[:3] == ("ok", 1, 2)


def test_too_many_unusable_rows_fall_below_the_quality_floor(
    county: duckdb.DuckDBPyConnection,
) -> None:
    # February: the hospital's one visit has no fee.
    assert indicator(county, "OPS-FEE-01", HOSPITAL, "2026-02") == (
        "below_quality_floor", 0, 1, 0, 1,
    )  # fmt: skip


def test_cost_per_visit_divides_by_all_visits_and_shows_those_without_a_fee(
    county: duckdb.DuckDBPyConnection,
) -> None:
    # The year: v1 and v5 of 100 and v2 of 50 yuan; v4 without a fee is a visit all the same.
    assert indicator(county, "OPS-FEE-01", HOSPITAL, "2026")[1:] == (250, 4, 62.5, 1)


def test_new_entry_on_known_measures_is_computed(county: duckdb.DuckDBPyConnection) -> None:
    # Valid from February, where one admission is fewer than the two it may show.
    assert indicator(county, "TEST-01", HOSPITAL, "2026-01") is None
    assert indicator(county, "TEST-01", HOSPITAL, "2026-02") == (
        "suppressed", None, None, None, 0,
    )  # fmt: skip
    assert indicator(county, "TEST-01", HOSPITAL, "2026-03")[0] == "not_applicable"


def test_headline_equals_its_evidence(county: duckdb.DuckDBPyConnection) -> None:
    evidence = " union all ".join(
        f"select * from {name}"
        for (name,) in county.execute(
            "select table_name from duckdb_tables() where table_name like 'evidence_%'"
        ).fetchall()
    )
    difference = county.execute(
        f"with headline as (select * from ({evidence}) where not is_excluded),"
        " summed as ("
        "     select measure_id, organization_id, month, sum(value) as value"
        "     from headline group by all"
        " )"
        " select * from summed full join measure_month as shown"
        " using (measure_id, organization_id, month)"
        " where coalesce(summed.value, 0) <> coalesce(shown.value, 0)"
    ).fetchall()
    totals = county.execute("select count(*) from measure_month").fetchone()
    assert totals is not None
    assert totals[0] > 0
    assert difference == []


def test_cockpit_marts_are_filled(county: duckdb.DuckDBPyConnection) -> None:
    latest = county.execute(
        "select distinct month from indicator_display where is_latest_month"
    ).fetchall()
    assert latest == [(dt.date(2026, 3, 1),)]
    assert county.execute("select count(*) from service_month").fetchone() == (12,)
    silent = county.execute(
        "select state_name from feed_status where feed = 'hospital__his__front_pages'"
    ).fetchall()
    assert silent == [("无数据源",)]
    chronic = county.execute(
        "select registered, visited, on_schedule, controlled from chronic_month"
        " where disease_name = '高血压' and month = date '2026-03-01'"
    ).fetchall()
    assert chronic == [(6, 4, 4, 2)]


def test_a_feed_of_a_member_that_nobody_registered_speaks_for_nobody(
    county: duckdb.DuckDBPyConnection,
) -> None:
    assert indicator(county, "TEST-01", HOSPITAL, "2026-02")[0] == "suppressed"
    for organization in (HOSPITAL, GROUP, COUNTY):
        assert indicator(county, "TEST-02", organization, "2026-02")[0] == "no_feed"
