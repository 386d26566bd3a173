"""The tumour register: cases of the last years at the start, new ones each month.

Belongs here: report cards of tumours. Not here: stays and operations (`county/services.py`).
"""

from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import (
    Numbers,
    before,
    by_age,
    chance,
    codes,
    days,
    doctors,
    drawn,
    moments,
    normal,
    serial,
    settled,
    some_days,
)
from county.scene import Export, Scene


class TumourRegister:
    """Keeps who is on the register."""

    def __init__(self, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._known = pl.DataFrame(schema={"person": pl.Int64})

    def month(self, scene: Scene) -> Export:
        rates, month, random = self._rates, scene.month, scene.random("tumour")
        people = settled(scene).with_columns(pl.col("person").cast(pl.Int64))
        people = people.join(self._known, on="person", how="anti")
        weights = by_age(people, rates["first_ages"], rates["ages"])
        yearly = rates["incidence"] / 100_000 * weights / max(weights.mean(), 1e-9)
        people = people.with_columns(pl.Series("yearly", yearly))
        found = drawn(random, people, yearly / 12, rates["least_new"])
        day = days(random, month.first, before(month.last, 4), len(found))
        parts = [found.with_columns(day.alias("diagnosed_date"))]
        if month.index == 0:
            rest = people.join(found, on="person", how="anti")
            share = rest["yearly"].to_numpy() * rates["backlog_years"] * rates["alive"]
            old = drawn(random, rest, share, rates["least_backlog"])
            past = days(random, before(month.first, 365 * rates["backlog_years"]),
                        before(month.first, 1), len(old))  # fmt: skip
            parts.append(old.with_columns(past.alias("diagnosed_date")))
        cases = pl.concat(parts).sort("diagnosed_date", "person")
        self._known = pl.concat([self._known, cases.select("person")])
        return Export("cdc__tumour_register__cases", self._cards(random, scene, cases))

    def _cards(
        self, random: np.random.Generator, scene: Scene, cases: pl.DataFrame
    ) -> pl.DataFrame:
        rates, month, size = self._rates, scene.month, len(cases)
        sites = pl.DataFrame(rates["sites"])
        men = (cases["sex"] == "1").to_numpy()
        site = np.where(
            men, _sites(random, sites["men"], size), _sites(random, sites["women"], size)
        )
        reporter = codes(random, rates["reporters"], size)
        stage = codes(random, rates["stages"], size)
        visit = some_days(random, 1, 30, size)
        reported = cases["diagnosed_date"].clip(month.first, month.last)
        spread = (stage == "5").to_numpy()
        return cases.select(
            "person", reporter.alias("organization_id"),
            pl.col("township").alias("managing_organization_id"),
            pl.lit(None, pl.String).alias("encounter_id"),
            serial("ZL", month, size).alias("report_id"),
            serial("WBL", month, size).alias("pathology_number"),
            sites["icd10"].gather(site).alias("diagnosis_code"),
            sites["name"].gather(site).alias("diagnosis_name"),
            sites["morphology"].gather(site).alias("morphology_code"),
            stage.alias("stage_code"),
            codes(random, rates["basis"], size).alias("basis_code"),
            (pl.col("diagnosed_date") - visit).alias("first_visit_date"), "diagnosed_date",
            codes(random, rates["treatment"], size).alias("treatment_code"),
            codes(random, {"1": 0.6, "2": 0.28, "3": 0.12}, size).alias("condition_code"),
            (pl.Series(spread) | chance(random, 0.05, size)).alias("is_metastatic"),
            (normal(random, np.where(spread, 60, 82), 9, size, low=20, high=100) // 10 * 10)
            .alias("karnofsky_score"),
            pl.lit(None, pl.Date).alias("died_date"),
            moments(random, reported).dt.truncate("1m").alias("reported_at"),
            doctors(random, scene, reporter).alias("staff_id"),
        )  # fmt: skip


def _sites(random: np.random.Generator, shares: pl.Series, size: int) -> Numbers:
    weights = shares.to_numpy()
    return random.choice(len(weights), size, p=weights / weights.sum())
