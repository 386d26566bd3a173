"""Result items of laboratory reports: values, flags and critical results.

Belongs here: numbers of a report. Not here: who asked for it (`domain.py`). Tests, units
and normal ranges are those of `county/laboratory.py`.
"""

from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import drawn
from county.laboratory import PANELS

_SUGAR = ("14771-0", "4548-4", "1558-6")
_POSITIVE = 0.08


def _tests() -> pl.DataFrame:
    return pl.DataFrame(
        [
            (panel, place, t.code, t.name, t.unit, t.low, t.high, t.decimals)
            for panel, tests in PANELS.items()
            for place, t in enumerate(tests, start=1)
        ],
        schema={
            "panel_name": pl.String, "place": pl.Int64, "test_code": pl.String,
            "test_name": pl.String, "value_unit": pl.String, "low": pl.Float64,
            "high": pl.Float64, "decimals": pl.Int64,
        },
        orient="row",
    )  # fmt: skip


def results(
    random: np.random.Generator, reports: pl.DataFrame, rates: dict[str, Any]
) -> pl.DataFrame:
    """One row per item of each report: `panel_name` names its tests."""
    items = reports.join(_tests(), on="panel_name", maintain_order="left_right")
    size = len(items)
    low, high = items["low"].to_numpy(), items["high"].to_numpy()
    values = np.maximum(low * 0.3, random.normal((low + high) / 2, (high - low) * 0.35))
    sweet = (items["test_code"].is_in(_SUGAR) & items["diabetes"]).to_numpy()
    values = np.where(sweet, values * rates["diabetic_factor"], values)
    positive = random.random(size) < _POSITIVE
    return _worded(
        items.with_columns(
            pl.Series("value", values).fill_nan(None), pl.Series("positive", positive)
        )
    )


def alarmed(
    random: np.random.Generator, items: pl.DataFrame, rates: dict[str, Any]
) -> pl.DataFrame:
    """Items with `is_critical`: a few of the reviewed numbers move beyond their critical limit."""
    limits = pl.DataFrame(
        [(code, float(low), float(high)) for code, (low, high) in rates["limits"].items()],
        schema=["test_code", "critical_low", "critical_high"],
        orient="row",
    )
    items = items.join(limits, on="test_code", how="left", maintain_order="left").with_row_index(
        "row"
    )
    able = pl.col("critical_low").is_not_null() & (pl.col("result_status") == "F")
    chosen = drawn(random, items.filter(able), rates["share"], least=rates["least"])["row"]
    size = len(items)
    under = pl.Series(random.random(size) < 0.4)
    factor = pl.Series(random.uniform(1.03, 1.2, size))
    beyond = (
        pl.when(under)
        .then(pl.col("critical_low") / factor)
        .otherwise(pl.col("critical_high") * factor)
    )
    critical = pl.col("row").is_in(chosen.implode())
    moved = items.with_columns(pl.when(critical).then(beyond).otherwise("value").alias("value"))
    flag = pl.col("abnormal_flag")
    return (
        _worded(moved)
        .with_columns(
            critical.alias("is_critical"),
            pl.when(critical).then(flag + flag).otherwise(flag).alias("abnormal_flag"),
        )
        .drop("row")
    )


def _worded(items: pl.DataFrame) -> pl.DataFrame:
    """Values rounded to the digits of their test, with text, range and flag."""
    scale = pl.lit(10).pow(pl.col("decimals"))
    units = (pl.col("value") * scale).round(0).cast(pl.Int64)
    digits = pl.col("decimals")
    rest = (units % scale.cast(pl.Int64)).cast(pl.String)
    number = (
        pl.when(digits == 0)
        .then(units.cast(pl.String))
        .otherwise(
            pl.concat_str(
                (units // scale.cast(pl.Int64)).cast(pl.String),
                pl.lit("."),
                pl.concat_str(pl.lit("00"), rest).str.tail(digits),
            )
        )
    )
    value = units / scale
    return items.with_columns(value.alias("value_number")).with_columns(
        pl.concat_str("report_id", pl.lit("-"), pl.col("place").cast(pl.String).str.zfill(2))
        .alias("item_sequence"),
        pl.when(pl.col("value").is_not_null()).then(number)
        .when("positive").then(pl.lit("阳性(+)")).otherwise(pl.lit("阴性(-)"))
        .alias("value_text"),
        pl.when(pl.col("value").is_null()).then(pl.lit("阴性(-)"))
        .otherwise(pl.concat_str(_plain("low"), pl.lit("-"), _plain("high")))
        .alias("reference_range"),
        pl.when(pl.col("value").is_null() & pl.col("positive")).then(pl.lit("A"))
        .when(pl.col("value_number") > pl.col("high")).then(pl.lit("H"))
        .when(pl.col("value_number") < pl.col("low")).then(pl.lit("L"))
        .otherwise(pl.lit("N")).alias("abnormal_flag"),
    )  # fmt: skip


def _plain(column: str) -> pl.Expr:
    """A limit without a needless `.0`."""
    return pl.col(column).cast(pl.String).str.replace(r"\.0$", "")
