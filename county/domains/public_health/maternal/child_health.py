"""Newborns at home and in the screening laboratory.

Belongs here: visits to newborns and their screening. Not here: the checks of later years
(`child_checks.py`), vaccination (`immunisation/`).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, codes, doctors, drawn, hours_later, normal, serial
from county.domains.public_health.maternal.child_checks import ChildChecks
from county.domains.public_health.mother_child import CENTRE, alive_then, by_writer, plus_days
from county.domains.waiting import Waiting
from county.scene import Export, Planted, Scene

SCREENING = "mch_centre__newborn_screening__results"
_SMALL_G, _EARLY_WEEKS = 2500, 37


class Children:
    """Keeps visits and reports until their day has come."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._waiting = Waiting()
        self._checks = ChildChecks(seed, rates)
        self._has_planted = False

    def month(self, scene: Scene, pregnancies: pl.DataFrame) -> Iterator[Export]:
        """All records of the month.

        Args:
            pregnancies: `person` and `pregnancy_id` of the mothers of the month's newborns.
        """
        random = scene.random("child_health")
        newborns = _newborns(scene).join(
            pregnancies.rename({"person": "mother"}), on="mother", how="left", maintain_order="left"
        )
        yield from self._visits(random, scene, newborns)
        yield self._screening(random, scene, newborns)
        yield from self._checks.month(scene)

    def _visits(
        self, random: np.random.Generator, scene: Scene, newborns: pl.DataFrame
    ) -> Iterator[Export]:
        parts = [
            self._visited(random, drawn(random, newborns, self._rates[kind]["kept"], least=1), kind)
            for kind in ("newborn_visit", "centre_visit")
        ]
        parts[1] = parts[1].with_columns(pl.lit(CENTRE).alias("organization_id"))
        staying = _with_parents(random, scene, newborns, self._rates["with_parents"]["kept"])
        parts.append(self._visited(random, staying, "with_parents"))
        due = self._waiting.due("visits", pl.concat(parts), "visited_date", scene.month)
        due = alive_then(scene, due, "visited_date").sort("visited_date", "person")
        size, age = len(due), due["age_days"].to_numpy()
        gain = random.normal(25, 8, size) * np.maximum(age - 6, -3)
        small = (pl.col("birth_weight_g") < _SMALL_G) | (pl.col("gestational_weeks") < _EARLY_WEEKS)
        rows = due.with_columns(
            (pl.col("birth_weight_g") + pl.Series(gain.astype(np.int64) // 10 * 10))
            .alias("weight_g"),
            (pl.lit(self._rates["length_cm"]) + (pl.col("birth_weight_g") - 3250) / 420
             + pl.Series(random.normal(0, 0.7, size))).round(1).alias("length_cm"),
            normal(random, 36.7, 0.2, size, low=35.9, high=38.6, digits=1)
            .alias("temperature_celsius"),
            codes(random, self._rates["feeding"], size).alias("infant_feeding_code"),
            chance(random, self._rates["jaundice"], size).alias("has_jaundice"),
            chance(random, 0.03, size).alias("is_umbilicus_abnormal"),
            codes(random, {"1": 0.94, "3": 0.04, "9": 0.02}, size).alias("hearing_result_code"),
            chance(random, self._rates["screened"], size).alias("is_blood_screened"),
            pl.when(small).then(pl.lit("1")).alias("risk_code"),
            chance(random, 0.03, size).alias("is_referred"),
            (pl.col("born_date") + timedelta(days=42)).alias("next_visit_date"),
        )  # fmt: skip
        for feed, letter, own in by_writer(rows, "newborn_visits"):
            yield Export(
                feed,
                own.with_columns(
                    serial(f"XF{letter}", scene.month, len(own)).alias("visit_id"),
                    doctors(random, scene, own["organization_id"]).alias("staff_id"),
                ),
            )

    def _visited(
        self, random: np.random.Generator, newborns: pl.DataFrame, kind: str
    ) -> pl.DataFrame:
        """Visits by the township, some days after leaving hospital on the fourth day."""
        first, last = self._rates[kind]["days"]
        later = random.integers(4 + first, 5 + last, len(newborns))
        return newborns.with_columns(
            plus_days(pl.col("born_date"), later).alias("visited_date"),
            pl.Series("age_days", later, dtype=pl.Int64),
            pl.col("township").alias("organization_id"),
        )

    def _screening(
        self, random: np.random.Generator, scene: Scene, newborns: pl.DataFrame
    ) -> Export:
        """Results as reported; again, under the same number, when a child has been recalled."""
        made = [self._results(random, newborns, one) for one in self._rates["screening"]]
        results = pl.concat(made).sort("sampled_at", "person", "item_code")
        results = results.with_columns(
            serial("SC", scene.month, len(results)).alias("screening_id")
        )
        reports = self._waiting.due("reports", results, "reported_date", scene.month)
        recalls = self._waiting.due(
            "recalls", results.filter(pl.col("recalled_date").is_not_null()), "recalled_date",
            scene.month,
        )  # fmt: skip
        first = reports.join(recalls, on="screening_id", how="anti", maintain_order="left")
        first = first.with_columns(
            pl.lit(None, kind).alias(name)
            for name, kind in first.schema.items()
            if name in ("recalled_date", "recheck_result_code", "diagnosis_code", "diagnosis_name")
        )
        rows = alive_then(scene, pl.concat([first, recalls]), "reported_date")
        lost = rows.filter(pl.col("is_lost"))["screening_id"].to_list()
        planted = [Planted("screen_positive_without_recall", key) for key in lost]
        return Export(SCREENING, rows, planted)

    def _results(
        self, random: np.random.Generator, newborns: pl.DataFrame, one: dict[str, Any]
    ) -> pl.DataFrame:
        rates, item = self._rates, one["item"]
        babies = newborns.filter(chance(random, rates["screened"], len(newborns)))
        size = len(babies)
        suspect = random.random(size) < one["suspect"]
        lost = suspect & (random.random(size) >= rates["recalled"])
        if item == "HEAR" and size and not self._has_planted:
            suspect[0] = lost[0] = self._has_planted = True
        unclear = suspect & (random.random(size) < rates["unclear"]) & ~lost
        result = np.where(unclear, "2", np.where(suspect, "3", "1"))
        confirmed = suspect & ~lost & (random.random(size) < rates["confirmed"])
        value = _values(random, one, suspect)
        sampled = hours_later(random, babies["born"], *one["hours"])
        taken = "item_code" if item in ("HEAR", "CHD") else "received_date"
        reported = plus_days(pl.col("sampled_at").dt.date(), random.integers(5, 14, size))
        if taken == "item_code":
            reported = pl.col("sampled_at").dt.date()
        recalled = plus_days(pl.col("reported_date"), random.integers(6, 28, size))
        back = pl.Series(suspect & ~lost)
        return babies.select(
            "person", "birth_certificate_id", pl.col("hospital_id").alias("organization_id"),
            pl.lit(item).alias("item_code"), sampled.alias("sampled_at"),
            pl.Series("is_lost", lost),
        ).with_columns(
            reported.alias("reported_date"),
            (pl.col("sampled_at").dt.date() + timedelta(days=3)).alias("received_date")
            if taken == "received_date"
            else pl.lit(None, pl.Date).alias("received_date"),
            pl.Series("value_number", value, dtype=pl.Float64),
            pl.lit(one.get("unit"), pl.String).alias("value_unit"),
            pl.Series("result_code", result.tolist(), dtype=pl.String),
        ).with_columns(
            pl.when(back).then(recalled).alias("recalled_date"),
            pl.when(back & pl.Series(confirmed)).then(pl.lit("3"))
            .when(back).then(pl.lit("1")).alias("recheck_result_code"),
            pl.when(pl.Series(confirmed)).then(pl.lit(one["diagnosis"])).alias("diagnosis_code"),
            pl.when(pl.Series(confirmed)).then(pl.lit(one["name"])).alias("diagnosis_name"),
        )  # fmt: skip


def _values(
    random: np.random.Generator, one: dict[str, Any], suspect: np.ndarray
) -> list[float | None]:
    """Measured values beyond the cut where suspect; none where the item is no measurement."""
    if "mean" not in one:
        return [None] * len(suspect)
    mean, spread, cut = one["mean"], one["spread"], one["cut"]
    low = cut < mean
    usual = random.normal(mean, spread, len(suspect))
    usual = np.maximum(usual, cut * 1.05) if low else np.clip(usual, 0.2, cut * 0.95)
    beyond = cut * random.uniform(0.3, 0.9, len(suspect)) if low else cut * random.uniform(
        1.1, 3.0, len(suspect)
    )  # fmt: skip
    found: list[float | None] = np.where(suspect, beyond, usual).round(2).tolist()
    return found


def _newborns(scene: Scene) -> pl.DataFrame:
    """Children born in the month, with the township that visits them."""
    homes = scene.people.select("person", "township")
    return (
        scene.births.rename({"child": "person"})
        .drop("organization_id")
        .join(homes, on="person", how="left", maintain_order="left")
        .with_columns(pl.col("born").dt.date().alias("born_date"))
    )


def _with_parents(
    random: np.random.Generator, scene: Scene, newborns: pl.DataFrame, share: float
) -> pl.DataFrame:
    """Newborns whose mother stays with her parents, with their township: the next one; a township
    without a newborn of its own has one."""
    towns = scene.organizations.filter(pl.col("level") == "township")["organization_id"]
    following = dict(zip(towns, [*towns[1:], towns[0]], strict=True))
    away = drawn(random, newborns, share).with_columns(pl.col("township").replace(following))
    empty = [town for town in towns if town not in newborns["township"].to_list()]
    guests = [newborns.head(1).with_columns(pl.lit(town).alias("township")) for town in empty[:2]]
    return pl.concat([away, *guests]).unique(["person", "township"], maintain_order=True)
