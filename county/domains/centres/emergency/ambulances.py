"""What an ambulance sends while it is on a mission: where it is and how the patient does.

Belongs here: positions and vital signs. Not here: the mission itself (`missions.py`).
"""

from typing import Any

import numpy as np
import polars as pl

from county.domains.centres.emergency.missions import place_of
from county.domains.draws import Numbers, normal
from county.roles import COUNTY_HOSPITAL
from county.scene import Export, Planted

POSITIONS = "emergency_centre__ambulance__positions"
_STATION = COUNTY_HOSPITAL
_MOST_READINGS = 12


def positions(driven: pl.DataFrame, rates: dict[str, Any], random: np.random.Generator) -> Export:
    """Positions from departure to return; on the longest mission the signal is lost half-way.

    The planted loss names the vehicle as its key and the mission as its item.
    """
    step = rates["position_seconds"]
    moments = pl.datetime_ranges("departed_at", "returned_at", interval=f"{step}s")
    rows = driven.with_columns(moments.alias("measured_at")).explode("measured_at")
    station = place_of(_STATION)
    there = _progress(rows, "departed_at", "scene_arrived_at")
    home = pl.coalesce("hospital_arrived_at", "returned_at")
    back = _progress(rows.with_columns(home.alias("home_at")), "scene_left_at", "home_at")
    reached = rows["scene_arrived_at"].is_not_null().to_numpy()
    away = np.where(reached, there - back, 0.05)
    moving = (away > 0.001) & (away < 0.999)
    size = len(rows)
    rows = rows.select(
        "vehicle_id", "dispatch_id", "measured_at",
        _between(station[0], rows["longitude"], away, random).alias("longitude"),
        _between(station[1], rows["latitude"], away, random).alias("latitude"),
        pl.Series("speed_km_per_hour", np.where(
            moving, np.round(np.clip(random.normal(rates["km_per_hour"], 14, size), 5, 110), 1), 0.0
        )),
    )  # fmt: skip
    rows = rows.unique(["vehicle_id", "measured_at"], keep="first", maintain_order=True)
    longest = driven.sort(pl.col("returned_at") - pl.col("departed_at"), "dispatch_id").row(
        -1, named=True
    )
    span = longest["returned_at"] - longest["departed_at"]
    lost = (pl.col("dispatch_id") == longest["dispatch_id"]) & pl.col("measured_at").is_between(
        longest["departed_at"] + span * 0.3, longest["departed_at"] + span * 0.7
    )
    return Export(
        POSITIONS,
        rows.filter(~lost),
        [Planted("signal_lost", longest["vehicle_id"], longest["dispatch_id"])],
    )


def _progress(rows: pl.DataFrame, start: str, end: str) -> Numbers:
    """How much of the way from `start` to `end` is done at the time of the row, 0 to 1."""
    done = rows.select(
        (pl.col("measured_at") - pl.col(start)).dt.total_seconds()
        / (pl.col(end) - pl.col(start)).dt.total_seconds().clip(1)
    ).to_series()
    found: Numbers = np.clip(done.fill_null(0.0).to_numpy(), 0, 1)
    return found


def _between(
    station: float, scene: pl.Series, away: Numbers, random: np.random.Generator
) -> pl.Series:
    shaken = random.normal(0, 0.0008, len(scene))
    return pl.Series(np.round(station + (scene.to_numpy() - station) * away + shaken, 6))


def vitals(
    records: pl.DataFrame, rates: dict[str, Any], random: np.random.Generator
) -> pl.DataFrame:
    """Readings every few minutes from first contact until the patient is handed over or stays."""
    cared = records.filter(pl.col("outcome_code").is_in(["transported", "treated"]))
    until = pl.coalesce("hospital_arrived_at", "scene_left_at")
    moments = pl.datetime_ranges(
        "first_contact_at", pl.max_horizontal(until, "first_contact_at"),
        interval=f"{rates['vital_minutes']}m",
    ).list.head(_MOST_READINGS)  # fmt: skip
    rows = cared.with_columns(moments.alias("measured_at")).explode("measured_at")
    given = pl.DataFrame([{"complaint_code": k, **v} for k, v in rates["vitals"].items()])
    rows = rows.join(given, on="complaint_code", how="left", maintain_order="left")
    size = len(rows)

    def around(name: str, spread: float, low: float, high: float, digits: int = 0) -> pl.Series:
        return normal(
            random, rows[name].to_numpy(), spread, size, low=low, high=high, digits=digits
        )

    upper = around("systolic", 14, 70, 230)
    return rows.select(
        "dispatch_id",
        (pl.lit("JHY") + pl.col("vehicle_id")).alias("device_id"),
        "measured_at",
        around("pulse", 9, 38, 180).alias("heart_rate_per_minute"),
        around("respiration", 2, 8, 45).alias("respiration_per_minute"),
        upper.alias("systolic_mmhg"),
        pl.Series((upper.to_numpy() * random.uniform(0.55, 0.66, size)).astype(np.int64)).alias(
            "diastolic_mmhg"
        ),
        around("saturation", 1.5, 70, 100).alias("oxygen_saturation_percent"),
        around("temperature", 0.3, 34.5, 41, 1).alias("temperature_celsius"),
        around("coma", 0.8, 3, 15).alias("coma_score"),
    )
