"""Cards, front-end messages, investigations, events, syndromes, pathogens and foodborne cases.

Belongs here: the order of things, cards and the front-end software. Not here: who is ill
(`cases.py`), events (`events.py`), syndromes and tests
(`findings.py`), other departments' signals (`health_signals/`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, codes, doctors, hours_later, serial
from county.domains.outbreak import outbreak, planted_rows
from county.domains.public_health.infectious.cases import true_cases
from county.domains.public_health.infectious.events import clusters, investigations
from county.domains.public_health.infectious.findings import foodborne, pathogens, syndromes
from county.roles import COUNTY, COUNTY_HOSPITAL
from county.scene import Document, Export, Scene

HOSPITAL = COUNTY_HOSPITAL


class Domain:
    """The infectious diseases of the county, a month at a time; nothing is kept between months."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates

    def month(self, scene: Scene) -> Iterator[Export | Document]:
        found = outbreak(scene)
        random = scene.random("infectious/sent")
        cases = true_cases(scene, self._rates, found)
        # The hospital's front-end software is never silent for a month.
        silent = (cases["organization_id"] == HOSPITAL).sum() == 0
        if silent and len(cases):
            free = cases.with_row_index().filter(pl.col("encounter_id").is_null())["index"]
            first = int(free[0]) if len(free) else 0
            here = pl.int_range(pl.len()) == first
            hospital = pl.when(here).then(pl.lit(HOSPITAL)).otherwise("organization_id")
            cases = cases.with_columns(hospital.alias("organization_id"))
            doctor = doctors(random, scene, cases["organization_id"])
            staff = pl.when(here).then(doctor).otherwise("staff_id").alias("staff_id")
            cases = cases.with_columns(staff)
        cards = self._cards(random, scene, cases)
        planted = planted_rows("outbreak", cards, "report_id", pl.col("in_outbreak"))
        planted += planted_rows("late_report", cards, "report_id", pl.col("is_late"))
        yield Export("cdc__direct_report__cards", cards, planted)
        yield from self._front_end(random, scene, cards)
        yield investigations(random, scene, cards, found, self._rates)
        yield clusters(random, scene, cards, found, self._rates)
        yield syndromes(random, scene, cards, self._rates)
        yield pathogens(random, scene, cards, found, self._rates)
        yield foodborne(random, scene, self._rates)

    def _cards(
        self, random: np.random.Generator, scene: Scene, cases: pl.DataFrame
    ) -> pl.DataFrame:
        rates, size = self._rates, len(cases)
        confirmed = pl.Series(random.random(size)) < cases["laboratory"]
        age = pl.col("age")
        return cases.with_columns(
            serial(COUNTY, scene.month, size).alias("report_id"),
            codes(random, {"1": 1 - rates["corrected"], "2": rates["corrected"]}, size).alias(
                "card_kind_code"
            ),
            codes(random, {"1": 0.95, "2": 0.03, "3": 0.02}, size).alias("patient_residence_code"),
            codes(random, rates["occupations"], size).alias("work"),
            pl.when(chance(random, rates["suspected"], size)).then(pl.lit("1"))
            .when(confirmed).then(pl.lit("3")).otherwise(pl.lit("2"))
            .alias("diagnosis_status_code"),
            pl.when(pl.col("disease_code").is_in(["2032", "2033"])).then(pl.lit("2"))
            .otherwise(pl.lit("1")).alias("course_code"),
            hours_later(random, cases["reported_at"], 0.5, 20).alias("reviewed_at"),
            pl.lit(None, pl.Date).alias("died_date"),
        ).with_columns(
            pl.when(age < 3).then(pl.lit("02")).when(age < 7).then(pl.lit("01"))
            .when(age < 18).then(pl.lit("03")).when(age >= 65).then(pl.lit("15"))
            .otherwise("work").alias("occupation_code"),
            pl.when(pl.col("card_kind_code") == "2").then("disease_name")
            .alias("corrected_disease_name"),
        )  # fmt: skip

    def _front_end(
        self, random: np.random.Generator, scene: Scene, cards: pl.DataFrame
    ) -> Iterator[Export]:
        sent = cards.filter(pl.col("organization_id") == HOSPITAL).select(
            "report_id", "organization_id", "encounter_id", "disease_name", "diagnosis_code",
            "person", pl.col("reported_at").alias("sent_at"),
            pl.lit("sent").alias("message_kind_code"),
            (pl.lit("QZ") + pl.col("report_id")).alias("message_id"),
        )  # fmt: skip
        yield Export("county_hospital__front_end__cards", sent)
        size = len(cards)
        state = codes(random, self._rates["feedback"], size)
        reasons = codes(random, dict.fromkeys(self._rates["return_reasons"], 1.0), size)
        answers = cards.select(
            "report_id", "organization_id",
            (pl.lit("HZ") + pl.col("report_id")).alias("message_id"),
            pl.lit("feedback").alias("message_kind_code"),
            hours_later(random, cards["reported_at"], 0.05, 0.4).alias("sent_at"),
            pl.col("reviewed_at"), state.alias("card_state_code"),
            pl.when(state == "returned").then(reasons).alias("return_reason"),
        )  # fmt: skip
        yield Export("cdc__front_end__feedback", answers)
