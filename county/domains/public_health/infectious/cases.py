"""Who has a notifiable infection in a month: season, age and the outbreak, seen by whom and when.

Belongs here: the true cases. Not here: what is sent about them (`domain.py`).
"""

from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import (
    before,
    by_age,
    chance,
    codes,
    days,
    doctors,
    drawn,
    hours_later,
    moments,
    settled,
    some_days,
    yearly,
)
from county.domains.outbreak import Outbreak
from county.domains.outbreak import rates as outbreak_rates
from county.domains.schools import pupils
from county.scene import Scene

SLOW_DAYS = 4
"""Between onset and report at most: cards of a month's cases are written within the month."""


def true_cases(scene: Scene, rates: dict[str, Any], outbreak: Outbreak | None) -> pl.DataFrame:
    """One row a case, in order of diagnosis.

    Columns: `person`, `age`, `township`, disease columns as in `rates.yml`, `school_id`,
    `onset_date`, `diagnosed_at`, `reported_at`, `organization_id`, `encounter_id`, `staff_id`,
    `in_outbreak`, `is_late`.
    """
    random = scene.random("infectious")
    people = settled(scene)
    found = [
        _disease(random, scene, people, disease, rates["first_ages"])
        for disease in rates["diseases"]
    ]
    missing = rates["least_cases"] - sum(len(frame) for frame in found)
    if missing > 0:
        found.append(_of(drawn(random, people, 0.0001, missing), rates["diseases"][0]))
    cases = pl.concat(found)
    last = before(scene.month.last, SLOW_DAYS)
    cases = cases.with_columns(
        days(random, scene.month.first, last, len(cases)).alias("onset_date"),
        pl.lit(False).alias("in_outbreak"),
    )
    if outbreak is not None:
        given = outbreak_rates()
        disease = next(d for d in rates["diseases"] if d["code"] == given["disease_code"])
        disease = disease | {
            "name": given["disease_name"], "icd10": given["diagnosis_code"],
            "pathogen": given["pathogen"], "laboratory": 0.5, "seen_as": [],
        }  # fmt: skip
        planted = _of(outbreak.cases, disease).with_columns(
            outbreak.cases["onset_date"].alias("onset_date"), pl.lit(True).alias("in_outbreak")
        )
        cases = pl.concat([cases.join(planted, on="person", how="anti"), planted])
    schools = pupils(scene, scene.seed).select("person", "school_id")
    cases = cases.join(schools, on="person", how="left", maintain_order="left")
    return _reported(random, scene, cases, rates).sort("diagnosed_at", "person")


def _disease(
    random: np.random.Generator,
    scene: Scene,
    people: pl.DataFrame,
    disease: dict[str, Any],
    bounds: list[int],
) -> pl.DataFrame:
    weights = by_age(people, bounds, disease["ages"])
    mean = weights.mean() if len(weights) and weights.any() else 1.0
    monthly = disease["incidence"] / 100_000 / 12 * yearly(scene.month, disease["season"])
    return _of(drawn(random, people, monthly * weights / mean), disease)


def _of(people: pl.DataFrame, disease: dict[str, Any]) -> pl.DataFrame:
    return people.select(
        "person", "age", "township",
        pl.lit(disease["code"]).alias("disease_code"),
        pl.lit(disease["name"]).alias("disease_name"),
        pl.lit(disease["icd10"]).alias("diagnosis_code"),
        pl.lit(disease["class"]).alias("disease_class_code"),
        pl.lit(float(disease["laboratory"])).alias("laboratory"),
        pl.lit(disease["pathogen"]).alias("pathogen_code"),
        pl.lit(disease["seen_as"], dtype=pl.List(pl.String)).alias("seen_as"),
    )  # fmt: skip


def _reported(
    random: np.random.Generator, scene: Scene, cases: pl.DataFrame, rates: dict[str, Any]
) -> pl.DataFrame:
    """Who saw the case: the person's own visit of the month if its diagnosis fits, else a centre or
    hospital a day or so after the onset."""
    last = before(scene.month.last, SLOW_DAYS - 1)
    rooms = scene.organizations.filter(pl.col("level") == "village")["organization_id"].to_list()
    visits = (
        scene.visits.filter(
            ~pl.col("organization_id").is_in(rooms)
            & (pl.col("start").dt.date() <= last)
        )
        .select(
            "person", "encounter_id", "start",
            pl.col("organization_id").alias("visit_organization"),
            pl.col("diagnosis_code").str.slice(0, 3).alias("visit_code"),
            pl.col("staff_id").alias("visit_staff"),
        )
        .sort("start", "encounter_id")
        .unique("person", keep="first", maintain_order=True)
    )  # fmt: skip
    size = len(cases)
    seen = cases.join(visits, on="person", how="left", maintain_order="left").with_columns(
        (pl.col("seen_as").list.contains(pl.col("visit_code")) & pl.col("start").is_not_null())
        .fill_null(False)
        .alias("own_visit")
    )
    reporter = codes(random, rates["reporters"], size)
    sick_days = some_days(random, 0, 3, size)
    seen = seen.with_columns(
        pl.when("own_visit")
        .then(pl.col("start").dt.date() - sick_days)
        .otherwise("onset_date")
        .alias("onset_date"),
        reporter.alias("reporter"),
    ).with_columns(
        pl.when("own_visit")
        .then("visit_organization")
        .when(pl.col("reporter") == "township")
        .then("township")
        .otherwise("reporter")
        .alias("organization_id")
    )
    waits = seen.select(pl.col("onset_date") + sick_days).to_series()
    seen = seen.with_columns(
        pl.when("own_visit")
        .then(hours_later(random, seen["start"], 0.1, 2))
        .otherwise(moments(random, waits, opens=9, closes=18))
        .alias("diagnosed_at"),
        chance(random, rates["late_report"], size).alias("is_late"),
        doctors(random, scene, seen["organization_id"]).alias("other_staff"),
    )
    hours = np.where(
        seen["is_late"].to_numpy(), random.uniform(25, 30, size), random.uniform(0.2, 5, size)
    )
    delay = pl.Series((hours * 3600).astype(np.int64) * 1_000_000).cast(pl.Duration("us"))
    return seen.select(
        "person", "age", "township", "disease_code", "disease_name", "diagnosis_code",
        "disease_class_code", "laboratory", "pathogen_code", "school_id", "onset_date",
        "diagnosed_at", (pl.col("diagnosed_at") + delay).alias("reported_at"), "organization_id",
        pl.when("own_visit").then("encounter_id").alias("encounter_id"),
        pl.when("own_visit").then("visit_staff").otherwise("other_staff").alias("staff_id"),
        "in_outbreak", "is_late",
    )  # fmt: skip
