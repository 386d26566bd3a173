"""What the maternal, child and vaccination domains share: who writes a record, who still lives.

Belongs here: choice of senders and people. Not here: draws (`draws.py`) or records.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from county.domains.draws import Numbers, lot
from county.roles import MCH_CENTRE, TOWNSHIP_A, TOWNSHIP_B
from county.scene import Scene

CENTRE = MCH_CENTRE
_OWN_SYSTEMS = {
    TOWNSHIP_A: "township_a__public_health",
    TOWNSHIP_B: "township_b__public_health",
}
_CLOUD = "mch_centre__maternal_cloud"


def by_writer(
    rows: pl.DataFrame, subject: str, organization: str = "organization_id"
) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """Records by who writes them: feed, a letter for its numbers, rows. Two township centres have
    systems of their own, everyone else works in the maternal and child cloud."""
    systems = rows[organization].replace_strict(
        _OWN_SYSTEMS, default=_CLOUD, return_dtype=pl.String
    )
    for system, letter in (*zip(_OWN_SYSTEMS.values(), "AB", strict=True), (_CLOUD, "M")):
        own = rows.filter(systems == system)
        if len(own):
            yield f"{system}__{subject}", letter, own


def alive_then(scene: Scene, rows: pl.DataFrame, day: str) -> pl.DataFrame:
    """Rows whose `person` still lived on the day."""
    here = scene.people.select("person", "died")
    kept = rows.join(here, on="person", how="inner", maintain_order="left")
    alive = pl.col("died").is_null() | (pl.col("died").dt.date() > pl.col(day).cast(pl.Date))
    return kept.filter(alive).drop("died")


def steady(people: pl.DataFrame, salt: str, seed: int) -> Numbers:
    """A standard normal value of each `person`, the same in every month."""
    first = np.maximum(lot(people, f"{salt}/size", seed), 1e-12)
    found: Numbers = np.sqrt(-2 * np.log(first)) * np.cos(
        2 * np.pi * lot(people, f"{salt}/turn", seed)
    )
    return found


def weeks_between(first: pl.Expr, last: pl.Expr) -> pl.Expr:
    """Whole weeks from one date to another."""
    return (last - first).dt.total_days() // 7


def some_between(random: np.random.Generator, bounds: list[int], size: int) -> Numbers:
    """Whole numbers from the first bound up to, without it, the second."""
    low, below = bounds
    return random.integers(low, below, size)


def plus_days(day: pl.Expr, count: Numbers) -> pl.Expr:
    """Each row's date some days later (or, below zero, earlier)."""
    return day + pl.duration(days=pl.lit(pl.Series(count)))
