"""Health checks of children up to six years, with growth and development.

Belongs here: who is due and what is measured. Not here: newborns (`child_health.py`), pupils
(`occupational_school/`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import Numbers, chance, codes, doctors, drawn, lot, normal, serial
from county.domains.public_health.mother_child import (
    CENTRE,
    alive_then,
    by_writer,
    plus_days,
    steady,
)
from county.scene import Export, Scene

_LAST_AGE = 7
_WAYS = {"passed": {"1": 0.97, "2": 0.02, "3": 0.01}}


class ChildChecks:
    """Nothing is kept: a child's day and growth are its own in every month."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._seed, self._rates = seed, rates

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("child_checks")
        due = self._due(scene)
        away = drawn(random, due, self._rates["checks"]["at_centre"], least=1)
        seen = pl.when(pl.col("person").is_in(away["person"].to_list())).then(pl.lit(CENTRE))
        due = due.with_columns(seen.otherwise("organization_id").alias("organization_id"))
        rows = self._measured(random, due)
        for feed, letter, own in by_writer(rows, "child_checks"):
            yield Export(
                feed,
                own.with_columns(
                    serial(f"ET{letter}", scene.month, len(own)).alias("check_id"),
                    doctors(random, scene, own["organization_id"]).alias("staff_id"),
                ),
            )

    def _due(self, scene: Scene) -> pl.DataFrame:
        """Children examined in the month, each with `step`, the place of its age in `months`."""
        rates = self._rates["checks"]
        children = scene.people.filter(pl.col("age") < _LAST_AGE).select(
            "person", "sex", "birth", pl.col("township").alias("organization_id")
        )
        parts = []
        for step, months in enumerate(rates["months"]):
            wait = np.floor(lot(children, f"check/{months}", self._seed) * rates["late_days"])
            comes = lot(children, f"kept/{months}", self._seed) < rates["kept"]
            day = plus_days(pl.col("birth").dt.offset_by(f"{months}mo"), wait.astype(np.int64))
            parts.append(
                children.with_columns(
                    day.alias("checked_date"), pl.lit(step).alias("step"),
                    pl.lit(months, pl.Int64).alias("check_month_age"), pl.Series("comes", comes),
                ).filter(
                    pl.col("comes")
                    & pl.col("checked_date").is_between(scene.month.first, scene.month.last)
                )
            )  # fmt: skip
        found = pl.concat([*parts, self._late(scene, children, pl.concat(parts))]).drop("comes")
        return alive_then(scene, found, "checked_date").sort("checked_date", "person")

    def _late(self, scene: Scene, children: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
        """One child late for its last check in every township where none is due."""
        months = pl.Series("check_month_age", self._rates["checks"]["months"], dtype=pl.Int64)
        steps = months.to_frame().with_row_index("step").cast({"step": pl.Int32})
        age = (pl.lit(scene.month.first) - pl.col("birth")).dt.total_days() // 31
        turn = pl.Series("turn", lot(children, f"late/{scene.month.label}", self._seed))
        late = (
            children.with_columns(age.alias("age_months"), turn)
            .join(found, on="organization_id", how="anti")
            .filter(pl.col("age_months") >= months[0])
            .sort("age_months")
            .join_asof(steps, left_on="age_months", right_on="check_month_age",
                       coalesce=False)
            .sort("turn", "person").unique("organization_id", keep="first", maintain_order=True)
        )  # fmt: skip
        day = pl.lit(scene.month.first) + pl.duration(days=pl.col("person") % 28)
        return late.with_columns(day.alias("checked_date"), pl.lit(True).alias("comes")).select(
            found.columns
        )

    def _of_age(self, children: pl.DataFrame, name: str) -> Numbers:
        """The median of each child's sex and age."""
        table = np.array([self._rates["growth"][name][sex] for sex in ("1", "2")])
        found: Numbers = table[
            children["sex"].cast(pl.Int64).to_numpy() - 1, children["step"].to_numpy()
        ]
        return found

    def _measured(self, random: np.random.Generator, due: pl.DataFrame) -> pl.DataFrame:
        rates, size, spread = self._rates, len(due), self._rates["growth"]["spread"]
        # Most of a child's place among its peers is its own; the rest is the day's.
        tall = 0.9 * steady(due, "growth/height", self._seed) + random.normal(0, 0.35, size)
        heavy = 0.55 * tall + 0.75 * steady(due, "growth/weight", self._seed)
        heavy = heavy + random.normal(0, 0.3, size)
        height = self._of_age(due, "height_cm") * (1 + spread["height"] * tall)
        weight = self._of_age(due, "weight_kg") * np.exp(spread["weight"] * heavy)
        head = self._of_age(due, "head_cm") * (1 + spread["head"] * random.normal(0, 1, size))
        teeth = np.array(rates["growth"]["teeth"])[due["step"].to_numpy()]
        blood = normal(random, 121, 10, size, low=78, high=150)
        failed = chance(random, rates["development_failed"], size)
        age, checks = pl.col("check_month_age"), rates["checks"]
        due = due.with_columns(
            pl.Series("weight_kg", weight.round(2)),
            pl.Series("weight_g", (weight * 100).astype(np.int64) * 10),
            pl.Series("height_cm", height.round(1)),
            pl.when(age <= 36).then(pl.Series(head.round(1))).alias("head_circumference_cm"),
            _grade(heavy).alias("weight_grade_code"),
            _grade(tall).alias("height_grade_code"),
            pl.Series("physique_code", _physique(tall, heavy)),
            pl.Series("teeth_count", np.clip(teeth + random.integers(-1, 2, size), 0, 20)),
            pl.when(age >= 24).then(pl.Series(random.poisson(0.7, size)))
            .otherwise(pl.lit(0)).alias("caries_count"),
            pl.when(age.is_in(checks["haemoglobin"])).then(blood).alias("haemoglobin_g_per_l"),
            (~failed).alias("is_development_passed"),
            pl.when(age.is_in(checks["hearing"])).then(codes(random, _WAYS["passed"], size))
            .alias("hearing_result_code"),
            pl.when(age.is_in(checks["vision"])).then(codes(random, _WAYS["passed"], size))
            .alias("vision_result_code"),
            normal(random, 2.0, 0.6, size, low=0.5, high=5, digits=1).alias("outdoor_hours"),
            pl.when(age <= checks["tcm_until"]).then(chance(random, 0.8, size))
            .alias("has_tcm_guidance"),
        )  # fmt: skip
        draw = lot(due, "child/risk", self._seed)
        risk, before = pl.lit(None, pl.String), 0.0
        for code, share in rates["risks"].items():
            own = pl.Series((draw >= before) & (draw < before + share))
            risk = pl.when(own).then(pl.lit(code)).otherwise(risk)
            before += share
        for code, seen in (
            ("3", pl.col("physique_code") == "3"), ("5", ~pl.col("is_development_passed")),
            ("4", pl.col("haemoglobin_g_per_l") < rates["anaemia_below"]),
        ):  # fmt: skip
            risk = pl.when(seen).then(pl.lit(code)).otherwise(risk)
        due = due.with_columns(risk.alias("risk_code"))
        next_age = np.array([*checks["months"][1:], checks["months"][-1] + 12])
        ahead = (next_age - np.array(checks["months"]))[due["step"].to_numpy()]
        managed = chance(random, rates["risk_managed"], size)
        return due.with_columns(
            pl.when(pl.col("risk_code").is_not_null()).then(managed).alias("is_risk_managed"),
            (pl.col("risk_code").is_not_null() & chance(random, 0.4, size)).alias("is_referred"),
            plus_days(pl.col("checked_date"), (ahead * 30).astype(np.int64))
            .alias("next_check_date"),
        )  # fmt: skip


def _grade(size: Numbers) -> pl.Series:
    """Above, within or below two deviations: upper, middle, lower."""
    found = np.where(size > 2, "1", np.where(size < -2, "3", "2"))
    return pl.Series(found.tolist(), dtype=pl.String)


def _physique(tall: Numbers, heavy: Numbers) -> list[str]:
    """Physique from both deviations (child_physique)."""
    for_height = heavy - 0.55 * tall
    found: list[str] = np.select(
        [for_height > 2.2, for_height > 1.6, for_height < -1.9, tall < -2, heavy < -2],
        ["6", "5", "3", "4", "2"],
        "1",
    ).tolist()
    return found
