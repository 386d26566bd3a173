"""Occupational health, pupils' examinations and the nutrition survey.

Belongs here: exposed workers, examined pupils, surveyed people. Not here: absence from school
(`health_signals/`), environment (`environment/`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import (
    Numbers,
    before,
    chance,
    codes,
    days,
    doctors,
    drawn,
    hours_later,
    lot,
    moments,
    normal,
    serial,
    settled,
)
from county.domains.schools import pupils, school_days
from county.roles import COUNTY_HOSPITAL
from county.scene import Document, Export, Scene

HOSPITAL = COUNTY_HOSPITAL


class Domain:
    """Nothing is kept between months: who works where follows from the lot."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._seed, self._rates = seed, rates
        self._employers = pl.DataFrame([
            {"employer": at, **{k: v for k, v in one.items() if k != "disease"},
             **{f"disease_{k}": v for k, v in one["disease"].items()}}
            for at, one in enumerate(rates["employers"])
        ])  # fmt: skip

    def month(self, scene: Scene) -> Iterator[Export | Document]:
        random = scene.random("occupational_school")
        workers = self._workers(scene)
        yield self._diseases(random, scene, workers)
        yield self._examinations(random, scene, workers)
        yield self._hazards(random, scene, workers)
        yield self._pupils(random, scene)
        yield self._nutrition(random, scene)

    def _workers(self, scene: Scene) -> pl.DataFrame:
        """Exposed workers with the columns of their employer and the years they worked there."""
        people = settled(scene, first_age=20, last_age=59)
        draw = lot(people, "worker", self._seed)
        least = np.partition(draw, min(20, len(draw) - 1))[min(20, len(draw) - 1)]
        people = people.filter(pl.Series(draw < max(self._rates["workers"], least)))
        shares = np.cumsum(self._employers["share"].to_numpy())
        employer = np.searchsorted(shares / shares[-1], lot(people, "employer", self._seed))
        longest = (people["age"] - 19).clip(1, 30).to_numpy()
        years = 1 + np.floor(lot(people, "years", self._seed) * longest)
        return people.with_columns(
            pl.Series("employer", employer).cast(pl.Int64),
            pl.Series("years", years.astype(np.int64)),
        ).join(self._employers, on="employer", how="left", maintain_order="left")

    def _diseases(self, random: np.random.Generator, scene: Scene, workers: pl.DataFrame) -> Export:
        rates, month = self._rates, scene.month
        rows = drawn(random, workers, rates["diseases_a_year"] / 12, rates["least_diseases"])
        size = len(rows)
        day = days(random, month.first, before(month.last, 3), size)
        diagnosed = moments(random, day).dt.truncate("1m")
        staged = pl.col("disease_staged")
        return Export("cdc__occupational__reports", rows.select(
            "person", pl.lit(HOSPITAL).alias("organization_id"),
            serial("ZYB", month, size).alias("report_id"),
            pl.col("name").alias("employer_name"), pl.col("job").alias("job_name"),
            pl.col("hazard").alias("hazard_code"), pl.col("years").alias("exposure_years"),
            pl.lit(month.first).dt.offset_by(pl.format("-{}y", "years"))
            .alias("exposure_started_date"),
            pl.col("disease_class").alias("disease_class_code"),
            pl.col("disease_icd10").alias("diagnosis_code"),
            pl.col("disease_name"),
            pl.when(staged).then(codes(random, {"1": 0.7, "2": 0.22, "3": 0.08}, size))
            .alias("pneumoconiosis_stage_code"),
            pl.when(staged).then(chance(random, 0.04, size)).alias("has_tuberculosis"),
            codes(random, {"2": 0.2, "3": 0.75, "4": 0.05}, size).alias("outcome_code"),
            diagnosed.alias("diagnosed_at"),
            hours_later(random, diagnosed, 1, 48).dt.truncate("1m").alias("reported_at"),
            doctors(random, scene, pl.Series([HOSPITAL] * size, dtype=pl.String))
            .alias("staff_id"),
        ))  # fmt: skip

    def _examinations(
        self, random: np.random.Generator, scene: Scene, workers: pl.DataFrame
    ) -> Export:
        rates, month = self._rates, scene.month
        rows = drawn(random, workers, rates["examined_a_year"] / 12, rates["least_examined"])
        size = len(rows)
        noise = (rows["hazard"] == "3008").to_numpy()
        dust = rows["hazard"].is_in(["1034", "1021"]).to_numpy()
        conclusion = codes(random, rates["conclusions"], size)
        sick = (conclusion == "3").to_numpy()
        age, years = rows["age"].to_numpy(), rows["years"].to_numpy()
        systolic = normal(random, 108 + 0.45 * age, 10, size, low=85, high=210)
        hearing = 14 + 0.2 * age + noise * (0.6 * years + 20 * sick)
        image = pl.when(pl.Series(dust & sick)).then(pl.lit("双肺小阴影，建议复查"))
        return Export("cdc__occupational__surveillance", rows.select(
            "person", pl.lit(HOSPITAL).alias("organization_id"),
            serial("ZYJ", month, size).alias("examination_id"),
            pl.col("name").alias("employer_name"), pl.col("hazard").alias("hazard_code"),
            codes(random, rates["kinds"], size).alias("examination_kind_code"),
            pl.col("years").alias("exposure_years"),
            days(random, month.first, month.last, size).alias("examined_date"),
            systolic.alias("systolic_mmhg"),
            (systolic - normal(random, 45, 6, size, low=25, high=70)).alias("diastolic_mmhg"),
            normal(random, 146, 11, size, low=90, high=190).alias("hemoglobin_g_per_l"),
            normal(random, 24, 9, size, low=6, high=180)
            .alias("alanine_aminotransferase_u_per_l"),
            normal(random, hearing, 5, size, low=5, high=95).alias("hearing_threshold_db"),
            image.otherwise(pl.lit("未见明显异常")).alias("chest_imaging_result"),
            normal(random, 92.0 - 0.3 * years * dust, 8, size, low=35, high=130, digits=1)
            .alias("fvc_percent"),
            conclusion.alias("conclusion_code"),
            doctors(random, scene, pl.Series([HOSPITAL] * size, dtype=pl.String))
            .alias("staff_id"),
        ))  # fmt: skip

    def _hazards(self, random: np.random.Generator, scene: Scene, workers: pl.DataFrame) -> Export:
        month = scene.month
        exposed = workers.group_by("employer").len("workers")
        points = pl.DataFrame({"point": range(1, self._rates["points"] + 1)})
        rows = self._employers.join(exposed, on="employer", how="left", maintain_order="left")
        rows = rows.join(points, how="cross", maintain_order="left_right")
        size = len(rows)
        noise = (rows["unit"] == "dB(A)").to_numpy()
        spread = np.where(noise, 0.03, 0.22)
        ratio = np.clip(random.normal(rows["mean"].to_numpy(), spread), 0.02, None)
        value = np.round(ratio * rows["limit"].to_numpy(), 1)
        return Export("cdc__occupational__hazards", rows.select(
            serial("WHJ", month, size).alias("measurement_id"),
            pl.col("id").alias("employer_id"), pl.col("name").alias("employer_name"),
            pl.format("{}{}号点", "workplace", "point").alias("workplace_name"),
            pl.col("hazard").alias("hazard_code"),
            days(random, month.first, month.last, size).alias("measured_date"),
            pl.Series("measured_value", value), pl.col("limit").alias("limit_value"),
            pl.col("unit").alias("unit_name"),
            (pl.col("workers").fill_null(0).cast(pl.Int64) // self._rates["points"])
            .alias("exposed_worker_count"),
            (pl.Series(value) > pl.col("limit")).alias("is_exceeded"),
        ))  # fmt: skip

    def _pupils(self, random: np.random.Generator, scene: Scene) -> Export:
        """All pupils of the schools whose turn it is."""
        rates, month = self._rates["school"], scene.month
        children = pupils(scene, scene.seed)
        turns = min(rates["months"], children["school_id"].n_unique())
        turn = pl.col("school_id").rank("dense").cast(pl.Int64) % turns
        rows = children.filter(turn == month.index % turns)
        rows = rows.sort("school_id", "grade", "person")
        size, age = len(rows), rows["age"].to_numpy().astype(float)
        kinds = {"kindergarten": 0, "primary": 1, "middle": 3, "high": 4}
        band = rows["school_kind"].replace_strict(kinds, return_dtype=pl.Int64).to_numpy()
        band = band + ((band == 1) & (rows["grade"].to_numpy() > 3))
        myopic = chance(random, np.asarray(rates["myopia"])[band], size)
        sight = np.where(myopic.to_numpy(), 4.6, 5.0)
        heavy = codes(random, {"n": 1 - rates["overweight"] - rates["obese"],
                               "o": rates["overweight"], "b": rates["obese"]}, size)  # fmt: skip
        height = normal(random, 80 + 5.6 * age, 5, size, low=75, high=195, digits=1)
        index = 13.2 + 0.4 * age
        index = index + np.where((heavy == "o").to_numpy(), 4, 0)
        index = index + np.where((heavy == "b").to_numpy(), 7.5, 0)
        weight = np.round(index * (height.to_numpy() / 100) ** 2 + random.normal(0, 0.6, size), 1)
        systolic = normal(random, 88 + 1.6 * age, 6, size, low=75, high=150)
        open_days = school_days(month)
        caries = chance(random, rates["caries"], size).to_numpy()
        return Export("education_bureau__student_health__examinations", rows.select(
            "person", "school_id", "school_name", "grade",
            serial("XSTJ", month, size).alias("examination_id"),
            days(random, open_days[0], open_days[-1], size).alias("examined_date"),
            height.alias("height_cm"), pl.Series("weight_kg", np.maximum(weight, 9.0)),
            systolic.alias("systolic_mmhg"),
            (systolic - normal(random, 40, 4, size, low=25, high=55)).alias("diastolic_mmhg"),
            normal(random, sight, 0.12, size, low=4.0, high=5.2, digits=1)
            .alias("left_uncorrected_vision"),
            normal(random, sight, 0.12, size, low=4.0, high=5.2, digits=1)
            .alias("right_uncorrected_vision"),
            myopic.alias("is_myopic"),
            pl.Series("caries_count", caries * (1 + random.poisson(1.2, size))),
            (heavy == "o").alias("is_overweight"), (heavy == "b").alias("is_obese"),
            chance(random, rates["scoliosis"], size).alias("has_scoliosis"),
            normal(random, 126, 9, size, low=85, high=165).alias("hemoglobin_g_per_l"),
        ))  # fmt: skip

    def _nutrition(self, random: np.random.Generator, scene: Scene) -> Export:
        rates, month = self._rates["nutrition"], scene.month
        people = settled(scene, first_age=18)
        rows = drawn(random, people, rates["share"], rates["least"])
        size, men = len(rows), (rows["sex"] == "1").to_numpy()

        def measured(mean: float | Numbers, spread: float, low: float, high: float) -> pl.Series:
            return normal(random, mean, spread, size, low=low, high=high, digits=1)

        height = measured(158 + 11 * men, 6, 140, 195)
        index = random.normal(24.2, 3.2, size)
        weight = np.round(np.clip(index, 16, 42) * (height.to_numpy() / 100) ** 2, 1)
        return Export("cdc__nutrition__surveys", rows.select(
            "person", pl.col("household_id").cast(pl.String).alias("household_number"),
            serial("YY", month, size).alias("survey_id"),
            days(random, month.first, month.last, size).alias("surveyed_date"),
            height.alias("height_cm"), pl.Series("weight_kg", weight),
            measured(80 + 5 * men, 9, 55, 130).alias("waist_cm"),
            normal(random, 132 + 14 * men, 11, size, low=80, high=190)
            .alias("hemoglobin_g_per_l"),
            normal(random, 1900 + 350 * men, 320, size, low=800, high=4200)
            .alias("energy_kcal_per_day"),
            measured(62, 15, 20, 160).alias("protein_g_per_day"),
            measured(9.3, 2.8, 2, 25).alias("salt_g_per_day"),
            measured(38, 11, 5, 110).alias("oil_g_per_day"),
            normal(random, 420, 150, size, low=30, high=1400).alias("fruit_vegetable_g_per_day"),
            measured(190, 70, 20, 700).alias("iodine_urine_ug_per_l"),
            normal(random, 130, 90, size, low=0, high=900).alias("exercise_minutes_per_week"),
        ))  # fmt: skip
