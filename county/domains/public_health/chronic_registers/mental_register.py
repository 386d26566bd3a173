"""The register of severe mental disorder and its quarterly visits.

Belongs here: registered patients and their follow-up. Not here: other registers
(`domain.py`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import (
    before,
    chance,
    codes,
    days,
    doctors,
    drawn,
    serial,
    settled,
    some_days,
)
from county.domains.public_health.tuberculosis.domain import by_sender
from county.scene import Export, Scene


class MentalRegister:
    """Keeps the records as sent."""

    def __init__(self, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._records = pl.DataFrame()

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("mental")
        records = self._registered(random, scene)
        self._records = pl.concat([self._records, records]) if len(self._records) else records
        yield Export("cdc__mental_health__records", records)
        yield from self._visits(random, scene)

    def _registered(self, random: np.random.Generator, scene: Scene) -> pl.DataFrame:
        """Records of the month: all old ones in the first, new patients later."""
        rates, month = self._rates, scene.month
        people = settled(scene, first_age=18)
        if len(self._records):
            people = people.join(self._records, on="person", how="anti")
        found = drawn(random, people, rates["new_per_100000_month"] / 100_000, 1)
        day = days(random, month.first, before(month.last, 3), len(found))
        parts = [found.with_columns(day.alias("registered_date"))]
        if month.index == 0:
            rest = people.join(found, on="person", how="anti")
            for _, town in rest.group_by("township", maintain_order=True):
                old = drawn(random, town, rates["prevalence"], rates["least"])
                past = days(random, date(2012, 1, 1), before(month.first, 1), len(old))
                parts.append(old.with_columns(past.alias("registered_date")))
        patients = pl.concat(parts).sort("registered_date", "person")
        size = len(patients)
        # Registered no earlier than at 18, some time after the first onset.
        adult = pl.col("birth").dt.offset_by("18y")
        registered = pl.max_horizontal("registered_date", adult)
        seen = some_days(random, 20, 1500, size)
        onset = ((registered - pl.col("birth")).dt.total_days() // 365).clip(14, 60)
        return patients.select(
            "person", pl.col("township").alias("managing_organization_id"),
            serial("YZ", month, size).alias("record_id"),
            registered.alias("registered_date"),
            codes(random, rates["disorders"], size).alias("disorder_code"),
            (onset - pl.Series(random.integers(0, 6, size))).alias("first_onset_age"),
            (registered - seen).alias("diagnosed_date"),
            codes(random, rates["danger"], size).alias("danger_grade_code"),
            codes(random, {"1": 0.06, "2": 0.36, "3": 0.58}, size)
            .alias("outpatient_treatment_code"),
            pl.Series("admission_count", random.poisson(1.3, size)),
            codes(random, {"1": 0.985, "2": 0.003, "3": 0.012}, size).alias("confinement_code"),
            codes(random, {"1": 0.3, "2": 0.66, "3": 0.04}, size).alias("economic_status_code"),
            chance(random, 0.94, size).alias("has_consented"),
            chance(random, 0.09, size).alias("has_family_history"),
            chance(random, 0.6, size).alias("is_case_managed"),
            pl.lit(None, pl.Date).alias("closed_date"),
        )  # fmt: skip

    def _visits(self, random: np.random.Generator, scene: Scene) -> Iterator[Export]:
        """Patients due in the month; a township with none due sees its first patient."""
        month, town = scene.month, "managing_organization_id"
        here = settled(scene).select("person")
        known = self._records.join(here, on="person", how="semi").filter(
            pl.col("registered_date") < month.first
        )
        due = pl.col("person") % 3 == month.number % 3
        only = ~due.any().over(town) & (pl.int_range(pl.len()).over(town) == 0)
        visited = known.filter(due | only)
        for feed, letter, mine in by_sender(visited, town, "mental_disorder"):
            yield Export(feed, self._visit(random, scene, mine, letter))

    def _visit(
        self, random: np.random.Generator, scene: Scene, patients: pl.DataFrame, letter: str
    ) -> pl.DataFrame:
        rates, month, size = self._rates, scene.month, len(patients)
        township = patients["managing_organization_id"]
        found = chance(random, rates["found"], size)
        risky = (patients["danger_grade_code"].cast(pl.Int64) >= 4).to_numpy()
        # A danger grade of 3 or more is never called stable.
        stable = codes(random, rates["result"], size)
        result = pl.when(pl.Series(risky)).then(pl.lit("1")).otherwise(stable)
        incidents = random.poisson(np.where(risky, 0.8, 0.01))
        day = days(random, month.first, month.last, size)

        def when_found(value: pl.Expr | pl.Series) -> pl.Expr:
            return pl.when(found).then(value)

        return patients.select(
            "person", "record_id", township.alias("organization_id"),
            serial(f"JSF{letter}", month, size).alias("visit_id"),
            day.alias("visited_date"),
            codes(random, rates["modes"], size).alias("visit_mode_code"),
            found.alias("is_found"),
            pl.when(~found).then(codes(random, rates["lost"], size)).alias("lost_reason_code"),
            when_found(pl.col("danger_grade_code")).alias("danger_grade_code"),
            when_found(codes(random, {"1": 0.35, "2": 0.5, "3": 0.15}, size))
            .alias("insight_code"),
            when_found(codes(random, {"1": 0.7, "2": 0.24, "3": 0.06}, size)).alias("sleep_code"),
            when_found(codes(random, {"1": 0.4, "2": 0.45, "3": 0.15}, size))
            .alias("social_function_code"),
            when_found(codes(random, rates["adherence"], size))
            .alias("medication_adherence_code"),
            when_found(chance(random, 0.08, size)).alias("has_adverse_reaction"),
            when_found(pl.Series(incidents)).alias("incident_count"),
            pl.Series("has_emergency_treatment", incidents > 1),
            pl.Series("is_referred", incidents > 0),
            when_found(result).alias("visit_result_code"),
            (day + timedelta(days=90)).alias("next_visit_date"),
            doctors(random, scene, township).alias("staff_id"),
        )  # fmt: skip
