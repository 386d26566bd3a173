"""What the bureau holds of a discharged stay: its fee lines and its DRG case.

Belongs here: splitting a stay's fee into lines that sum to it, and grouping. Not here: retail drugs
and applications (`domain.py`).
"""

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import serial
from county.domains.picks import picked
from county.months import Month

INPATIENT_CLASS = "21"
_DRUG_PARTS = (0.5, 0.3)  # of the drug fee; the third drug gets the rest
# Fee lines: item, list class, charge type, level, code, name. Item codes are invented.
_DAILY = (
    ("bed", "201", "01", "01", "110900001", "普通病房床位费"),
    ("nursing", "201", "07", "01", "120100003", "二级护理"),
    ("rounds", "201", "02", "01", "110200005", "住院诊察费"),
)
_SHARED = (
    ("laboratory", "201", "04", "01", "250101015", "血液检验组合"),
    ("imaging", "201", "03", "01", "210300001", "影像检查"),
    ("material", "301", "08", "02", "C0201010001", "一次性使用医用耗材"),
    ("operation", "201", "06", "01", "330000000", "手术治疗费"),
)
_TREATMENT = ("201", "05", "01", "120400006", "治疗费")
_FIELDS = (
    "person", "encounter_id", "settlement_id", "provider_code", "provider_name",
    "service_class_code", "department_name", "staff_id", "item_class_code", "charge_type_code",
    "item_level_code", "item_code", "item_name", "quantity", "unit_price_fen", "amount_fen",
    "charged_at",
)  # fmt: skip


def fee_items(
    stays: pl.DataFrame, drugs: pl.DataFrame, rates: dict[str, Any], random: np.random.Generator
) -> pl.DataFrame:
    """Fee lines of each stay; they sum to its fee."""
    size = len(stays)
    nights = (pl.col("end").dt.date() - pl.col("start").dt.date()).dt.total_days()
    stays = stays.with_columns(
        pl.max_horizontal(nights, pl.lit(1)).alias("days"),
        pl.col("organization_id").alias("provider_code"),
        pl.col("name").alias("provider_name"),
        pl.lit(INPATIENT_CLASS).alias("service_class_code"),
    )
    daily = sum(rates["daily_fen"].values())
    room = pl.col("fee_fen") - pl.col("days") * daily
    stays = stays.with_columns((room > 0).alias("_has_daily"))
    left = pl.when("_has_daily").then(room).otherwise("fee_fen")
    drug_fee = pl.coalesce(
        "drug_fee_fen", (pl.col("fee_fen") * rates["drugs_when_unknown"]).round(0)
    ).cast(pl.Int64)
    stays = stays.with_columns(left.alias("_left"), drug_fee.alias("_drugs")).with_columns(
        pl.min_horizontal("_drugs", "_left").alias("_drugs")
    )
    parts = [
        _line(
            stays.filter("_has_daily"), item, pl.col("days"),
            pl.lit(rates["daily_fen"][name], pl.Int64),
        )
        for name, *item in _DAILY
    ]  # fmt: skip
    spent = pl.lit(0, pl.Int64)
    for name, *item in _SHARED:
        share = pl.lit(rates["shares"][name])
        if name == "operation":
            share = pl.when(pl.col("operation_code").is_not_null()).then(share).otherwise(0.0)
        amount = ((pl.col("_left") - pl.col("_drugs")) * share).round(0).cast(pl.Int64)
        spent = spent + amount
        parts.append(_line(stays, item, pl.lit(1, pl.Int64), amount))
    rest = pl.col("_left") - pl.col("_drugs") - spent
    parts.append(_line(stays, list(_TREATMENT), pl.lit(1, pl.Int64), rest))
    used = pl.lit(0, pl.Int64)
    for portion in (*_DRUG_PARTS, None):
        amount = (
            pl.col("_drugs") - used
            if portion is None
            else (pl.col("_drugs") * portion).round(0).cast(pl.Int64)
        )
        used = used + amount
        drug = picked(random, drugs, size)
        named = stays.with_columns(drug["drug_code"], drug["drug_name"], drug["is_essential"])
        parts.append(_drug_line(named, amount))
    found = pl.concat(parts).filter(pl.col("amount_fen") > 0).sort("encounter_id", "item_code")
    return found.with_columns(
        ("FY" + pl.col("encounter_id") + pl.int_range(pl.len()).over("encounter_id").cast(
            pl.String).str.zfill(3)).alias("insurance_item_id"),
        (pl.col("amount_fen") * rates["covered"]).round(0).cast(pl.Int64).alias("covered_fen"),
    )  # fmt: skip


def _line(stays: pl.DataFrame, item: list[str], quantity: pl.Expr, price: pl.Expr) -> pl.DataFrame:
    names = ("item_class_code", "charge_type_code", "item_level_code", "item_code", "item_name")
    return stays.with_columns(
        *(pl.lit(value).alias(name) for name, value in zip(names, item, strict=True)),
        quantity.cast(pl.Int64).alias("quantity"),
        price.alias("unit_price_fen"),
        (quantity.cast(pl.Int64) * price).alias("amount_fen"),
        (pl.col("end") - timedelta(hours=1)).alias("charged_at"),
    ).select(_FIELDS)


def _drug_line(stays: pl.DataFrame, amount: pl.Expr) -> pl.DataFrame:
    chinese = pl.col("drug_code").str.starts_with("Z")
    return stays.with_columns(
        pl.lit("101").alias("item_class_code"),
        pl.when(chinese).then(pl.lit("11")).otherwise(pl.lit("09")).alias("charge_type_code"),
        pl.when("is_essential").then(pl.lit("01")).otherwise(pl.lit("02"))
        .alias("item_level_code"),
        pl.col("drug_code").alias("item_code"),
        pl.col("drug_name").alias("item_name"),
        pl.lit(1, pl.Int64).alias("quantity"),
        amount.alias("unit_price_fen"),
        amount.alias("amount_fen"),
        (pl.col("start") + timedelta(hours=3)).alias("charged_at"),
    ).select(_FIELDS)  # fmt: skip


def drg_cases(stays: pl.DataFrame, rates: dict[str, Any], month: Month) -> pl.DataFrame:
    """One case per discharged stay with its group, weight and payment."""

    def chosen(name: str) -> pl.Expr:
        kind: type[pl.DataType] = pl.Float64 if name == "weight" else pl.String
        tables = (("operation_code", "by_operation"), ("diagnosis_code", "by_diagnosis"))
        found = [
            pl.col(column).replace_strict(
                {code: group[name] for code, group in rates[table].items()},
                default=None, return_dtype=kind,
            )
            for column, table in tables
        ]  # fmt: skip
        return pl.coalesce(*found, pl.lit(rates["other"][name], kind))

    nights = (pl.col("end").dt.date() - pl.col("start").dt.date()).dt.total_days()
    ratio = pl.col("fee_fen") / pl.col("payment_standard_fen")
    return stays.with_columns(
        serial("DRG", month, len(stays)).alias("case_id"),
        chosen("code").alias("drg_code"),
        chosen("name").alias("drg_name"),
        chosen("weight").alias("relative_weight"),
        pl.col("diagnosis_code").alias("main_diagnosis_code"),
        pl.col("operation_code").alias("main_operation_code"),
        pl.col("end").alias("discharged_at"),
        nights.alias("stay_days"),
        pl.col("fee_fen").alias("total_fee_fen"),
        pl.lit(rates["version"]).alias("grouper_version"),
    ).with_columns(
        (pl.col("relative_weight") * rates["base_fen"]).round(0).cast(pl.Int64)
        .alias("payment_standard_fen")
    ).with_columns(
        pl.when(ratio > rates["high"]).then(pl.lit("2"))
        .when(ratio < rates["low"]).then(pl.lit("3"))
        .otherwise(pl.lit("1")).alias("outlier_code")
    )  # fmt: skip
