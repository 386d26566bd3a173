"""A fact that took its batches one after the other equals one built from all of them at once."""

from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from tests.unit.marts.small_county import HOSPITAL, TOWNSHIP, contracts, rows, settlement, visit
from tests.unit.marts.small_lake import Rows, at, build, write_lake

FACTS = ("encounter", "encounter_source", "diagnosis", "insurance_settlement", "hypertension_visit")
LATER = {"batch_id": "b2", "row_digest": 1_000_001}


def diagnosis(number: str, code: str, **more: Any) -> dict[str, Any]:
    """A diagnosis of a message: it names no document, so part of its key is null."""
    return {
        "feed": "hospital__his__visits",
        "organization_id": HOSPITAL,
        "encounter_id": number,
        "sequence_number": 1,
        "diagnosis_code": code,
        "diagnosed_at": at("2026-01-05 09:00"),
        "source_person_id": "a",
    } | more


def first() -> Rows:
    found = rows()
    found["encounter"] = [
        *found["encounter"],
        visit(HOSPITAL, "MOVES", "2026-01-20 10:00", recorded_at=at("2026-01-20 10:00")),
        visit(HOSPITAL, "STAYS", "2026-01-21 10:00", recorded_at=at("2026-01-21 12:00")),
    ]
    found["diagnosis"] = [diagnosis("STAYS", "I10")]
    return found


def second() -> Rows:
    """What comes later: a moved date, a version older than the one there, a repeat, a reversal."""
    found = first()
    found["encounter"] += [
        visit(HOSPITAL, "MOVES", "2026-02-20 10:00", recorded_at=at("2026-02-20 10:00")) | LATER,
        visit(HOSPITAL, "STAYS", "2026-03-21 10:00", recorded_at=at("2026-01-21 11:00")) | LATER,
        visit(TOWNSHIP, "NEW", "2026-02-03 10:00") | LATER,
    ]
    found["diagnosis"] += [diagnosis("STAYS", "I11", **LATER)]
    settled = found["insurance_settlement"][0]
    found["insurance_settlement"] = [
        *found["insurance_settlement"],
        settled | LATER | {"is_reversed": True},
        # i2 is taken back under a number of the reversal's own.
        settlement("R2", "650100", is_reversed=True, reversed_settlement_id="i2") | LATER,
    ]
    return found


def content(home: Path, table: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home / "county.duckdb"), read_only=True) as connection:
        return connection.execute(f"select * from {table} order by all").fetchall()


def relink(home: Path, source_person: str, person: str) -> None:
    path = home / "identity" / "person_link.parquet"
    links = pl.read_parquet(path)
    moved = pl.when(pl.col("source_person_id") == source_person).then(pl.lit(person))
    links.with_columns(person_id=moved.otherwise("person_id")).write_parquet(path)


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A lake built twice, the second time with a later batch and a new link; one built at once."""
    stepwise, at_once = (Path(tmp_path_factory.mktemp(name)) for name in ("stepwise", "at_once"))
    write_lake(stepwise, first(), contracts())
    build(stepwise).close()
    for home in (stepwise, at_once):
        write_lake(home, second(), contracts())
        relink(home, "a", "P-other")
        build(home).close()
    return stepwise, at_once


@pytest.mark.parametrize("table", FACTS)
def test_steps_and_one_go_give_the_same_fact(homes: tuple[Path, Path], table: str) -> None:
    stepwise, at_once = homes
    assert content(stepwise, table) == content(at_once, table)
    assert content(at_once, table)


def test_the_marts_agree_too(homes: tuple[Path, Path]) -> None:
    stepwise, at_once = homes
    assert content(stepwise, "measure_month") == content(at_once, "measure_month")


def test_each_later_row_has_its_effect(homes: tuple[Path, Path]) -> None:
    with duckdb.connect(str(homes[0] / "county.duckdb"), read_only=True) as connection:
        started = dict(
            connection.execute(
                "select encounter_id, strftime(started_at, '%Y-%m') from encounter"
                " where encounter_id in ('MOVES', 'STAYS', 'NEW')"
            ).fetchall()
        )
        assert started == {"MOVES": "2026-02", "STAYS": "2026-01", "NEW": "2026-02"}
        codes = connection.execute("select diagnosis_code from diagnosis").fetchall()
        assert codes == [("I11",)]
        people = connection.execute(
            "select distinct person_id from encounter where source_person_id = 'a'"
        ).fetchall()
        assert people == [("P-other",)]
        reversed_ones = connection.execute(
            "select settlement_id from insurance_settlement where is_reversed order by 1"
        ).fetchall()
        assert [number for (number,) in reversed_ones] == ["R2", "i1", "i13", "i2", "i3"]
        taken = connection.execute(
            "select batch_id, is_built from built_batch where model = 'encounter_source' order by 1"
        ).fetchall()
        assert taken == [("b1", True), ("b2", True)]
