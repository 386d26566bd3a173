"""Pregnancies, antenatal visits, prenatal screening, deliveries and visits after them.

Every birth of the scene has a pregnancy behind it. Births become known only in their month, so the
record of such a pregnancy comes in the delivery's month, with antenatal visits of earlier dates,
unless the woman was on the register already. Not here: the newborn (`child_health.py`).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, codes, days, doctors, drawn, normal, serial
from county.domains.public_health.maternal.antenatal import Antenatal
from county.domains.public_health.maternal.child_health import Children
from county.domains.public_health.maternal.pregnancy_register import described
from county.domains.public_health.mother_child import alive_then, plus_days, some_between
from county.domains.waiting import Waiting
from county.scene import Document, Export, Planted, Scene

_CLOUD = "mch_centre__maternal_cloud__"


class Domain:
    """Keeps the open pregnancies, the visits still to come and who gave birth."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._seed, self._rates = seed, rates
        self._open = pl.DataFrame()
        self._mothers: list[int] = []
        self._waiting = Waiting()
        self._antenatal = Antenatal(seed, rates)
        self._children = Children(seed, rates["children"])

    def month(self, scene: Scene) -> Iterator[Export | Document]:
        random = scene.random("maternal")
        deliveries = _deliveries(scene)
        born = self._of_births(random, scene, deliveries)
        if self._open.is_empty():
            self._open = born.clear()
        ended, lasting = self._ended(scene, deliveries)
        new = self._registered(random, scene, deliveries, len(born) + 1)
        self._open = pl.concat([lasting, new])
        self._mothers += deliveries["person"].to_list()
        sent = pl.concat([ended, born, new]).sort("registered_date", "pregnancy_id")
        yield Export(f"{_CLOUD}pregnancies", sent)
        yield from self._antenatal.month(random, scene, pl.concat([born, new]), ended)
        numbers = pl.concat([born, ended]).select("person", "pregnancy_id")
        deliveries = deliveries.join(numbers, on="person", how="left", maintain_order="left")
        yield self._delivered(random, scene, deliveries)
        yield from self._after(random, scene, deliveries)
        yield from self._children.month(scene, numbers)

    def _of_births(
        self, random: np.random.Generator, scene: Scene, deliveries: pl.DataFrame
    ) -> pl.DataFrame:
        """Pregnancies of the month's deliveries that were not on the register."""
        rates = self._rates
        if len(self._open):
            deliveries = deliveries.join(self._open, on="person", how="anti", maintain_order="left")
        size = len(deliveries)
        early = random.random(size) < rates["early_registered"]
        waited = np.where(
            early, some_between(random, rates["early_days"], size),
            some_between(random, rates["late_days"], size),
        )  # fmt: skip
        menstruation = _last_menstruation(deliveries)
        frame = deliveries.with_columns(
            menstruation.alias("last_menstrual_date"),
            plus_days(menstruation, waited).alias("registered_date"),
            pl.lit("1").alias("outcome_code"),
            pl.col("delivered_at").dt.date().alias("outcome_date"),
        )
        return described(random, scene, self._seed, rates, frame)

    def _ended(self, scene: Scene, deliveries: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Open pregnancies that end in the month, with the outcome, and those that go on.

        A delivery corrects the last menstruation by the weeks of the birth certificate.
        """
        last = scene.month.last
        known = deliveries.with_columns(_last_menstruation(deliveries).alias("corrected"))
        deaths = scene.people.select("person", pl.col("died").dt.date().alias("died"))
        joined = self._open.join(
            known.select("person", "corrected", pl.col("delivered_at").dt.date().alias("day")),
            on="person", how="left", maintain_order="left",
        ).join(deaths, on="person", how="left", maintain_order="left")  # fmt: skip
        dead = pl.col("died").is_not_null() & (
            pl.col("day").is_null() & (pl.col("died") <= pl.col("end_date"))
        )
        away = (pl.col("end_date") <= last) & pl.col("day").is_null() & ~dead
        joined = joined.with_columns(
            pl.when(pl.col("day").is_not_null()).then(pl.lit("1"))
            .when(dead).then(pl.lit("6"))
            .when(away).then("end_code").alias("outcome_code"),
            pl.coalesce("day", pl.when(dead).then("died"), pl.when(away).then("end_date"))
            .alias("outcome_date"),
            pl.coalesce("corrected", "last_menstrual_date").alias("last_menstrual_date"),
        ).with_columns(
            (pl.col("last_menstrual_date") + timedelta(days=280)).alias("expected_delivery_date")
        ).select(self._open.columns)  # fmt: skip
        over = pl.col("outcome_code").is_not_null()
        return joined.filter(over), joined.filter(~over)

    def _registered(
        self, random: np.random.Generator, scene: Scene, deliveries: pl.DataFrame, start: int
    ) -> pl.DataFrame:
        """Women who register a pregnancy in the month that will not end in it."""
        rates, month = self._rates, scene.month
        women = scene.people.filter(
            (pl.col("sex") == "2") & pl.col("died").is_null() & pl.col("age").is_between(20, 42)
            & ~pl.col("person").is_in(self._mothers + deliveries["person"].to_list())
        )  # fmt: skip
        women = women.join(self._open, on="person", how="anti", maintain_order="left")
        share = rates["further"] * len(deliveries) / max(1, len(women))
        frame = drawn(random, women, share, least=2)
        size = len(frame)
        registered = days(random, month.first, month.last, size)
        waited = some_between(random, rates["early_days"], size)
        lost = random.random(size) < rates["lost_early"]
        lasts = np.minimum(some_between(random, rates["delivered_away_days"], size) - waited,
                           rates["longest_days"])  # fmt: skip
        lasts = np.where(lost, random.integers(10, 60, size), lasts)
        end = plus_days(pl.col("registered_date"), lasts)
        code = pl.when(pl.Series(lost)).then(codes(random, rates["lost"], size))
        frame = frame.select("person", "township", registered.alias("registered_date"))
        frame = frame.with_columns(
            plus_days(pl.col("registered_date"), -waited).alias("last_menstrual_date"),
            pl.max_horizontal(end, pl.lit(month.last + timedelta(days=1))).alias("end_date"),
            code.otherwise(pl.lit("5")).alias("end_code"),
        )
        return described(random, scene, self._seed, rates, frame, start)

    def _delivered(
        self, random: np.random.Generator, scene: Scene, deliveries: pl.DataFrame
    ) -> Export:
        rates, size = self._rates, len(deliveries)
        mode = codes(random, rates["childbirth_mode"], size)
        operated = mode == "3"
        loss = normal(random, 220 + 130 * operated.to_numpy(), 80, size, low=60, high=1500)
        first = normal(random, 8.9, 0.8, size, low=3, high=10)
        misstated = chance(random, rates["misstated"], size)
        if scene.month.index == 0 and size:
            misstated[0] = True
        weeks = pl.col("gestational_weeks")
        rows = deliveries.with_columns(
            serial("FM", scene.month, size).alias("delivery_id"),
            pl.when(misstated).then(weeks - 2).otherwise(weeks).alias("gestational_weeks"),
            mode.alias("childbirth_mode_code"),
            pl.when(operated).then(None)
            .otherwise(normal(random, 520, 170, size, low=90, high=1400)).alias("labour_minutes"),
            loss.alias("blood_loss_ml"),
            chance(random, rates["complication"], size).alias("has_complication"),
            first.alias("apgar_1_minute_score"),
            pl.min_horizontal(first + 1, pl.lit(10)).alias("apgar_5_minute_score"),
            doctors(random, scene, deliveries["organization_id"]).alias("staff_id"),
        )  # fmt: skip
        planted = [
            Planted("delivery_disagrees_with_certificate", key)
            for key in rows.filter(misstated)["delivery_id"]
        ]
        return Export(f"{_CLOUD}deliveries", rows, planted)

    def _after(
        self, random: np.random.Generator, scene: Scene, deliveries: pl.DataFrame
    ) -> Iterator[Export]:
        """Visits in the first days at home and the examination after six weeks."""
        parts = []
        for kind, rates in self._rates["postpartum"].items():
            kept = drawn(random, deliveries, rates["kept"], least=1)
            since = pl.col("discharged_date") if kind == "1" else pl.col("delivered_date")
            later = some_between(random, rates["days"], len(kept))
            parts.append(
                kept.with_columns(pl.col("delivered_at").dt.date().alias("delivered_date"))
                .select(
                    "person", "pregnancy_id", "delivered_date",
                    pl.col("home").alias("organization_id"),
                    pl.lit(kind).alias("visit_kind_code"),
                    plus_days(since, later).alias("visited_date"),
                )
            )  # fmt: skip
        due = self._waiting.due("postpartum", pl.concat(parts), "visited_date", scene.month)
        due = alive_then(scene, due, "visited_date").sort("visited_date", "person")
        size = len(due)
        upper = normal(random, 114, 9, size, low=88, high=170)
        rows = due.with_columns(
            serial("CF", scene.month, size).alias("visit_id"),
            normal(random, 36.6, 0.25, size, low=35.8, high=38.9, digits=1)
            .alias("temperature_celsius"),
            upper.alias("systolic_mmhg"),
            (upper - normal(random, 40, 5, size, low=25, high=55)).alias("diastolic_mmhg"),
            *(
                chance(random, share, size).alias(name)
                for name, share in (
                    ("is_lochia_abnormal", 0.03), ("is_uterus_abnormal", 0.02),
                    ("is_wound_abnormal", 0.03), ("is_breast_abnormal", 0.06),
                    ("is_referred", 0.02),
                )
            ),
            normal(random, 5, 3.2, size, low=0, high=25).alias("depression_score"),
            codes(random, self._rates["feeding"], size).alias("infant_feeding_code"),
            pl.when(pl.col("visit_kind_code") == "2").then(chance(random, 0.96, size))
            .alias("is_recovered"),
            doctors(random, scene, due["organization_id"]).alias("staff_id"),
        )  # fmt: skip
        yield Export(f"{_CLOUD}postpartum_visits", rows)


def _deliveries(scene: Scene) -> pl.DataFrame:
    """One row a mother and day of the month's births, twins together."""
    homes = scene.people.select(pl.col("person").alias("mother"), pl.col("township").alias("home"))
    return (
        scene.births.sort("born", "child")
        .group_by("mother", maintain_order=True)
        .agg(
            pl.col("born").first().alias("delivered_at"),
            pl.col("hospital_id").first().alias("organization_id"),
            pl.col("gestational_weeks").first(),
            pl.col("birth_certificate_id").first().alias("first_birth_certificate_id"),
            pl.len().cast(pl.Int64).alias("fetus_count"),
        )
        .join(homes, on="mother", how="left", maintain_order="left")
        .with_columns(
            pl.col("fetus_count").alias("live_birth_count"),
            (pl.col("delivered_at").dt.date() + timedelta(days=4)).alias("discharged_date"),
            pl.col("home").alias("township"),
        )
        .rename({"mother": "person"})
    )


def _last_menstruation(deliveries: pl.DataFrame) -> pl.Expr:
    """Counted back from the weeks of the birth certificate, some days of a week more."""
    odd = pl.col("person") % 7
    return pl.col("delivered_at").dt.date() - pl.duration(
        days=pl.col("gestational_weeks") * 7 + odd
    )
