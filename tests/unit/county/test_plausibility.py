"""The county is plausible: every measure lies in its range, and an absurd rate would be seen."""

from pathlib import Path

import polars as pl
import pytest

from county import build
from county.parameters import use_parameters
from county.profiles import Profile
from county.reference_ranges import Measure, references
from county.watched import RESPIRATORY, County, measured, watch

MEASURES, CURVES = references()
PAGE = Path("docs/county.md")
ABSURD = {
    "population": {"deaths_by_year_of_age": 1.0, "boys": 1.0},
    "illness": {"adherent": 0.0, "managed": 0.05},
    "services": {
        "outpatient_visits_per_person_year": 20.0,
        "respiratory_by_month": [1.0] * 12,
        "drug_share": {"hospital": 0.7},
        "stay_days_mean": {"653999H01": 2.0, "653999H02": 2.0},
        "stay_fee_per_day_yuan": {"653999H01": 20_000},
        "surgery": {"653999H01": 0.9},
    },
}
LEAVES = {
    "deaths_from_65", "hypertension_managed", "hypertension_on_schedule", "visits_per_head",
    "airways_winter", "drug_share_hospital", "stay_days_hospital", "admissions",
    "day_fee_hospital", "operated",
}  # fmt: skip


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> County:
    """8000 residents, one year."""
    return watch(8000, 12, 7, tmp_path_factory.mktemp("plausible") / "county")


@pytest.fixture(scope="module")
def values(county: County) -> dict[str, float]:
    return measured(county)


@pytest.fixture(scope="module")
def absurd(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """The measures of a small county with absurd rates."""

    def apply(_: str) -> Profile:
        use_parameters(ABSURD)
        return Profile(label_zh="荒唐")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "apply_profile", apply)
        try:
            return measured(watch(1500, 12, 7, tmp_path_factory.mktemp("absurd") / "county"))
        finally:
            use_parameters({})


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.id)
def test_every_measure_lies_in_its_range(values: dict[str, float], measure: Measure) -> None:
    assert measure.holds(values[measure.id]), f"{values[measure.id]:.2f} not in {measure.range}"


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_an_absurd_rate_takes_its_measure_out_of_the_range(
    absurd: dict[str, float], name: str
) -> None:
    measure = next(measure for measure in MEASURES if measure.id == name)
    assert not measure.holds(absurd[name]), f"{absurd[name]:.2f} in {measure.range}"


def test_everything_measured_has_a_range(values: dict[str, float]) -> None:
    assert set(values) == {measure.id for measure in MEASURES}


def test_the_published_value_says_where_it_is_from() -> None:
    for measure in MEASURES:
        assumed = measure.source == "assumed"
        assert assumed == (measure.confidence is None), measure.id
        assert assumed == (measure.published is None), measure.id
        assert measure.range[0] < measure.range[1], measure.id


def test_airways_are_busiest_in_winter_and_quietest_in_summer(county: County) -> None:
    per_day = {
        scene.month.number: scene.visits["diagnosis_code"].str.slice(0, 3).is_in(RESPIRATORY).sum()
        / len(scene.month.days)
        for scene in county.scenes
    }
    assert max(per_day, key=lambda month: per_day[month]) in (12, 1, 2)
    assert min(per_day, key=lambda month: per_day[month]) in (6, 7, 8)


def test_children_have_no_illness_of_old_age(county: County) -> None:
    children = county.visits.filter(county.visits["age"] < 15)["diagnosis_code"].str.slice(0, 3)
    stays = county.discharges.filter(county.discharges["age"] < 14)["diagnosis_code"]
    assert not children.is_in(["M17", "M54", "I10", "E11"]).any()
    assert len(stays) > 20
    assert not stays.str.slice(0, 3).is_in(["I63", "I25", "J44"]).any()


def test_nobody_gives_birth_twice_in_a_year(county: County) -> None:
    births = pl.concat([scene.births for scene in county.scenes])
    moments = births.group_by("mother").agg(
        (pl.col("born").max() - pl.col("born").min()).dt.total_hours()
    )
    assert len(moments) > 40
    assert not (moments["born"] > 24).any()


def test_the_page_shows_every_measure_and_small_pictures() -> None:
    page = PAGE.read_text("utf-8")
    assert [m.label_zh for m in MEASURES if f"| {m.label_zh} |" not in page] == []
    drawings = sorted(PAGE.with_suffix("").glob("*.svg"))
    assert len(drawings) >= 5
    for drawing in drawings:
        assert f"({PAGE.stem}/{drawing.name})" in page
        assert drawing.stat().st_size < 100_000
