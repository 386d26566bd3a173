"""Schools and kindergartens of the county, who attends them and on which days.

Belongs here: which child goes where. Not here: absence (`public_health/health_signals/`),
examinations (`public_health/occupational_school/`).
"""

from datetime import date

import polars as pl

from county.domains.draws import lot
from county.months import Month
from county.roles import COUNTY
from county.scene import Scene

KINDS = ("kindergarten", "primary", "middle", "high")
_FIRST_AGE = {"kindergarten": 3, "primary": 6, "middle": 12, "high": 15}
_ATTENDS = {"kindergarten": 0.85, "primary": 1.0, "middle": 1.0, "high": 0.85}  # assumed
_LETTER = {"kindergarten": "Y", "primary": "X", "middle": "C", "high": "G"}
_NAME = {
    "kindergarten": "中心幼儿园",
    "primary": "小学",
    "middle": "初级中学",
    "high": "云泉县高级中学",
}
# Holidays by (month, day), both ends included: assumed, after the usual school calendar.
_HOLIDAYS = (((1, 16), (2, 24)), ((5, 1), (5, 5)), ((7, 6), (8, 25)), ((10, 1), (10, 7)))
_LAST_AGE = 17


def pupils(scene: Scene, seed: int) -> pl.DataFrame:
    """Children who attend a school: people with `school_id`, `school_name`, `school_kind`,
    `school_township` (null for the high school) and `grade`.

    Kindergarten and middle school are the township's, a primary school each community's, the high
    school the county's.
    """
    children = scene.people.filter(
        pl.col("died").is_null() & pl.col("age").is_between(_FIRST_AGE["kindergarten"], _LAST_AGE)
    )
    age = pl.col("age")
    kind = (
        pl.when(age < 6).then(pl.lit("kindergarten"))
        .when(age < 12).then(pl.lit("primary"))
        .when(age < 15).then(pl.lit("middle"))
        .otherwise(pl.lit("high"))
    )  # fmt: skip
    children = children.with_columns(kind.alias("school_kind"))
    own = pl.col("school_kind") == "primary"
    home = pl.when(own).then("organization_id").otherwise("township")
    home = pl.when(pl.col("school_kind") == "high").then(pl.lit(COUNTY)).otherwise(home)
    names = scene.organizations.select(
        pl.col("organization_id").alias("home"),
        pl.col("name").str.replace(r"(卫生室|卫生院)$", "").alias("place"),
    )
    first = pl.col("school_kind").replace_strict(_FIRST_AGE, return_dtype=pl.Int64)
    attends = pl.col("school_kind").replace_strict(_ATTENDS, return_dtype=pl.Float64)
    name = pl.col("school_kind").replace_strict(_NAME, return_dtype=pl.String)
    letter = pl.col("school_kind").replace_strict(_LETTER, return_dtype=pl.String)
    return (
        children.with_columns(home.alias("home"), pl.Series("draw", lot(children, "school", seed)))
        .join(names, on="home", how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("school_kind") == "high").then(name)
            .otherwise(pl.col("place") + name).alias("school_name"),
            (pl.lit("XX") + pl.col("home").str.slice(6) + letter).alias("school_id"),
            (age - first + 1).cast(pl.Int64).alias("grade"),
            pl.when(pl.col("school_kind") != "high").then("township").alias("school_township"),
        )
        .filter(pl.col("draw") < attends)
        .drop("home", "place", "draw")
    )  # fmt: skip


def school_days(month: Month) -> list[date]:
    """Working days of the month outside the holidays; every month has some."""
    return [
        day
        for day in month.days
        if day.weekday() < 5
        and not any(first <= (day.month, day.day) <= last for first, last in _HOLIDAYS)
    ]
