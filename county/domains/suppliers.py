"""Suppliers of the consortium, and what is paid of their invoices.

Belongs here: who supplies what under which contract. Not here: what is bought
(`administration/materials/`, `medical_management/pharmacy/drug_supply.py`) or the contracts
themselves (`administration/office/`).
"""

from datetime import date, timedelta

import numpy as np
import polars as pl

from county.domains.draws import codes, serial
from county.scene import Scene

# Invented, as are the licences; kinds of `standards/code_systems/supply_kind.csv`.
SUPPLIERS = pl.DataFrame(
    [
        ("GY001", "云泉文印办公（虚构）", "material", "LM-2023-0107", date(2028, 5, 31)),
        ("GY002", "绿洲布草洗涤（虚构）", "material", "LM-2022-0311", date(2027, 3, 31)),
        ("GY003", "西域五金建材（虚构）", "material", "LM-2024-0052", date(2029, 1, 31)),
        ("GY004", "丝路信息技术（虚构）", "equipment", "LM-2021-0450", date(2026, 4, 30)),
        ("GY101", "云泉医药配送（虚构）", "drug", "YP-2022-0016", date(2027, 9, 30)),
        ("GY102", "天山医药物流（虚构）", "drug", "YP-2023-0021", date(2028, 2, 29)),
        ("GY103", "绿洲医药（虚构）", "drug", "YP-2021-0009", date(2026, 6, 30)),
        ("GY104", "昆仑医用耗材（虚构）", "consumable", "QX-2023-0033", date(2028, 8, 31)),
    ],
    schema=["supplier_id", "supplier_name", "supply_kind_code", "licence_number",
            "licence_valid_to_date"],
    orient="row",
)  # fmt: skip


def contract_of(supplier: pl.Expr, year: int) -> pl.Expr:
    """Number of a supplier's framework contract of a year."""
    return pl.lit(f"HTCG{year}") + supplier.str.slice(-3)


def settlements(
    purchases: pl.DataFrame, prefix: str, scene: Scene, shares: dict[str, float],
    random: np.random.Generator,
) -> pl.DataFrame:  # fmt: skip
    """One invoice per order with something received, and what is paid of it."""
    amount = pl.col("received_quantity") * pl.col("unit_price_fen")
    invoices = purchases.filter(pl.col("received_quantity") > 0).group_by(
        "purchase_order_id", "organization_id", "supplier_id", "invoice_number",
        maintain_order=True,
    ).agg(amount.sum().alias("amount_fen"), pl.col("received_at").max())  # fmt: skip
    size = len(invoices)
    state = codes(random, shares, size)
    last = scene.month.last
    invoiced = pl.min_horizontal(pl.col("received_at").dt.date() + timedelta(days=2), pl.lit(last))
    waited = ((pl.lit(last) - invoiced).dt.total_days() * pl.Series(random.random(size))).floor()
    paid = invoiced + pl.duration(days=waited)
    return invoices.with_columns(
        serial(prefix, scene.month, size).alias("settlement_id"),
        invoiced.alias("invoiced_date"),
        state.alias("state_code"),
        pl.when(state == "3").then("amount_fen").when(state == "2")
        .then(pl.col("amount_fen") // 2).otherwise(0).alias("paid_fen"),
        pl.when(state != "1").then(paid).alias("paid_date"),
    )  # fmt: skip
