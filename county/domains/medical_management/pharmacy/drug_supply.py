"""The central pharmacy: catalogue, orders, stores, counts, prices and invoices of drugs and
consumables.

Belongs here: how what pharmacies hand out comes into their stores. Not here: handing out
(`domain.py`), trace codes, recalls and reactions (`drug_safety.py`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, days, moments, serial
from county.domains.members import LEAD, by_system, members
from county.domains.stock_book import StockBook, at, moves
from county.domains.suppliers import contract_of, settlements
from county.scene import Export, Planted, Scene

CATALOGUE = "consortium__spd__catalogue"
PRICE_CHANGES = "consortium__spd__price_changes"
ORDERS = "consortium__spd__orders"
MOVES = ("county_hospital__spd__stock_moves", "consortium__spd__stock_moves")
COUNTS = ("county_hospital__spd__counts", "consortium__spd__counts")
INVOICES = "consortium__spd__invoices"
_LOT = ["organization_id", "item_id", "lot_number"]
_MAKERS = ("东方制药（虚构）", "华康药业（虚构）", "西域民族药业（虚构）", "昆仑医用耗材（虚构）")


class DrugSupply:
    """Keeps the stores of the lead hospital and the centres; a centre also supplies its rooms."""

    def __init__(self, drugs: pl.DataFrame, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._book = StockBook()
        self.items = _items(drugs, rates)

    def month(self, scene: Scene, dispensed: pl.DataFrame) -> Iterator[Export]:
        """The month's supply of what was dispensed in it.

        Args:
            dispensed: Drug lines of all pharmacies but the TCM hospital's, as `domain.py` sends.
        """
        random, month = scene.random("drug_supply"), scene.month
        yield from self._priced(scene)
        parts = [self._book.corrections(at(month.first, 3, 9))]
        if month.index == 0:
            parts.append(self._expired(scene))
        self._book.post(pl.concat(parts))
        out = pl.concat([self._handed_out(scene, dispensed), self._consumed(scene)])
        orders = self._ordered(scene, out, random)
        leaving = out.filter(pl.col("direction_code") == "out")
        arrived = moves(
            orders, "purchase", quantity=pl.col("received_quantity"),
            moved_at=pl.col("received_at"), source_id=pl.col("purchase_line_id"),
        )  # fmt: skip
        self._book.post(pl.concat([arrived, leaving]))
        back = out.filter(pl.col("direction_code") == "in")
        self._book.post(back)
        old = self._sent_back(scene)
        self._book.post(old)
        parts += [arrived, out, old]
        yield Export(ORDERS, orders)
        moved = pl.concat(parts).sort("moved_at", *_LOT, maintain_order=True)
        moved = self._named(moved).with_columns(
            serial("YP", month, len(moved)).alias("move_id"),
            (pl.col("quantity") * pl.col("unit_price_fen")).alias("amount_fen"),
        )
        yield from by_system(MOVES, moved, "move_id")
        towns = members(scene).filter(pl.col("level") == "township")["organization_id"].to_list()
        gap_at = LEAD if month.index % 2 == 0 else towns[month.index // 2 % len(towns)]
        counts = self._named(self._book.count(random, month.last, [gap_at]))
        counts = counts.with_columns(serial("YD", month, len(counts)).alias("count_id"))
        planted = [Planted("count_gap", key) for key in counts.filter("is_gap")["count_id"]]
        over = counts.filter(pl.col("expiry_date") < pl.col("counted_date"))
        planted += [Planted("expired_stock", key) for key in over["count_id"]]
        yield from by_system(COUNTS, counts, "count_id", planted)
        paid = settlements(orders, "YJ", scene, self._rates["settled"], random)
        yield Export(INVOICES, paid)

    def _priced(self, scene: Scene) -> Iterator[Export]:
        """The catalogue, later what changed in it: each month a price goes down. The drug among
        these is sold as dear as it was."""
        month, given = scene.month, self._rates["price_changes"]
        round_number, turn = divmod(month.index, len(given["items"]))
        changed = self.items.filter(pl.col("item_id") == given["items"][turn])
        old = (pl.col("list_price_fen") * given["factor"] ** round_number).round(0)
        new = (old * given["factor"]).round(0).cast(pl.Int64)
        first = month.index == 0
        yield Export(
            CATALOGUE, self.items if first else changed.with_columns(new.alias("list_price_fen"))
        )
        rows = changed.select(
            pl.lit(f"TJ{month.compact}01").alias("price_change_id"),
            "item_id",
            "item_name",
            old.cast(pl.Int64).alias("old_price_fen"),
            new.alias("new_price_fen"),
            pl.lit(month.first).alias("decided_date"),
            pl.lit(month.first + timedelta(days=9)).alias("effective_date"),
            pl.lit(f"云医共体药〔{month.year}〕{month.number}号（虚构）").alias("document_number"),
        )
        drug = rows.filter(~pl.col("item_id").str.starts_with("HC"))
        planted = [Planted("charged_above_list", key) for key in drug["price_change_id"]]
        yield Export(PRICE_CHANGES, rows, planted)

    def _expired(self, scene: Scene) -> pl.DataFrame:
        """A forgotten lot at the lead hospital and at the first centre, opened as it lies there."""
        given = self._rates["expired"]
        towns = members(scene).filter(pl.col("level") == "township")["organization_id"].to_list()
        rows = pl.DataFrame({"organization_id": [LEAD, towns[0]]})
        return moves(
            rows, "opening", item_id=pl.lit(given["item"]), lot_number=pl.lit(given["lot"]),
            quantity=pl.lit(given["quantity"]), moved_at=pl.lit(at(scene.month.first, 1, 8)),
        )  # fmt: skip

    def _handed_out(self, scene: Scene, dispensed: pl.DataFrame) -> pl.DataFrame:
        """Each store's drugs by lot and day, what came back, and what its rooms got."""
        keeper = members(scene).select("organization_id", "bookkeeper")
        lines = dispensed.join(keeper, on="organization_id", maintain_order="left").rename(
            {"drug_code": "item_id"}
        )
        room = pl.col("organization_id") != pl.col("bookkeeper")
        by_day = pl.col("dispensed_at").dt.truncate("1d") + timedelta(hours=21)
        own = lines.filter(~room).group_by(
            *_LOT, "is_returned", by_day.alias("moved_at"), maintain_order=True
        ).agg(pl.col("quantity").sum())  # fmt: skip
        rooms = lines.filter(room & ~pl.col("is_returned")).group_by(
            "bookkeeper", *_LOT, maintain_order=True
        ).agg(pl.col("quantity").sum())  # fmt: skip
        desk = pl.lit("门诊药房")
        return pl.concat(
            [
                moves(own.filter(~pl.col("is_returned")), "issue", department_name=desk),
                moves(own.filter("is_returned"), "return", department_name=desk),
                moves(
                    rooms, "transfer_out", other_organization_id=pl.col("organization_id"),
                    organization_id=pl.col("bookkeeper"),
                    moved_at=pl.lit(at(scene.month.first, 1, 16)),
                ),
            ]
        )  # fmt: skip

    def _consumed(self, scene: Scene) -> pl.DataFrame:
        """Consumables issued on four days, after the visits of each store's own house."""
        month = scene.month
        stores = pl.coalesce("township", "organization_id")
        visits = scene.visits.filter(
            (pl.col("organization_id") == LEAD)
            | (pl.col("organization_id") == pl.col("township"))
        ).group_by(stores.alias("organization_id"), maintain_order=True).len("visits")  # fmt: skip
        kinds = pl.DataFrame(self._rates["consumables"]).select(
            pl.col("id").alias("item_id"), "per_visit", "only_lead"
        )
        use = visits.join(kinds, how="cross", maintain_order="left_right").filter(
            ~pl.col("only_lead") | (pl.col("organization_id") == LEAD)
        )
        lot = pl.lit(f"{month.year}") + pl.lit(f"{(month.number - 1) // 3 * 3 + 1:02d}")
        share = (pl.col("visits") * pl.col("per_visit") / 4).ceil().cast(pl.Int64)
        return pl.concat(
            [
                moves(
                    use, "issue", lot_number=pl.col("item_id").str.slice(-2) + lot.str.slice(2)
                    + "B", quantity=share, moved_at=pl.lit(at(month.first, day, 15)),
                    department_name=pl.lit("临床科室"),
                )
                for day in (7, 14, 21, 28)
            ]
        )  # fmt: skip

    def _ordered(
        self, scene: Scene, out: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """Orders that came on the month's first day and cover its use of every lot with some to
        spare, and orders of the month that have not come yet."""
        rates, month = self._rates, scene.month
        need = out.filter(pl.col("direction_code") == "out").group_by(_LOT).agg(
            pl.col("quantity").sum().alias("need")
        )  # fmt: skip
        need = need.join(self._book.held(), on=_LOT, how="left").sort(_LOT)
        spare = (pl.col("need") * rates["spare"]).ceil().cast(pl.Int64) + 2
        lacks = pl.col("need") - pl.col("quantity").fill_null(0)
        came = need.with_columns((lacks + spare).alias("ordered_quantity")).filter(lacks > 0)
        size = len(came)
        late = came.head(1).with_columns(pl.lit(None, pl.String).alias("lot_number"))
        late = pl.concat([late, came.filter(chance(random, rates["undelivered"], size))])
        first = month.first

        def between(frame: pl.DataFrame, start: int, end: int) -> pl.Series:
            span = days(random, first + timedelta(start), first + timedelta(end), len(frame))
            return moments(random, span, opens=9, closes=17)

        def dated(frame: pl.DataFrame, offset: int) -> pl.DataFrame:
            return frame.with_columns(
                between(frame, offset - 12, offset - 11).alias("requested_at"),
                between(frame, offset - 10, offset - 9).alias("approved_at"),
                between(frame, offset - 8, offset - 7).alias("ordered_at"),
            )

        arrival = moments(random, days(random, first, first, size), opens=8, closes=10)
        rows = pl.concat(
            [
                dated(came, 0).with_columns(
                    between(came, -3, -2).alias("shipped_at"),
                    arrival.alias("received_at"),
                    pl.col("ordered_quantity").alias("received_quantity"),
                    pl.lit("3").alias("state_code"),
                ),
                dated(late, 24).with_columns(
                    pl.lit(None, pl.Datetime("us")).alias("shipped_at"),
                    pl.lit(None, pl.Datetime("us")).alias("received_at"),
                    pl.lit(0, pl.Int64).alias("received_quantity"),
                    pl.lit("1").alias("state_code"),
                    pl.lit(None, pl.String).alias("lot_number"),
                ),
            ]
        )
        rows = rows.join(
            self.items.select("item_id", "item_name", "supplier_id",
                              pl.col("cost_fen").alias("unit_price_fen")),
            on="item_id", how="left", maintain_order="left",
        )  # fmt: skip
        order = "YD" + pl.col("organization_id").str.slice(6) + month.compact
        order = order + pl.col("supplier_id").str.slice(-3) + pl.col("state_code")
        return rows.with_columns(
            serial("YC", month, len(rows)).alias("purchase_line_id"),
            order.alias("purchase_order_id"),
            contract_of(pl.col("supplier_id"), month.year).alias("contract_id"),
            pl.when(pl.col("state_code") == "3").then("FP" + order).alias("invoice_number"),
        )

    def _sent_back(self, scene: Scene) -> pl.DataFrame:
        """What is left of drug lots that pharmacies no longer hand out goes back to the supplier;
        the forgotten lots stay."""
        first = scene.month.first
        limit = (first.year - 2000) * 12 + first.month - 1 - 4
        lot = pl.col("lot_number")
        age = lot.str.slice(2, 2).cast(pl.Int64) * 12 + lot.str.slice(4, 2).cast(pl.Int64) - 1
        held = self._book.held().filter(
            lot.str.ends_with("A") & (age < limit) & (lot != self._rates["expired"]["lot"])
        )
        return moves(held, "supplier_return", moved_at=pl.lit(at(first, 28, 11)))

    def _named(self, rows: pl.DataFrame) -> pl.DataFrame:
        """With the item's name, price and, by lot and shelf life, the day of expiry."""
        items = self.items.select(
            "item_id", "item_name", "shelf_life_months",
            pl.col("list_price_fen").alias("unit_price_fen"),
        )  # fmt: skip
        lot = pl.col("lot_number")
        made = pl.date(2000 + lot.str.slice(2, 2).cast(pl.Int32), lot.str.slice(4, 2), 1)
        over = made.dt.offset_by(pl.format("{}mo", pl.col("shelf_life_months"))).dt.month_end()
        return rows.join(items, on="item_id", how="left", maintain_order="left").with_columns(
            over.alias("expiry_date"), pl.lit("中心药库").alias("store_name")
        )


def _items(drugs: pl.DataFrame, rates: dict[str, Any]) -> pl.DataFrame:
    """The catalogue: the county's drugs and the consumables."""
    tcm = pl.col("drug_code").str.starts_with("ZA")
    number = pl.col("_drug").cast(pl.Int64)
    own = drugs.select(
        pl.col("drug_code").alias("item_id"), pl.col("drug_name").alias("item_name"),
        pl.when(tcm).then(pl.lit("2")).otherwise(pl.lit("1")).alias("supply_kind_code"),
        "specification", pl.lit("盒").alias("unit_name"),
        pl.lit(pl.Series(_MAKERS)).gather(number % 3).alias("manufacturer_name"),
        pl.col("price_fen").cast(pl.Int64).alias("list_price_fen"),
        pl.when(pl.col("drug_code") == rates["short_lived"]).then(6).otherwise(24).cast(pl.Int64)
        .alias("shelf_life_months"),
        "is_essential", (number % 2 == 0).alias("is_volume_purchased"), "is_antibacterial",
        pl.format("GY10{}", number % 3 + 1).alias("supplier_id"),
    )  # fmt: skip
    others = pl.DataFrame(rates["consumables"]).select(
        pl.col("id").alias("item_id"), pl.col("name").alias("item_name"),
        pl.col("kind").alias("supply_kind_code"), "specification",
        pl.col("unit").alias("unit_name"), pl.lit(_MAKERS[3]).alias("manufacturer_name"),
        pl.col("price_fen").alias("list_price_fen"),
        pl.lit(36, pl.Int64).alias("shelf_life_months"), pl.lit(False).alias("is_essential"),
        pl.lit(False).alias("is_volume_purchased"), pl.lit(False).alias("is_antibacterial"),
        pl.lit("GY104").alias("supplier_id"),
    )  # fmt: skip
    return pl.concat([own, others]).with_columns(
        pl.lit(date(2025, 1, 1)).alias("listed_date"), pl.col("list_price_fen").alias("cost_fen")
    )
