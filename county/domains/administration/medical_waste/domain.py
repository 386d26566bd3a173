"""Medical waste: places and people, containers, and each step until the lorry takes them away.

Belongs here: weights and moments of containers. Not here: sewage and air
(`public_health/environment/`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import doctors, drawn, minutes_later, serial
from county.domains.outbreak import planted_rows
from county.domains.waiting import Waiting
from county.organizations import departments_of
from county.roles import COUNTY, COUNTY_HOSPITAL
from county.scene import Export, Scene

POINTS = "consortium__medical_waste__points"
WORKERS = "consortium__medical_waste__workers"
BAGS = "{}__medical_waste__bags"
MOVEMENTS = "{}__medical_waste__movements"
_MOVE = (
    "organization_id", "bag_id", "kind_code", "occurred_at", "weight_kg", "point_id", "worker_id",
    "receiver_name", "manifest_number", "is_own", "is_light", "is_old",
)  # fmt: skip
_LEVELS = ("hospital", "township", "village")


class Domain:
    """Feeds of the consortium's waste platform and of the county hospital's own system."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._waiting = Waiting()

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("medical_waste")
        points = self._points(scene)
        workers = self._workers(scene)
        if scene.month.index == 0:
            yield Export(POINTS, points)
            yield Export(WORKERS, workers)
        bags = self._bags(scene, points, random)
        moved = self._moved(bags, random)
        steps = self._waiting.due(
            "steps", self._steps(moved, workers, random), "occurred_at", scene.month
        ).sort("occurred_at", "bag_id", "kind_code")
        steps = steps.with_columns(serial("YL", scene.month, len(steps)).alias("movement_id"))
        for member, own in (("consortium", False), ("county_hospital", True)):
            sealed = moved.filter(pl.col("is_own") == own)
            yield Export(
                BAGS.format(member),
                sealed,
                planted_rows("bag_not_closed", sealed, "bag_id", pl.col("outbound_at").is_null()),
            )
            part = steps.filter(pl.col("is_own") == own)
            outbound = pl.col("kind_code") == "outbound"
            planted = [
                *planted_rows("mass_gap", part, "movement_id", outbound & pl.col("is_light")),
                *planted_rows(
                    "storage_over_48_hours", part, "movement_id", outbound & pl.col("is_old")
                ),
            ]
            yield Export(MOVEMENTS.format(member), part, planted)

    def _points(self, scene: Scene) -> pl.DataFrame:
        """A point of every department and room, a store of every hospital and centre."""
        rows: list[tuple[object, ...]] = []
        for place in scene.organizations.filter(pl.col("level").is_in(_LEVELS)).to_dicts():
            code = place["organization_id"]
            keeper = place["parent"] if place["level"] == "village" else code
            wards = (
                departments_of(code) if place["level"] == "hospital" else departments_of(code)[:1]
            )
            for number, ward in enumerate(wards, 1):
                named = ward.name if place["level"] == "hospital" else None
                rows.append((
                    f"{code[6:]}-C{number:02d}", code, f"{place['name']}{named or ''}产生点",
                    "generation", named, f"{keeper[6:]}-Z01", place["level"] != "village",
                ))  # fmt: skip
            if place["level"] != "village":
                rows.append((
                    f"{code[6:]}-Z01", code, f"{place['name']}医疗废物暂存间", "storage", None,
                    None, True,
                ))  # fmt: skip
        names = (
            "point_id", "organization_id", "point_name", "kind_code", "department_name",
            "storage_point_id", "has_scale",
        )  # fmt: skip
        return pl.DataFrame(rows, schema=names, orient="row").with_columns(
            pl.lit(date(2023, 6, 1)).alias("opened_date"),
            pl.lit(None, pl.Date).alias("closed_date"),
        )

    def _workers(self, scene: Scene) -> pl.DataFrame:
        rows = []
        for place in scene.organizations.filter(pl.col("level").is_in(_LEVELS[:2])).to_dicts():
            code = place["organization_id"]
            for number, role in enumerate(self._rates["workers"][place["level"]], 1):
                trained = date(2025, 1 + (number * 5 + int(code[7:])) % 12, 12)
                rows.append((f"{code[6:]}-Y{number:02d}", code, role, trained, number % 4 != 3))
        names = ("worker_id", "organization_id", "role_code", "trained_date",
                 "hepatitis_b_vaccinated")  # fmt: skip
        return pl.DataFrame(rows, schema=names, orient="row").with_columns(
            pl.col("trained_date").dt.offset_by("1y").alias("training_valid_to_date"),
            (pl.col("trained_date") - timedelta(days=400)).alias("started_date"),
            pl.lit(None, pl.Date).alias("ended_date"),
        )

    def _weights(
        self, scene: Scene, points: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """Kilograms of each point, day and waste code, from beds and visits."""
        month, rates = scene.month, self._rates
        first = pl.max_horizontal(pl.col("start").dt.date(), pl.lit(month.first))
        last = pl.min_horizontal(pl.col("end").dt.date().fill_null(month.last), pl.lit(month.last))
        beds = scene.stays.select(
            "organization_id", "department_name", pl.date_ranges(first, last).alias("day"),
            pl.lit(rates["kg_per_bed_day"]).alias("kg"),
        ).explode("day")  # fmt: skip
        visits = scene.visits.select(
            "organization_id", "department_name", pl.col("start").dt.date().alias("day"),
            pl.lit(rates["kg_per_visit"]).alias("kg"),
        )  # fmt: skip
        sources = points.filter(pl.col("kind_code") == "generation")
        wards = sources.filter(pl.col("department_name").is_not_null())
        rooms = sources.filter(pl.col("department_name").is_null()).drop("department_name")
        care = pl.concat([beds, visits])
        columns = (
            "organization_id",
            "point_id",
            "storage_point_id",
            "department_name",
            "day",
            "kg",
        )
        weights = pl.concat(
            [
                care.join(wards, on=["organization_id", "department_name"]).select(columns),
                care.join(rooms, on="organization_id").select(columns),
            ]
        )
        weights = weights.group_by("organization_id", "point_id", "storage_point_id", "day").agg(
            pl.col("kg").sum(), pl.col("department_name").first()
        ).sort("point_id", "day")  # fmt: skip
        noise = np.exp(random.normal(0, 0.25, len(weights)))
        codes = pl.DataFrame(
            {"category_code": list(rates["shares"]), "share": list(rates["shares"].values())}
        )
        every = weights.with_columns(pl.col("kg") * pl.Series(noise))
        operating = every.filter(
            pl.col("department_name").is_in(rates["operating_departments"])
        ).with_columns(
            pl.lit("841-003-01").alias("category_code"),
            pl.lit(rates["pathological"]).alias("share"),
        )
        split = pl.concat(
            [every.join(codes, how="cross", maintain_order="left_right"), operating],
            how="diagonal",
        )
        return split.with_columns(pl.col("kg") * pl.col("share")).drop("share")

    def _bags(
        self, scene: Scene, points: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """A container is closed when it is full enough; a heavy day fills several."""
        rates = self._rates
        full = pl.col("category_code").replace_strict(rates["full_kg"], return_dtype=pl.Float64)
        weights = self._weights(scene, points, random).sort("point_id", "category_code", "day")
        filled = weights.with_columns(
            (pl.col("kg").cum_sum().over("point_id", "category_code") / full)
            .floor()
            .alias("container")
        )
        bags = (
            filled.group_by("point_id", "category_code", "container", maintain_order=True)
            .agg(
                pl.col("organization_id", "storage_point_id").first(),
                pl.col("day").max(),
                pl.col("kg").sum(),
            )
            .with_columns((pl.col("kg") / rates["most_kg"]).ceil().cast(pl.Int64).alias("parts"))
        )
        bags = bags.with_columns(
            pl.col("kg") / pl.col("parts"), pl.int_ranges("parts").alias("part")
        ).explode("part").sort("day", "point_id", "category_code", "part")  # fmt: skip
        size = len(bags)
        sharps = pl.col("category_code") == rates["sharps"]
        uneven = random.uniform(0.9, 1.1, size)
        staff = doctors(random, scene, bags["organization_id"], ("11", "21", "60"))
        return bags.with_columns(
            serial("YF", scene.month, size).alias("bag_id"),
            minutes_later(bags["day"], random.uniform(15 * 60, 17.5 * 60, size))
            .alias("sealed_at"),
            pl.max_horizontal((pl.col("kg") * pl.Series(uneven)).round(2), 0.02)
            .alias("weight_kg"),
            sharps.alias("is_sharps_box"),
            staff.alias("staff_id"),
            (pl.col("organization_id") == COUNTY_HOSPITAL).alias("is_own"),
        ).with_columns(_grams())  # fmt: skip

    def _moved(self, bags: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        """Adds the moments of handover, storing and outbound, and what goes wrong."""
        rates, size = self._rates, len(bags)
        handed = minutes_later(bags["sealed_at"], random.uniform(5, 60, size))
        village = bags["point_id"].str.starts_with("V").to_numpy()
        way = np.where(village, random.uniform(30, 90, size), random.uniform(10, 45, size))
        stored = minutes_later(handed, way)
        every = rates["township_lorry_every"]
        morning = stored.dt.truncate("1d")
        number = morning.dt.date().to_physical().to_numpy()
        hospital = bags["storage_point_id"].str.starts_with("H").to_numpy()
        wait = np.where(hospital, 1, every - number % every)
        out = minutes_later(morning, wait * 1440 + random.uniform(9 * 60, 12 * 60, size))
        marked = bags.with_row_index("row")
        heavy = marked.filter(pl.col("weight_kg") >= rates["mass_gap_least_kg"])
        lost: dict[str, list[int]] = {"mass_gap": [], "stored_too_long": [], "never_closed": []}
        for own in (False, True):
            part = heavy.filter(pl.col("is_own") == own)
            for kind, rows in lost.items():
                rows += drawn(random, part, rates[kind], least=1)["row"].to_list()
        least, most = rates["lorry_missed_days"]
        missed = random.integers(least, most + 1, size) * 1440
        late = pl.col("row").is_in(lost["stored_too_long"])
        light = pl.col("row").is_in(lost["mass_gap"]) & ~pl.col("row").is_in(lost["never_closed"])
        return marked.with_columns(
            handed.alias("handed_at"),
            stored.alias("stored_at"),
            pl.when(pl.col("row").is_in(lost["never_closed"]))
            .then(None)
            .when(late)
            .then(minutes_later(out, missed))
            .otherwise(out)
            .alias("outbound_at"),
            light.alias("is_light"),
        ).with_columns(
            (pl.col("outbound_at") - pl.col("stored_at") > timedelta(hours=48))
            .fill_null(value=False)
            .alias("is_old")
        )

    def _steps(
        self, moved: pl.DataFrame, workers: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """Three rows per container, the last one missing where it never left."""
        store = pl.lit(COUNTY) + pl.col("storage_point_id").str.slice(0, 3)
        steps = (
            ("handed_over", "handed_at", pl.col("organization_id"), "point_id", "collector"),
            ("stored", "stored_at", store, "storage_point_id", "keeper"),
            ("outbound", "outbound_at", store, "storage_point_id", "keeper"),
        )
        least, most = self._rates["mass_gap_left"]
        parts = []
        for kind, moment, place, point, role in steps:
            rows = moved.filter(pl.col(moment).is_not_null())
            size = len(rows)
            known = workers.filter(pl.col("role_code") == role).unique(
                "organization_id", keep="first", maintain_order=True
            )
            left = pl.Series(random.uniform(least, most, size))
            gone = pl.col("is_light") if kind == "outbound" else pl.lit(value=False)
            weighed = pl.col("weight_kg") * pl.when(gone).then(left).otherwise(1.0)
            error = pl.Series(np.round(random.normal(0, self._rates["scale_error_kg"], size), 2))
            outbound = kind == "outbound"
            sheet = (
                pl.lit("LD") + pl.col(moment).dt.strftime("%Y%m%d")
                + pl.col("storage_point_id").str.slice(0, 3)
            )  # fmt: skip
            rows = rows.with_columns(
                pl.max_horizontal((weighed + error).round(2), 0.01).alias("weight_kg"),
                place.alias("organization_id"),
                store.alias("store"),
            ).join(
                known.select(pl.col("organization_id").alias("store"), "worker_id"),
                on="store", how="left", maintain_order="left",
            )  # fmt: skip
            parts.append(
                rows.with_columns(
                    pl.lit(kind).alias("kind_code"),
                    pl.col(moment).alias("occurred_at"),
                    pl.col(point).alias("point_id"),
                    pl.lit(self._rates["receiver"] if outbound else None, pl.String)
                    .alias("receiver_name"),
                    (sheet if outbound else pl.lit(None, pl.String)).alias("manifest_number"),
                ).select(_MOVE)
            )  # fmt: skip
        return pl.concat(parts).with_columns(_grams())


def _grams() -> pl.Expr:
    return (pl.col("weight_kg") * 1000).round(0).cast(pl.Int64).alias("weight_g")
