"""Readings of devices at home and of the kits of village rooms, as their clouds pass them on.

Belongs here: who has a device and what it shows. Not here: measures of follow-ups
(`county/illness.py`) and screenings (`chronic_care/`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import (
    chance,
    codes,
    days,
    drawn,
    hours_later,
    lot,
    moments,
    normal,
    serial,
    settled,
)
from county.organizations import OWN_SYSTEM_TOWNSHIPS
from county.scene import Export, Scene

HOME = "consortium__home_devices__measurements"
VILLAGE = "village_rooms__devices__measurements"
_PRESSURE, _GLUCOSE, _OXYGEN = "1", "2", "3"
_LETTERS = {_PRESSURE: "BP", _GLUCOSE: "BG", _OXYGEN: "OX"}
MMHG_PER_KPA = 7.50062
MG_PER_DL_PER_MMOL_PER_L = 18.018


class Domain:
    """Feeds of the home device cloud and of the village kits."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._seed, self._rates = seed, rates

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("devices")
        yield Export(HOME, self._at_home(scene, random))
        yield Export(VILLAGE, self._in_the_village(scene, random))

    def _at_home(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """One row per reading; pressures in mmHg, glucose in mg/dL."""
        rates, month = self._rates, scene.month
        owners = pl.concat(
            [
                self._owners(scene, code, share, who)
                for code, share, who in (
                    (_PRESSURE, rates["home"]["pressure"], pl.col("hypertension")),
                    (_GLUCOSE, rates["home"]["glucose"], pl.col("diabetes")),
                    (_OXYGEN, rates["home"]["oxygen"], pl.col("age") >= 65),
                )
            ]
        )
        count = np.clip(random.poisson(rates["readings"], len(owners)), 1, rates["most"])
        rows = owners[np.repeat(np.arange(len(owners)), count)]
        size = len(rows)
        measured = moments(random, days(random, month.first, month.last, size), opens=6, closes=22)
        kind = pl.col("device_kind_code")
        seen = self._pressures(random, rows["hypertension"])
        glucose = self._glucose(random, rows["diabetes"])
        oxygen = normal(random, 96, 1.6, size, low=82, high=100)
        return rows.select(
            "person", pl.col("township").alias("organization_id"), "device_id",
            "device_kind_code", serial("DM", month, size).alias("measurement_id"),
            measured.alias("measured_at"),
            hours_later(random, measured, 0.001, 1.9).alias("uploaded_at"),
            *(pl.when(kind == _PRESSURE).then(values).alias(name) for name, values in seen.items()),
            pl.when(kind == _GLUCOSE)
            .then((glucose * MG_PER_DL_PER_MMOL_PER_L).round(0).cast(pl.Int64))
            .alias("glucose_mg_per_dl"),
            pl.when(kind == _GLUCOSE).then(codes(random, rates["timings"], size))
            .alias("glucose_timing_code"),
            pl.when(kind == _OXYGEN).then(oxygen).alias("oxygen_saturation_percent"),
        )  # fmt: skip

    def _owners(self, scene: Scene, code: str, share: float, who: pl.Expr) -> pl.DataFrame:
        """People who have the device, the same in every month."""
        people = settled(scene, first_age=30).filter(who)
        draw = pl.Series("draw", lot(people, f"device/{code}", self._seed))
        return people.with_columns(draw).filter(
            (pl.col("draw") < share) | (pl.col("draw").rank("ordinal") <= self._rates["least"])
        ).select(
            "person", "township", "hypertension", "diabetes",
            pl.lit(code).alias("device_kind_code"),
            (pl.lit(_LETTERS[code]) + pl.col("person").cast(pl.String).str.zfill(8))
            .alias("device_id"),
        )  # fmt: skip

    def _in_the_village(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """One row per visit with a reading; pressures in kPa, glucose in mmol/L."""
        rates = self._rates
        rooms = scene.organizations.filter(
            (pl.col("level") == "village") & pl.col("parent").is_in(OWN_SYSTEM_TOWNSHIPS)
        ).select("organization_id")
        adults = settled(scene, first_age=35).select("person", "hypertension", "diabetes")
        visits = scene.visits.join(rooms, on="organization_id", how="semi", maintain_order="left")
        visits = visits.join(adults, on="person", maintain_order="left")
        found = drawn(random, visits, rates["village"], least=5)
        size = len(found)
        seen = self._pressures(random, found["hypertension"])
        glucose = self._glucose(random, found["diabetes"])
        with_glucose = chance(random, rates["village_glucose"], size)
        with_oxygen = chance(random, rates["village_oxygen"], size)
        return found.select(
            "person", "organization_id", "encounter_id", "staff_id",
            serial("CS", scene.month, size).alias("measurement_id"),
            ("SFB" + pl.col("organization_id").str.slice(6)).alias("device_id"),
            pl.col("start").dt.truncate("1m").alias("measured_at"),
            *(
                (seen[name] / MMHG_PER_KPA).round(1).alias(f"{name}_kpa")
                for name in ("systolic", "diastolic")
            ),
            seen["pulse"].alias("pulse"),
            pl.when(with_glucose).then(glucose).alias("glucose"),
            pl.when(with_glucose).then(codes(random, rates["timings"], size))
            .alias("glucose_timing_code"),
            pl.when(with_oxygen).then(normal(random, 96, 1.6, size, low=82, high=100))
            .alias("oxygen_saturation_percent"),
        )  # fmt: skip

    def _pressures(self, random: np.random.Generator, ill: pl.Series) -> dict[str, pl.Series]:
        size, far = len(ill), self._rates["dangerous"]
        high = np.where(ill.to_numpy(), 141, 123) + np.where(random.random(size) < far, 55, 0)
        systolic = normal(random, high, 11, size, low=85, high=240)
        diastolic = normal(random, 0.58 * systolic.to_numpy(), 5, size, low=45, high=135)
        low = pl.select(pl.min_horizontal(diastolic, systolic - 20)).to_series()
        pulse = normal(random, 75, 9, size, low=45, high=140)
        return {"systolic": systolic, "diastolic": low, "pulse": pulse}

    def _glucose(self, random: np.random.Generator, ill: pl.Series) -> pl.Series:
        size, far = len(ill), self._rates["dangerous"]
        mean = np.where(ill.to_numpy(), 8.1, 5.8) + np.where(random.random(size) < far, 11, 0)
        return normal(random, mean, 1.0, size, low=3.2, high=30, digits=1)
