"""Watches a county being built and measures what it is like.

Belongs here: the measures of `plausibility.yml`, from what the simulator knows of itself: its
scenes and the counts of its answer key. Not here, ever: the pipeline's code. Not here: the ranges
(`reference_ranges.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from county.build import build_county
from county.organizations import HOSPITALS, TOWNSHIPS
from county.scene import Document, Export, Scene, Truth

WINTER, SUMMER = (12, 1, 2), (6, 7, 8)
RESPIRATORY = ("J06", "J20")
"""Acute infections of the airways among the outpatient diagnoses, ICD-10."""
_AT_HOSPITAL = pl.col("township").is_null()
_AT_CENTRE = pl.col("organization_id") == pl.col("township")


class Onlooker:
    """A domain that sends nothing and keeps the scenes it is shown."""

    def __init__(self) -> None:
        self.scenes: list[Scene] = []

    def month(self, scene: Scene) -> Iterator[Export | Document | Truth]:
        self.scenes.append(scene)
        return iter(())


@dataclass(frozen=True)
class County:
    """A county that has been watched: its scenes, and the measures of its answer key."""

    scenes: list[Scene]
    counted: pl.DataFrame

    @property
    def years(self) -> float:
        return len(self.scenes) / 12

    @cached_property
    def people(self) -> pl.DataFrame:
        """The permanent residents of the last month."""
        return self.scenes[-1].people.filter("is_permanent")

    @cached_property
    def visits(self) -> pl.DataFrame:
        """All visits, with the patient's `age`."""
        return self._with_age([scene.visits for scene in self.scenes])

    @cached_property
    def discharges(self) -> pl.DataFrame:
        """All stays that have ended, with the patient's `age` and the `days` in bed."""
        ended = [scene.stays.filter(pl.col("end").is_not_null()) for scene in self.scenes]
        days = (pl.col("end").dt.date() - pl.col("start").dt.date()).dt.total_days()
        return self._with_age(ended).with_columns(days.clip(lower_bound=1).alias("days"))

    @cached_property
    def deaths(self) -> pl.DataFrame:
        parts = [
            s.people.filter(pl.col("died").dt.date().is_between(s.month.first, s.month.last))
            for s in self.scenes
        ]
        return pl.concat(parts)

    def _with_age(self, parts: list[pl.DataFrame]) -> pl.DataFrame:
        ages = [scene.people.select("person", "age") for scene in self.scenes]
        pairs = zip(parts, ages, strict=True)
        return pl.concat([part.join(age, on="person", how="left") for part, age in pairs])

    def count(self, measure: str, places: tuple[str, ...] = (), *, last: bool = False) -> float:
        """Of the answer key: the sum over the places (all, when none is named) and the months."""
        rows = self.counted.filter(pl.col("measure_id") == measure)
        if places:
            rows = rows.filter(pl.col("organization_id").is_in(places))
        if last:
            rows = rows.filter(pl.col("month") == self.scenes[-1].month.label)
        return float(rows["value"].sum())


def watch(residents: int, months: int, seed: int, folder: Path) -> County:
    """Build a county in a new folder, with nobody but an onlooker beside the core, and watch it."""
    onlooker = Onlooker()
    build_county(residents, months, seed, folder, domains=[onlooker])
    counted = pl.read_parquet(folder / "answer_key" / "measures.parquet")
    return County(onlooker.scenes, counted)


def measured(county: County) -> dict[str, float]:
    """The value of every measure by id, in the unit `plausibility.yml` names; a measure that needs
    more months than there are is left out."""
    return {**_people(county), **_illness(county), **_visits(county), **_stays(county)}


def _people(county: County) -> dict[str, float]:
    people, scenes = county.people, county.scenes
    person_years = len(people) * county.years / 1000
    sexes = people["sex"].value_counts()
    men, women = (sexes.filter(pl.col("sex") == sex)["count"].item() for sex in ("1", "2"))
    staff = scenes[-1].staff.filter(pl.col("left").is_null())
    mothers = pl.concat(
        [s.births.join(s.people, left_on="mother", right_on="person") for s in scenes]
    )
    return {
        "births": sum(len(s.births) for s in scenes) / person_years,
        "deaths": len(county.deaths) / person_years,
        "deaths_from_65": _percent(county.deaths["age"] >= 65),
        "marriages": sum(len(s.marriages) for s in scenes) / person_years,
        "men_per_100_women": 100 * men / women,
        "share_below_15": _percent(people["age"] < 15),
        "share_from_65": _percent(people["age"] >= 65),
        "household_size": len(people) / people["household_id"].n_unique(),
        "insured": _percent(people["insurance_type"].is_not_null()),
        "staff": 1000 * len(staff) / len(people),
        "mother_age": _mean(mothers["age"]),
    }


def _illness(county: County) -> dict[str, float]:
    adults = county.people.filter(pl.col("age") >= 35)
    found = {}
    for disease in ("hypertension", "diabetes"):
        registered, visited, on_schedule, controlled = (
            county.count(f"{disease}_{state}", last=True)
            for state in ("registered", "visited", "on_schedule", "controlled")
        )
        found[disease] = _percent(adults[disease])
        found[f"{disease}_managed"] = 100 * registered / len(county.people.filter(disease))
        found[f"{disease}_on_schedule"] = 100 * on_schedule / visited
        found[f"{disease}_controlled"] = 100 * controlled / registered
    return found


def _visits(county: County) -> dict[str, float]:
    visits = county.visits
    hospital = visits.filter(_AT_HOSPITAL)
    primary = visits.filter(~_AT_HOSPITAL)
    centre, room = primary.filter(_AT_CENTRE), primary.filter(~_AT_CENTRE)
    airways = visits.filter(pl.col("diagnosis_code").str.slice(0, 3).is_in(RESPIRATORY))
    found = {
        "visits_per_head": len(visits) / len(county.people) / county.years,
        "primary_visits": 100 * len(primary) / len(visits),
        "tcm_visits": _percent(visits["is_tcm"]),
        "emergency_visits": _percent(hospital["patient_class"] == "2"),
        "elder_visits": _per_head(county, visits, 65, 200) / _per_head(county, visits, 15, 45),
        "infant_visits": _per_head(county, visits, 0, 5) / _per_head(county, visits, 15, 25),
        "visit_fee_hospital": _mean_yuan(hospital),
        "visit_fee_centre": _mean_yuan(centre),
        "visit_fee_room": _mean_yuan(room),
        "drug_share_hospital": _drug_share(hospital),
        "drug_share_centre": _drug_share(centre),
        "airways_visits": 100 * len(airways) / len(visits),
    }
    days = {scene.month.number: len(scene.month.days) for scene in county.scenes}
    if set(WINTER + SUMMER) <= set(days):
        month = airways["start"].dt.month()
        winter, summer = (
            len(airways.filter(month.is_in(season))) / sum(days[number] for number in season)
            for season in (WINTER, SUMMER)
        )
        found["airways_winter"] = winter / summer
    return found


def _stays(county: County) -> dict[str, float]:
    stays = county.discharges
    hospital, centre = stays.filter(_AT_HOSPITAL), stays.filter(_AT_CENTRE)
    insured = county.count("insured_admissions")
    beyond = insured - county.count("insured_admissions_in_county")
    admitted = county.count("admissions") + beyond
    open_days = county.count("open_bed_days")
    towns = tuple(TOWNSHIPS)
    return {
        "admissions": 100 * admitted / len(county.people) / county.years,
        "beyond_county": 100 * beyond / insured,
        "elder_stays": _per_head(county, stays, 65, 200) / _per_head(county, stays, 15, 45),
        "stay_days_hospital": _mean(hospital["days"]),
        "stay_days_centre": _mean(centre["days"]),
        "bed_use_hospital": 100
        * county.count("occupied_bed_days", HOSPITALS)
        / county.count("open_bed_days", HOSPITALS),
        "bed_use_centre": 100
        * county.count("occupied_bed_days", towns)
        / county.count("open_bed_days", towns),
        "beds": 1000 * open_days / len(county.people) / county.years / 365,
        "stay_fee_hospital": _mean_yuan(hospital),
        "stay_fee_centre": _mean_yuan(centre),
        "day_fee_hospital": _mean_yuan(hospital) / _mean(hospital["days"]),
        "stay_drug_share_hospital": _drug_share(hospital),
        "stay_drug_share_centre": _drug_share(centre),
        "operated": _percent(hospital["operation_code"].is_not_null()),
    }


def _percent(flags: pl.Series) -> float:
    return 100 * _mean(flags.cast(pl.Int8))


def _mean(values: pl.Series) -> float:
    return float(values.sum()) / max(1, len(values))


def _mean_yuan(care: pl.DataFrame) -> float:
    return _mean(care["fee_fen"].drop_nulls()) / 100


def _drug_share(care: pl.DataFrame) -> float:
    return 100 * float(care["drug_fee_fen"].sum()) / float(care["fee_fen"].sum())


def _per_head(county: County, care: pl.DataFrame, first: int, after: int) -> float:
    """Visits or stays of one person of these ages in the period."""
    ages = pl.col("age").is_between(first, after, closed="left")
    return len(care.filter(ages)) / len(county.people.filter(ages))
