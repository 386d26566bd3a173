"""Choosing rows of a small frame for the rows of a large one: any row, or one of the same place.

Belongs here: choice with replacement. Not here: draws of values (`draws.py`).
"""

import numpy as np
import polars as pl

from county.scene import Scene


def picked(random: np.random.Generator, frame: pl.DataFrame, size: int) -> pl.DataFrame:
    """`size` rows of the frame, chosen with replacement.

    Raises:
        ValueError: the frame is empty, yet rows are wanted.
    """
    return frame.select(pl.all().gather(pl.Series(random.integers(0, len(frame), size))))


def in_service(scene: Scene, categories: list[str]) -> pl.DataFrame:
    """Staff of the categories who worked all through the month."""
    return scene.staff.filter(
        pl.col("category").is_in(categories)
        & (pl.col("left").is_null() | (pl.col("left") > scene.month.last))
        & (pl.col("employed") <= scene.month.first)
    )


def team(scene: Scene, categories: list[str], level: str) -> pl.DataFrame:
    """Staff of the categories at organizations of the level; in a county too small to have any,
    everyone who works there."""
    found = of_level(scene, in_service(scene, categories), [level])
    if found.is_empty():
        found = of_level(scene, in_service(scene, scene.staff["category"].to_list()), [level])
    return found


def hospitals(scene: Scene) -> pl.DataFrame:
    return scene.organizations.filter(pl.col("level") == "hospital")


def of_level(scene: Scene, frame: pl.DataFrame, levels: list[str]) -> pl.DataFrame:
    """Rows of visits or stays at organizations of the levels, with their `level`."""
    kept = scene.organizations.filter(pl.col("level").is_in(levels))
    return frame.join(
        kept.select("organization_id", "level"), on="organization_id", maintain_order="left"
    )


def discharged(scene: Scene) -> pl.DataFrame:
    """Stays that ended within the month."""
    return scene.stays.filter(
        pl.col("end").dt.date().is_between(scene.month.first, scene.month.last)
    )
