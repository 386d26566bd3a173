"""Fixed assets of the members: cards, straight-line depreciation, purchase and scrapping.

Belongs here: what is owned and what it is worth. Not here: its vouchers (`vouchers.py`).
"""

from typing import Any

import polars as pl

from county.domains.draws import lot
from county.domains.members import members
from county.months import Month
from county.scene import Scene


class Assets:
    """The cards of all members between months; `bought` and `scrapped` are those of the month."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._seed = seed
        self._rates = rates
        self._cards = pl.DataFrame()
        self.bought = pl.DataFrame()
        self.scrapped = pl.DataFrame()

    def month(self, scene: Scene) -> pl.DataFrame:
        """The cards to send: all of them each quarter, between quarters those that changed."""
        month = scene.month
        if month.index == 0:
            self._cards = self._first(scene)
        self._renew(month)
        stated = self.stated(month)
        self.bought = stated.filter(pl.col("acquired_date") >= month.first)
        self.scrapped = stated.filter(pl.col("scrapped_date") >= month.first)
        present = pl.col("scrapped_date").is_null() | (pl.col("scrapped_date") >= month.first)
        if month.index % 3 == 0:
            return stated.filter(present)
        return pl.concat([self.bought, self.scrapped])

    def stated(self, month: Month) -> pl.DataFrame:
        """All cards at the month's end with `accumulated_fen` and the month's `depreciation_fen`;
        the first month of use bears none, the last bears the rest."""
        age = (month.year - pl.col("acquired_date").dt.year()) * 12 + (
            month.number - pl.col("acquired_date").dt.month()
        )
        each = pl.col("original_fen") // pl.col("useful_months")

        def by(months: pl.Expr) -> pl.Expr:
            whole = pl.when(months >= pl.col("useful_months")).then("original_fen")
            return whole.otherwise(each * months.clip(lower_bound=0))

        gone = pl.col("scrapped_date").is_not_null()
        state = pl.when(gone).then(pl.lit("scrapped")).otherwise("state")
        return self._cards.with_columns(
            by(age).alias("accumulated_fen"),
            (by(age) - by(age - 1)).alias("depreciation_fen"),
            state.alias("state_code"),
            (pl.col("asset_id") + month.compact).alias("statement_id"),
            pl.lit(month.last).alias("stated_date"),
        )

    def _first(self, scene: Scene) -> pl.DataFrame:
        """Cards of every member that keeps books, bought over the last twelve years."""
        kinds = pl.DataFrame(self._rates["kinds"])
        owners = members(scene).filter(pl.col("level") != "village")
        pieces = owners.select("organization_id", "level").join(
            kinds, how="cross", maintain_order="left_right"
        )
        count = pl.coalesce(
            pl.when(pl.col("level") == level).then(level)
            for level in ("hospital", "professional", "township")
        )
        cards = (
            pieces.with_columns(pl.int_ranges(1, count + 1).alias("_piece"))
            .explode("_piece")
            .drop_nulls("_piece")
            .with_row_index("_card")
        )
        numbers = cards.select(pl.col("_card").alias("person"))
        draw = pl.Series(lot(numbers, "asset", self._seed))
        state = pl.Series(lot(numbers, "asset state", self._seed))
        idle, repair = self._rates["idle"], self._rates["repair"]
        suppliers = self._rates["suppliers"]
        return cards.with_columns(
            pl.date(
                pl.lit(2013 + (draw * 12).cast(pl.Int32)),
                pl.lit(1 + (state * 12).cast(pl.Int32)),
                16,
            )
            .alias("acquired_date"),
            pl.when(state < idle).then(pl.lit("idle"))
            .when(state < idle + repair).then(pl.lit("repair"))
            .otherwise(pl.lit("in_use")).alias("state"),
            pl.lit(None, pl.Date).alias("scrapped_date"),
            pl.col("category").replace_strict(suppliers).alias("supplier_name"),
            (pl.col("years") * 12).alias("useful_months"),
            pl.col("years").alias("useful_years"),
            pl.col("price_fen").alias("original_fen"),
            pl.col("name").alias("asset_name"),
            pl.col("category").alias("asset_category_code"),
            pl.col("department").alias("department_name"),
        ).with_columns(*_numbers())  # fmt: skip

    def _renew(self, month: Month) -> None:
        """Every few months the oldest worn-out piece of some member makes place for a new one."""
        if month.index == 0 or month.index % self._rates["renewed_every"]:
            return
        worn = self._cards.filter(
            pl.col("scrapped_date").is_null()
            & (
                pl.col("acquired_date").dt.offset_by(
                    pl.format("{}mo", pl.col("useful_months"))
                ) < month.first
            )
        ).sort("acquired_date", "asset_id").head(1)  # fmt: skip
        old = pl.col("asset_id").is_in(worn["asset_id"].to_list())
        day = month.first.replace(day=16)
        self._cards = self._cards.with_columns(
            pl.when(old).then(pl.lit(day)).otherwise("scrapped_date").alias("scrapped_date")
        )
        new = worn.with_columns(
            pl.lit(day).alias("acquired_date"),
            pl.lit("in_use").alias("state"),
            (pl.lit(len(self._cards)).cast(pl.UInt32) + pl.int_range(pl.len(), dtype=pl.UInt32))
            .alias("_card"),
        ).with_columns(*_numbers())  # fmt: skip
        self._cards = pl.concat([self._cards, new])


def _numbers() -> list[pl.Expr]:
    serial = (pl.col("_card") + 1).cast(pl.String).str.zfill(5)
    owner = pl.col("organization_id").str.slice(6)
    return [
        ("ZC" + owner + pl.col("asset_category_code") + serial).alias("asset_id"),
        ("69" + pl.col("acquired_date").dt.strftime("%y%m") + "0" + serial + "8").alias("barcode"),
    ]
