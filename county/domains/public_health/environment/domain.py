"""Air, water, weather and radiation: what is measured where, every day or month.

Belongs here: measurements of places and of radiation workers. Not here: hazards at work
(`occupational_school/`).
"""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import days, drawn, serial, yearly
from county.organizations import HOSPITALS
from county.scene import Document, Export, Scene

_WEATHER = (
    ("t_max", "日最高气温", "Cel"), ("t_min", "日最低气温", "Cel"), ("humidity", "相对湿度", "%"),
    ("precipitation", "降水量", "mm"), ("wind", "平均风速", "m/s"),
)  # fmt: skip


class Domain:
    """Nothing is kept between months."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates

    def month(self, scene: Scene) -> Iterator[Export | Document]:
        random = scene.random("environment")
        yield self._air(random, scene)
        yield self._water(random, scene)
        yield self._weather(random, scene)
        yield self._sites(random, scene)
        yield self._doses(random, scene)

    def _air(self, random: np.random.Generator, scene: Scene) -> Export:
        """Daily means of every station and pollutant; days of one station go together."""
        given, month = self._rates["air"], scene.month
        items = pl.DataFrame([
            {**{k: v for k, v in item.items() if k != "season"},
             "level": item["mean"] * yearly(month, item["season"])}
            for item in given["items"]
        ])  # fmt: skip
        rows = _grid(_points(given["stations"]), _days(scene), items)
        stations, length = len(given["stations"]), len(month.days)
        weather = np.repeat(np.exp(random.normal(0, 0.3, stations * length)), len(items))
        value = rows["level"].to_numpy() * weather
        value = value * np.exp(random.normal(0, rows["spread"].to_numpy() * 0.6))
        rows = rows.with_columns(
            pl.lit("air").alias("medium_code"), pl.Series("measured_value", np.round(value, 1))
        )
        return Export("environment_bureau__air__stations", _named(rows, "KQ", scene))

    def _water(self, random: np.random.Generator, scene: Scene) -> Export:
        given, month = self._rates["water"], scene.month
        points = pl.DataFrame(given["points"], infer_schema_length=None).select(
            pl.col("id").alias("point_id"), pl.col("name").alias("point_name"),
            pl.col("township").alias("township_code"), pl.col("medium").alias("medium_code"),
            pl.col("supply").alias("water_supply_code"),
            pl.col("source").alias("water_source_code"),
        )  # fmt: skip
        day = days(random, month.first, month.last, len(points)).cast(pl.Datetime("us"))
        points = points.with_columns((day + timedelta(hours=10)).alias("measured_at"))
        rows = points.join(pl.DataFrame(given["items"]), how="cross", maintain_order="left_right")
        value = rows["mean"].to_numpy() * np.exp(random.normal(0, rows["spread"].to_numpy()))
        rows = rows.with_columns(pl.Series("measured_value", np.round(value, 4)))
        return Export("environment_bureau__water__samples", _named(rows, "SY", scene))

    def _weather(self, random: np.random.Generator, scene: Scene) -> Export:
        given, month = self._rates["weather"], scene.month
        items = pl.DataFrame(
            [(*item, None) for item in _WEATHER], orient="row",
            schema={"code": pl.String, "name": pl.String, "unit": pl.String, "limit": pl.Float64},
        )  # fmt: skip
        rows = _grid(_points(given["stations"]), _days(scene), items)
        size = len(given["stations"]) * len(month.days)
        mean = random.normal(given["temperature"][month.number - 1], 3, size)
        dry = random.random(size) < 0.85
        columns = [
            mean + random.normal(6, 1.5, size), mean - random.normal(6, 1.5, size),
            np.clip(random.normal(given["humidity"][month.number - 1], 10, size), 8, 100),
            np.where(dry, 0, random.exponential(3, size)), random.gamma(3, 0.9, size),
        ]  # fmt: skip
        value = np.round(np.stack(columns, axis=1).reshape(-1), 1)
        rows = rows.with_columns(
            pl.lit("weather").alias("medium_code"), pl.Series("measured_value", value)
        )
        return Export("environment_bureau__weather__daily", _named(rows, "QX", scene))

    def _sites(self, random: np.random.Generator, scene: Scene) -> Export:
        month = scene.month
        sites = pl.DataFrame(self._rates["radiation"]["sites"], infer_schema_length=None)
        size = len(sites)
        rate = np.round(sites["mean"].to_numpy() * np.exp(random.normal(0, 0.3, size)), 2)
        rows = sites.select(
            serial("FS", month, size).alias("measurement_id"),
            pl.col("kind").alias("site_kind_code"),
            pl.col("organization").alias("site_organization_id"),
            pl.col("name").alias("site_name"), pl.col("device").alias("device_name"),
            days(random, month.first, month.last, size).alias("measured_date"),
            pl.Series("dose_rate_usv_per_hour", rate),
            pl.col("limit").alias("limit_usv_per_hour"),
            (pl.Series(rate) > pl.col("limit")).fill_null(False).alias("is_exceeded"),
        )  # fmt: skip
        return Export("cdc__radiation__sites", rows)

    def _doses(self, random: np.random.Generator, scene: Scene) -> Export:
        """Dosimeters read at the end of a month, worn for the quarter before; who wears one follows
        from the staff number."""
        given, month = self._rates["radiation"], scene.month
        staff = scene.staff.filter(
            pl.col("organization_id").is_in(HOSPITALS)
            & (pl.col("left").is_null() | (pl.col("left") > month.first))
        ).sort("staff_id")
        rows = drawn(
            np.random.default_rng([scene.seed, month.index % 3]), staff, given["workers"] / 3,
            given["least_workers"],
        )  # fmt: skip
        size = len(rows)
        dose = np.round(random.gamma(1.5, given["dose_msv"] / 1.5, size), 3)
        rows = rows.select(
            "person", "organization_id", "staff_id",
            serial("JL", month, size).alias("dose_id"),
            (pl.lit("TLD") + pl.col("staff_id")).alias("dosimeter_number"),
            pl.lit("诊断放射学").alias("occupation_name"),
            pl.lit(month.last - timedelta(days=89)).alias("worn_from_date"),
            pl.lit(month.last).alias("worn_to_date"),
            pl.Series("dose_msv", dose),
            pl.Series("is_over_level", dose > given["level_msv"]),
        )  # fmt: skip
        return Export("cdc__radiation__doses", rows)


def _points(stations: list[dict[str, str]]) -> pl.DataFrame:
    return pl.DataFrame(stations).select(
        pl.col("id").alias("point_id"),
        pl.col("name").alias("point_name"),
        pl.col("township").alias("township_code"),
    )


def _days(scene: Scene) -> pl.DataFrame:
    midnights = [datetime.combine(day, time()) for day in scene.month.days]
    return pl.DataFrame({"measured_at": midnights})


def _grid(points: pl.DataFrame, moments: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """Every item at every moment at every point, in this order of change."""
    rows = points.join(moments, how="cross", maintain_order="left_right")
    return rows.join(items, how="cross", maintain_order="left_right")


def _named(rows: pl.DataFrame, prefix: str, scene: Scene) -> pl.DataFrame:
    return rows.with_columns(
        serial(prefix, scene.month, len(rows)).alias("measurement_id"),
        pl.col("code").alias("parameter_code"),
        pl.col("name").alias("parameter_name"),
        pl.col("unit").alias("unit_name"),
        pl.col("limit").cast(pl.Float64).alias("limit_value"),
        (pl.col("measured_value") > pl.col("limit")).fill_null(False).alias("is_exceeded"),
    )
