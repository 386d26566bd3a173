"""What the elderly care domain must keep true, month by month."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from county.domains.public_health.elderly import domain as elderly
from county.scene import Scene
from tests.unit.county.domain_months import Told, scenes_of, tables

RESIDENTS, MONTHS = 6000, 4
RATES = yaml.safe_load(Path(elderly.__file__).with_name("rates.yml").read_text("utf-8"))
SENDERS = (
    "township_a__public_health__", "township_b__public_health__", "consortium__primary_cloud__",
)  # fmt: skip


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return scenes_of(RESIDENTS, MONTHS)


@pytest.fixture(scope="module")
def told(scenes: list[Scene]) -> Told:
    """What each feed of these domains sends, month after month."""
    return tables(scenes, "elderly")


def everywhere(told: Told, subject: str) -> pl.DataFrame:
    rows = [p.rows for sender in SENDERS for p in told[f"{sender}{subject}"] if len(p.rows)]
    return pl.concat(rows, how="diagonal_relaxed")


def test_every_township_examines_older_people_in_every_month(told: Told) -> None:
    for sender in SENDERS:
        assert len(told[f"{sender}physical_examinations"]) == MONTHS
        assert all(len(piece.rows) for piece in told[f"{sender}physical_examinations"])


def test_nobody_is_examined_twice_unless_a_township_had_nobody_due(told: Told) -> None:
    rows = everywhere(told, "physical_examinations")
    again = len(rows) - rows["person"].n_unique()
    assert 0 <= again <= 0.02 * len(rows)


def test_older_people_who_are_examined_are_also_assessed(told: Told) -> None:
    examined = everywhere(told, "physical_examinations")
    old = examined.filter(pl.col("examination_kind_code") == "1")
    assert old["age"].min() == RATES["first_age"]
    for subject in ("elderly_assessments", "constitutions"):
        done = everywhere(told, subject).rename({"assessed_date": "examined_date"})
        assert len(done) == len(old)
        assert done.join(old, on=["person", "examined_date"], how="anti").is_empty()


def test_the_score_gives_the_grade_of_self_care(told: Told) -> None:
    rows = everywhere(told, "elderly_assessments")
    parts = rows.select(pl.sum_horizontal(list(RATES["points"]))).to_series()
    assert (rows["total_score"] == parts).all()
    for name, points in RATES["points"].items():
        assert set(rows[name]) <= set(points)
    grade = np.digitize(rows["total_score"], RATES["bounds"]) + 1
    assert (rows["selfcare_code"].cast(pl.Int64) == pl.Series(grade)).all()
    assert rows["selfcare_code"].n_unique() > 2


def test_patients_have_higher_values_and_findings_follow_from_them(told: Told) -> None:
    rows = everywhere(told, "physical_examinations")
    means = rows.group_by("diabetes").agg(pl.col("fasting_glucose_mmol_per_l").mean())
    sugar = dict(means.iter_rows())
    assert sugar[True] > sugar[False] + 1.5
    high = pl.col("systolic_mmhg") >= RATES["limits"]["systolic"]
    named = pl.col("abnormal_findings").str.contains("血压偏高")
    assert rows.filter(high & ~named).is_empty()
    assert (rows["is_abnormal"] == rows["finding_code"].is_not_null()).all()
    assert rows.filter(pl.col("is_critical") & ~pl.col("is_referred")).is_empty()


def test_a_follow_up_comes_after_an_abnormal_examination(told: Told) -> None:
    follow_ups = everywhere(told, "elderly_followups")
    examined = everywhere(told, "physical_examinations").select("examination_id", "is_abnormal")
    joined = follow_ups.join(examined, on="examination_id", how="left")
    assert len(joined) > 10
    assert joined["is_abnormal"].all()
    assert (joined["visited_date"] > joined["examined_date"]).all()
    assert follow_ups["examination_id"].is_unique().all()


def test_whoever_lives_alone_is_the_only_one_of_the_household(
    told: Told, scenes: list[Scene]
) -> None:
    people = scenes[-1].people
    members = people.group_by("household_id").len("members")
    alone = everywhere(told, "elderly_assessments").filter("is_living_alone")
    homes = alone.join(people, on="person").join(members, on="household_id")
    assert len(homes) > 3
    assert homes.filter(pl.col("members") > 2).is_empty()
