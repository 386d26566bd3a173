"""Antenatal visits and prenatal screening of registered pregnancies.

Belongs here: when a woman comes and what is found. Not here: the register itself
(`pregnancy_register.py`) and its end (`domain.py`).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, codes, doctors, lot, normal, serial
from county.domains.public_health.maternal.pregnancy_register import factors_of
from county.domains.public_health.mother_child import (
    alive_then,
    by_writer,
    plus_days,
    weeks_between,
)
from county.domains.waiting import Waiting
from county.roles import COUNTY_HOSPITAL, MCH_CENTRE
from county.scene import Export, Scene

_NEXT_RISK = {"green": "yellow", "yellow": "orange", "orange": "red"}
_PLANNED = ("person", "pregnancy_id", "managing_organization_id", "last_menstrual_date",
            "weight_before_kg", "risk_code")  # fmt: skip


class Antenatal:
    """Plans the visits of a pregnancy when it is registered; sends them when they have been."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._seed, self._rates = seed, rates
        self._waiting = Waiting()
        self._ended = pl.DataFrame()

    def month(
        self, random: np.random.Generator, scene: Scene, registered: pl.DataFrame,
        ended: pl.DataFrame,
    ) -> Iterator[Export]:  # fmt: skip
        """Visits and screenings of the month and, for pregnancies that became known by their
        delivery, those before it.

        Args:
            registered: Pregnancies written down in the month.
            ended: Pregnancies that were open and ended in the month.
        """
        self._ended = pl.concat(
            [self._ended, ended.select("pregnancy_id", pl.col("outcome_date").alias("ended"))]
        )
        planned = self._plan(random, registered)
        due = self._waiting.due("visits", planned, "visited_date", scene.month)
        due = self._before_end(alive_then(scene, due, "visited_date"), "visited_date")
        due = due.sort("visited_date", "pregnancy_id")
        places = self._places(random, due)
        visits = self._found(random, scene, due.with_columns(places.alias("organization_id")))
        for feed, letter, own in by_writer(visits, "antenatal_visits"):
            ids = serial(f"CJ{letter}", scene.month, len(own))
            yield Export(feed, own.with_columns(ids.alias("visit_id")))
        yield from self._screenings(random, scene, registered)

    def _plan(self, random: np.random.Generator, registered: pl.DataFrame) -> pl.DataFrame:
        """All visits of newly registered pregnancies in their order; the first is registration."""
        size = len(registered)
        base = registered.select(
            *_PLANNED, "registered_date",
            pl.coalesce("outcome_date", "end_date").alias("until"),
            pl.Series("lot", lot(registered, "antenatal", self._seed)),
        )  # fmt: skip
        parts = [base.with_columns(pl.col("registered_date").alias("visited_date"))]
        for visit in self._rates["visits"]:
            into = random.integers(visit["from"] * 7, visit["to"] * 7 + 7, size)
            kept = chance(random, visit["kept"], size)
            day = plus_days(pl.col("last_menstrual_date"), into)
            later = base.with_columns(day.alias("visited_date")).filter(kept)
            parts.append(
                later.filter(pl.col("visited_date") > pl.col("registered_date") + timedelta(10))
            )
        together = pl.concat(parts)
        together = together.filter(
            pl.col("until").is_null() | (pl.col("visited_date") < pl.col("until"))
        )
        order = pl.col("visited_date").rank("ordinal").over("pregnancy_id").cast(pl.Int64)
        return together.with_columns(order.alias("visit_number")).drop("registered_date", "until")

    def _places(self, random: np.random.Generator, due: pl.DataFrame) -> pl.Series:
        away = codes(random, self._rates["hospitals"], len(due))
        local = chance(random, self._rates["local"], len(due))
        return due.select(
            pl.when(local).then("managing_organization_id").otherwise(away)
        ).to_series()

    def _found(self, random: np.random.Generator, scene: Scene, due: pl.DataFrame) -> pl.DataFrame:
        rates, size = self._rates, len(due)
        rises = (pl.col("lot") < rates["risk_upgraded"]) & (pl.col("visit_number") >= 3)
        higher = pl.col("risk_code").replace(_NEXT_RISK)
        due = due.with_columns(
            weeks_between(pl.col("last_menstrual_date"), pl.col("visited_date"))
            .alias("gestational_weeks"),
            pl.when(rises).then(higher).otherwise("risk_code").alias("risk_code"),
        )  # fmt: skip
        weeks = due["gestational_weeks"].to_numpy()
        serious = due["risk_code"].is_in(["orange", "red", "purple"])
        upper = normal(random, 112 + 5 * serious.to_numpy(), 9, size, low=86, high=178)
        gained = 0.34 * np.maximum(weeks - 8, 0) + random.normal(0, 1.2, size)

        def from_week(first: int, value: pl.Series) -> pl.Expr:
            return pl.when(pl.col("gestational_weeks") >= first).then(value)

        sugar = normal(random, 4.7, 0.5, size, low=3.4, high=9.5, digits=1)
        return due.with_columns(
            upper.alias("systolic_mmhg"),
            (upper - normal(random, 39, 5, size, low=25, high=55)).alias("diastolic_mmhg"),
            (pl.col("weight_before_kg") + pl.Series(gained)).round(1).alias("weight_kg"),
            from_week(20, normal(random, weeks - 2.0, 1.4, size, low=14, high=42))
            .alias("fundal_height_cm"),
            from_week(20, normal(random, 77 + 0.85 * (weeks - 18), 4, size, low=65, high=125))
            .alias("abdominal_circumference_cm"),
            from_week(12, normal(random, 143, 7, size, low=116, high=172))
            .alias("fetal_heart_rate"),
            from_week(28, codes(random, {"1": 0.94, "2": 0.05, "3": 0.01}, size))
            .alias("fetal_presentation_code"),
            normal(random, 119, 10, size, low=72, high=152).alias("haemoglobin_g_per_l"),
            codes(random, {"1": 0.93, "2": 0.04, "3": 0.02, "4": 0.01}, size)
            .alias("urine_protein_code"),
            pl.when((pl.col("visit_number") == 1) | pl.col("gestational_weeks").is_between(24, 28))
            .then(sugar).alias("glucose_mmol_per_l"),
            pl.when(serious).then(chance(random, rates["case_managed"], size))
            .alias("is_case_managed"),
            (serious & chance(random, 0.25, size)).alias("is_referred"),
            (pl.col("visited_date") + timedelta(days=28)).alias("next_visit_date"),
            factors_of(random, rates, size).alias("risk_factors"),
            doctors(random, scene, due["organization_id"]).alias("staff_id"),
        )  # fmt: skip

    def _screenings(
        self, random: np.random.Generator, scene: Scene, registered: pl.DataFrame
    ) -> Iterator[Export]:
        """Screenings whose report and, where one follows, diagnosis have come."""
        rates, parts = self._rates, []
        base = registered.with_columns(
            pl.coalesce("outcome_date", "end_date").alias("until")
        ).select(*_PLANNED, "registered_date", "until")  # fmt: skip
        for one in rates["screenings"]:
            chosen = base.filter(chance(random, one["share"], len(base)))
            into = random.integers(one["week"] * 7, one["week"] * 7 + 7, len(chosen))
            sampled = plus_days(pl.col("last_menstrual_date"), into)
            parts.append(
                chosen.with_columns(
                    pl.lit(one["kind"]).alias("screening_kind_code"),
                    sampled.alias("sampled_date"),
                )
            )
        planned = pl.concat(parts).filter(
            (pl.col("sampled_date") >= pl.col("registered_date"))
            & (pl.col("until").is_null() | (pl.col("sampled_date") < pl.col("until")))
        )
        size = len(planned)
        result = codes(random, rates["screening_result"], size)
        looked = (result == "3") & chance(random, rates["diagnosed"], size)
        reported = plus_days(pl.col("sampled_date"), random.integers(4, 12, size))
        diagnosed = plus_days(reported, random.integers(6, 25, size))
        odds = np.where(result == "3", random.integers(20, 270, size),
                        np.where(result == "2", random.integers(280, 1000, size),
                                 random.integers(1200, 99000, size)))  # fmt: skip
        planned = planned.with_columns(
            reported.alias("reported_date"),
            pl.when(looked).then(diagnosed).alias("diagnosis_date"),
            pl.when(looked).then(codes(random, rates["diagnosis"], size)).alias("diagnosis_code"),
            pl.when(pl.col("screening_kind_code") != "4")
            .then(pl.lit("1/") + pl.Series(odds).cast(pl.String)).alias("trisomy_21_risk"),
            result.alias("result_code"),
        )  # fmt: skip
        known = pl.coalesce("diagnosis_date", "reported_date").alias("known_date")
        planned = planned.with_columns(known)
        due = self._waiting.due("screenings", planned, "known_date", scene.month)
        due = self._before_end(alive_then(scene, due, "known_date"), "sampled_date")
        rows = due.sort("known_date", "pregnancy_id", "screening_kind_code").with_columns(
            serial("CS", scene.month, len(due)).alias("screening_id"),
            self._places(random, due).replace(MCH_CENTRE, COUNTY_HOSPITAL)
            .alias("organization_id"),
            weeks_between(pl.col("last_menstrual_date"), pl.col("sampled_date"))
            .alias("gestational_weeks"),
        )  # fmt: skip
        yield Export("mch_centre__maternal_cloud__prenatal_screenings", rows)

    def _before_end(self, rows: pl.DataFrame, day: str) -> pl.DataFrame:
        """Rows of pregnancies that had not ended on the day."""
        joined = rows.join(self._ended, on="pregnancy_id", how="left", maintain_order="left")
        open_then = pl.col("ended").is_null() | (pl.col(day) < pl.col("ended"))
        return joined.filter(open_then).drop("ended")
