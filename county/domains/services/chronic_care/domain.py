"""Screening, risk assessment and care plans of the chronic disease platform.

Belongs here: who is screened and assessed, and what follows. Not here: follow-ups of managed
patients (`county/illness.py`, `public_health/chronic_registers/`), home readings (`devices/`).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import (
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
    some_days,
)
from county.domains.picks import of_level
from county.domains.waiting import after
from county.scene import Export, Scene

SCREENINGS = "consortium__chronic_platform__screenings"
RISKS = "consortium__chronic_platform__risks"
PLANS = "consortium__chronic_platform__plans"
_HYPERTENSION, _DIABETES, _LUNG = "1", "2", "3"
_CLINIC, _ON_LINE = "1", "5"
_NOTHING, _HIGH_RISK, _SUSPECTED, _KNOWN = "1", "2", "3", "4"
_VERY_HIGH = "4"
_CYCLE = 6  # months between two assessments


class Domain:
    """Feeds of the chronic disease platform."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._seed, self._rates = seed, rates

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("chronic_care")
        yield Export(SCREENINGS, self._screened(scene, random))
        risks = self._assessed(scene, random)
        yield Export(RISKS, risks)
        yield Export(PLANS, self._planned(scene, risks, random))

    def _screened(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        rates, month = self._rates, scene.month
        people = settled(scene, first_age=rates["first_age"])
        seen = of_level(scene, scene.visits, ["township", "village"]).filter(
            pl.col("start") < after(month) - timedelta(hours=1)
        )
        seen = seen.join(people.select("person"), on="person", how="semi", maintain_order="left")
        at_visit = drawn(random, seen, rates["at_visit"], least=4)
        others = drawn(random, people, rates["elsewhere"], least=4)
        day = days(random, month.first, month.last, len(others))
        rows = pl.concat(
            [
                at_visit.select(
                    "person", "organization_id", "staff_id",
                    pl.lit(_CLINIC).alias("setting_code"),
                    hours_later(random, at_visit["start"], 0.02, 0.4).alias("screened_at"),
                ),
                others.select(
                    "person", pl.col("township").alias("organization_id"),
                    doctors(random, scene, others["township"]).alias("staff_id"),
                    codes(random, rates["elsewhere_settings"], len(others)).alias("setting_code"),
                    moments(random, day, opens=8, closes=18).alias("screened_at"),
                ),
            ]
        )  # fmt: skip
        found = people.select("person", "age", "hypertension", "diabetes")
        rows = rows.join(found, on="person", maintain_order="left")
        return self._found(rows, scene, random)

    def _found(self, rows: pl.DataFrame, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """What is measured and what follows from it; on line only the questionnaire is filled."""
        rates, size = self._rates, len(rows)
        disease = pl.Series(
            np.where(
                rows["setting_code"] == _ON_LINE, _LUNG, codes(random, rates["diseases"], size)
            )
        )
        older = (rows["age"] >= 60).to_numpy().astype(int)
        lung = random.random(size) < np.asarray(rates["lung_disease"])[older]
        ill = {
            "systolic": rows["hypertension"].to_numpy(), "glucose": rows["diabetes"].to_numpy(),
            "questionnaire": lung,
        }  # fmt: skip
        ill["diastolic"] = ill["systolic"]
        of_disease = {
            "systolic": _HYPERTENSION, "diastolic": _HYPERTENSION, "glucose": _DIABETES,
            "questionnaire": _LUNG,
        }  # fmt: skip
        bounds = {"systolic": (85, 230), "diastolic": (45, 84), "glucose": (3, 30),
                  "questionnaire": (0, 38)}  # fmt: skip
        measured = {}
        for name, code in of_disease.items():
            given = rates[name]
            low, high = bounds[name]
            mean = np.where(ill[name], given["with"], given["without"])
            digits = 1 if name == "glucose" else 0
            values = normal(
                random,
                mean,
                given["spread"],
                size,
                low=low,
                high=140 if name == "diastolic" else high,
                digits=digits,
            )
            measured[name] = pl.when(disease == code).then(values).alias(name)
        rows = rows.with_columns(disease.alias("disease_code"), *measured.values()).with_columns(
            pl.min_horizontal("diastolic", pl.col("systolic") - 15).alias("diastolic")
        )

        def reaches(step: int) -> pl.Expr:
            limits = rates["limits"]
            return pl.any_horizontal(
                pl.col(name).ge(limits[name][step]).fill_null(False) for name in of_disease
            )

        has = (
            pl.when(disease == _HYPERTENSION).then("hypertension")
            .when(disease == _DIABETES).then("diabetes").otherwise(pl.lit(pl.Series(lung)))
        )  # fmt: skip
        known = has & (pl.lit(pl.Series(lot(rows, "known", self._seed))) < rates["known"])
        result = (
            pl.when(known).then(pl.lit(_KNOWN))
            .when(reaches(1)).then(pl.lit(_SUSPECTED))
            .when(reaches(0)).then(pl.lit(_HIGH_RISK))
            .otherwise(pl.lit(_NOTHING))
        )  # fmt: skip
        advised = chance(random, rates["referral_advised"], size)
        return rows.with_columns(
            serial("SC", scene.month, size).alias("screening_id"),
            normal(random, 86, 9, size, low=58, high=140, digits=1).alias("waist_cm"),
            normal(random, 24.6, 3.2, size, low=15, high=45, digits=1).alias("body_mass_index"),
            result.alias("result_code"),
        ).with_columns(
            ((pl.col("result_code") == _SUSPECTED) & advised).alias("is_referral_advised")
        )

    def _assessed(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """Patients whose half year has come, once for each disease."""
        rates, month = self._rates, scene.month
        people = settled(scene, first_age=rates["first_age"])
        due = pl.col("person") % _CYCLE == month.index % _CYCLE
        rows = pl.concat(
            [
                people.filter(name).with_columns(pl.lit(code).alias("disease_code"))
                for name, code in (("hypertension", _HYPERTENSION), ("diabetes", _DIABETES))
            ]
        )
        wanted = np.where(rows.select(due).to_series(), rates["assessed"], 0.001)
        rows = drawn(random, rows, wanted, least=6)
        size, score = len(rows), rates["score"]
        years = np.maximum(0, rows["age"].to_numpy() - score["from_age"])
        mean = score["base"] + score["by_lot"] * lot(rows, "risk", self._seed)
        points = normal(
            random, mean + score["by_year"] * years, score["spread"], size, low=0, high=60, digits=1
        )
        step = np.searchsorted(rates["score_limits"], points.to_numpy(), side="right")
        day = days(random, month.first, month.last, size)
        models = rates["models"]
        township = rows["township"]
        return rows.select(
            "person", "age", "disease_code", township.alias("organization_id"),
            serial("PG", month, size).alias("assessment_id"),
            day.alias("assessed_date"),
            *(
                pl.col("disease_code").replace_strict(
                    {code: model[part] for code, model in models.items()}, return_dtype=pl.String
                ).alias(f"model_{part}")
                for part in ("name", "version")
            ),
            points.alias("risk_score"),
            pl.Series((step + 1).astype(str)).alias("risk_class_code"),
            self._factors(random, size).alias("main_factors"),
            (day + timedelta(days=182)).alias("next_assessment_date"),
            doctors(random, scene, township).alias("staff_id"),
        )  # fmt: skip

    def _factors(self, random: np.random.Generator, size: int) -> pl.Series:
        """Two different factors of each assessment."""
        names = self._rates["factors"]
        first = random.integers(0, len(names), size)
        second = (first + random.integers(1, len(names), size)) % len(names)
        of_all = pl.Series(names)
        return of_all.gather(first) + "、" + of_all.gather(second)

    def _planned(
        self, scene: Scene, risks: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """A plan for each assessment of medium risk and above, within days."""
        rates, last = self._rates, scene.month.last
        rows = risks.filter(pl.col("risk_class_code").is_in(list(rates["groups"])))
        size = len(rows)
        group = pl.col("risk_class_code").replace_strict(rates["groups"], return_dtype=pl.String)
        pressure = pl.col("disease_code") == _HYPERTENSION
        elderly = pl.col("age") >= 65
        refer = chance(random, rates["refer_very_high"], size)
        return rows.with_columns(
            serial("JH", scene.month, size).alias("plan_id"),
            pl.min_horizontal(pl.col("assessed_date") + some_days(random, 0, 4, size), pl.lit(last))
            .alias("made_date"),
            group.alias("group_code"),
            pl.when(elderly).then(150).otherwise(140).alias("target_systolic_mmhg"),
            pl.lit(90).alias("target_diastolic_mmhg"),
            pl.when(~pressure).then(7.0).alias("target_fasting_glucose_mmol_per_l"),
            ((pl.col("risk_class_code") == _VERY_HIGH) & refer).alias("is_referral_advised"),
        ).with_columns(
            pl.col("group_code").replace_strict(rates["interval_days"], return_dtype=pl.Int64)
            .alias("follow_up_interval_days"),
            pl.col("group_code").replace_strict(rates["interventions"], return_dtype=pl.String)
            .alias("interventions"),
            (pl.col("made_date") + timedelta(days=182)).alias("valid_to_date"),
        )  # fmt: skip
