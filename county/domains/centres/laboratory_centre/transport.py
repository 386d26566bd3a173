"""Specimens on the road: which trip carries them, how warm they get on the way.

Belongs here: trips between township centres and the county hospital, and temperature loggers. Not
here: the specimens themselves (`domain.py`), sterile packs (their own domain).
"""

from datetime import time, timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.centres.parts import CENTRE, crew, pair, some_minutes_later
from county.domains.draws import chance
from county.roles import TCM_HOSPITAL
from county.scene import Scene

_DEPARTURES = {1: 11 * 60 + 30, 2: 16 * 60 + 30, 3: 20 * 60 + 15}
_LAST_CALLS = (time(11, 20), time(16, 20))
_SECONDS_BETWEEN = 600
_LOW, _HIGH = 2.0, 8.0
_FRIDGE_HOURS = {"township": (8,), "hospital": (8, 20)}


def carried(random: np.random.Generator, specimens: pl.DataFrame) -> pl.DataFrame:
    """Specimens with the next departure of the day, `planned_at`, and its `trip_id`."""
    day = pl.col("collected_at").dt.truncate("1d")
    clock = pl.col("collected_at").dt.time()
    turn = (
        pl.when(clock < _LAST_CALLS[0]).then(1)
        .when(clock < _LAST_CALLS[1]).then(2)
        .otherwise(3)
    )  # fmt: skip
    minutes = turn.replace_strict(_DEPARTURES)
    return specimens.with_columns(
        (day + pl.duration(minutes=minutes)).alias("planned_at"),
        _trip_id("YS", pl.col("collected_at"), turn.cast(pl.String)).alias("trip_id"),
    )


def _trip_id(prefix: str, moment: pl.Expr, turn: pl.Expr) -> pl.Expr:
    place = pl.col("organization_id").str.slice(6)
    return pl.concat_str(pl.lit(prefix), moment.dt.strftime("%Y%m%d"), place, turn)


def trips(
    random: np.random.Generator, scene: Scene, specimens: pl.DataFrame, rates: dict[str, Any]
) -> pl.DataFrame:
    """One row per trip: specimens to the county hospital, sterile packs back once a week."""
    group = ["trip_id", "organization_id", "planned_at"]
    there = (
        specimens.group_by(group)
        .len("item_count")
        .with_columns(
            pl.lit(CENTRE).alias("destination_organization_id"),
            pl.lit("specimen").alias("cargo_code"),
            pl.col("item_count").cast(pl.Int64),
        )
    )
    rows = pl.concat([there, _sterile(random, scene, there.columns)], how="vertical_relaxed")
    rows = rows.sort("planned_at", "trip_id")
    size = len(rows)
    distances = dict(rates["distance_km"])
    further = distances.pop("further")
    site = pl.when(pl.col("cargo_code") == "specimen").then("organization_id").otherwise(
        "destination_organization_id"
    )  # fmt: skip
    rows = rows.with_columns(
        site.alias("site"),
        site.replace_strict(distances, default=further, return_dtype=pl.Float64).alias(
            "distance_km"
        ),
    )
    hours = rows["distance_km"].to_numpy() / rates["speed_km_per_hour"]
    late = random.random(size) < rates["late"]
    cold = (rows["cargo_code"] == "specimen").to_numpy()
    outside = cold & (random.random(size) < rates["excursion"])
    if cold.any() and not outside.any():
        outside[random.choice(np.flatnonzero(cold))] = True
    taken = hours * 60 * random.uniform(0.9, 1.15, size) + late * random.uniform(40, 120, size)
    departed = some_minutes_later(random, rows["planned_at"], 0, 10)
    arrived = departed + _minutes(taken)
    receiver, _ = pair(random, crew(scene, "laboratory"), size)
    return rows.with_columns(
        departed.alias("departed_at"),
        (pl.col("planned_at") + pl.lit(_minutes(hours * 60 + 20))).alias("due_at"),
        arrived.alias("arrived_at"),
        some_minutes_later(random, arrived, 4, 15).alias("handed_over_at"),
        ("YLC" + pl.col("site").str.slice(6)).alias("vehicle_id"),
        pl.when(pl.col("cargo_code") == "specimen")
        .then("WD-" + pl.col("organization_id").str.slice(6))
        .alias("device_id"),
        (
            (pl.col("distance_km") * rates["cost_per_km_fen"]).round(0).cast(pl.Int64)
            + rates["cost_fen"]
        ).alias("cost_fen"),
        pl.when(pl.col("cargo_code") == "specimen").then(receiver).alias("receiver_staff_id"),
        pl.Series("is_late", late),
        pl.Series("is_excursion", outside),
    )


def _sterile(random: np.random.Generator, scene: Scene, columns: list[str]) -> pl.DataFrame:
    """A trip a day from the county hospital to everyone it sterilises for."""
    days = pl.DataFrame({"day": scene.month.days})
    served = scene.organizations.filter(
        (pl.col("level") == "township") | (pl.col("organization_id") == TCM_HOSPITAL)
    ).select("organization_id")
    rows = served.join(days, how="cross", maintain_order="left_right")
    return rows.with_columns(
        _trip_id("WJ", pl.col("day"), pl.lit("1")).alias("trip_id"),
        (pl.col("day").cast(pl.Datetime("us")) + timedelta(hours=9)).alias("planned_at"),
        pl.Series("item_count", random.integers(1, 9, len(rows))),
        pl.lit(CENTRE).alias("organization_id"),
        pl.col("organization_id").alias("destination_organization_id"),
        pl.lit("sterile").alias("cargo_code"),
    ).select(columns)


def cold_chain(
    random: np.random.Generator, scene: Scene, journeys: pl.DataFrame, rates: dict[str, Any]
) -> pl.DataFrame:
    """One row per reading: every ten minutes on the road, some times a day in the fridges."""
    columns = ["device_id", "organization_id", "measured_at", "trip_id", "place", "content_code",
               "temperature_celsius"]  # fmt: skip
    rows = pl.concat(
        [
            _on_the_road(random, journeys).select(columns),
            _in_fridges(random, scene, rates).select(columns),
        ],
        how="vertical_relaxed",
    ).sort("measured_at", "device_id")
    return rows.with_columns(
        pl.lit(_LOW).alias("lower_limit_celsius"),
        pl.lit(_HIGH).alias("upper_limit_celsius"),
        (~pl.col("temperature_celsius").is_between(_LOW, _HIGH)).alias("is_alarm"),
    )


def _on_the_road(random: np.random.Generator, journeys: pl.DataFrame) -> pl.DataFrame:
    cold = journeys.filter(pl.col("device_id").is_not_null())
    last = (cold["arrived_at"] - cold["departed_at"]).dt.total_seconds() // _SECONDS_BETWEEN
    peak = random.uniform(4.0, 8.0, len(cold))
    rows = (
        cold.with_columns(last.alias("last"), pl.Series("peak", peak))
        .with_columns(pl.int_ranges(0, pl.col("last") + 1).alias("step"))
        .explode("step")
    )
    usual = pl.Series(np.clip(random.normal(4.8, 0.7, len(rows)), 2.4, 7.6))
    warmed = 5.0 + pl.col("peak") * pl.col("step") / pl.col("last").clip(1)
    return rows.with_columns(
        (pl.col("departed_at") + pl.duration(seconds=pl.col("step") * _SECONDS_BETWEEN)).alias(
            "measured_at"
        ),
        pl.lit("标本转运箱").alias("place"),
        pl.lit("specimen").alias("content_code"),
        pl.when("is_excursion").then(warmed).otherwise(pl.lit(usual)).round(1)
        .alias("temperature_celsius"),
    )  # fmt: skip


def _in_fridges(random: np.random.Generator, scene: Scene, rates: dict[str, Any]) -> pl.DataFrame:
    fridges = scene.organizations.filter(
        (pl.col("level") == "township") | (pl.col("organization_id") == CENTRE)
    ).select("organization_id", pl.col("level").replace_strict(_FRIDGE_HOURS).alias("hour"))
    days = pl.DataFrame({"day": scene.month.days})
    rows = fridges.explode("hour").join(days, how="cross", maintain_order="left_right")
    size = len(rows)
    odd = chance(random, rates["fridge_alarm"], size)
    usual = pl.Series(np.clip(random.normal(4.2, 0.6, size), 2.2, 7.5))
    centre = pl.col("organization_id") == CENTRE
    opened = pl.col("day").cast(pl.Datetime("us")) + pl.duration(hours="hour")
    return rows.with_columns(
        ("BX-" + pl.col("organization_id").str.slice(6)).alias("device_id"),
        opened.alias("measured_at"),
        pl.lit(None, pl.String).alias("trip_id"),
        pl.when(centre).then(pl.lit("试剂冰箱")).otherwise(pl.lit("标本冰箱")).alias("place"),
        pl.when(centre).then(pl.lit("reagent")).otherwise(pl.lit("specimen"))
        .alias("content_code"),
        pl.when(odd).then(usual + 5.0).otherwise(usual).round(1).alias("temperature_celsius"),
    )  # fmt: skip


def _minutes(values: np.ndarray) -> pl.Series:
    """Whole seconds of these minutes, as durations."""
    return pl.Series(np.round(values * 60).astype(np.int64) * 1_000_000).cast(pl.Duration("us"))
