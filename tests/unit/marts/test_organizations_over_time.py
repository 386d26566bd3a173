"""What an organization was on a day decides where its rows count: an upgrade rewrites nothing."""

import duckdb
import pytest

from tests.unit.marts.small_county import (
    COUNTY,
    GROUP,
    HOSPITAL,
    OTHER_TOWNSHIP,
    TOWNSHIP,
    contracts,
    organization,
    stay,
    visit,
)
from tests.unit.marts.small_lake import build, write_lake

MONTHS = ("01", "02", "03", "04")


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """Two visits a month at the hospital, one at each centre. The other centre becomes a hospital
    of the group on 1 March; before, it was the county's own."""
    home = tmp_path_factory.mktemp("lake")
    rows = {
        "organization": [
            organization(COUNTY, "county", None, False),
            organization(GROUP, "consortium", COUNTY, False),
            organization(HOSPITAL, "hospital", GROUP, False),
            organization(TOWNSHIP, "township", GROUP, True),
            organization(OTHER_TOWNSHIP, "township", COUNTY, True),
            organization(OTHER_TOWNSHIP, "hospital", GROUP, False, "2026-03-01"),
        ],
        "source_person": [{"source_person_id": "a", "feed": "x"}],
        "encounter": [
            visit(place, f"{month}-{n}", f"2026-{month}-{day} 09:00")
            for month in MONTHS
            for place, days in ((HOSPITAL, "0520"), (TOWNSHIP, "06"), (OTHER_TOWNSHIP, "07"))
            for n, day in enumerate(days[i : i + 2] for i in range(0, len(days), 2))
        ]
        + [
            stay(OTHER_TOWNSHIP, f"s{m}", f"2026-{m}-10 08:00", f"2026-{m}-12 08:00")
            for m in MONTHS
        ],
    }
    write_lake(home, rows, contracts())
    return build(home)


def shares(county: duckdb.DuckDBPyConnection, indicator: str, code: str) -> dict[str, tuple]:
    found = county.execute(
        "select period, numerator::int, denominator::int from indicator_value"
        " where indicator_id = ? and organization_id = ? order by period",
        [indicator, code],
    ).fetchall()
    return {period: figures for period, *figures in found}


def test_primary_share_of_earlier_months_stays(county: duckdb.DuckDBPyConnection) -> None:
    found = shares(county, "CM24-07", COUNTY)
    assert found["2026-01"] == found["2026-02"] == [2, 4]
    assert found["2026-03"] == found["2026-04"] == [1, 4]
    assert found["2026"] == [6, 16]


def test_a_member_counts_for_the_group_from_the_day_it_joins(
    county: duckdb.DuckDBPyConnection,
) -> None:
    found = shares(county, "CM24-07", GROUP)
    assert found["2026-02"] == [1, 3]
    assert found["2026-03"] == [1, 4]


def test_indicators_of_a_level_are_stated_while_it_is_that(
    county: duckdb.DuckDBPyConnection,
) -> None:
    as_centre, as_hospital = (
        shares(county, indicator, OTHER_TOWNSHIP) for indicator in ("PRI-23", "SEC-13")
    )
    assert set(as_centre) == {"2026-01", "2026-02", "2026Q1", "2026"}
    assert set(as_hospital) == {"2026-03", "2026-04", "2026Q1", "2026Q2", "2026"}
    assert as_centre["2026Q1"] == [4, 2]
    assert as_hospital["2026Q1"] == [2, 1]
    shown = county.execute(
        "select distinct organization_level from indicator_display"
        " where organization_id = ? and period = '2026-02'",
        [OTHER_TOWNSHIP],
    ).fetchall()
    assert shown == [("township",)]
