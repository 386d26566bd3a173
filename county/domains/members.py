"""Members of the consortium: who works there, what they are paid and who keeps whose books.

Belongs here: what several domains of the consortium's operation must agree on. Not here: what they
send (`administration/human_resources/`, `administration/finance/` and neighbours).
"""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from county.domains.draws import lot
from county.roles import CONSORTIUM, COUNTY_HOSPITAL
from county.scene import Export, Planted, Scene

LEAD = COUNTY_HOSPITAL
"""The lead hospital, whose HRP keeps its own staff, books and stores."""

# Monthly pay in fen by staff category and by title of physicians, all assumed.
_BASIC = {"11": 380000, "21": 300000, "60": 180000}
_TITLE = {"1": 190000, "2": 130000, "3": 70000, "4": 25000}
_PERFORMANCE = {"hospital": 420000, "professional": 300000, "township": 260000, "village": 120000}
_REMOTE = {"hospital": 60000, "professional": 60000, "township": 110000, "village": 90000}
_DEDUCTED = 0.155  # of the gross: insurance, housing fund and tax


def members(scene: Scene) -> pl.DataFrame:
    """Organizations of the consortium that have staff, with `bookkeeper`: a room's books are its
    centre's."""
    found = scene.organizations.filter(
        (pl.col("parent") == CONSORTIUM) | (pl.col("level") == "village")
    )
    room = pl.col("level") == "village"
    return found.with_columns(
        pl.when(room).then("parent").otherwise("organization_id").alias("bookkeeper")
    ).sort("organization_id")


def workforce(scene: Scene) -> pl.DataFrame:
    """Staff in service at members all through the month, with `level` and `bookkeeper`."""
    place = members(scene).select("organization_id", "level", "bookkeeper")
    return (
        scene.staff.filter(
            (pl.col("left").is_null() | (pl.col("left") > scene.month.last))
            & (pl.col("employed") <= scene.month.first)
        )
        .join(place, on="organization_id", maintain_order="left")
        .sort("staff_id")
    )


def pay(scene: Scene) -> pl.DataFrame:
    """The month's pay of the workforce in whole fen: `basic_fen`, `performance_fen`,
    `allowance_fen`, their sum `gross_fen`, `deduction_fen` and the rest `net_fen`."""
    staff = workforce(scene).drop("person")
    random = scene.random("pay")
    years = scene.month.year - pl.col("employed").dt.year()
    effort = pl.Series(np.clip(random.normal(1, 0.16, len(staff)), 0.6, 1.6))
    title = pl.col("title").replace_strict(_TITLE, default=30000, return_dtype=pl.Int64)
    level = pl.col("level")
    return (
        staff.with_columns(
            (
                pl.col("category").replace_strict(_BASIC, default=280000, return_dtype=pl.Int64)
                + title
                + years.cast(pl.Int64) * 6500
            ).alias("basic_fen"),
            (level.replace_strict(_PERFORMANCE, return_dtype=pl.Float64) * effort)
            .round(0)
            .cast(pl.Int64)
            .alias("performance_fen"),
            level.replace_strict(_REMOTE, return_dtype=pl.Int64).alias("allowance_fen"),
        )
        .with_columns(
            pl.sum_horizontal("basic_fen", "performance_fen", "allowance_fen").alias("gross_fen")
        )
        .with_columns(
            (pl.col("gross_fen") * _DEDUCTED).round(0).cast(pl.Int64).alias("deduction_fen")
        )
        .with_columns((pl.col("gross_fen") - pl.col("deduction_fen")).alias("net_fen"))
    )


def personal(staff: pl.DataFrame, salt: str, seed: int, shares: dict[str, float]) -> pl.Series:
    """A key of `shares` for each `person`, the same in every month."""
    bounds = np.cumsum(list(shares.values()))
    found = np.searchsorted(bounds / bounds[-1], lot(staff, salt, seed), side="right")
    return pl.Series(np.array(list(shares), dtype=object)[found].tolist(), dtype=pl.String)


def by_system(
    feeds: tuple[str, str], rows: pl.DataFrame, key: str, planted: Sequence[Planted] = ()
) -> Iterator[Export]:
    """The lead hospital's rows from its own system, the others' from the consortium's."""
    lead = pl.col("organization_id") == LEAD
    for feed, part in zip(feeds, (rows.filter(lead), rows.filter(~lead)), strict=True):
        own = set(part[key])
        yield Export(feed, part, [fault for fault in planted if fault.key in own])
