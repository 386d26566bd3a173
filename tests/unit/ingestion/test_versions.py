"""One order of versions: decision 0015, from files in the inbox to the current row."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import duckdb
import polars as pl
import pytest

from ingestion import ingest, silver
from ingestion.clock import now
from ingestion.entity import entities
from ingestion.transports.directory import file_order
from ingestion.versions import ARRIVAL, current
from tests.unit.ingestion.builders import contract, visit
from tests.unit.ingestion.one_feed import ENTITY, Site, site_at


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    yield from site_at(tmp_path)


def pressures(site: Site) -> dict[str, int]:
    rows = current(silver.scan(site.lake, ENTITY).collect(), entities()[ENTITY].key)
    return dict(rows.select("visit_id", "systolic_mmhg").iter_rows())


def test_twenty_corrections_in_one_batch_all_win(site: Site) -> None:
    for number in range(1, 21):
        site.put(f"visits_{number}.csv", visit(number, 收缩压="130"))
        site.put(f"visits_{number}_corrected.csv", visit(number, 收缩压=str(100 + number)))
    site.ingest(contract())
    assert sorted(pressures(site).values()) == [100 + n for n in range(1, 21)]


def test_a_clock_set_back_makes_no_correction_the_older_row(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.put("a.csv", visit(1, 收缩压="130"))
    site.ingest(contract())
    monkeypatch.setattr(ingest, "now", lambda: now() - timedelta(days=400))
    site.put("b.csv", visit(1, 收缩压="140"))
    site.ingest(contract())
    assert set(pressures(site).values()) == {140}


def test_a_correction_with_an_empty_version_time_wins_over_what_it_corrects(site: Site) -> None:
    told = {"version": {"at": {"from": "更新时间"}}}
    site.put("a.csv", visit(1, 收缩压="130", 更新时间="2026-03-05 10:00:00"))
    site.put("b.csv", visit(1, 收缩压="140", 更新时间=""))
    site.ingest(contract(**told))
    assert set(pressures(site).values()) == {140}
    site.put("c.csv", visit(1, 收缩压="150", 更新时间="2026-03-05 09:00:00"))
    site.ingest(contract(**told))
    assert set(pressures(site).values()) == {140}, "an older row that comes late"
    site.put("d.csv", visit(1, 收缩压="160", 更新时间="2026-03-06 09:00:00"))
    site.ingest(contract(**told))
    assert set(pressures(site).values()) == {160}


def test_a_running_number_decides_between_equal_times_and_makes_no_new_row(site: Site) -> None:
    told = {"version": {"at": {"from": "更新时间"}, "sequence": {"from": "序号"}}}
    same = {"更新时间": "2026-03-05 10:00:00"}
    site.put("a.csv", visit(1, 收缩压="140", 序号="12", **same))
    site.put("b.csv", visit(1, 收缩压="130", 序号="9", **same))
    site.put("c.csv", visit(1, 收缩压="140", 序号="13", **same))
    site.ingest(contract(**told))
    assert set(pressures(site).values()) == {140}
    assert site.books() == (3, 2, 0, 1)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("visits.csv", "visits-fix.csv"),
        ("visits.csv", "visits_2.csv"),
        ("part2.csv", "part10.csv"),
        ("visits_20260611.csv", "corrections_20260612.csv"),
        ("visits_2026年9月.csv", "visits_2026年10月.csv"),
        ("visits_2026-6-9.csv", "visits_2026-6-10.csv"),
        ("visits_202606.csv", "a_20260601.csv"),
        ("his_20260611093000.hl7", "his_20260611101500.hl7"),
    ],
)
def test_files_are_ordered_by_date_then_name(earlier: str, later: str) -> None:
    assert file_order(f"clinic/{earlier}", 0) < file_order(f"clinic/{later}", 0)


def test_a_file_without_a_date_has_that_of_its_last_writing() -> None:
    minute = 60 * 10**9
    assert file_order("clinic/visits.csv", 0) < file_order("clinic/corrections.csv", minute)


def test_sql_and_polars_choose_the_same_versions() -> None:
    random = Random(7)
    rows = []
    for number in range(3_000):
        at = random.choice([None, *(datetime(2026, 1, day) for day in (1, 2, 3))])
        rows.append(
            {
                "key": random.randrange(400) or None,
                "version_at": at,
                "feed_sequence": random.choice([None, 1, 2]) if at else None,
                "arrival_batch_id": f"b{random.randrange(5)}",
                "file_number": random.randrange(3),
                "record_number": number,
                "item_number": 1,
            }
        )
    frame = pl.DataFrame(rows, infer_schema_length=None)
    order = (Path(__file__).parents[3] / "macros" / "facts.sql").read_text("utf-8")
    said = _macro(order, "current_at").replace("{{ key | join(', ') }}", "key")
    query = f"""
        with ordered as (select *, {said} as current_at from frame)
        select key, record_number from ordered
        qualify row_number() over (
            partition by key order by {_macro(order, "latest_version_first")}
        ) = 1"""
    chosen = duckdb.sql(query).pl().sort("key")
    ours = current(frame, ["key"]).select("key", "record_number").sort("key")
    assert chosen.equals(ours)
    assert set(ARRIVAL) <= set(frame.columns)


def _macro(text: str, name: str) -> str:
    body = text.split(f"macro {name}(")[1].split("-%}", 1)[1]
    return body.split("{%- endmacro")[0]
