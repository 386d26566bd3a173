"""What each indicator must do at its edges, on a lake of a few hand-made rows.

Expected figures are worked out by hand in the comments, never by the pipeline's SQL.
"""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.contract import Contract
from standards.catalogue import IndicatorSystem, load_systems
from tests.unit.marts.small_lake import Rows, at, build, write_lake

COUNTY, GROUP, HOSPITAL = "653999", "653999C01", "653999H01"
TOWNSHIP, OTHER_TOWNSHIP, VILLAGE = "653999T01", "653999T02", "653999V01"
BUREAU = "653999B01"

FEEDS: dict[str, tuple[str, str]] = {
    "hospital__his__visits": (HOSPITAL, "encounter"),
    "township__his__visits": (TOWNSHIP, "encounter"),
    "other_township__his__visits": (OTHER_TOWNSHIP, "encounter"),
    "hospital__his__front_pages": (HOSPITAL, "front_page"),
    "township__ph__hypertension": (TOWNSHIP, "hypertension_visit"),
    "township__ph__diabetes": (TOWNSHIP, "diabetes_visit"),
    "bureau__settlement__settlements": (BUREAU, "insurance_settlement"),
    "bureau__registry__beds": (BUREAU, "bed"),
    "bureau__registry__organizations": (BUREAU, "organization"),
}

EXTRA = IndicatorSystem.model_validate(
    {
        "system": "extra",
        "name_zh": "测试",
        "indicators": [
            {
                "id": "TEST-01",
                "name_zh": "次均住院床日",
                "name_en": "Occupied days an admission",
                "formula_zh": "占用床日 ÷ 入院人次",
                "numerator": "occupied_bed_days",
                "denominator": "admissions",
                "unit": "day",
                "direction": "monitor",
                "applies_to": ["hospital"],
                "requires": ["encounter"],
                "frequency": "monthly",
                "source": "invented for this test",
                "confidence": "from_memory",
                "definition_version": 1,
                "valid_from": "2026-02-01",
                "min_denominator": 2,
            }
        ],
    }
)
"""One more indicator on measures that exist: an entry, no SQL."""


def contracts() -> dict[str, Contract]:
    """One feed an entity and member, with the least a contract may say."""
    return {
        feed: Contract.model_validate(
            {
                "feed": feed,
                "label_zh": feed,
                "member": member,
                "owner": "test",
                "format": "tabular",
                "location": {"kind": "directory", "pattern": f"{feed}/*.csv"},
                "arrives": {"every": "month"},
                "entity": entity,
                "fields": {},
            }
        )
        for feed, (member, entity) in FEEDS.items()
    }


def visit(organization: str, number: str, started: str, **more: Any) -> dict[str, Any]:
    """An outpatient visit with a fee of 100 yuan, unless said otherwise."""
    feed = next(f for f, (m, e) in FEEDS.items() if m == organization and e == "encounter")
    return {
        "feed": feed,
        "organization_id": organization,
        "encounter_id": number,
        "encounter_class_code": "1",
        "started_at": at(started),
        "total_fee_yuan": 100,
        "source_person_id": "a",
    } | more


def stay(organization: str, number: str, started: str, ended: str | None, **more: Any) -> Any:
    return visit(
        organization,
        number,
        started,
        encounter_class_code="3",
        ended_at=at(ended) if ended else None,
        **more,
    )


def organization(code: str, level: str, parent: str | None, primary: bool) -> dict[str, Any]:
    return {
        "feed": "bureau__registry__organizations",
        "organization_id": code,
        "organization_name": code,
        "organization_level": level,
        "parent_organization_id": parent,
        "is_primary_care": primary,
        "valid_from": dt.date(2020, 1, 1),
    }


def pressure(person: str, number: str, day: str, high: int | None, low: int | None) -> Any:
    return {
        "feed": "township__ph__hypertension",
        "organization_id": TOWNSHIP,
        "visit_id": number,
        "visited_date": dt.date.fromisoformat(day),
        "visit_mode_code": "1",
        "systolic_mmhg": high,
        "diastolic_mmhg": low,
        "source_person_id": person,
    }


def glucose(person: str, number: str, day: str, value: float, mode: str = "1") -> dict[str, Any]:
    return {
        "feed": "township__ph__diabetes",
        "organization_id": TOWNSHIP,
        "visit_id": number,
        "visited_date": dt.date.fromisoformat(day),
        "visit_mode_code": mode,
        "fasting_glucose_mmol_per_l": value,
        "source_person_id": person,
    }


def settlement(number: str, area: str, **more: Any) -> dict[str, Any]:
    return {
        "feed": "bureau__settlement__settlements",
        "organization_id": BUREAU,
        "settlement_id": number,
        "hospital_code": "H",
        "service_class_code": "21",
        "insured_area_code": COUNTY,
        "treatment_area_code": area,
        "discharged_at": at("2026-01-20 10:00"),
        "settled_at": at("2026-01-20 11:00"),
        "source_person_id": "a",
    } | more


def rows() -> Rows:
    return {
        "organization": [
            organization(COUNTY, "county", None, False),
            organization(GROUP, "consortium", COUNTY, False),
            organization(HOSPITAL, "hospital", GROUP, False),
            organization(TOWNSHIP, "township", GROUP, True),
            organization(OTHER_TOWNSHIP, "township", GROUP, True),
            organization(VILLAGE, "village", TOWNSHIP, True),
            organization(BUREAU, "bureau", COUNTY, False),
        ],
        "source_person": [
            {"source_person_id": "a", "birth_date": dt.date(1990, 1, 1), "feed": "x"},
            {"source_person_id": "old", "birth_date": dt.date(1961, 3, 10), "feed": "x"},
            {"source_person_id": "young", "birth_date": dt.date(1961, 3, 11), "feed": "x"},
            {"source_person_id": "blank", "birth_date": dt.date(1950, 1, 1), "feed": "x"},
        ],
        "encounter": [
            visit(HOSPITAL, "v1", "2026-01-31 23:30", is_tcm=True),
            visit(HOSPITAL, "v2", "2026-01-05 09:00", total_fee_yuan=50),
            visit(HOSPITAL, "v3", "2026-01-06 09:00", recorded_at=at("2026-01-06 10:00")),
            # v3 is cancelled by a later version that arrives first.
            visit(
                HOSPITAL,
                "v3",
                "2026-01-06 09:00",
                recorded_at=at("2026-01-06 12:00"),
                is_cancelled=True,
                received_at=at("2026-06-01 06:00"),
            ),
            visit(HOSPITAL, "v4", "2026-02-01 00:10", total_fee_yuan=None),
            visit(HOSPITAL, "v5", "2026-03-01 09:00"),
            # Over midnight: one day occupied, one discharge bed day.
            stay(HOSPITAL, "s1", "2026-01-10 23:50", "2026-01-11 00:10"),
            # Same day: no bed occupied at 24:00, yet one discharge bed day.
            stay(HOSPITAL, "s2", "2026-01-12 08:00", "2026-01-12 18:00"),
            # Over a month end: 30 and 31 January, 1 February; discharged in February after 3 days.
            stay(HOSPITAL, "s3", "2026-01-30 08:00", "2026-02-02 08:00"),
            # Open: 27 and 28 February, all of March (the last covered month).
            stay(HOSPITAL, "s4", "2026-02-27 08:00", None),
            stay(HOSPITAL, "s5", "2026-01-01 08:00", "2026-01-09 08:00", is_cancelled=True),
            visit(TOWNSHIP, "v1", "2026-01-05 09:00"),
            visit(TOWNSHIP, "v2", "2026-02-05 09:00"),
            visit(TOWNSHIP, "v3", "2026-03-05 09:00"),
            visit(TOWNSHIP, "v4", "2026-01-07 09:00", organization_id=VILLAGE),
            # The other township sends nothing for February.
            visit(OTHER_TOWNSHIP, "v1", "2026-01-05 09:00"),
            visit(OTHER_TOWNSHIP, "v2", "2026-03-05 09:00"),
        ],
        "bed": [
            # Open from 21 January: 11 + 28 + 31 days.
            {
                "feed": "bureau__registry__beds",
                "organization_id": HOSPITAL,
                "bed_id": "1",
                "opened_date": dt.date(2026, 1, 21),
            },
            # Closed on 11 January: 10 days.
            {
                "feed": "bureau__registry__beds",
                "organization_id": HOSPITAL,
                "bed_id": "2",
                "opened_date": dt.date(2025, 1, 1),
                "closed_date": dt.date(2026, 1, 11),
            },
        ],
        "insurance_settlement": [
            settlement("i1", COUNTY),
            settlement("i2", "650100"),
            settlement("i3", COUNTY),
            settlement("i3", COUNTY, is_reversed=True, settled_at=at("2026-01-25 11:00")),
            settlement("i4", COUNTY, insured_area_code="650100"),
            settlement("i5", COUNTY, service_class_code="11"),
        ],
        "hypertension_visit": [
            # 65 on the visit day: 145 is controlled. One day short of 65: it is not.
            pressure("old", "h1", "2026-03-10", 145, 85),
            pressure("young", "h2", "2026-03-10", 145, 85),
            # The latest visit has no pressure: not controlled, though an earlier one was.
            pressure("blank", "h3", "2026-01-05", 120, 70),
            pressure("blank", "h4", "2026-02-05", None, None),
            # Same day twice: the larger visit_id is the latest.
            pressure("a", "h5", "2026-01-05", 170, 70),
            pressure("a", "h6", "2026-01-05", 120, 70),
            # Last year's visit manages nobody this year.
            pressure("a", "h0", "2025-12-31", 120, 70),
        ],
        "diabetes_visit": [
            glucose("a", "d1", "2026-01-05", 6.9),
            glucose("old", "d2", "2026-01-05", 7.0),
            glucose("young", "d3", "2026-01-06", 5.0, mode="3"),
            glucose("a", "d4", "2026-02-05", 8.0),
            glucose("a", "d5", "2026-03-05", 6.0),
        ],
    }


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


@pytest.mark.parametrize(
    ("name", "month", "value"),
    [
        ("outpatient_visits", "2026-01", 2),
        ("outpatient_visits", "2026-02", 1),
        ("tcm_outpatient_visits", "2026-01", 1),
        ("outpatient_fee_yuan", "2026-01", 150),
        ("outpatient_visits_with_fee", "2026-02", 0),
        ("admissions", "2026-01", 3),
        ("discharges", "2026-01", 2),
        ("discharge_bed_days", "2026-01", 2),
        ("discharge_bed_days", "2026-02", 3),
        ("occupied_bed_days", "2026-01", 3),
        ("occupied_bed_days", "2026-02", 3),
        ("occupied_bed_days", "2026-03", 31),
        ("open_bed_days", "2026-01", 21),
        ("open_bed_days", "2026-02", 28),
    ],
)
def test_hospital_measures_hold_their_edges(
    county: duckdb.DuckDBPyConnection, name: str, month: str, value: float
) -> None:
    assert measure(county, name, HOSPITAL, month) == value


def test_reversed_and_foreign_settlements_do_not_count(county: duckdb.DuckDBPyConnection) -> None:
    assert measure(county, "insured_admissions", COUNTY, "2026-01") == 2
    assert measure(county, "insured_admissions_in_county", COUNTY, "2026-01") == 1


@pytest.mark.parametrize(
    ("name", "month", "value"),
    [
        ("hypertension_managed", "2026-01", 2),
        ("hypertension_controlled", "2026-01", 2),
        ("hypertension_managed", "2026-03", 4),
        ("hypertension_controlled", "2026-03", 2),
        ("diabetes_managed", "2026-01", 3),
        ("diabetes_standard", "2026-01", 2),
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
    # Controlled in March: 65-year-old and person a; managed: four. April to December do not exist.
    assert indicator(county, "BPH-15", TOWNSHIP, "2026")[1:4] == (2, 4, 0.5)
    assert indicator(county, "BPH-15", TOWNSHIP, "2026Q1")[1:4] == (2, 4, 0.5)


def test_missing_month_of_one_feed_reads_no_feed_above_it(
    county: duckdb.DuckDBPyConnection,
) -> None:
    assert indicator(county, "CM24-07", OTHER_TOWNSHIP, "2026-02")[0] == "no_feed"
    assert indicator(county, "CM24-07", COUNTY, "2026-02")[0] == "no_feed"
    assert indicator(county, "CM24-07", COUNTY, "2026")[3] is None
    assert indicator(county, "CM24-07", TOWNSHIP, "2026-02")[0] == "ok"


def test_feed_that_never_came_reads_no_feed(county: duckdb.DuckDBPyConnection) -> None:
    assert indicator(county, "SEC-01", HOSPITAL, "2026-01")[0] == "no_feed"
    assert indicator(county, "SEC-01", COUNTY, "2026-01")[0] == "no_feed"


def test_organization_no_feed_speaks_for_is_not_applicable(
    county: duckdb.DuckDBPyConnection,
) -> None:
    assert indicator(county, "BPH-14", HOSPITAL, "2026-03")[0] == "not_applicable"


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
        "below_quality_floor", 0, 0, None, 1,
    )  # fmt: skip


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
        "select managed, standard, controlled from chronic_month"
        " where disease_name = '高血压' and month = date '2026-03-01'"
    ).fetchall()
    assert chronic == [(4, 4, 2)]
