"""The shared TCM pharmacy: stock, dispensing, comment, decoction and preparation, delivery.

Belongs here: what happens to a Chinese-medicine prescription after the doctor. Not here: the
diagnosis support (`domain.py`), pharmacies of packaged drugs (`medical_management/pharmacy/`).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, codes, days, drawn, hours_later, moments, serial
from county.domains.picks import in_service, picked
from county.domains.waiting import after
from county.roles import TCM_HOSPITAL
from county.scene import Export, Scene

STOCK = "tcm_hospital__pharmacy__stock"
DISPENSING = "tcm_hospital__pharmacy__dispensing"
REVIEWS = "tcm_hospital__pharmacy__reviews"
DECOCTIONS = "tcm_hospital__pharmacy__decoctions"
DELIVERIES = "tcm_hospital__pharmacy__deliveries"
_PHARMACY = TCM_HOSPITAL
_SUPPLIERS = ("昆仑中药饮片（虚构）", "丝路本草（虚构）")
_TCM, _COMMENT = "4", "3"
_DECOCTION = "1"


def pharmacy(
    scene: Scene, visits: pl.DataFrame, treatments: pl.DataFrame, rates: dict[str, Any]
) -> Iterator[Export]:
    """The month of the shared pharmacy."""
    random = scene.random("tcm_pharmacy")
    workers = in_service(scene, ["11", "32"]).filter(pl.col("organization_id") == _PHARMACY)
    dispensed = _dispensed(scene, visits, treatments, workers, rates, random)
    yield Export(STOCK, _stock(scene, rates, random))
    yield Export(DISPENSING, dispensed)
    yield Export(REVIEWS, _reviews(scene, dispensed, workers, rates, random))
    decocted = dispensed.filter("is_decocted")
    yield Export(DECOCTIONS, _decoctions(scene, decocted, workers, rates, random))
    yield Export(DELIVERIES, _deliveries(scene, decocted, rates, random))


def _stock(scene: Scene, rates: dict[str, Any], random: np.random.Generator) -> pl.DataFrame:
    """Every lot of every herb on the month's last day."""
    lots = pl.DataFrame({"_lot": list(range(1, rates["stock"]["lots"] + 1))})
    rows = pl.DataFrame(rates["herbs"]).join(lots, how="cross")
    size, month = len(rows), scene.month
    low = chance(random, rates["stock"]["below_reorder"], size)
    reorder = pl.Series(np.full(size, 2000.0))
    full = pl.Series(np.round(random.uniform(2200, 30000, size), 1))
    scarce = pl.Series(np.round(random.uniform(100, 1900, size), 1))
    expiry = pl.Series(random.integers(60, 700, size))
    return rows.select(
        serial("KC", month, size).alias("stock_id"),
        pl.lit(month.last).alias("counted_date"),
        pl.col("code").alias("herb_code"),
        pl.col("name").alias("herb_name"),
        pl.lit("decoction").alias("form_code"),
        (pl.col("code") + "-" + f"{month.year}" + pl.col("_lot").cast(pl.String).str.zfill(2))
        .alias("lot_number"),
        pl.col("origin").alias("origin_name"),
        picked(random, pl.DataFrame({"s": _SUPPLIERS}), size)["s"].alias("supplier_name"),
        pl.when(low).then(scarce).otherwise(full).alias("quantity_g"),
        reorder.alias("reorder_point_g"),
        pl.col("price_fen").alias("unit_price_fen"),
        (pl.lit(month.last) + pl.duration(days=pl.lit(expiry))).alias("expiry_date"),
    )  # fmt: skip


def _dispensed(
    scene: Scene, visits: pl.DataFrame, treatments: pl.DataFrame, workers: pl.DataFrame,
    rates: dict[str, Any], random: np.random.Generator,
) -> pl.DataFrame:  # fmt: skip
    """Prescriptions of TCM visits that came in early enough to be finished within the month."""
    early = visits.filter(pl.col("start") < after(scene.month) - timedelta(hours=12))
    with_drugs = (early["drug_fee_fen"].fill_null(0) > 0).to_numpy()
    found = drawn(random, early, np.where(with_drugs, rates["dispensed"], 0.001), least=5)
    size = len(found)
    kinds = pl.Series(random.integers(6, 16, size))
    doses = pl.Series(random.integers(3, 15, size))
    weight = pl.Series(np.round(kinds * doses * random.uniform(9, 13, size), 1))
    form = codes(random, rates["forms"], size)
    ordered = hours_later(random, found["start"], 0.4, 1.0)
    checked = hours_later(random, ordered, 0.1, 0.5)
    done = hours_later(random, checked, 0.3, 3)
    decocted = (form == "decoction") & chance(random, rates["decocted"], size)
    return found.with_columns(
        serial("TJ", scene.month, size).alias("tcm_dispensing_id"),
        pl.col("organization_id").alias("ordering_organization_id"),
        ("CF" + pl.col("encounter_id")).alias("prescription_id"),
        picked(random, treatments, size)["formula"].alias("formula_name"),
        form.alias("form_code"),
        kinds.alias("herb_kind_count"),
        doses.alias("dose_count"),
        weight.alias("total_weight_g"),
        (weight * 9).round(0).cast(pl.Int64).alias("amount_fen"),
        ordered.alias("received_order_at"),
        checked.alias("checked_at"),
        done.alias("dispensed_at"),
        hours_later(random, done, 0.05, 0.4).alias("rechecked_at"),
        chance(random, rates["antagonism"], size).alias("has_antagonism"),
        chance(random, rates["overdose"], size).alias("has_overdose"),
        decocted.alias("is_decocted"),
        picked(random, workers, size)["staff_id"].alias("pharmacist_id"),
        picked(random, workers, size)["staff_id"].alias("checker_id"),
    )


def _reviews(
    scene: Scene, dispensed: pl.DataFrame, workers: pl.DataFrame, rates: dict[str, Any],
    random: np.random.Generator,
) -> pl.DataFrame:  # fmt: skip
    """Comments on dispensed prescriptions at the month's end."""
    found = drawn(random, dispensed, rates["commented"], least=2)
    size = len(found)
    opposed, much = pl.col("has_antagonism"), pl.col("has_overdose")
    reviewed = after(scene.month) - timedelta(hours=7)
    return found.with_columns(
        serial("DP", scene.month, size).alias("review_id"),
        pl.lit(_TCM).alias("prescription_source_code"),
        pl.lit(_COMMENT).alias("stage_code"),
        pl.min_horizontal("rechecked_at", pl.lit(reviewed)).alias("submitted_at"),
        pl.lit(reviewed).alias("reviewed_at"),
        (opposed.cast(pl.Int64) + much.cast(pl.Int64)).alias("rule_hit_count"),
        pl.when(opposed).then(pl.lit("4")).when(much).then(pl.lit("2"))
        .alias("worst_severity_code"),
        pl.when(opposed | much).then(pl.lit("2")).otherwise(pl.lit("1")).alias("decision_code"),
        (~(opposed | much)).alias("is_rational"),
        pl.col("staff_id").alias("prescriber_id"),
        picked(random, workers, size)["staff_id"].alias("pharmacist_id"),
        pl.when(opposed).then(pl.lit("含十八反药对"))
        .when(much).then(pl.lit("单味药超量"))
        .otherwise(pl.lit("处方合格")).alias("comment"),
    )  # fmt: skip


def _decoctions(
    scene: Scene, decocted: pl.DataFrame, workers: pl.DataFrame, rates: dict[str, Any],
    random: np.random.Generator,
) -> pl.DataFrame:  # fmt: skip
    """Batches: one per decocted prescription, and the hospital's own preparations."""
    own = pl.DataFrame(
        {"product_kind_code": picked(random, pl.DataFrame({"k": ["2", "3", "4", "5"]}),
                                     rates["preparations"])["k"]}
    )  # fmt: skip
    day = days(random, scene.month.first, scene.month.last, len(own))
    own = own.with_columns(
        pl.lit(None, pl.String).alias("tcm_dispensing_id"),
        moments(random, day, opens=8, closes=12).alias("soaked_at"),
        pl.Series("packet_count", random.integers(80, 600, len(own))),
    )
    batches = pl.concat(
        [
            decocted.select(
                pl.lit(_DECOCTION).alias("product_kind_code"),
                "tcm_dispensing_id",
                pl.col("rechecked_at").alias("soaked_at"),
                (pl.col("dose_count") * 2).alias("packet_count"),
            ),
            own,
        ]
    )
    size = len(batches)
    started = hours_later(random, batches["soaked_at"], 0.6, 1.2)
    herbs = pl.DataFrame(rates["herbs"])
    year = scene.month.year
    first, second = (picked(random, herbs, size)["code"] for _ in range(2))
    machine = pl.Series(random.integers(1, 7, size)).cast(pl.String)
    return batches.with_columns(
        serial("JY", scene.month, size).alias("batch_id"),
        ("JYJ0" + machine).alias("machine_id"),
        (first + f"-{year}01、" + second + f"-{year}02").alias("herb_lot_numbers"),
        started.alias("started_at"),
        hours_later(random, started, 0.8, 1.6).alias("ended_at"),
        pl.Series("temperature_celsius", np.round(random.uniform(98, 118, size), 1)),
        (~chance(random, rates["quality_failed"], size)).alias("is_quality_passed"),
        picked(random, workers, size)["staff_id"].alias("operator_id"),
        picked(random, workers, size)["staff_id"].alias("checker_id"),
    )


def _deliveries(
    scene: Scene, decocted: pl.DataFrame, rates: dict[str, Any], random: np.random.Generator
) -> pl.DataFrame:
    """Deliveries handed over within the month; those signed later are still under way."""
    found = drawn(random, decocted, rates["delivered"], least=2)
    handed = hours_later(random, found["rechecked_at"], 3, 6)
    found = found.with_columns(handed.alias("handed_over_at")).filter(
        pl.col("handed_over_at") < after(scene.month)
    )
    size = len(found)
    mode = codes(random, rates["modes"], size)
    punctual = chance(random, rates["on_time"], size).to_numpy()
    hours = rates["promised_hours"]
    took = np.where(punctual, random.uniform(2, hours, size), random.uniform(hours, 72, size))
    signed = pl.col("handed_over_at") + pl.duration(
        seconds=pl.lit(pl.Series((took * 3600).astype(np.int64)))
    )
    home = scene.people.select("person", pl.col("organization_id").alias("home"))
    back = chance(random, rates["returned"], size)
    under_way = signed >= after(scene.month)
    return found.join(home, on="person", how="left", maintain_order="left").with_columns(
        serial("PS", scene.month, size).alias("delivery_id"),
        mode.alias("mode_code"),
        pl.when(mode == "3").then("home").alias("receiving_organization_id"),
        (pl.col("handed_over_at") + timedelta(hours=hours)).alias("promised_at"),
        pl.when(~under_way & ~back).then(signed).alias("signed_at"),
        pl.when(back).then(pl.lit("4")).when(under_way).then(pl.lit("2"))
        .otherwise(pl.lit("3")).alias("state_code"),
        pl.when(mode == "2").then(pl.lit("云泉同城速递（虚构）"))
        .otherwise(pl.lit("医共体物流中心")).alias("carrier_name"),
        pl.when(mode == "2").then(1000).otherwise(0).cast(pl.Int64).alias("fee_fen"),
    )  # fmt: skip
