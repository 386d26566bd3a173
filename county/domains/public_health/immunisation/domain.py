"""Vaccination: doses by the national schedule, their lots and stock, and the cold chain.

Belongs here: who records which dose. Not here: the schedule (`vaccine_schedule.py`), lots
(`vaccine_supply.py`), what goes wrong (`vaccine_safety.py`), messages (`messages.py`).
"""

from collections.abc import Iterator
from datetime import datetime, time
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import doctors, drawn, serial, settled, yearly
from county.domains.public_health.immunisation.messages import CLINIC, VaccinationMessages
from county.domains.public_health.immunisation.vaccine_safety import Safety
from county.domains.public_health.immunisation.vaccine_schedule import Schedule
from county.domains.public_health.immunisation.vaccine_supply import Supply
from county.domains.public_health.mother_child import alive_then
from county.roles import CDC, TOWNSHIP_B
from county.scene import Document, Export, Planted, Scene

_CDC_DOSES = "cdc__immunisation__doses"
_TOWN_B_DOSES = "township_b__vaccination__doses"
_TEMPERATURES = "cdc__cold_chain__temperatures"


class Domain:
    """One clinic sends messages, one a table of its own, all others work in the CDC's system."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._schedule = Schedule(seed, rates)
        self._supply = Supply(rates)
        self._safety = Safety(seed, rates)
        self._messages = VaccinationMessages()

    def month(self, scene: Scene) -> Iterator[Export | Document]:
        random = scene.random("immunisation")
        doses = self._doses(random, scene)
        yield from self._tables(doses)
        yield from self._messages.month(scene, doses, random)
        yield self._supply.lots(scene.month, doses)
        fresh = doses.filter(~pl.col("is_earlier"))
        yield self._supply.stock(random, scene, fresh)
        yield from self._safety.month(scene, fresh, self._supply.recall)
        yield Export(_TEMPERATURES, self._temperatures(scene))

    def _doses(self, random: np.random.Generator, scene: Scene) -> pl.DataFrame:
        """Doses of the month; in the first month also earlier ones of the youngest."""
        month, rates = scene.month, self._rates
        planned = self._schedule.given(scene)
        earlier = pl.col("vaccinated_date") < month.first
        if month.index == 0:
            oldest = pl.lit(month.first).dt.offset_by(f"-{rates['history_months']}mo")
            planned = planned.filter(~earlier | (pl.col("birth") >= oldest))
        else:
            planned = planned.filter(~earlier)
        planned = planned.drop("birth").with_columns(pl.lit(True).alias("is_programme_vaccine"))
        planned = self._at_hospital(scene, planned)
        adults = [self._of_adults(random, scene, one) for one in rates["adults"]]
        doses = alive_then(scene, pl.concat([planned, *adults], how="diagonal"), "vaccinated_date")
        doses = self._supply.from_lots(doses).with_columns(
            earlier.alias("is_earlier"), (pl.col("organization_id") == CLINIC).alias("is_stopped")
        )
        fresh = doses.filter(~pl.col("is_earlier"))
        fresh = self._supply.recalled(month, fresh)
        doses = pl.concat([doses.filter("is_earlier"), fresh], how="diagonal").sort(
            "vaccinated_date", "person", "vaccine_code"
        )
        return doses.with_columns(
            serial("JZ", month, len(doses)).alias("vaccination_id"),
            pl.when("is_earlier").then(pl.lit("2")).otherwise(pl.lit("1")).alias("source_code"),
            pl.lit("1").alias("status_code"),
            pl.col("is_of_recalled").fill_null(False),
            doctors(random, scene, doses["organization_id"]).alias("staff_id"),
        )

    def _at_hospital(self, scene: Scene, planned: pl.DataFrame) -> pl.DataFrame:
        """Where each dose is given: at birth in the hospital, later at the home township."""
        born = scene.births.select(pl.col("child").alias("person"), "hospital_id")
        joined = planned.join(born, on="person", how="left", maintain_order="left")
        hospital = pl.coalesce("hospital_id", pl.lit(self._rates["birth_hospital"]))
        place = pl.when("is_at_birth").then(hospital).otherwise("township")
        return joined.with_columns(place.alias("organization_id")).drop(
            "hospital_id", "township", "is_at_birth"
        )

    @staticmethod
    def _of_adults(random: np.random.Generator, scene: Scene, one: dict[str, Any]) -> pl.DataFrame:
        people = settled(scene, first_age=one["first_age"])
        share = one["chance"] / 12 * yearly(scene.month, one["months"])
        taken = drawn(random, people, share, least=2 if share else 0)
        days = random.integers(0, len(scene.month.days), len(taken))
        return taken.select(
            "person", pl.col("township").alias("organization_id"),
            pl.lit(one["vaccine"]).alias("vaccine_code"), pl.lit(1, pl.Int64).alias("dose_number"),
            (pl.lit(scene.month.first) + pl.duration(days=pl.lit(pl.Series(days))))
            .alias("vaccinated_date"),
            pl.lit(False).alias("is_programme_vaccine"),
        )  # fmt: skip

    @staticmethod
    def _tables(doses: pl.DataFrame) -> Iterator[Export]:
        place = pl.col("organization_id")
        for feed, kept in (
            (_CDC_DOSES, ~place.is_in([CLINIC, TOWNSHIP_B])),
            (_TOWN_B_DOSES, place == TOWNSHIP_B),
        ):
            rows = doses.filter(kept)
            used = rows.filter("is_of_recalled")["vaccination_id"]
            yield Export(feed, rows, [Planted("recalled_lot", key) for key in used])

    def _temperatures(self, scene: Scene) -> pl.DataFrame:
        """Readings of one refrigerator at every clinic and two at the CDC, morning and afternoon.

        A device that fails is too warm for two to five readings.
        """
        given, random = self._rates["cold_chain"], scene.random("vaccine cold chain")
        clinics = scene.organizations.filter(pl.col("level") == "township")["organization_id"]
        devices = [(place, 1, "预防接种门诊冰箱") for place in clinics]
        devices += [(CDC, 1, "疫苗库1号冷库"), (CDC, 2, "疫苗库2号冰箱")]
        moments = [
            datetime.combine(day, time(hour)) for day in scene.month.days for hour in given["hours"]
        ]
        size, count = len(devices), len(moments)
        value = random.normal(given["mean"], given["spread"], (size, count))
        value = value.clip(given["low"] + 0.2, given["high"] - 0.2)
        fails = random.random(size) < given["failing"]
        fails[scene.month.index % size] = True
        begins, lasts = random.integers(0, count - 5, size), random.integers(2, 6, size)
        place = np.arange(count)
        warm = fails[:, None] & (place >= begins[:, None]) & (place < (begins + lasts)[:, None])
        value = np.where(warm, random.uniform(8.4, 13.5, (size, count)), value).round(1)
        minutes = random.integers(0, 40, size * count)
        frame = pl.DataFrame(devices, schema=["organization_id", "number", "place"], orient="row")
        rows = frame.join(
            pl.DataFrame({"moment": moments}, schema={"moment": pl.Datetime("us")}), how="cross",
            maintain_order="left_right",
        )  # fmt: skip
        return rows.with_columns(
            (pl.lit("LL") + pl.col("organization_id").str.slice(6)
             + pl.col("number").cast(pl.String).str.zfill(2)).alias("device_id"),
            (pl.col("moment") + pl.duration(minutes=pl.lit(pl.Series(minutes))))
            .alias("measured_at"),
            pl.lit("vaccine").alias("content_code"),
            pl.Series("temperature_celsius", value.ravel()),
            pl.lit(given["low"]).alias("lower_limit_celsius"),
            pl.lit(given["high"]).alias("upper_limit_celsius"),
            pl.Series("is_alarm", value.ravel() > given["high"]),
        )  # fmt: skip
