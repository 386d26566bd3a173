"""Registers of chronic lung disease, severe mental disorder and tumours, and their follow-up.

Belongs here: who is on a register and what the quarterly visits find. Not here: hypertension and
diabetes (`county/illness.py`), tuberculosis (`tuberculosis/`).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import (
    by_age,
    chance,
    codes,
    days,
    doctors,
    lot,
    normal,
    serial,
    settled,
)
from county.domains.public_health.chronic_registers.mental_register import MentalRegister
from county.domains.public_health.chronic_registers.tumour_register import TumourRegister
from county.domains.public_health.tuberculosis.domain import by_sender
from county.scene import Document, Export, Scene


class Domain:
    """Keeps the registers of mental disorder and tumours; lung disease follows from the lot."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._seed, self._copd = seed, rates["copd"]
        self._mental = MentalRegister(rates["mental"])
        self._tumours = TumourRegister(rates["tumour"])

    def month(self, scene: Scene) -> Iterator[Export | Document]:
        yield from self._lung_disease(scene)
        yield from self._mental.month(scene)
        yield self._tumours.month(scene)

    def _lung_disease(self, scene: Scene) -> Iterator[Export]:
        """Quarterly visits to managed patients, at least one of each township a month."""
        rates, random = self._copd, scene.random("copd")
        people = settled(scene, first_age=40)
        prevalence = by_age(people, rates["first_ages"], rates["prevalence"])
        draw = lot(people, "copd", self._seed) / np.maximum(prevalence, 1e-9)
        people = people.with_columns(pl.Series("draw", draw)).with_columns(
            pl.col("draw").rank("ordinal").over("township").alias("place"),
            (pl.col("person") % 3).alias("phase"),
        )
        patients = people.filter(
            (pl.col("draw") < rates["managed"]) | (pl.col("place") <= rates["least_managed"])
        )
        due = pl.col("phase") == scene.month.number % 3
        only = ~due.any().over("township") & (pl.col("place") == 1)
        visited = patients.filter(due | only).sort("township", "person")
        for feed, letter, mine in by_sender(visited, "township", "copd"):
            yield Export(feed, self._visit(random, scene, mine, letter))

    def _visit(
        self, random: np.random.Generator, scene: Scene, patients: pl.DataFrame, letter: str
    ) -> pl.DataFrame:
        rates, month, size = self._copd, scene.month, len(patients)
        township = patients["township"]
        # Severity stays a person's own; what the visit finds varies around it.
        shares = np.cumsum(list(rates["severity"].values()))
        step = np.searchsorted(shares / shares[-1], lot(patients, "copd/severity", self._seed))
        severity = pl.Series(np.array(list(rates["severity"]))[step].tolist())
        lung = np.array([rates["fev1"][code] for code in rates["severity"]], dtype=float)[step]
        smokes = patients["sex"].replace_strict(rates["smoker"], return_dtype=pl.Float64)
        smoker = lot(patients, "copd/smoker", self._seed) < smokes.to_numpy()
        day = days(random, month.first, month.last, size)
        return patients.select(
            "person", township.alias("organization_id"),
            serial(f"MZF{letter}", month, size).alias("visit_id"),
            day.alias("visited_date"),
            codes(random, rates["modes"], size).alias("visit_mode_code"),
            pl.Series("smoking_per_day", np.where(smoker, random.integers(5, 31, size), 0)),
            normal(random, 6.0 + 6 * step, 4, size, low=0, high=40).alias("cat_score"),
            normal(random, 0.6 + 0.8 * step, 0.6, size, low=0, high=4).alias("dyspnoea_grade"),
            normal(random, lung, 5, size, low=15, high=120, digits=1).alias("fev1_percent"),
            normal(random, 97 - 1.5 * step, 1, size, low=80, high=100)
            .alias("oxygen_saturation_percent"),
            severity.alias("severity_code"),
            pl.Series("exacerbation_count", random.poisson(0.15 + 0.15 * step)),
            pl.Series("is_inhaler_used", random.random(size) < 0.3 + 0.2 * step),
            codes(random, rates["adherence"], size).alias("medication_adherence_code"),
            chance(random, 0.3, size).alias("is_influenza_vaccinated"),
            codes(random, rates["result"], size).alias("visit_class_code"),
            (day + timedelta(days=90)).alias("next_visit_date"),
            doctors(random, scene, township).alias("staff_id"),
        )  # fmt: skip
