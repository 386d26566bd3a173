"""The tuberculosis register and the townships' monthly visits to patients under treatment.

Belongs here: cases of the programme and their follow-up. Not here: report cards (`infectious/`).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import (
    before,
    by_age,
    chance,
    codes,
    days,
    doctors,
    drawn,
    serial,
    settled,
    some_days,
)
from county.months import Month
from county.roles import TOWNSHIP_A, TOWNSHIP_B
from county.scene import Document, Export, Scene

_OWN_SYSTEMS = {
    TOWNSHIP_A: "township_a__public_health",
    TOWNSHIP_B: "township_b__public_health",
}
_SHARED_SYSTEM = "consortium__primary_cloud"


def by_sender(
    visits: pl.DataFrame, township: str, subject: str
) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """Follow-ups by who writes them: feed, a letter for its numbers, rows. Two centres have systems
    of their own, the others share one.

    Args:
        township: Column with the township centre.
        subject: Last part of the feed names.
    """
    systems = visits[township].replace_strict(
        _OWN_SYSTEMS, default=_SHARED_SYSTEM, return_dtype=pl.String
    )
    for system, letter in (*zip(_OWN_SYSTEMS.values(), "AB", strict=True), (_SHARED_SYSTEM, "C")):
        rows = visits.filter(systems == system)
        if len(rows):
            yield f"{system}__{subject}", letter, rows


class Domain:
    """Keeps the register: the cases as sent, and `ends`, the day their treatment is over."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._cases = pl.DataFrame()

    def month(self, scene: Scene) -> Iterator[Export | Document]:
        random = scene.random("tuberculosis")
        new = self._new_cases(random, scene)
        stopped = pl.col("ends").is_between(scene.month.first, scene.month.last)
        sent = pl.concat([new, self._cases.filter(stopped)]) if len(self._cases) else new
        yield Export("cdc__tuberculosis__cases", self._with_ended(random, scene, sent))
        self._cases = pl.concat([self._cases, new]) if len(self._cases) else new
        yield from self._visits(random, scene)

    def _new_cases(self, random: np.random.Generator, scene: Scene) -> pl.DataFrame:
        """Cases found in the month; in the first month also those still under treatment, at least
        one in every township."""
        rates, month = self._rates, scene.month
        people = settled(scene)
        if len(self._cases):
            people = people.join(self._cases, on="person", how="anti")
        weights = by_age(people, rates["first_ages"], rates["ages"])
        monthly = rates["incidence"] / 100_000 / 12 * weights / max(weights.mean(), 1e-9)
        people = people.with_columns(pl.Series("monthly", monthly))
        found = drawn(random, people, monthly, 2)
        parts = [_diagnosed(random, found, month)]
        if month.index == 0:
            rest = people.join(found, on="person", how="anti")
            for _, town in rest.group_by("township", maintain_order=True):
                old = drawn(random, town, town["monthly"].to_numpy() * rates["backlog_months"], 1)
                first = before(month.first, 28 * rates["backlog_months"] - 30)
                day = days(random, first, before(month.first, 3), len(old))
                parts.append(old.with_columns(day.alias("diagnosed_date")))
        cases = pl.concat(parts).sort("diagnosed_date", "person")
        return self._described(random, cases, month)

    def _described(
        self, random: np.random.Generator, cases: pl.DataFrame, month: Month
    ) -> pl.DataFrame:
        rates, size = self._rates, len(cases)
        pulmonary = chance(random, rates["pulmonary"], size)
        positive = chance(random, rates["smear_positive"], size) & pulmonary
        again = chance(random, rates["previously_treated"], size)
        smear = (
            pl.when(positive).then(pl.lit("1")).when(pulmonary).then(pl.lit("2"))
            .otherwise(pl.lit("3"))
        )  # fmt: skip
        symptom = some_days(random, 10, 70, size)
        visit = some_days(random, 0, 9, size)
        start = some_days(random, 0, 3, size)
        other = codes(random, {"4": 0.6, "5": 0.4}, size)
        return cases.select(
            "person",
            pl.col("township").alias("managing_organization_id"),
            "diagnosed_date",
            serial("JH", month, size).alias("case_id"),
            pl.lit(None, pl.String).alias("report_id"),
            (pl.col("diagnosed_date") - symptom - visit).alias("symptom_date"),
            (pl.col("diagnosed_date") - visit).alias("first_visit_date"),
            codes(random, rates["detection"], size).alias("detection_code"),
            smear.alias("sputum_smear_code"),
            pl.when(positive).then(pl.lit("1")).when(pulmonary).then(pl.lit("2"))
            .otherwise(pl.lit("4")).alias("sputum_culture_code"),
            pl.when(pulmonary).then(codes(random, {"1": 0.03, "2": 0.04, "3": 0.93}, size))
            .otherwise(other).alias("tuberculosis_type_code"),
            pl.when(positive).then(pl.lit("1")).when(pulmonary).then(pl.lit("2"))
            .when(other == "4").then(pl.lit("6")).otherwise(pl.lit("7")).alias("result_code"),
            pulmonary.alias("is_pulmonary"),
            chance(random, rates["contact"], size).alias("has_contact_history"),
            codes(random, rates["complications"], size).alias("complication_code"),
            pl.when(again).then(pl.lit("2")).otherwise(pl.lit("1")).alias("registration_code"),
            pl.when(again).then(pl.lit("2")).otherwise(pl.lit("1"))
            .alias("treatment_history_code"),
            pl.when(positive).then(codes(random, rates["resistance"], size))
            .alias("resistance_code"),
            pl.when(again).then(pl.lit("3")).otherwise(pl.lit("1")).alias("regimen_code"),
            (pl.col("diagnosed_date") + start).alias("treatment_started_date"),
            (pl.col("diagnosed_date") + start + pl.duration(days=30 * rates["treatment_months"]))
            .alias("ends"),
            codes(random, {"1": 0.3, "2": 0.4, "3": 0.3}, size).alias("management_code"),
        )  # fmt: skip

    def _with_ended(
        self, random: np.random.Generator, scene: Scene, cases: pl.DataFrame
    ) -> pl.DataFrame:
        """Cases whose treatment is over by the end of the month are sent as stopped."""
        over = pl.col("ends") <= scene.month.last
        outcome = codes(random, self._rates["outcomes"], len(cases))
        return cases.with_columns(
            pl.when(over).then("ends").alias("treatment_ended_date"),
            pl.when(over).then(outcome).alias("stop_reason_code"),
        )

    def _visits(self, random: np.random.Generator, scene: Scene) -> Iterator[Export]:
        """One visit a month to everyone under treatment; a township without a patient looks in on
        its last one."""
        month = scene.month
        here = settled(scene).select("person")
        known = self._cases.join(here, on="person", how="semi").filter(
            pl.col("treatment_started_date") <= month.first + timedelta(days=20)
        )
        town = "managing_organization_id"
        treated = known.filter(pl.col("ends") >= month.first)
        idle = known.join(treated, on=town, how="anti").sort("ends", descending=True)
        treated = pl.concat([treated, idle.unique(town, keep="first", maintain_order=True)])
        for feed, letter, mine in by_sender(treated, town, "tuberculosis"):
            yield Export(feed, self._visit(random, scene, mine, letter))

    def _visit(
        self, random: np.random.Generator, scene: Scene, patients: pl.DataFrame, letter: str
    ) -> pl.DataFrame:
        rates, month, size = self._rates, scene.month, len(patients)
        day = days(random, month.first + timedelta(days=21), month.last, size)
        regular = chance(random, rates["regular"], size)
        missed = np.where(regular.to_numpy(), random.integers(0, 2, size),
                          random.integers(4, 15, size))  # fmt: skip
        township = patients["managing_organization_id"]
        return patients.select(
            "person", "case_id", township.alias("organization_id"),
            serial(f"JHSF{letter}", month, size).alias("visit_id"),
            day.alias("visited_date"),
            codes(random, rates["modes"], size).alias("visit_mode_code"),
            ((day.cast(pl.Date) - pl.col("treatment_started_date")).dt.total_days() // 30 + 1)
            .clip(1, 36).alias("treatment_month"),
            codes(random, rates["supervision"], size).alias("supervision_code"),
            pl.lit(30).alias("due_dose_count"),
            pl.Series("taken_dose_count", 30 - missed),
            pl.Series("missed_dose_count", missed),
            regular.alias("is_regular_medication"),
            chance(random, rates["adverse"], size).alias("has_adverse_reaction"),
            pl.when(month.number % 2 == 0).then(pl.lit("2")).otherwise(pl.lit("3"))
            .alias("sputum_smear_code"),
            chance(random, 0.03, size).alias("is_referred"),
            (day + timedelta(days=30)).alias("next_visit_date"),
            doctors(random, scene, township).alias("staff_id"),
        )  # fmt: skip


def _diagnosed(random: np.random.Generator, found: pl.DataFrame, month: Month) -> pl.DataFrame:
    day = days(random, month.first, before(month.last, 5), len(found))
    return found.with_columns(day.alias("diagnosed_date"))
