"""A closed month that a later version changes is listed, with old, new and why; for ever."""

from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipelines.restatement import restate, write

MOMENT = datetime(2026, 4, 2, 6)
COUNTY, CENTRE = "C", "T"


def reference(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    pl.DataFrame(
        {
            "indicator_id": ["I-1"], "definition_version": [1],
            "numerator": ["tcm"], "denominator": ["all"],
        }
    ).write_parquet(folder / "indicator.parquet")  # fmt: skip
    pl.DataFrame(
        {
            "measure_id": ["tcm", "all"], "additivity": ["sum", "sum"],
            "evidence_model": ["evidence_x", "evidence_x"],
        }
    ).write_parquet(folder / "measure.parquet")  # fmt: skip
    return folder


def version(
    path: Path,
    records: dict[str, tuple[str, int]],
    *,
    rows: int,
    state: str = "ok",
    definition: int = 1,
    is_to_date: bool = False,
) -> Path:
    """An analysis database: by record its person and whether it is a TCM visit, all of March."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            """create table evidence_x (measure_id varchar, organization_id varchar, month date,
            record_id varchar, person_id varchar, value decimal(18, 2), is_excluded boolean)"""
        )
        for record, (person, is_tcm) in records.items():
            for measure in ("all", "tcm")[: 1 + is_tcm]:
                connection.execute(
                    "insert into evidence_x values (?, ?, date '2026-03-01', ?, ?, 1, false)",
                    [measure, CENTRE, record, person],
                )
        total = len(records)
        tcm = sum(is_tcm for _, is_tcm in records.values())
        connection.execute(
            """create table indicator_value as select 'I-1' as indicator_id, ? as organization_id,
            '2026-03' as period, ?::decimal(18, 2) as numerator, ?::decimal(18, 2) as denominator,
            ?::double as value, ? as state, ? as is_to_date, ?::bigint as definition_version""",
            [COUNTY, tcm, total, tcm / total, state, is_to_date, definition],
        )
        connection.execute(
            "create table indicator_organization as select 'I-1' as indicator_id,"
            " ?::bigint as definition_version, ? as organization_id, ? as contributor_id",
            [definition, COUNTY, CENTRE],
        )
        connection.execute(
            "create table indicator_period as select '2026-03' as period,"
            " date '2026-03-01' as month, true as is_last_month"
        )
        connection.execute("create table feed_activity as select ?::bigint as row_count", [rows])
    return path


def changes(tmp_path: Path, before: Path, after: Path) -> list[tuple[object, ...]]:
    found = restate(
        after, before, reference=reference(tmp_path / "reference"), versions=(1, 2), moment=MOMENT
    )
    return [(row[5], row[6], row[11], *row[13:18]) for row in found]


OLD = {"a": ("P1", 1), "b": ("P2", 0)}


@pytest.mark.parametrize(
    ("new", "rows", "definition", "expected"),
    [
        (OLD | {"c": ("P3", 1)}, 3, 1, (0.5, 2 / 3, "late_rows", 1, 0, 0, 1, 2)),
        ({"a": ("P1", 1), "b": ("P2", 1)}, 3, 1, (0.5, 1.0, "late_rows", 1, 0, 0, 1, 2)),
        ({"b": ("P2", 0)}, 3, 1, (0.5, 0.0, "corrected_rows", 0, 1, 0, 1, 2)),
        ({"b": ("P2", 0)}, 2, 1, (0.5, 0.0, "identity", 0, 1, 0, 1, 2)),
        (OLD | {"c": ("P3", 1)}, 2, 2, (0.5, 2 / 3, "definition", 0, 0, 0, 1, 2)),
    ],
    ids=["late", "recoded", "withdrawn", "merged", "redefined"],
)
def test_a_changed_value_of_a_closed_month_is_listed_with_its_reason(
    tmp_path: Path,
    new: dict[str, tuple[str, int]],
    rows: int,
    definition: int,
    expected: tuple[object, ...],
) -> None:
    before = version(tmp_path / "v1.duckdb", OLD, rows=2)
    after = version(tmp_path / "v2.duckdb", new, rows=rows, definition=definition)
    assert changes(tmp_path, before, after) == [pytest.approx(expected)]


def test_an_open_month_may_change_and_an_equal_one_is_not_listed(tmp_path: Path) -> None:
    running = version(tmp_path / "v1.duckdb", OLD, rows=2, is_to_date=True)
    after = version(tmp_path / "v2.duckdb", OLD | {"c": ("P3", 1)}, rows=3)
    assert changes(tmp_path, running, after) == []
    same = version(tmp_path / "v3.duckdb", OLD | {"c": ("P3", 1)}, rows=3)
    assert changes(tmp_path, after, same) == []


def test_another_share_of_what_came_is_told_apart_from_other_rows(tmp_path: Path) -> None:
    before = version(tmp_path / "v1.duckdb", OLD, rows=2)
    after = version(tmp_path / "v2.duckdb", OLD, rows=9, state="partial")
    assert changes(tmp_path, before, after) == [
        (0.5, 0.5, "completeness", 0, 0, 0, 1, 2),
    ]


def test_the_list_goes_on_from_version_to_version(tmp_path: Path) -> None:
    before = version(tmp_path / "v1.duckdb", OLD, rows=2)
    after = version(tmp_path / "v2.duckdb", OLD | {"c": ("P3", 1)}, rows=3)
    folder = reference(tmp_path / "reference")
    first = restate(after, before, reference=folder, versions=(1, 2), moment=MOMENT)
    write(after, first, [])
    same = version(tmp_path / "v3.duckdb", OLD | {"c": ("P3", 1)}, rows=3)
    assert restate(same, after, reference=folder, versions=(2, 3), moment=MOMENT) == first
    assert restate(after, None, reference=folder, versions=(None, 1), moment=MOMENT) == []
