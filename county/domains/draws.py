"""Vectorised draws that the domains share: who, when, which code, under which number.

Belongs here: chance over whole frames. Not here: rates (`rates.yml`) or what they mean.
"""

from datetime import date, timedelta
from typing import Any
from zlib import crc32

import numpy as np
import polars as pl

from county.months import Month
from county.scene import Scene

Numbers = np.ndarray[Any, np.dtype[Any]]


def lot(people: pl.DataFrame, salt: str, seed: int) -> Numbers:
    """A number of [0, 1) for each `person`, the same in every month and for nobody else's salt."""
    mixed = people["person"].to_numpy().astype(np.uint64)
    mixed = (mixed + np.uint64(crc32(f"{seed}/{salt}".encode()))) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11), dtype=float) / 2.0**53


def by_age(people: pl.DataFrame, bounds: list[int], values: list[float]) -> Numbers:
    """The value of each person's age group: `bounds` are the first ages of all groups but the
    first."""
    found: Numbers = np.asarray(values)[np.digitize(people["age"].to_numpy(), bounds)]
    return found


def drawn(
    random: np.random.Generator, frame: pl.DataFrame, chance: Numbers | float, least: int = 0
) -> pl.DataFrame:
    """Rows of the frame, each with its own chance; at least `least` of those that have any."""
    chances = np.broadcast_to(np.asarray(chance, dtype=float), (len(frame),))
    draws = random.random(len(frame))
    chosen = draws < chances
    missing = min(least, int((chances > 0).sum())) - int(chosen.sum())
    if missing > 0:
        # Next come those whose draw lay nearest above their chance.
        order = np.argsort(
            np.where(chosen | (chances <= 0), np.inf, draws / np.maximum(chances, 1e-12))
        )
        chosen[order[:missing]] = True
    return frame.filter(pl.Series(chosen))


def settled(scene: Scene, *, first_age: int = 0, last_age: int = 130) -> pl.DataFrame:
    """People of the age who lived all through the month."""
    return scene.people.filter(
        pl.col("died").is_null()
        & (pl.col("birth") < scene.month.first)
        & pl.col("age").is_between(first_age, last_age)
    )


def codes(random: np.random.Generator, shares: dict[str, float], size: int) -> pl.Series:
    """Keys of `shares` in their proportions."""
    weights = np.array(list(shares.values()), dtype=float)
    found = random.choice(len(weights), size=size, p=weights / weights.sum())
    return pl.Series(np.array(list(shares), dtype=object)[found].tolist(), dtype=pl.String)


def chance(random: np.random.Generator, share: float | Numbers, size: int) -> pl.Series:
    """True in the given share of rows."""
    return pl.Series(random.random(size) < share)


def normal(
    random: np.random.Generator, mean: float | Numbers, spread: float, size: int,
    *, low: float, high: float, digits: int = 0,
) -> pl.Series:  # fmt: skip
    """Rounded normal values within bounds; whole numbers when `digits` is 0."""
    values = np.round(np.clip(random.normal(mean, spread, size), low, high), digits)
    return pl.Series(values.astype(np.int64) if digits == 0 else values)


def days(random: np.random.Generator, first: date, last: date, size: int) -> pl.Series:
    """Days from `first` to `last`, both included."""
    offsets = random.integers(0, (last - first).days + 1, size)
    return pl.Series(np.datetime64(first) + offsets.astype("timedelta64[D]"))


def some_days(random: np.random.Generator, least: int, below: int, size: int) -> pl.Expr:
    """A whole number of days for each row, as a duration to add or take away."""
    return pl.duration(days=pl.lit(pl.Series(random.integers(least, below, size))))


def moments(
    random: np.random.Generator, day: pl.Series, *, opens: int = 8, closes: int = 19
) -> pl.Series:
    """A whole second of each day between two hours, as a naive local datetime."""
    seconds = random.integers(opens * 3600, closes * 3600, len(day))
    return day.cast(pl.Datetime("us")) + pl.Series(seconds * 1_000_000).cast(pl.Duration("us"))


def hours_later(
    random: np.random.Generator, start: pl.Series, least: float, most: float
) -> pl.Series:
    """Datetimes some hours after (or, below zero, before) others, to the second."""
    seconds = np.round(random.uniform(least, most, len(start)) * 3600).astype(np.int64)
    return start.cast(pl.Datetime("us")) + pl.Series(seconds * 1_000_000).cast(pl.Duration("us"))


def minutes_later(start: pl.Series, minutes: Numbers) -> pl.Series:
    """Datetimes so many minutes after (or, below zero, before) others, to the second."""
    moved = pl.Series(np.round(minutes * 60).astype(np.int64) * 1_000_000)
    return start.cast(pl.Datetime("us")) + moved.cast(pl.Duration("us"))


def serial(prefix: str, month: Month, size: int, start: int = 1) -> pl.Series:
    """Numbers `<prefix><yyyymm><six digits>` that are unique within the prefix and month."""
    numbers = pl.Series(np.arange(start, start + size)).cast(pl.String).str.zfill(6)
    return pl.select(pl.lit(f"{prefix}{month.compact}") + pl.Series(numbers)).to_series()


def doctors(
    random: np.random.Generator, scene: Scene, organization_id: pl.Series,
    categories: tuple[str, ...] = ("11", "60"),
) -> pl.Series:  # fmt: skip
    """A doctor (or other staff of the categories) in service of each organization, or null where
    there is none."""
    present = scene.staff.filter(
        pl.col("category").is_in(categories)
        & (pl.col("left").is_null() | (pl.col("left") > scene.month.last))
        & (pl.col("employed") <= scene.month.first)
    )
    lists = present.group_by("organization_id", maintain_order=True).agg("staff_id")
    draws = random.integers(0, 1 << 30, len(organization_id))
    wanted = pl.DataFrame({"organization_id": organization_id, "draw": draws})
    found = wanted.join(lists, on="organization_id", how="left", maintain_order="left")
    return found.select(
        pl.col("staff_id").list.get(
            pl.col("draw") % pl.col("staff_id").list.len(), null_on_oob=True
        )
    ).to_series()


def yearly(month: Month, weights: list[float]) -> float:
    """The month's weight out of twelve, one on average."""
    return weights[month.number - 1] * 12 / sum(weights)


def before(day: date, count: int) -> date:
    return day - timedelta(days=count)
