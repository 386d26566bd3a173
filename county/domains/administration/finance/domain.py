"""Books of the members: vouchers, balances, budgets, costs, assets and list prices.

Belongs here: what the HRP of the lead hospital and the consortium's central accounting send. Not
here: single entries (`vouchers.py`), asset cards (`assets.py`).
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from county.domains.administration.finance.assets import Assets
from county.domains.administration.finance.costs import costs
from county.domains.administration.finance.vouchers import (
    ASSETS,
    CASH,
    LINE,
    OUTPATIENT_INCOME,
    STOCK,
    SURPLUS,
    WORN,
    care,
    income,
    monthly,
)
from county.domains.members import LEAD, by_system
from county.months import Month
from county.scene import Export, Planted, Scene

VOUCHERS = ("county_hospital__hrp__vouchers", "consortium__finance__vouchers")
BALANCES = ("county_hospital__hrp__balances", "consortium__finance__balances")
COSTS = ("county_hospital__hrp__costs", "consortium__finance__costs")
CARDS = ("county_hospital__hrp__assets", "consortium__finance__assets")
BUDGETS = "consortium__finance__budgets"
PRICES = "consortium__finance__prices"
_OWN = ["organization_id", "account_code"]
_CLOSING = 99


class Domain:
    """Keeps the balance of every account and the year's budgets between months."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._assets = Assets(seed, rates["assets"])
        self._balances = pl.DataFrame()
        self._budgets = pl.DataFrame()

    def month(self, scene: Scene) -> Iterator[Export]:
        random, rates, month = scene.random("finance"), self._rates, scene.month
        cards = self._assets.month(scene)
        earned = care(scene, rates)
        short = _short_day(earned)
        entries = pl.concat(
            [
                income(earned, rates, short).select(list(LINE)),
                monthly(scene, earned, self._assets, rates),
            ]
        )
        if month.index == 0:
            self._balances = self._opening(earned, month)
        if month.number == 12:
            entries = pl.concat([entries, self._year_end(entries, month.last)])
        vouchers = _numbered(entries, month)
        yield from by_system(VOUCHERS, vouchers, "entry_id", _planted(vouchers, short))
        balances = self._carried(vouchers, month)
        yield from by_system(BALANCES, balances, "balance_id")
        yield self._executed(vouchers, month, random)
        yield from by_system(COSTS, costs(scene, earned, vouchers), "cost_id")
        yield from by_system(CARDS, cards, "statement_id")
        if month.index == 0:
            yield self._prices()

    def _opening(self, earned: pl.DataFrame, month: Month) -> pl.DataFrame:
        """Balances before the first month, in each account's own direction."""
        rates = self._rates["opening"]
        owned = self._assets.stated(month).group_by("organization_id").agg(
            pl.col("original_fen").sum().alias(ASSETS),
            (pl.col("accumulated_fen").sum() - pl.col("depreciation_fen").sum()).alias(WORN),
        )  # fmt: skip
        used = earned.group_by(pl.col("bookkeeper").alias("organization_id")).agg(
            (pl.col("fee").sum() * rates["cash"]).round(0).cast(pl.Int64).alias(CASH),
            ((pl.col("drug").sum() + pl.col("material").sum()) * rates["stock"])
            .round(0).cast(pl.Int64).alias(STOCK),
        )  # fmt: skip
        books = owned.join(used, on="organization_id", how="left").fill_null(0)
        books = books.with_columns(
            (pl.col(CASH) + pl.col(STOCK) + pl.col(ASSETS) - pl.col(WORN)).alias(SURPLUS)
        )
        return books.unpivot(
            [CASH, STOCK, ASSETS, WORN, SURPLUS], index="organization_id",
            variable_name="account_code", value_name="opening_fen",
        )  # fmt: skip

    def _carried(self, vouchers: pl.DataFrame, month: Month) -> pl.DataFrame:
        """The month's balance of every account that holds or moved something."""
        moved = vouchers.group_by(_OWN).agg(pl.col("debit_fen", "credit_fen").sum())
        rows = self._balances.join(moved, on=_OWN, how="full", coalesce=True).sort(_OWN)
        debit = _is_debit()
        sign = pl.when(debit).then(1).otherwise(-1)
        rows = rows.with_columns(
            pl.col("opening_fen", "debit_fen", "credit_fen").fill_null(0)
        ).with_columns(
            ("YE" + pl.col("organization_id").str.slice(6) + pl.col("account_code")
             + month.compact).alias("balance_id"),
            pl.lit(month.first).alias("period_month"),
            pl.when(debit).then(pl.lit("debit")).otherwise(pl.lit("credit"))
            .alias("direction_code"),
            (pl.col("opening_fen") + sign * (pl.col("debit_fen") - pl.col("credit_fen")))
            .alias("closing_fen"),
        )  # fmt: skip
        self._balances = rows.select(*_OWN, pl.col("closing_fen").alias("opening_fen"))
        return rows

    def _year_end(self, entries: pl.DataFrame, last: date) -> pl.DataFrame:
        """Income and expenses of the year turned over to the surplus."""
        moved = entries.group_by(_OWN).agg(pl.col("debit_fen", "credit_fen").sum())
        rows = (
            self._balances.join(moved, on=_OWN, how="full", coalesce=True).fill_null(0).sort(_OWN)
        )
        change = pl.col("debit_fen") - pl.col("credit_fen")
        held = pl.col("opening_fen") + pl.when(_is_debit()).then(change).otherwise(-change)
        rows = rows.with_columns(held.alias("held")).filter(
            pl.col("account_code").str.contains("^[45]") & (pl.col("held") != 0)
        )
        spent = pl.col("account_code").str.starts_with("5")
        surplus = pl.when(spent).then(-pl.col("held")).otherwise("held")
        turned = rows.group_by("organization_id", maintain_order=True).agg(surplus.sum())
        turned = turned.select(
            "organization_id",
            pl.lit(SURPLUS).alias("account_code"),
            pl.when(pl.col("held") < 0).then(-pl.col("held")).alias("debit_fen"),
            pl.when(pl.col("held") >= 0).then("held").alias("credit_fen"),
        )
        closed = rows.select(
            *_OWN,
            pl.when(~spent).then("held").alias("debit_fen"),
            pl.when(spent).then("held").alias("credit_fen"),
        )
        return pl.concat([closed, turned]).select(
            "organization_id",
            pl.lit(last).alias("booked_date"),
            pl.lit(_CLOSING, pl.Int64).alias("kind"),
            "account_code", "debit_fen", "credit_fen",
            pl.lit("年末结转本期盈余").alias("summary_text"),
            pl.lit(None, pl.String).alias("counterparty_organization_id"),
        )  # fmt: skip

    def _executed(
        self, vouchers: pl.DataFrame, month: Month, random: np.random.Generator
    ) -> Export:
        """Budget lines of the year with what was earned or spent so far."""
        flows = vouchers.filter(
            pl.col("account_code").str.contains("^[45]") & (pl.col("kind") != _CLOSING)
        )
        done = flows.group_by(_OWN).agg(
            pl.coalesce("debit_fen", "credit_fen").sum().alias("month_fen")
        ).sort(_OWN)  # fmt: skip
        if month.index == 0 or month.number == 1:
            rate = self._rates["budget"]
            factor = pl.Series(random.uniform(rate["low"], rate["high"], len(done)))
            tight = (pl.col("organization_id") != LEAD) & (pl.col("account_code") == "500105")
            tight &= tight.cum_sum() == 1
            year = done.with_columns(
                tight.alias("is_tight"),
                (pl.col("month_fen") * pl.when(tight).then(0.4).otherwise(12 * factor) / 10000)
                .ceil().cast(pl.Int64).alias("budget"),
            )  # fmt: skip
            self._budgets = year.select(
                *_OWN, "budget", "is_tight", pl.lit(0, pl.Int64).alias("so_far")
            )
        rows = self._budgets.join(done, on=_OWN, how="left", maintain_order="left")
        so_far = pl.col("so_far") + pl.col("month_fen").fill_null(0)
        self._budgets = rows.with_columns(so_far.alias("so_far")).drop("month_fen")
        report = "YS" + pl.col("organization_id").str.slice(6) + pl.col("account_code")
        rows = self._budgets.with_columns(
            (report + month.compact).alias("budget_report_id"),
            pl.lit(month.year).alias("budget_year"),
            (pl.col("budget") / 100).alias("budget_wan"),
            (pl.col("so_far") / 1_000_000).round(4).alias("executed_wan"),
            pl.lit(month.last).alias("reported_date"),
        )
        over = rows.filter("is_tight")["budget_report_id"]
        return Export(BUDGETS, rows, [Planted("over_budget", key) for key in over])

    def _prices(self) -> Export:
        given = self._rates["prices"]
        rows = (
            pl.DataFrame(given["items"])
            .unpivot(
                ["hospital", "township", "village"], index=["code", "name", "charge", "unit"],
                variable_name="organization_level", value_name="list_price_fen",
            )
            .drop_nulls("list_price_fen")
            .sort("code", "organization_level")
        )  # fmt: skip
        level = pl.col("organization_level").str.slice(0, 1).str.to_uppercase()
        rows = rows.select(
            ("JG" + pl.col("code") + level).alias("price_id"),
            pl.col("code").alias("item_code"), pl.col("name").alias("item_name"),
            pl.col("charge").alias("charge_type_code"), pl.col("unit").alias("unit_name"),
            "organization_level", "list_price_fen",
            pl.lit(given["document"]).alias("document_number"),
            pl.lit(date(2025, 7, 1)).alias("valid_from"), pl.lit(None, pl.Date).alias("valid_to"),
        )  # fmt: skip
        above = rows.filter(
            (pl.col("item_code") == given["above_list"])
            & (pl.col("organization_level") == "hospital")
        )
        return Export(PRICES, rows, [Planted("charged_above_list", k) for k in above["price_id"]])


def _is_debit() -> pl.Expr:
    """Whether an account's balance stands on the debit side."""
    account = pl.col("account_code")
    return account.str.contains("^[15]") & (account != WORN)


def _short_day(earned: pl.DataFrame) -> date | None:
    """A day in the middle of those on which the lead hospital sold drugs to outpatients."""
    days = earned.filter((pl.col("bookkeeper") == LEAD) & ~pl.col("inpatient"))
    sold = days.group_by("day").agg(pl.col("drug").sum()).filter(pl.col("drug") >= 10).sort("day")
    return sold["day"][len(sold) // 2] if len(sold) else None


def _numbered(entries: pl.DataFrame, month: Month) -> pl.DataFrame:
    """Entries in the order of their vouchers, each voucher of an organization, day and kind under
    one number, prepared and checked by two accountants."""
    order = ["organization_id", "booked_date", "kind"]
    rows = entries.sort([*order, "counterparty_organization_id"], maintain_order=True).with_columns(
        pl.struct(order[1:]).rank("dense").over("organization_id").alias("_voucher")
    )
    owner = pl.col("organization_id").str.slice(6)
    voucher = "JZ" + owner + month.compact + pl.col("_voucher").cast(pl.String).str.zfill(4)
    line = pl.int_range(1, pl.len() + 1).over("organization_id", "_voucher")
    alone = (pl.col("organization_id") == LEAD) & (pl.col("_voucher") == 2)
    return rows.with_columns(
        voucher.alias("voucher_id"),
        line.alias("line_number"),
        (voucher + "-" + line.cast(pl.String).str.zfill(2)).alias("entry_id"),
        (owner + "KJ1").alias("preparer_id"),
        (owner + pl.when(alone).then(pl.lit("KJ1")).otherwise(pl.lit("KJ2"))).alias("reviewer_id"),
        alone.alias("is_alone"),
    )


def _planted(vouchers: pl.DataFrame, short: date | None) -> list[Planted]:
    account, kind = pl.col("account_code"), pl.col("kind")
    lead = pl.col("organization_id") == LEAD
    owed = vouchers.filter((kind == 14) & (account == "500105"))
    billed = vouchers.filter((kind == 13) & (account == "4609")).select(
        pl.col("counterparty_organization_id").alias("organization_id"),
        pl.col("credit_fen").alias("billed_fen"),
    )
    differs = owed.join(billed, on="organization_id").filter(
        pl.col("debit_fen") != pl.col("billed_fen")
    )
    found = {
        "income_below_charges": vouchers.filter(
            lead & (kind == 1) & (pl.col("booked_date") == short)
            & (account == OUTPATIENT_INCOME[1])
        ),
        "intercompany_difference": differs,
        "checked_by_preparer": vouchers.filter(pl.col("is_alone")).head(1),
    }  # fmt: skip
    return [Planted(name, key) for name, rows in found.items() for key in rows["entry_id"]]
