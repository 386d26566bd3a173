"""Contraindications found and adverse events reported after vaccination.

Belongs here: who must not be vaccinated and what happens after a dose. Not here: doses
(`domain.py`).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, codes, days, doctors, drawn, hours_later, lot, serial
from county.domains.public_health.immunisation.vaccine_supply import Recall
from county.domains.public_health.mother_child import alive_then, plus_days
from county.domains.waiting import Waiting
from county.scene import Export, Scene

_CONTRAINDICATIONS = "cdc__immunisation__contraindications"
_EVENTS = "cdc__immunisation__adverse_events"
_LAST_AGE = 7


class Safety:
    """Keeps events until they are reported."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._seed, self._rates = seed, rates
        self._waiting = Waiting()

    def month(self, scene: Scene, doses: pl.DataFrame, recall: Recall | None) -> Iterator[Export]:
        random = scene.random("vaccine safety")
        yield Export(_CONTRAINDICATIONS, self._contraindications(random, scene, doses))
        yield Export(_EVENTS, self._events(random, scene, doses, recall))

    def _contraindications(
        self, random: np.random.Generator, scene: Scene, doses: pl.DataFrame
    ) -> pl.DataFrame:
        """Lasting ones, found in the third month of life, and passing ones of children who were
        not vaccinated in the month."""
        rates, month = self._rates, scene.month
        children = scene.people.filter(
            (pl.col("age") < _LAST_AGE) & (pl.col("birth") < month.first)
        ).select("person", "birth", pl.col("township").alias("organization_id"))
        lasting = children.filter(
            pl.Series(lot(children, "immune defect", self._seed) < rates["immune_defect"])
        ).with_columns(
            (pl.col("birth") + timedelta(days=75)).alias("found_date"),
            pl.lit(None, pl.String).alias("vaccine_code"),
            pl.lit(True).alias("is_live_vaccines"), pl.lit("1").alias("reason_code"),
            pl.lit(True).alias("is_permanent"), pl.lit(None, pl.Date).alias("valid_until_date"),
        )  # fmt: skip
        known = pl.col("found_date") <= month.last
        fresh = known if month.index == 0 else known & (pl.col("found_date") >= month.first)
        others = children.join(doses, on="person", how="anti", maintain_order="left")
        passing = drawn(random, others, rates["passing"], least=1)
        size = len(passing)
        reason = codes(random, rates["passing_reasons"], size)
        found = days(random, month.first, month.last, size)
        wait = random.integers(5, 28, size)
        passing = passing.with_columns(
            found.alias("found_date"),
            pl.lit(None, pl.String).alias("vaccine_code"),
            pl.lit(False).alias("is_live_vaccines"), reason.alias("reason_code"),
            pl.lit(False).alias("is_permanent"),
        ).with_columns(plus_days(pl.col("found_date"), wait).alias("valid_until_date"))  # fmt: skip
        rows = pl.concat([lasting.filter(fresh), passing], how="diagonal")
        rows = alive_then(scene, rows, "found_date").sort("found_date", "person")
        return rows.with_columns(
            serial("JJ", month, len(rows)).alias("contraindication_id"),
            doctors(random, scene, rows["organization_id"]).alias("staff_id"),
        )

    def _events(
        self, random: np.random.Generator, scene: Scene, doses: pl.DataFrame,
        recall: Recall | None,
    ) -> pl.DataFrame:  # fmt: skip
        """Events reported in the month, some of doses of the month before."""
        rates, month = self._rates, scene.month
        share = np.where(doses["live"], rates["adverse_event_live"], rates["adverse_event"])
        if recall is not None:
            of_lot = (pl.col("vaccine_code") == recall.vaccine_code) & (
                pl.col("lot_number") == recall.lot_number
            )
            hit = doses.select(of_lot).to_series().to_numpy()
            share = np.where(hit, share * rates["of_recalled_lot"], share)
        ill = drawn(random, doses, share, least=1)
        size = len(ill)
        begin = ill["vaccinated_date"].cast(pl.Datetime("us")) + timedelta(hours=10)
        onset = hours_later(random, begin, 0.2, 40)
        symptom = codes(random, rates["symptoms"], size)
        fever = pl.Series(random.uniform(37.6, 39.6, size).round(1))
        classed = codes(random, rates["classes"], size)
        ill = ill.with_columns(
            onset.alias("onset_at"), symptom.alias("symptom_code"),
            pl.when(symptom.is_in(["1", "6"])).then(fever).alias("temperature_celsius"),
            (chance(random, rates["serious"], size) | symptom.is_in(["6", "7"]))
            .alias("is_serious"),
            pl.when(symptom == "4").then(pl.lit("6")).otherwise(classed).alias("class_code"),
            codes(random, {"1": 0.9, "2": 0.1}, size).alias("outcome_code"),
            pl.when(symptom == "6").then(pl.lit("热性惊厥"))
            .when(symptom == "7").then(pl.lit("血管性水肿"))
            .when(symptom == "3").then(pl.lit("过敏性皮疹")).alias("diagnosis_name"),
        )  # fmt: skip
        found = plus_days(pl.col("onset_at").dt.date(), random.integers(0, 2, size))
        reported = plus_days(pl.col("found_date"), random.integers(0, 3, size))
        ill = ill.with_columns(found.alias("found_date")).with_columns(
            reported.alias("reported_date")
        )
        due = self._waiting.due("events", ill, "reported_date", month)
        due = alive_then(scene, due, "found_date").sort("reported_date", "vaccination_id")
        return due.with_columns(serial("AEFI", month, len(due)).alias("event_id"))
