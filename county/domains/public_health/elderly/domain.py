"""Yearly care of older people and physical examinations of chronic patients.

Belongs here: who is due, and what is followed up. Not here: what is measured
(`physical_examinations.py`), self-care and constitution (`assessments.py`), archives
(`county/archives.py`), the quarterly visits of chronic patients.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import codes, days, doctors, drawn, lot, serial
from county.domains.public_health.elderly.assessments import assessed, constitutions
from county.domains.public_health.elderly.physical_examinations import examined
from county.domains.public_health.mother_child import alive_then, plus_days, some_between
from county.domains.public_health.tuberculosis.domain import by_sender
from county.domains.waiting import Waiting
from county.scene import Document, Examined, Export, Scene


class Domain:
    """Keeps abnormal findings until they have been followed up."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._seed, self._rates = seed, rates
        self._waiting = Waiting()

    def month(self, scene: Scene) -> Iterator[Export | Document | Examined]:
        random = scene.random("elderly")
        due = self._due(random, scene)
        old = due.filter(pl.col("examination_kind_code") == "1")
        examinations = []
        yield Examined(due["person"].to_list())
        for feed, letter, rows in by_sender(due, "township", "physical_examinations"):
            found = examined(random, self._rates, self._seed, rows).with_columns(
                serial(f"TJ{letter}", scene.month, len(rows)).alias("examination_id"),
                doctors(random, scene, rows["township"]).alias("staff_id"),
            )
            examinations.append(found)
            yield Export(feed, found)
        for feed, letter, rows in by_sender(old, "township", "elderly_assessments"):
            found = assessed(random, self._rates, self._seed, scene, rows)
            yield Export(feed, self._signed(random, scene, found, f"ZL{letter}"))
        for feed, letter, rows in by_sender(old, "township", "constitutions"):
            found = constitutions(random, self._rates, self._seed, rows)
            yield Export(feed, self._signed(random, scene, found, f"TZ{letter}"))
        yield from self._followed(random, scene, pl.concat(examinations))

    def _due(self, random: np.random.Generator, scene: Scene) -> pl.DataFrame:
        """Who is examined in the month: everyone has a month of the year; at least a few older
        people of every township come."""
        rates, month = self._rates, scene.month
        first = rates["first_age"]
        old = pl.col("age") >= first
        ill = pl.col("hypertension") | pl.col("diabetes")
        people = scene.people.filter(
            (pl.col("birth") < month.first) & (old | (ill & (pl.col("age") >= 35)))
        )
        kind = pl.when(old).then(pl.lit("1")).when("hypertension").then(pl.lit("2"))
        weights = np.cumsum(rates["months"]) / sum(rates["months"])
        own = np.searchsorted(weights, lot(people, "examination month", self._seed)) + 1
        willing = np.where(people["age"] >= first, rates["examined"], rates["chronic_examined"])
        comes = lot(people, f"examined/{month.year}", self._seed) < willing
        turn = lot(people, f"examined/{month.label}", self._seed)
        people = people.with_columns(
            kind.otherwise(pl.lit("3")).alias("examination_kind_code"),
            pl.Series("due", (own == month.number) & comes),
            pl.Series("turn", np.where(people["age"] >= first, turn, 2.0)),
        ).with_columns(pl.col("turn").rank("ordinal").over("township").alias("place"))
        some = (pl.col("due") & old).sum().over("township") >= rates["least"]
        chosen = pl.col("due") | (~some & (pl.col("place") <= rates["least"]) & old)
        due = people.filter(chosen)
        day = days(random, month.first, month.last, len(due))
        due = due.with_columns(
            day.alias("examined_date"), pl.col("township").alias("organization_id")
        )
        return alive_then(scene, due.drop("died"), "examined_date").sort("examined_date", "person")

    @staticmethod
    def _signed(
        random: np.random.Generator, scene: Scene, rows: pl.DataFrame, prefix: str
    ) -> pl.DataFrame:
        return rows.with_columns(
            serial(prefix, scene.month, len(rows)).alias("assessment_id"),
            doctors(random, scene, rows["organization_id"]).alias("staff_id"),
        )

    def _followed(
        self, random: np.random.Generator, scene: Scene, examinations: pl.DataFrame
    ) -> Iterator[Export]:
        """Follow-up of the main abnormal finding of older people, some weeks later; where there are
        few findings, of all, and soon."""
        rates = self._rates
        abnormal = examinations.filter(
            (pl.col("examination_kind_code") == "1") & pl.col("finding_code").is_not_null()
        ).select("person", "organization_id", "examination_id", "examined_date", "finding_code")
        few = pl.len().over("organization_id") <= rates["least"]
        abnormal = abnormal.with_columns(few.alias("few"))
        kept = drawn(random, abnormal, np.where(abnormal["few"], 1.0, rates["followed"]))
        later = some_between(random, rates["follow_days"], len(kept))
        later = np.where(kept["few"], rates["follow_days"][0], later)
        kept = kept.drop("few").with_columns(
            plus_days(pl.col("examined_date"), later).alias("visited_date")
        )
        due = self._waiting.due("follow-ups", kept, "visited_date", scene.month)
        due = alive_then(scene, due, "visited_date").sort("visited_date", "examination_id")
        size = len(due)
        result = codes(random, rates["results"], size)
        action = codes(random, {"2": 0.5, "3": 0.2, "1": 0.3}, size)
        listed = (pl.col("finding_code").is_in(["1", "2"])) & (result == "2")
        due = due.with_columns(
            codes(random, rates["modes"], size).alias("visit_mode_code"),
            pl.when(listed).then(pl.lit("4")).otherwise(action).alias("action_code"),
            result.alias("result_code"),
            doctors(random, scene, due["organization_id"]).alias("staff_id"),
        )
        for feed, letter, rows in by_sender(due, "organization_id", "elderly_followups"):
            ids = serial(f"YS{letter}", scene.month, len(rows))
            yield Export(feed, rows.with_columns(ids.alias("followup_id")))
