"""Ambulance missions from the call to the return, and the calls that lead to none.

Belongs here: times, distances and vehicles of missions. Not here: arrivals at the hospital and
records (`domain.py`), positions and vital signs (`ambulances.py`).
"""

import json
from datetime import datetime
from functools import cache
from heapq import heapreplace
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import codes, days, drawn, minutes_later, moments, serial, settled
from county.domains.picks import in_service, picked
from county.organizations import boundary_ring
from county.roles import COUNTY_HOSPITAL, EMERGENCY_CENTRE
from county.scene import Scene

CENTRE = EMERGENCY_CENTRE
_TOWN = COUNTY_HOSPITAL
_ON_SCENE = ("treated", "refused", "dead", "empty")
_KM_PER_DEGREE = 111.2


@cache
def place_of(organization_id: str) -> tuple[float, float]:
    """Longitude and latitude of the middle of a service area; of the county town where there is
    none."""
    corners = json.loads(boundary_ring(organization_id) or boundary_ring(_TOWN) or "[]")[:-1]
    return (
        sum(corner[0] for corner in corners) / len(corners),
        sum(corner[1] for corner in corners) / len(corners),
    )


def missions(
    scene: Scene, rates: dict[str, Any], arrivals: pl.DataFrame, vehicles: pl.Series,
    random: np.random.Generator,
) -> pl.DataFrame:  # fmt: skip
    """All missions of the month in the order of their start, each with its vehicle."""
    brought = arrivals.filter(pl.col("arrival_mode_code") == "ambulance").select(
        "person", "encounter_id", "arrived_at", "complaint_code", "triage_code",
        "diagnosis_code", "diagnosis_name",
        pl.col("organization_id").alias("hospital_organization_id"),
        pl.lit("transported").alias("outcome_code"),
    )  # fmt: skip
    others = _without_hospital(scene, rates, len(brought), random)
    frame = pl.concat([brought, others], how="diagonal")
    frame = _placed(scene, rates, frame, random)
    frame = _timed(frame, rates, random).sort("ordered_at", "person")
    size = len(frame)
    doctors = in_service(scene, ["11"]).filter(pl.col("organization_id") == CENTRE)
    return frame.with_columns(
        serial("CC", scene.month, size).alias("dispatch_id"),
        _assigned(frame, vehicles.to_list()).alias("vehicle_id"),
        picked(random, doctors, size)["staff_id"].alias("doctor_staff_id"),
    )


def _assigned(frame: pl.DataFrame, vehicles: list[str]) -> pl.Series:
    """The vehicle that has been back longest for each mission."""
    free = [(datetime.min, vehicle) for vehicle in vehicles]
    chosen = []
    for returned in frame["returned_at"]:
        _, vehicle = heapreplace(free, (returned, free[0][1]))
        chosen.append(vehicle)
    return pl.Series(chosen, dtype=pl.String)


def _without_hospital(
    scene: Scene, rates: dict[str, Any], brought: int, random: np.random.Generator
) -> pl.DataFrame:
    """Missions to people who were not taken along; `arrived_at` is when the scene was reached."""
    size = max(4, round(brought * rates["other_missions"]))
    outcome = codes(random, rates["other_outcomes"], size)
    found = picked(random, pl.DataFrame(rates["field_diagnoses"]), size)
    living = picked(random, settled(scene, first_age=15).select("person"), size)
    somebody = ~outcome.is_in(["empty", "cancelled"])
    day = days(random, scene.month.first, scene.month.last, size)
    others = pl.DataFrame(
        {
            "person": living["person"],
            "outcome_code": outcome,
            "arrived_at": moments(random, day, opens=1, closes=23),
            "complaint_code": found["complaint"],
            "triage_code": codes(random, {"2": 0.1, "3": 0.5, "4": 0.4}, size),
            "diagnosis_code": found["code"],
            "diagnosis_name": found["name"],
        }
    ).with_columns(
        pl.when(somebody).then(pl.col(name)).alias(name)
        for name in ("person", "diagnosis_code", "diagnosis_name")
    )
    dead = drawn(random, scene.people.filter(pl.col("died").is_not_null()), rates["found_dead"])
    return pl.concat(
        [
            others,
            dead.select(
                "person",
                pl.lit("dead").alias("outcome_code"),
                (pl.col("died") - pl.duration(minutes=12)).alias("arrived_at"),
                pl.lit("other").alias("complaint_code"),
                pl.lit("1").alias("triage_code"),
                pl.lit("I46.900").alias("diagnosis_code"),
                pl.lit("心脏停搏").alias("diagnosis_name"),
            ),
        ],
        how="diagonal",
    )


def _placed(
    scene: Scene, rates: dict[str, Any], frame: pl.DataFrame, random: np.random.Generator
) -> pl.DataFrame:
    """Adds `township_id`, `longitude`, `latitude` of the scene and `road_km` from the station."""
    homes = scene.people.select("person", "organization_id", "township")
    somewhere = picked(random, homes, len(frame))
    frame = frame.join(homes, on="person", how="left", maintain_order="left").with_columns(
        pl.coalesce("organization_id", somewhere["organization_id"]).alias("home"),
        pl.coalesce("township", somewhere["township"]).alias("township_id"),
    )
    points = np.array([place_of(home) for home in frame["home"]]).reshape(-1, 2)
    points += random.normal(0, 0.012, points.shape)
    town = np.array(place_of(_TOWN))
    away = (points - town) * np.array([np.cos(np.radians(town[1])), 1.0]) * _KM_PER_DEGREE
    km = np.hypot(away[:, 0], away[:, 1]) * rates["detour"] + 1.5
    return frame.drop("organization_id", "township").with_columns(
        pl.Series("longitude", points[:, 0]),
        pl.Series("latitude", points[:, 1]),
        pl.Series("road_km", np.round(km, 1)),
    )


def _timed(frame: pl.DataFrame, rates: dict[str, Any], random: np.random.Generator) -> pl.DataFrame:
    """Times of every mission: back from the arrival, or on from the scene."""
    size = len(frame)
    drive = frame["road_km"].to_numpy() / rates["km_per_hour"] * 60 + 1.5
    out, back = (drive * random.uniform(0.9, 1.15, size) for _ in range(2))
    stay = random.uniform(6, 22, size)
    end = frame["arrived_at"]
    brought = (frame["outcome_code"] == "transported").to_numpy()
    scene_at = minutes_later(end, -np.where(brought, back + stay, 0))
    departed = minutes_later(scene_at, -out)
    ordered = minutes_later(departed, -random.uniform(0.7, 2.8, size))
    handed = minutes_later(end, random.uniform(3, 14, size))
    left = minutes_later(scene_at, stay)
    turned = minutes_later(departed, random.uniform(2, 8, size))
    home = {
        "transported": minutes_later(handed, random.uniform(8, 30, size)),
        "cancelled": minutes_later(turned, random.uniform(2, 8, size)),
    }
    outcome = pl.col("outcome_code")
    reached = outcome.is_in(["transported", *_ON_SCENE])
    return frame.with_columns(
        ordered.alias("ordered_at"),
        departed.alias("departed_at"),
        pl.when(reached).then(scene_at).alias("scene_arrived_at"),
        pl.when(reached).then(left).alias("scene_left_at"),
        pl.when(outcome == "transported").then(end).alias("hospital_arrived_at"),
        pl.when(outcome == "transported").then(handed).alias("handed_over_at"),
        pl.when(outcome == "transported")
        .then(home["transported"])
        .when(outcome == "cancelled")
        .then(home["cancelled"])
        .otherwise(minutes_later(left, back))
        .alias("returned_at"),
        pl.when(outcome == "cancelled")
        .then(pl.lit(np.round(random.uniform(1, 5, size), 1)))
        .otherwise((pl.col("road_km") * 2).round(1))
        .alias("distance_km"),
    )


def called(
    scene: Scene, rates: dict[str, Any], driven: pl.DataFrame, random: np.random.Generator
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The calls of the month, and the missions with the call that each answers."""
    size = len(driven)
    ring = minutes_later(driven["ordered_at"], -random.uniform(1.2, 3.2, size))
    trauma = driven["complaint_code"] == "trauma"
    valid = driven.select(
        "dispatch_id", "complaint_code", "triage_code", "township_id",
        ring.alias("called_at"),
        pl.lit(True).alias("is_valid"),
        pl.when(trauma).then(codes(random, rates["places_trauma"], size))
        .otherwise(codes(random, rates["places"], size)).alias("place_kind_code"),
        pl.when(trauma).then(codes(random, {"1": 0.85, "2": 0.12, "3": 0.03}, size))
        .otherwise(pl.lit("1")).cast(pl.Int64).alias("patient_count"),
    )  # fmt: skip
    idle = max(3, round(size * rates["invalid_calls"]))
    day = days(random, scene.month.first, scene.month.last, idle)
    invalid = pl.DataFrame({"called_at": moments(random, day, opens=0, closes=24)}).with_columns(
        pl.lit(False).alias("is_valid")
    )
    calls = pl.concat([valid, invalid], how="diagonal").sort("called_at", "dispatch_id")
    count = len(calls)
    answered = minutes_later(calls["called_at"], random.uniform(2, 11, count) / 60)
    calls = calls.with_columns(
        serial("HJ", scene.month, count).alias("call_id"),
        answered.alias("answered_at"),
        minutes_later(answered, random.uniform(0.4, 1.1, count)).alias("ended_at"),
    )
    own = calls.select("dispatch_id", "call_id", "called_at").drop_nulls("dispatch_id")
    return calls, driven.join(own, on="dispatch_id", how="left", maintain_order="left")
