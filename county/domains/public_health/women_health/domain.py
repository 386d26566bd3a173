"""Premarital and preconception examinations, cancer screening of women, contraception.

Belongs here: services to women and couples outside a pregnancy. Not here: marriages (civil affairs)
and pregnancies (`maternal/`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, codes, days, doctors, drawn, normal, serial, settled
from county.domains.public_health.mother_child import CENTRE, alive_then, plus_days
from county.domains.waiting import Waiting
from county.scene import Document, Export, Scene

_EXAMINATIONS = "mch_centre__premarital__examinations"
_SCREENINGS = "mch_centre__maternal_cloud__women_screenings"
_SERVICES = "mch_centre__family_planning__services"


class Domain:
    """Keeps abnormal results until they have been followed up."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._waiting = Waiting()

    def month(self, scene: Scene) -> Iterator[Export | Document]:
        random = scene.random("women_health")
        yield self._examinations(random, scene)
        yield self._screenings(random, scene)
        yield self._services(random, scene)

    def _examinations(self, random: np.random.Generator, scene: Scene) -> Export:
        """Both partners of a couple under one number and on one day."""
        parts, rates = [], self._rates
        for kind, rate, least in (
            ("1", rates["premarital_per_1000_year"], 2),
            ("2", rates["preconception_per_1000_year"], 1),
        ):
            women, men = (_adults(scene, sex) for sex in ("2", "1"))
            share = rate * len(scene.people) / 1000 / 12 / max(1, len(women))
            brides = drawn(random, women, share, least=least)
            size = min(len(brides), len(men))
            grooms = men[random.permutation(len(men))[:size]]
            couple = serial(f"FF{kind}", scene.month, size)
            day = days(random, scene.month.first, scene.month.last, size)
            both = pl.lit(True) if kind == "1" else chance(random, rates["both_partners"], size)
            for people, kept in ((brides.head(size), pl.lit(True)), (grooms, both)):
                parts.append(
                    people.select("person", "sex")
                    .with_columns(
                        pl.lit(kind).alias("examination_kind_code"),
                        couple.alias("couple_number"), day.alias("examined_date"),
                    )
                    .filter(kept)
                )  # fmt: skip
        people = pl.concat(parts).sort("examined_date", "couple_number", "sex")
        size = len(people)
        upper = normal(random, 116, 9, size, low=90, high=165)
        centre = pl.Series([CENTRE] * size, dtype=pl.String)
        marks = {
            f"{name}_code": codes(random, {"1": 1 - share, "3": share}, size)
            for name, share in rates["positive"].items()
        }
        woman = pl.col("sex") == "2"
        abnormal = chance(random, rates["abnormal"], size)
        for result in marks.values():
            abnormal = abnormal | (result == "3")
        given = chance(random, rates["folic_acid"], size)
        advice = codes(random, rates["advice"], size)
        rows = people.with_columns(
            serial("HJ", scene.month, size).alias("examination_id"),
            upper.alias("systolic_mmhg"),
            (upper - normal(random, 40, 5, size, low=26, high=55)).alias("diastolic_mmhg"),
            normal(random, 132, 13, size, low=82, high=172).alias("haemoglobin_g_per_l"),
            *(found.alias(name) for name, found in marks.items()),
            chance(random, rates["genetic_history"], size).alias("has_genetic_history"),
            abnormal.alias("is_abnormal"),
            pl.when((pl.col("examination_kind_code") == "1") & abnormal).then(advice)
            .when(pl.col("examination_kind_code") == "1").then(pl.lit("1"))
            .alias("advice_code"),
            pl.when(woman).then(given).alias("is_folic_acid_given"),
            chance(random, 0.97, size).alias("is_counselled"),
            doctors(random, scene, centre).alias("staff_id"),
        )  # fmt: skip
        return Export(_EXAMINATIONS, rows)

    def _screenings(self, random: np.random.Generator, scene: Scene) -> Export:
        """Both screenings of a woman on one day; an abnormal one again when followed up."""
        rates = self._rates
        women = settled(scene, first_age=35, last_age=64).filter(pl.col("sex") == "2")
        women = drawn(random, women, rates["screened_month"], least=2)
        day = days(random, scene.month.first, scene.month.last, len(women))
        women = women.select(
            "person", pl.col("township").alias("organization_id"), day.alias("screened_date")
        )
        rows = pl.concat(
            [women.with_columns(pl.lit(k).alias("screening_kind_code")) for k in ("1", "2")]
        ).sort("screened_date", "person", "screening_kind_code")
        size, cervix = len(rows), pl.col("screening_kind_code") == "1"
        grade = codes(random, rates["breast_grade"], size).cast(pl.Int64)
        positive = chance(random, rates["hpv_positive"], size)
        cytology = chance(random, rates["cytology_abnormal"], size)
        suspect = pl.when(cervix).then(positive | cytology).otherwise(grade >= 4)
        draw = pl.Series(random.random(size))
        cancer, both = rates["cancer_of_suspect"], rates["precancer_of_suspect"]
        followed = plus_days(pl.col("screened_date"), random.integers(10, 60, size))
        rows = rows.with_columns(
            serial("LA", scene.month, size).alias("screening_id"),
            pl.when(cervix).then(positive).alias("is_hpv_positive"),
            pl.when(cervix).then(cytology).alias("is_cytology_abnormal"),
            pl.when(~cervix).then(grade).alias("breast_grade"),
            pl.when(~suspect).then(pl.lit("1")).when(draw < cancer).then(pl.lit("4"))
            .when(cervix & (draw < cancer + both)).then(pl.lit("3"))
            .otherwise(pl.lit("2")).alias("result_code"),
            pl.when(suspect & chance(random, rates["followed"], size)).then(followed)
            .alias("later"),
            doctors(random, scene, rows["organization_id"]).alias("staff_id"),
        )  # fmt: skip
        again = rows.filter(pl.col("later").is_not_null())
        done = self._waiting.due("followed", again, "later", scene.month)
        done = alive_then(scene, done, "later").with_columns(pl.col("later").alias("followed_date"))
        first = rows.join(done, on="screening_id", how="anti", maintain_order="left")
        first = first.with_columns(pl.lit(None, pl.Date).alias("followed_date"))
        return Export(_SCREENINGS, pl.concat([first, done]))

    def _services(self, random: np.random.Generator, scene: Scene) -> Export:
        rates = self._rates
        women = settled(scene, first_age=20, last_age=49).filter(pl.col("sex") == "2")
        women = drawn(random, women, rates["services_month"], least=3)
        size = len(women)
        kind = codes(random, rates["services"], size)
        place = codes(random, rates["served_at"], size)
        names = np.array(rates["contraceptives"], dtype=object)
        given = pl.Series(names[random.integers(0, len(names), size)].tolist(), dtype=pl.String)
        day = days(random, scene.month.first, scene.month.last, size)
        operated = kind != "7"
        rows = women.select("person").with_columns(
            serial("JS", scene.month, size).alias("service_id"),
            place.alias("organization_id"),
            kind.alias("service_kind_code"), day.alias("served_date"),
            pl.when(~operated).then(given).alias("contraceptive_name"),
            pl.when(operated).then(chance(random, 0.01, size)).alias("has_complication"),
            pl.lit(None, pl.Date).alias("followed_date"),
            doctors(random, scene, place).alias("staff_id"),
        )  # fmt: skip
        due = plus_days(pl.col("served_date"), random.integers(14, 45, size)).alias("later")
        later = rows.with_columns(due).filter(operated & chance(random, 0.8, size))
        done = self._waiting.due("served", later, "later", scene.month)
        done = alive_then(scene, done, "later").with_columns(pl.col("later").alias("followed_date"))
        first = rows.join(done, on="service_id", how="anti", maintain_order="left")
        return Export(_SERVICES, pl.concat([first, done.drop("later")]))


def _adults(scene: Scene, sex: str) -> pl.DataFrame:
    return settled(scene, first_age=20, last_age=38).filter(pl.col("sex") == sex)
