"""Goods that are no medicines: purchase, stores, transfers, counts and payment of suppliers.

Belongs here: what the HRP of the lead hospital and the consortium's material platform hold. Not
here: drugs and consumables (`medical_management/pharmacy/drug_supply.py`), asset cards
(`finance/`), contracts (`office/`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import codes, days, moments, serial
from county.domains.members import LEAD, by_system, members
from county.domains.stock_book import StockBook, at, moves
from county.domains.suppliers import SUPPLIERS, contract_of, settlements
from county.roles import TCM_HOSPITAL
from county.scene import Export, Planted, Scene

REGISTER = "consortium__materials__suppliers"
ITEMS = "consortium__materials__items"
PURCHASES = "consortium__materials__purchases"
MOVES = ("county_hospital__hrp__stock_moves", "consortium__materials__stock_moves")
COUNTS = ("county_hospital__hrp__counts", "consortium__materials__counts")
SETTLEMENTS = "consortium__materials__settlements"
_ISSUED_ON = (14, 28)
_PLACE = ["organization_id", "item_id"]


class Domain:
    """Keeps the stores of all members with books of their own."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._book = StockBook()
        self._items = pl.DataFrame(rates["items"]).rename({"id": "item_id", "name": "item_name"})

    def month(self, scene: Scene) -> Iterator[Export]:
        random, month = scene.random("materials"), scene.month
        if month.index == 0:
            yield Export(
                REGISTER,
                SUPPLIERS.with_columns(
                    pl.lit(date(2020, 3, 1)).alias("registered_date"),
                    pl.lit("active").alias("state_code"),
                ),
            )
            yield Export(ITEMS, self._catalogue())
        use = self._use(scene)
        parts = [self._opening(use, month.first, random)] if month.index == 0 else []
        parts.append(self._book.corrections(at(month.first, 3, 9)))
        for part in parts:
            self._book.post(part)
        stock = use.join(self._book.held(), on=_PLACE, how="left", maintain_order="left")
        stock = stock.with_columns(pl.col("quantity").fill_null(0).alias("held"))
        purchases = self._purchased(scene, stock, random)
        parts += [
            _received(purchases),
            self._issued(stock, month.first, random),
            *self._transferred(scene, stock),
        ]
        for part in parts[-4:]:
            self._book.post(part)
        dear = purchases.filter("is_dear")["purchase_line_id"]
        yield Export(PURCHASES, purchases, [Planted("price_anomaly", key) for key in dear])
        moved = pl.concat(parts).sort("moved_at", "organization_id", "item_id", maintain_order=True)
        moved = self._named(moved).with_columns(
            serial("WL", month, len(moved)).alias("move_id"),
            (pl.col("quantity") * pl.col("unit_price_fen")).alias("amount_fen"),
        )
        yield from by_system(MOVES, moved, "move_id")
        gap_at = [TCM_HOSPITAL] if month.index % 2 else [LEAD]
        counts = self._named(self._book.count(random, month.last, gap_at))
        counts = counts.with_columns(serial("PD", month, len(counts)).alias("count_id"))
        gaps = [Planted("count_gap", key) for key in counts.filter("is_gap")["count_id"]]
        yield from by_system(COUNTS, counts, "count_id", gaps)
        yield Export(
            SETTLEMENTS, settlements(purchases, "WJ", scene, self._rates["settled"], random)
        )

    def _catalogue(self) -> pl.DataFrame:
        rates = self._rates
        return self._items.with_columns(
            ("690" + pl.col("item_id").str.slice(2).str.zfill(9) + "0").alias("barcode"),
            pl.col("category").alias("item_category_code"),
            pl.col("unit").alias("unit_name"),
            pl.col("price_fen").alias("reference_price_fen"),
            (pl.col("township") * 0.5).alias("minimum_quantity"),
            (pl.col("hospital") * rates["months_held"]["high"] * 2).alias("maximum_quantity"),
            pl.lit(False).alias("is_fixed_asset"),
            pl.lit(date(2024, 6, 1)).alias("listed_date"),
        )

    def _use(self, scene: Scene) -> pl.DataFrame:
        """What each store needs of each item in a month, `use` above zero."""
        stores = members(scene).filter(pl.col("level") != "village")
        use = pl.coalesce(
            pl.when(pl.col("level") == level).then(level)
            for level in ("hospital", "professional", "township")
        )
        found = stores.select("organization_id", "level").join(
            self._items, how="cross", maintain_order="left_right"
        )
        return found.with_columns(use.alias("use")).filter(pl.col("use") > 0)

    def _opening(self, use: pl.DataFrame, first: date, random: np.random.Generator) -> pl.DataFrame:
        held = self._rates["months_held"]
        factor = pl.Series(random.uniform(held["low"], held["high"], len(use)))
        return moves(
            use.with_columns(pl.lit("").alias("lot_number")), "opening",
            quantity=(pl.col("use") * factor).ceil().cast(pl.Int64),
            moved_at=pl.lit(at(first, 1, 8)),
        )  # fmt: skip

    def _purchased(
        self, scene: Scene, stock: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """What runs low is asked for, approved, ordered and mostly delivered within the month."""
        rates, first = self._rates, scene.month.first
        low = stock.filter(pl.col("held") < pl.col("use") * rates["reorder_below"])
        if low.is_empty():
            low = stock.head(3)
        size = len(low)
        asked, approved, ordered, came = (
            moments(random, days(random, first + timedelta(a), first + timedelta(b), size),
                    opens=9, closes=18)
            for a, b in ((1, 2), (3, 4), (5, 6), (8, 12))
        )  # fmt: skip
        state = codes(random, rates["states"], size)
        state[0] = "3"
        dear = pl.int_range(pl.len()) == 0
        spread = pl.Series(random.normal(1, rates["price_spread"], size).clip(0.9, 1.1))
        price = pl.col("price_fen") * pl.when(dear).then(rates["dear"]).otherwise(spread)
        wanted = (pl.col("use") * rates["reorder"]).ceil().cast(pl.Int64)
        order = "WD" + pl.col("organization_id").str.slice(6) + scene.month.compact
        order = order + pl.col("supplier").str.slice(-3)
        return low.select(
            "organization_id",
            serial("WM", scene.month, size).alias("purchase_line_id"),
            order.alias("purchase_order_id"),
            pl.col("supplier").alias("supplier_id"),
            contract_of(pl.col("supplier"), scene.month.year).alias("contract_id"),
            "item_id",
            "item_name",
            pl.lit("").alias("lot_number"),
            asked.alias("requested_at"),
            approved.alias("approved_at"),
            ordered.alias("ordered_at"),
            wanted.alias("ordered_quantity"),
            price.round(0).cast(pl.Int64).alias("unit_price_fen"),
            state.alias("state_code"),
            dear.alias("is_dear"),
            pl.when(state != "1").then(pl.lit(came)).alias("received_at"),
            pl.when(state == "3").then(wanted).when(state == "2").then(wanted // 2).otherwise(0)
            .alias("received_quantity"),
            pl.when(state != "1").then("FP" + order).alias("invoice_number"),
        )  # fmt: skip

    def _issued(
        self, stock: pl.DataFrame, first: date, random: np.random.Generator
    ) -> pl.DataFrame:
        """Two issues, together at most four fifths of what was there."""
        parts = []
        departments = pl.Series(self._rates["departments"])
        for day in _ISSUED_ON:
            drawn = pl.Series(random.poisson(stock["use"].to_numpy() / len(_ISSUED_ON)))
            which = pl.Series(random.integers(0, len(departments), len(stock)))
            parts.append(
                moves(
                    stock, "issue",
                    quantity=pl.min_horizontal(pl.lit(drawn), pl.col("held") // 5 * 2),
                    moved_at=pl.lit(at(first, day, 15)),
                    department_name=pl.lit(departments.gather(which)),
                )
            )  # fmt: skip
        return pl.concat(parts)

    def _transferred(self, scene: Scene, stock: pl.DataFrame) -> list[pl.DataFrame]:
        """The lead hospital gives a centre, each month another, a part of what it can spare."""
        towns = members(scene).filter(pl.col("level") == "township")["organization_id"].to_list()
        town = towns[scene.month.index % len(towns)]
        wanted = stock.filter(pl.col("organization_id") == town)["item_id"].to_list()
        given = stock.filter(
            (pl.col("organization_id") == LEAD) & pl.col("item_id").is_in(wanted[:4])
        ).with_columns(
            (pl.col("held") // 5 * self._rates["transferred"]).cast(pl.Int64).alias("quantity"),
            pl.lit(f"DB{scene.month.compact}{town[6:]}").alias("source_id"),
        )  # fmt: skip
        first = scene.month.first
        return [
            moves(given, "transfer_out", other_organization_id=pl.lit(town),
                  moved_at=pl.lit(at(first, 22, 10))),
            moves(given, "transfer_in", organization_id=pl.lit(town),
                  other_organization_id=pl.lit(LEAD), moved_at=pl.lit(at(first, 22, 17))),
        ]  # fmt: skip

    def _named(self, rows: pl.DataFrame) -> pl.DataFrame:
        names = self._items.select(
            "item_id", "item_name", pl.col("price_fen").alias("unit_price_fen")
        )
        return rows.join(names, on="item_id", how="left", maintain_order="left").with_columns(
            pl.lit("物资总库").alias("store_name")
        )


def _received(purchases: pl.DataFrame) -> pl.DataFrame:
    return moves(
        purchases, "purchase", quantity=pl.col("received_quantity"),
        moved_at=pl.col("received_at"), source_id=pl.col("purchase_line_id"),
    )  # fmt: skip
