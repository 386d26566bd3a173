"""The month's attendance of the consortium's staff.

Belongs here: days, shifts and overtime. Not here: who is sent down where (`domain.py`).
"""

from typing import Any

import numpy as np
import polars as pl

from county.scene import Scene


def working_days(scene: Scene) -> int:
    """Mondays to Fridays of the month; public holidays are left aside."""
    return sum(day.weekday() < 5 for day in scene.month.days)


def attendance(
    scene: Scene, staff: pl.DataFrame, sent: pl.DataFrame, rates: dict[str, Any],
    random: np.random.Generator,
) -> pl.DataFrame:  # fmt: skip
    """One row per staff member; `sent` names those sent down, of whom `is_idle` stay away."""
    size, due = len(staff), working_days(scene)
    absent = (random.random(size) < rates["absent"]).astype(np.int64)
    leave = np.minimum(random.poisson(rates["leave"], size), due - 2)
    nights = staff["level"].replace_strict(rates["nights"], return_dtype=pl.Float64).to_numpy()
    half_hours = random.poisson(rates["overtime_hours"] * 2, size)
    worked = pl.Series(due - leave - absent)
    rows = staff.join(sent, on="staff_id", how="left", maintain_order="left")
    return rows.select(
        ("KQ" + pl.col("staff_id") + scene.month.compact).alias("attendance_id"),
        "organization_id",
        "staff_id",
        pl.lit(scene.month.first).alias("attendance_month"),
        pl.lit(due).alias("due_days"),
        worked.alias("worked_days"),
        pl.Series("leave_days", leave),
        pl.Series("absent_days", absent),
        pl.Series("night_shift_count", np.minimum(random.poisson(nights), 12)),
        pl.Series("overtime_minutes", half_hours * 30),
        pl.Series("overtime_hours", half_hours / 2),
        pl.when(pl.col("is_idle").not_())
        .then((worked * 0.9).floor().cast(pl.Int64))
        .otherwise(0)
        .alias("sent_down_days"),
        pl.col("to_organization_id").alias("sent_down_organization_id"),
    )
