"""What primary institutions lack, how it comes, and what everyone orders on the purchase platform.

Belongs here: shortage registrations with their steps, purchase and delivery. Not here: stock of a
pharmacy and what it hands out (`domain.py`).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import codes, days, drawn, hours_later, moments, serial
from county.domains.picks import of_level, picked
from county.domains.waiting import Waiting, after
from county.scene import Export, Scene

REGISTRATIONS = "consortium__drug_shortage__registrations"
STEPS = "consortium__drug_shortage__supplies"
SUPPLY = "consortium__purchase_platform__supply"
_REQUESTED, _ORDERED, _DELIVERED, _USED, _RETURNED = ("1", "2", "3", "4", "5")
_SUPPLIERS = ("云泉医药配送（虚构）", "天山医药物流（虚构）", "绿洲医药（虚构）")
_MAKERS = ("东方制药（虚构）", "华康药业（虚构）", "西域民族药业（虚构）")
# Drugs outside a primary institution's list: code, name, specification, price in fen, essential,
# emergency. Codes are invented, prices assumed.
_LACKING = (
    ("XS0001", "硝酸甘油片", "0.5mg*100片", 3200, True, True),
    ("XS0002", "盐酸肾上腺素注射液", "1ml:1mg", 580, True, True),
    ("XS0003", "甲巯咪唑片", "5mg*100片", 2860, True, False),
    ("XS0004", "卡马西平片", "0.1g*100片", 1940, True, False),
    ("XS0005", "沙库巴曲缬沙坦钠片", "100mg*14片", 5120, False, False),
    ("XS0006", "利伐沙班片", "10mg*5片", 1860, False, False),
)


class Shortages:
    """Registrations of lacking drugs; steps beyond the month wait for theirs."""

    def __init__(self, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._waiting = Waiting()

    def month(self, scene: Scene, drugs: pl.DataFrame) -> Iterator[Export]:
        random = scene.random("pharmacy_supply")
        visits = of_level(scene, scene.visits, ["township", "village"])
        chosen = drawn(random, visits, self._rates["registered"], least=4)
        lacking = pl.concat(
            [
                pl.DataFrame(
                    _LACKING,
                    schema=["drug_code", "drug_name", "specification", "price_fen", "is_essential",
                            "is_emergency_drug"],
                    orient="row",
                ),
                drugs.head(3).select(
                    "drug_code", "drug_name", "specification",
                    pl.col("price_fen").cast(pl.Int64), "is_essential",
                    pl.lit(False).alias("is_emergency_drug"),
                ),
            ]
        )  # fmt: skip
        size = len(chosen)
        registered = chosen.with_columns(
            *picked(random, lacking, size).get_columns(),
            serial("QY", scene.month, size).alias("registration_id"),
            (pl.col("start") + timedelta(minutes=30)).alias("registered_at"),
            pl.Series("requested_quantity", random.integers(1, 11, size)),
            pl.lit("盒").alias("quantity_unit"),
            codes(random, self._rates["reasons"], size).alias("reason_code"),
            codes(random, self._rates["outcomes"], size).alias("_outcome"),
        )
        start = registered["registered_at"]
        asked = hours_later(random, start, 4, 30)
        ordered = hours_later(random, asked, 4, 40)
        came = hours_later(random, ordered, 48, 240)
        taken = hours_later(random, came, 4, 60)
        registered = registered.with_columns(
            asked.alias("_asked"),
            ordered.alias("_ordered"),
            came.alias("_came"),
            taken.alias("_taken"),
            picked(random, pl.DataFrame({"s": _SUPPLIERS}), size)["s"].alias("supplier_name"),
        )
        end = pl.lit(after(scene.month))
        outcome = pl.col("_outcome")
        supplied = outcome.is_in(["used", "abandoned"])
        status = (
            pl.when(outcome == "cancelled").then(pl.lit("2"))
            .when(supplied & (pl.col("_taken") < end) & (outcome == "used")).then(pl.lit("5"))
            .when(supplied & (pl.col("_taken") < end)).then(pl.lit("6"))
            .when(supplied & (pl.col("_came") < end)).then(pl.lit("4"))
            .when(pl.col("_asked") < end).then(pl.lit("3"))
            .otherwise(pl.lit("1"))
        )  # fmt: skip
        yield Export(
            REGISTRATIONS,
            registered.with_columns(
                status.alias("status_code"),
                pl.when(outcome == "cancelled").then(pl.lit(asked)).alias("cancelled_at"),
            ),
        )
        wanted = registered.filter(outcome != "cancelled")
        came_in = wanted.filter(supplied)
        steps = pl.concat(
            [
                _step(wanted, _REQUESTED, "_asked"),
                _step(wanted, _ORDERED, "_ordered"),
                _step(came_in, _DELIVERED, "_came"),
                _step(came_in.filter(outcome == "used"), _USED, "_taken"),
                _step(came_in.filter(outcome == "abandoned"), _RETURNED, "_taken"),
            ]
        )
        yield Export(STEPS, self._waiting.due("steps", steps, "occurred_at", scene.month))


def _step(rows: pl.DataFrame, kind: str, moment: str) -> pl.DataFrame:
    lot = "L" + pl.col("drug_code").str.slice(-2) + pl.col("_came").dt.strftime("%y%m")
    return rows.select(
        (pl.col("registration_id") + "-" + kind).alias("supply_step_id"),
        "organization_id",
        "registration_id",
        pl.lit(kind).alias("step_code"),
        pl.col(moment).alias("occurred_at"),
        pl.col("requested_quantity").alias("quantity"),
        (pl.col("requested_quantity") * pl.col("price_fen")).alias("amount_fen"),
        "supplier_name",
        (lot if kind in (_DELIVERED, _USED, _RETURNED) else pl.lit(None, pl.String)).alias(
            "lot_number"
        ),
        "staff_id",
    )


def purchases(scene: Scene, drugs: pl.DataFrame, rates: dict[str, Any]) -> Export:
    """Order lines of the month, one per institution and drug that it orders."""
    random = scene.random("purchase")
    buyers = scene.organizations.filter(pl.col("level").is_in(["hospital", "township"]))
    pairs = buyers.select("organization_id", "level").join(drugs, how="cross")
    lines = drawn(random, pairs, rates["ordered"], least=10)
    size = len(lines)
    scale = np.where((lines["level"] == "hospital").to_numpy(), 40, 8)
    first = scene.month.first
    ordered = moments(random, days(random, first, first + timedelta(days=15), size))
    state = codes(random, rates["states"], size)
    share = pl.Series(random.uniform(0.3, 0.9, size))
    quantity = pl.Series(np.maximum(10, scale * random.integers(1, 12, size)))
    came = state.is_in(["2", "3"])
    part = (quantity * share).round(0).cast(pl.Int64)
    delivered = pl.when(state == "3").then(quantity).when(state == "2").then(part)
    lines = lines.with_columns(
        serial("CG", scene.month, size).alias("supply_order_id"),
        ordered.alias("ordered_at"),
        quantity.alias("ordered_quantity"),
        delivered.otherwise(pl.lit(0)).alias("delivered_quantity"),
        pl.when(came).then(pl.lit(hours_later(random, ordered, 24, 240))).alias("delivered_at"),
        pl.col("price_fen").alias("unit_price_fen"),
        state.alias("state_code"),
        picked(random, pl.DataFrame({"m": _MAKERS}), size)["m"].alias("manufacturer_name"),
        picked(random, pl.DataFrame({"s": _SUPPLIERS}), size)["s"].alias("supplier_name"),
        pl.Series("is_volume_purchased", random.random(size) < rates["volume_purchased"]),
    )
    return Export(SUPPLY, lines)
