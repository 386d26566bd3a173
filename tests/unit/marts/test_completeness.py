"""What came of what was due, day by day, on a lake of three organizations over half a year.

The rows are even, so every share is worked out by hand: two visits a day at the centre, one a day
at each village room of one feed, none on Sundays.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.contract import Contract
from standards.catalogue import IndicatorSystem
from tests.unit.marts.small_county import (
    BUREAU,
    COUNTY,
    GROUP,
    HOSPITAL,
    TOWNSHIP,
    VILLAGE,
    organization,
)
from tests.unit.marts.small_lake import Rows, at, build, write_lake

SECOND_VILLAGE = "653999V02"
FIRST, LAST = dt.date(2026, 1, 1), dt.date(2026, 7, 5)
DAYS = [FIRST + dt.timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
WARD, ROOMS = "hospital__his__adt", "village_rooms__his__visits"
FEEDS = {
    WARD: (HOSPITAL, "encounter"),
    "township__his__visits": (TOWNSHIP, "encounter"),
    ROOMS: (GROUP, "encounter"),
    "bureau__registry__beds": (BUREAU, "bed"),
    "bureau__registry__organizations": (BUREAU, "organization"),
}


def indicators() -> IndicatorSystem:
    common = {
        "unit": "ratio", "direction": "monitor", "frequency": "monthly", "source": "invented",
        "confidence": "from_memory", "definition_version": 1, "valid_from": "2026-01-01",
    }  # fmt: skip
    visits = {
        "id": "TEST-01", "name_zh": "基层占比", "name_en": "primary share", "formula_zh": "比",
        "numerator": "primary_outpatient_visits", "denominator": "outpatient_visits",
        "applies_to": ["hospital", "township", "village"], "requires": ["encounter"],
    }  # fmt: skip
    beds = {
        "id": "TEST-02", "name_zh": "床位使用率", "name_en": "occupancy", "formula_zh": "比",
        "numerator": "occupied_bed_days", "denominator": "open_bed_days",
        "applies_to": ["hospital"], "requires": ["encounter", "bed"],
        "plausible": {"maximum": 1.2},
    }  # fmt: skip
    return IndicatorSystem.model_validate(
        {"system": "extra", "name_zh": "测试", "indicators": [common | visits, common | beds]}
    )


def contracts(**arrives: dict[str, str]) -> dict[str, Contract]:
    return {
        feed: Contract.model_validate(
            {
                "feed": feed, "label_zh": feed, "member": member, "owner": "test",
                "format": "tabular", "location": {"kind": "directory", "pattern": f"{feed}/*.csv"},
                "arrives": {"every": "day"} | arrives.get(feed, {}), "entity": entity, "fields": {},
            }
        )
        for feed, (member, entity) in FEEDS.items()
    }  # fmt: skip


def encounter(feed: str, code: str, day: dt.date, number: str, **more: Any) -> dict[str, Any]:
    return {
        "feed": feed, "organization_id": code, "encounter_id": f"{code}{day:%m%d}{number}",
        "encounter_class_code": "1", "started_at": at(f"{day} 09:00"), "source_person_id": "a",
    } | more  # fmt: skip


def rows() -> Rows:
    """A ward of ten beds that admits two patients a day for four days each, and visits."""
    found: Rows = {
        "organization": [
            organization(COUNTY, "county", None, False),
            organization(GROUP, "consortium", COUNTY, False),
            organization(HOSPITAL, "hospital", GROUP, False),
            organization(TOWNSHIP, "township", GROUP, True),
            organization(VILLAGE, "village", TOWNSHIP, True),
            organization(SECOND_VILLAGE, "village", TOWNSHIP, True),
            organization(BUREAU, "bureau", COUNTY, False),
        ],
        "source_person": [
            {"source_person_id": "a", "birth_date": dt.date(1990, 1, 1), "feed": "x"}
        ],
        "bed": [
            {
                "feed": "bureau__registry__beds", "organization_id": HOSPITAL, "bed_id": str(n),
                "opened_date": dt.date(2020, 1, 1),
            }
            for n in range(10)
        ],
        "encounter": [],
    }  # fmt: skip
    for day in DAYS:
        for number in ("a", "b"):
            leaves = day + dt.timedelta(days=4)
            more = {
                "encounter_class_code": "3",
                "ended_at": at(f"{leaves} 10:00") if leaves <= LAST else None,
            }
            found["encounter"].append(encounter(WARD, HOSPITAL, day, number, **more))
            found["encounter"].append(encounter(WARD, HOSPITAL, day, f"{number}v"))
            if day.weekday() < 6:
                found["encounter"].append(encounter("township__his__visits", TOWNSHIP, day, number))
        if day.weekday() < 6:
            for code in (VILLAGE, SECOND_VILLAGE):
                found["encounter"].append(encounter(ROOMS, code, day, "a"))
    return found


def lost(found: Rows, keep: Callable[[dict[str, Any]], bool]) -> Rows:
    return found | {"encounter": [row for row in found["encounter"] if keep(row)]}


def day_of(row: dict[str, Any]) -> dt.date:
    day: dt.date = row["started_at"].date()
    return day


def outage(found: Rows) -> Rows:
    """The hospital's files of 4 to 30 June are lost: visits, admissions and discharges."""
    gone = (dt.date(2026, 6, 4), dt.date(2026, 6, 30))
    kept = lost(found, lambda r: r["feed"] != WARD or not gone[0] <= day_of(r) <= gone[1])
    for row in kept["encounter"]:
        ended = row.get("ended_at")
        if row["feed"] == WARD and ended and gone[0] <= ended.date() <= gone[1]:
            row["ended_at"] = None
    return kept


def mistyped(found: Rows) -> Rows:
    """Two rows of years that no window refuses."""
    odd = [
        encounter(ROOMS, VILLAGE, dt.date(2016, 5, 3), "x"),
        encounter("township__his__visits", TOWNSHIP, dt.date(2026, 11, 2), "x"),
    ]
    return found | {"encounter": [*found["encounter"], *odd]}


Lake = Callable[[str], duckdb.DuckDBPyConnection]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    made: dict[str, duckdb.DuckDBPyConnection] = {}
    kinds: dict[str, Callable[[Rows], Rows]] = {
        "whole": lambda found: found,
        "outage": outage,
        "mistyped": mistyped,
        "village": lambda found: lost(
            found, lambda r: r["organization_id"] != VILLAGE or day_of(r).month != 6
        ),
        "monthly": lambda found: lost(
            found, lambda r: r["feed"] != "township__his__visits" or day_of(r).month < 7
        ),
        "late_start": lambda found: lost(
            found, lambda r: r["feed"] != "township__his__visits" or day_of(r).month >= 5
        ),
    }

    def opened(kind: str) -> duckdb.DuckDBPyConnection:
        if kind not in made:
            home = Path(tmp_path_factory.mktemp(kind))
            rhythm = {"township__his__visits": {"every": "month"}} if kind == "monthly" else {}
            write_lake(home, kinds[kind](rows()), contracts(**rhythm), [indicators()])
            made[kind] = build(home)
        return made[kind]

    yield opened
    for connection in made.values():
        connection.close()


def value(lake: duckdb.DuckDBPyConnection, indicator: str, code: str, period: str) -> Any:
    return lake.execute(
        "select state, covered_share, as_of, value, reason from indicator_value"
        " where indicator_id = ? and organization_id = ? and period = ?",
        [indicator, code, period],
    ).fetchone()


def every_value(lake: duckdb.DuckDBPyConnection) -> list[Any]:
    return lake.execute("select * exclude (reason) from indicator_value order by all").fetchall()


def test_days_without_visits_are_no_gap(lake: Lake) -> None:
    whole = lake("whole")
    assert whole.execute("select * from feed_gap").fetchall() == []
    states = whole.execute("select distinct state from indicator_value").fetchall()
    assert states == [("ok",)]


def test_a_month_not_over_divides_by_its_complete_days(lake: Lake) -> None:
    # Two admissions a day for four days: eight of ten beds. To 5 July: 5 days of ten beds.
    state, share, as_of, occupancy, _ = value(lake("whole"), "TEST-02", HOSPITAL, "2026-07")
    assert (state, share, as_of, occupancy) == ("ok", 1.0, dt.date(2026, 7, 5), 0.8)


def test_lost_files_make_a_value_partial_with_its_share(lake: Lake) -> None:
    county = lake("outage")
    gaps = county.execute("select feed, first_date, last_date, state from feed_gap").fetchall()
    assert gaps == [(WARD, dt.date(2026, 6, 4), dt.date(2026, 6, 30), "lacking")]
    state, share, as_of, _, reason = value(county, "TEST-01", HOSPITAL, "2026-06")
    assert (state, as_of) == ("partial", dt.date(2026, 6, 3))
    assert share == pytest.approx(3 / 30, abs=0.01)
    assert reason == f"数据覆盖10.0%：{WARD}缺27天"
    # Of the county's rows in June, the hospital's four a day for 27 days lack.
    rest = 26 * 2 + 26 * 2  # weekdays and Saturdays of the centre and of two village rooms
    state, share, as_of, _, _ = value(county, "TEST-01", COUNTY, "2026-06")
    assert (state, as_of) == ("partial", dt.date(2026, 6, 30))
    assert share == pytest.approx((rest + 12) / (rest + 120), abs=0.02)
    assert value(county, "TEST-01", COUNTY, "2026-05")[0] == "ok"
    assert value(county, "TEST-01", COUNTY, "2026Q2")[0] == "partial"


def test_stays_whose_end_may_be_lost_do_not_fill_later_months(lake: Lake) -> None:
    # Eight patients were in on 3 June; nobody knows when they left.
    county = lake("outage")
    state, _, _, occupancy, _ = value(county, "TEST-02", HOSPITAL, "2026-07")
    assert state != "ok"
    assert occupancy <= 0.8
    lost_stays = county.execute(
        "select count(*) from evidence_inpatient where is_excluded and month = date '2026-07-01'"
    ).fetchone()
    assert lost_stays == (8,)


def test_a_monthly_feed_is_awaited_in_the_month_that_goes_on(lake: Lake) -> None:
    # The centre sends by the month and has sent June; the ward sends every day, to 5 July.
    county = lake("monthly")
    assert county.execute("select * from feed_gap").fetchall() == []
    state, share, as_of, _, reason = value(county, "TEST-01", HOSPITAL, "2026-07")
    assert (state, share, as_of, reason) == ("ok", 1.0, dt.date(2026, 7, 5), None)
    state, share, as_of, _, reason = value(county, "TEST-01", COUNTY, "2026-07")
    assert (state, as_of) == ("partial", dt.date(2026, 7, 5))
    # Four weekdays of two visits lack, of five days of four at the ward and four of two at rooms.
    assert share == pytest.approx(28 / 36, abs=0.03)
    assert reason.endswith("township__his__visits本期尚未报送")
    assert value(county, "TEST-01", COUNTY, "2026-06")[0] == "ok"


def test_mistyped_years_move_no_value(lake: Lake) -> None:
    assert every_value(lake("mistyped")) == every_value(lake("whole"))


def test_one_village_of_a_feed_makes_its_parent_partial(lake: Lake) -> None:
    county = lake("village")
    assert value(county, "TEST-01", VILLAGE, "2026-06")[0] == "no_feed"
    # Of 26 days the centre has two visits, each room one: a quarter lacks.
    state, share, _, _, reason = value(county, "TEST-01", TOWNSHIP, "2026-06")
    assert state == "partial"
    assert share == pytest.approx(0.75, abs=0.01)
    assert ROOMS in reason
    assert value(county, "TEST-01", SECOND_VILLAGE, "2026-06")[0] == "ok"
    assert value(county, "TEST-01", TOWNSHIP, "2026-05")[0] == "ok"


def test_a_feed_that_starts_in_may_says_so_for_the_months_before(lake: Lake) -> None:
    county = lake("late_start")
    for month in ("2026-01", "2026-04"):
        state, _, _, _, reason = value(county, "TEST-01", TOWNSHIP, month)
        assert state == "partial"
        assert reason.endswith("township__his__visits尚未开始报送")
        assert value(county, "TEST-01", HOSPITAL, month)[0] == "ok"
    for period in ("2026-05", "2026-06"):
        assert value(county, "TEST-01", TOWNSHIP, period)[0] == "ok"
        assert value(county, "TEST-01", COUNTY, period)[0] == "ok"
    assert value(county, "TEST-01", COUNTY, "2026")[0] == "partial"
