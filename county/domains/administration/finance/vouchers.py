"""The month's vouchers of the members: what was earned, bought, paid and worn out.

Belongs here: entries of which each voucher's debit equals its credit. Not here: balances, budgets
and costs made of them (`domain.py`).
"""

from datetime import date, timedelta
from typing import Any

import polars as pl

from county.domains.administration.finance.assets import Assets
from county.domains.members import LEAD, members, pay
from county.scene import Scene

CASH, ZERO_BALANCE, CLAIMS, RECEIVABLE, STOCK = ("1002", "1011", "1212", "1218", "1302")
ASSETS, WORN, PAYROLL, SUPPLIERS, PAYABLE = ("1601", "1602", "2201", "2302", "2307")
SURPLUS, SUBSIDY, OTHER_INCOME = ("3001", "4001", "4609")
STAFF, DRUGS, MATERIALS, DEPRECIATION, OTHER = ("500101", "500102", "500103", "500104", "500105")
OUTPATIENT_INCOME = ("41010101", "41010102", "41010103")
INPATIENT_INCOME = ("41010201", "41010202", "41010203")
"""Services, drugs, materials."""

LINE = {
    "organization_id": pl.String, "booked_date": pl.Date, "kind": pl.Int64,
    "account_code": pl.String, "debit_fen": pl.Int64, "credit_fen": pl.Int64,
    "summary_text": pl.String, "counterparty_organization_id": pl.String,
}  # fmt: skip


def care(scene: Scene, rates: dict[str, Any]) -> pl.DataFrame:
    """Visits and ended stays of the month with what they earned: `bookkeeper`, `day`,
    `is_inpatient`, `department_name`, `fee`, `drug`, `material`, `service` in fen."""
    stays = scene.stays.filter(
        pl.col("end").dt.date().is_between(scene.month.first, scene.month.last)
    )
    columns = ("organization_id", "department_name", "fee_fen", "drug_fee_fen")
    both = pl.concat(
        [
            scene.visits.select(
                *columns, pl.col("start").dt.date().alias("day"), pl.lit(False).alias("inpatient")
            ),
            stays.select(
                *columns, pl.col("end").dt.date().alias("day"), pl.lit(True).alias("inpatient")
            ),
        ]
    )
    fee, drug = pl.col("fee_fen").fill_null(0), pl.col("drug_fee_fen").fill_null(0)
    material = ((fee - drug) * rates["material_share"]).round(0).cast(pl.Int64)
    keeper = members(scene).select("organization_id", "level", "bookkeeper")
    return both.join(keeper, on="organization_id", maintain_order="left").with_columns(
        fee.alias("fee"), drug.alias("drug"), material.alias("material"),
        (fee - drug - material).alias("service"),
    )  # fmt: skip


def income(earned: pl.DataFrame, rates: dict[str, Any], short: date | None) -> pl.DataFrame:
    """Vouchers of outpatients and of discharges: the lead hospital's of each day, the others' of
    ten days. On the day `short` the lead hospital books a tenth of its drugs too little."""
    day = pl.col("day")
    tenth = pl.when(day.dt.day() <= 10).then(10).when(day.dt.day() <= 20).then(20)
    settled = pl.date(day.dt.year(), day.dt.month(), tenth.otherwise(day.dt.month_end().dt.day()))
    earned = earned.with_columns(
        pl.when(pl.col("bookkeeper") == LEAD).then(day).otherwise(settled).alias("day")
    )
    sums = earned.group_by("bookkeeper", "day", "inpatient").agg(
        pl.col("drug", "material", "service").sum()
    ).sort("bookkeeper", "day", "inpatient")  # fmt: skip
    lacks = (pl.col("bookkeeper") == LEAD) & (pl.col("day") == short) & ~pl.col("inpatient")
    booked = pl.when(lacks).then(pl.col("drug") - pl.col("drug") // 10).otherwise("drug")
    sums = sums.with_columns(booked.alias("drug")).with_columns(
        pl.sum_horizontal("drug", "material", "service").alias("fee")
    )
    insured = (pl.col("fee") * rates["insured"]).round(0).cast(pl.Int64)
    sums = sums.with_columns(
        insured.alias("insured"), (pl.col("fee") - insured).alias("paid"),
    )  # fmt: skip
    parts = []
    for inpatient, accounts, text in (
        (False, OUTPATIENT_INCOME, "门急诊收入结算"), (True, INPATIENT_INCOME, "出院病人结算收入"),
    ):  # fmt: skip
        rows = sums.filter(pl.col("inpatient") == inpatient).rename({"bookkeeper": "owner"})
        kind = 2 if inpatient else 1
        sides = [("insured", CLAIMS, True), ("paid", CASH, True)]
        earnings = zip(("service", "drug", "material"), accounts, strict=True)
        sides += [(name, account, False) for name, account in earnings]
        parts += [_line(rows, kind, account, name, text, debit=d) for name, account, d in sides]
    return pl.concat(parts)


def monthly(
    scene: Scene, earned: pl.DataFrame, assets: Assets, rates: dict[str, Any]
) -> pl.DataFrame:
    """Vouchers made once a month: costs, purchases, payroll, depreciation, subsidy, services of
    the lead hospital to the centres. The centre whose turn it is books a tenth too little."""
    month = scene.month
    owners = members(scene).filter(pl.col("level") != "village").select("bookkeeper", "level")
    used = earned.group_by("bookkeeper").agg(
        pl.col("fee", "drug", "material").sum(), pl.len().cast(pl.Int64).alias("visits"),
        (pl.col("fee").sum() * rates["insured"] * rates["fund_paid"]).round(0).cast(pl.Int64)
        .alias("claims"),
    )  # fmt: skip
    payroll = pay(scene).group_by("bookkeeper").agg(
        pl.col("gross_fen", "net_fen", "deduction_fen").sum()
    )  # fmt: skip
    worn = assets.stated(month).filter(
        pl.col("scrapped_date").is_null() | (pl.col("scrapped_date") >= month.first)
    ).group_by(pl.col("organization_id").alias("bookkeeper")).agg(
        pl.col("depreciation_fen").sum()
    )  # fmt: skip
    books = owners
    for part in (used, payroll, worn):
        books = books.join(part, on="bookkeeper", how="left", maintain_order="left")
    bought = ((pl.col("drug") + pl.col("material")) * rates["purchases"]).round(0).cast(pl.Int64)
    other = rates["other_costs"]
    support = pl.col("level").replace_strict(rates["subsidy"], return_dtype=pl.Float64)
    lead = rates["lead_services"]
    books = books.fill_null(0).with_columns(
        bought.alias("bought"),
        (bought * rates["paid_suppliers"]).round(0).cast(pl.Int64).alias("settled"),
        (pl.col("gross_fen") * support).round(0).cast(pl.Int64).alias("subsidy"),
        (pl.col("fee") * other["share"] + other["fixed_fen"]).round(0).cast(pl.Int64)
        .alias("other"),
        (pl.col("visits") * lead["visit_fen"] + lead["fixed_fen"]).alias("billed"),
        pl.col("bookkeeper").alias("owner"),
    )  # fmt: skip
    first, last = month.first, month.last
    steps = (
        (3, last, "结转药品成本", [(DRUGS, "drug", True), (STOCK, "drug", False)]),
        (4, last, "结转卫生材料成本", [(MATERIALS, "material", True), (STOCK, "material", False)]),
        (5, 20, "采购药品耗材入库", [(STOCK, "bought", True), (SUPPLIERS, "bought", False)]),
        (6, 26, "支付供应商货款", [(SUPPLIERS, "settled", True), (CASH, "settled", False)]),
        (7, 25, "计提职工薪酬", [(STAFF, "gross_fen", True), (PAYROLL, "gross_fen", False)]),
        (8, 25, "发放职工薪酬", [(PAYROLL, "gross_fen", True), (CASH, "net_fen", False),
                           (PAYABLE, "deduction_fen", False)]),
        (9, last, "计提固定资产折旧", [(DEPRECIATION, "depreciation_fen", True),
                               (WORN, "depreciation_fen", False)]),
        (10, 5, "财政基本补助", [(ZERO_BALANCE, "subsidy", True), (SUBSIDY, "subsidy", False)]),
        (11, last, "水电物业等费用", [(OTHER, "other", True), (CASH, "other", False)]),
        (12, 22, "医保基金拨付", [(CASH, "claims", True), (CLAIMS, "claims", False)]),
    )  # fmt: skip
    parts = [
        _line(
            books.with_columns(
                pl.lit(day if isinstance(day, date) else first + timedelta(days=day - 1))
                .alias("day")
            ),
            kind, account, amount, text, debit=debit,
        )
        for kind, day, text, sides in steps
        for account, amount, debit in sides
    ]  # fmt: skip
    centres = books.filter(pl.col("level") == "township").with_columns(
        pl.lit(first + timedelta(days=27)).alias("day")
    )
    return pl.concat([*parts, *_between(centres, month.index), *_renewals(assets)])


def _between(centres: pl.DataFrame, turn: int) -> list[pl.DataFrame]:
    """What the lead hospital bills each centre, in both books."""
    text = "医共体内检查检验服务结算"
    billed = centres.with_columns(pl.lit(LEAD).alias("owner"), pl.col("bookkeeper").alias("other"))
    short = pl.int_range(pl.len()) == turn % max(len(centres), 1)
    amount = pl.when(short).then(pl.col("billed") - pl.col("billed") // 10).otherwise("billed")
    owed = centres.with_columns(amount.alias("billed"), pl.lit(LEAD).alias("other"))
    return [
        _line(billed, 13, RECEIVABLE, "billed", text, debit=True, partner="other"),
        _line(billed, 13, OTHER_INCOME, "billed", text, debit=False, partner="other"),
        _line(owed, 14, OTHER, "billed", text, debit=True, partner="other"),
        _line(owed, 14, PAYABLE, "billed", text, debit=False, partner="other"),
    ]


def _renewals(assets: Assets) -> list[pl.DataFrame]:
    """Purchase of assets, and worn-out ones that leave the books."""
    new = assets.bought.with_columns(
        pl.col("organization_id").alias("owner"), pl.col("acquired_date").alias("day")
    )
    old = assets.scrapped.with_columns(
        pl.col("organization_id").alias("owner"), pl.col("scrapped_date").alias("day")
    )
    return [
        _line(new, 15, ASSETS, "original_fen", "购置固定资产", debit=True),
        _line(new, 15, CASH, "original_fen", "购置固定资产", debit=False),
        _line(old, 16, WORN, "original_fen", "固定资产报废核销", debit=True),
        _line(old, 16, ASSETS, "original_fen", "固定资产报废核销", debit=False),
    ]


def _line(
    rows: pl.DataFrame, kind: int, account: str, amount: str, text: str, *, debit: bool,
    partner: str | None = None,
) -> pl.DataFrame:  # fmt: skip
    """One side of a voucher for each row with `owner`, `day` and an amount above zero."""
    none = pl.lit(None, pl.Int64)
    value = pl.col(amount).cast(pl.Int64)
    return rows.filter(value > 0).select(
        pl.col("owner").alias("organization_id"),
        pl.col("day").alias("booked_date"),
        pl.lit(kind, pl.Int64).alias("kind"),
        pl.lit(account).alias("account_code"),
        (value if debit else none).alias("debit_fen"),
        (none if debit else value).alias("credit_fen"),
        pl.lit(text).alias("summary_text"),
        (pl.col(partner) if partner else pl.lit(None, pl.String)).alias(
            "counterparty_organization_id"
        ),
    )
