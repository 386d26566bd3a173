"""Costs of the members' departments: what they caused themselves and what falls to them.

Belongs here: the split of a month's expenses. Not here: the expenses (`vouchers.py`).
"""

import numpy as np
import polars as pl

from county.domains.administration.finance.vouchers import DEPRECIATION, OTHER
from county.domains.members import pay
from county.scene import Scene

_OFFICE = "行政后勤"
_CLINICAL, _ADMINISTRATIVE = ("1", "4")
_KEY = ["organization_id", "department_name"]


def costs(scene: Scene, earned: pl.DataFrame, vouchers: pl.DataFrame) -> pl.DataFrame:
    """One row per department of each book: staff, drugs and materials as they fell there; overhead
    is the office's, which hands it on by staff cost. All rows of a book sum to its expenses."""
    month = scene.month
    staff = pay(scene).group_by(pl.col("bookkeeper").alias("organization_id"), "department_name")
    direct = staff.agg(pl.col("gross_fen").sum().alias("personnel_fen"))
    used = earned.group_by(pl.col("bookkeeper").alias("organization_id"), "department_name").agg(
        pl.col("drug").sum().alias("drug_fen"),
        pl.col("material").sum().alias("material_fen"),
        (~pl.col("inpatient")).sum().cast(pl.Int64).alias("visit_count"),
    )
    rows = direct.join(used, on=_KEY, how="full", coalesce=True)
    rows = rows.join(_bed_days(scene), on=_KEY, how="left").fill_null(0).sort(_KEY)
    overhead = vouchers.filter(pl.col("account_code").is_in([DEPRECIATION, OTHER]))
    overhead = overhead.filter(pl.col("debit_fen").is_not_null()).group_by("organization_id").agg(
        pl.col("debit_fen").filter(pl.col("account_code") == DEPRECIATION).sum()
        .alias("depreciation_fen"),
        pl.col("debit_fen").filter(pl.col("account_code") == OTHER).sum().alias("other_fen"),
    ).sort("organization_id")  # fmt: skip
    total = overhead.select(
        "organization_id", (pl.col("depreciation_fen") + pl.col("other_fen")).alias("overhead")
    )
    rows = rows.join(total, on="organization_id", how="left", maintain_order="left").with_columns(
        pl.lit(0, pl.Int64).alias("depreciation_fen"), pl.lit(0, pl.Int64).alias("other_fen"),
        _handed_on().alias("allocated_fen"), pl.lit(_CLINICAL).alias("department_class_code"),
    )  # fmt: skip
    office = overhead.with_columns(
        pl.lit(_OFFICE).alias("department_name"),
        *(pl.lit(0, pl.Int64).alias(name) for name in
          ("personnel_fen", "drug_fen", "material_fen", "visit_count", "bed_day_count")),
        (-pl.col("depreciation_fen") - pl.col("other_fen")).alias("allocated_fen"),
        pl.lit(_ADMINISTRATIVE).alias("department_class_code"),
    )  # fmt: skip
    whole = pl.concat([rows.drop("overhead"), office.select(rows.drop("overhead").columns)])
    whole = whole.sort("organization_id", maintain_order=True)
    number = pl.int_range(1, pl.len() + 1).over("organization_id").cast(pl.String).str.zfill(2)
    return whole.with_columns(
        ("CB" + pl.col("organization_id").str.slice(6) + month.compact + number).alias("cost_id"),
        pl.lit(month.first).alias("cost_month"),
        pl.sum_horizontal(
            "personnel_fen", "drug_fen", "material_fen", "depreciation_fen", "other_fen",
            "allocated_fen",
        ).alias("total_fen"),
    )  # fmt: skip


def _handed_on() -> pl.Expr:
    """A department's part of the overhead by staff cost; the first bears what rounding leaves."""
    share = pl.col("personnel_fen") / pl.col("personnel_fen").sum().over("organization_id")
    part = (pl.col("overhead") * share).floor().cast(pl.Int64)
    rest = pl.col("overhead") - part.sum().over("organization_id")
    first = pl.int_range(pl.len()).over("organization_id") == 0
    return part + pl.when(first).then(rest).otherwise(0)


def _bed_days(scene: Scene) -> pl.DataFrame:
    """Days of the month on which beds of a department were in use at midnight."""
    first, last = scene.month.first, scene.month.last
    start = scene.stays["start"].dt.date().to_numpy()
    end = scene.stays["end"].dt.date().fill_null(np.datetime64(last) + 1).to_numpy()
    days = np.minimum(end, np.datetime64(last) + 1) - np.maximum(start, np.datetime64(first))
    return (
        scene.stays.with_columns(pl.Series("bed_day_count", days.astype(np.int64)))
        .group_by(_KEY)
        .agg(pl.col("bed_day_count").sum())
    )
