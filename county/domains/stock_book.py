"""What lies in the stores: every movement is added up, and a count finds what the book says.

Belongs here: quantities by organization, item and lot, counts with gaps, corrections of these. Not
here: why something moves (`administration/materials/`,
`medical_management/pharmacy/drug_supply.py`).
"""

from datetime import date, datetime

import numpy as np
import polars as pl

_KEY = ["organization_id", "item_id", "lot_number"]
_DIRECTION = {
    "opening": "in", "purchase": "in", "transfer_in": "in", "return": "in", "gain": "in",
    "issue": "out", "transfer_out": "out", "supplier_return": "out", "loss": "out", "scrap": "out",
}  # fmt: skip
_MOVE: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(_KEY, pl.String), "move_kind_code": pl.String, "direction_code": pl.String,
    "moved_at": pl.Datetime("us"), "quantity": pl.Int64, "other_organization_id": pl.String,
    "department_name": pl.String, "source_id": pl.String,
}  # fmt: skip


def moves(rows: pl.DataFrame, kind: str, **known: pl.Expr) -> pl.DataFrame:
    """Movements of one kind from rows with organization, item, lot, `moved_at` and `quantity`;
    rows without a quantity move nothing."""
    rows = rows.with_columns(**known)
    return rows.filter(pl.col("quantity") > 0).select(
        pl.lit(kind if name == "move_kind_code" else _DIRECTION[kind]).alias(name)
        if name in ("move_kind_code", "direction_code")
        else (pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in _MOVE.items()
    )


def at(first: date, day: int, hour: int) -> datetime:
    """An hour of a day of the month that begins on `first`."""
    return datetime(first.year, first.month, day, hour)


class StockBook:
    """The book of some stores between months."""

    def __init__(self) -> None:
        self._held = pl.DataFrame(schema=dict.fromkeys(_KEY, pl.String) | {"quantity": pl.Int64})
        self._gaps = pl.DataFrame(schema=dict.fromkeys(_KEY, pl.String) | {"gap": pl.Int64})

    def held(self) -> pl.DataFrame:
        """`quantity` of everything that is there, in a fixed order."""
        return self._held.filter(pl.col("quantity") > 0)

    def post(self, moved: pl.DataFrame) -> None:
        """Book movements.

        Raises:
            ValueError: more leaves a store than is there.
        """
        sign = pl.when(pl.col("direction_code") == "in").then(1).otherwise(-1)
        change = moved.select(*_KEY, pl.col("quantity") * sign)
        together = pl.concat([self._held, change]).group_by(_KEY).agg(pl.col("quantity").sum())
        if (together["quantity"] < 0).any():
            raise ValueError("more leaves a store than is there")
        self._held = together.sort(_KEY)

    def corrections(self, moment: datetime) -> pl.DataFrame:
        """Movements that settle the gaps of the last count."""
        gaps = self._gaps.with_columns(pl.lit(moment).alias("moved_at"))
        self._gaps = self._gaps.clear()
        return pl.concat(
            [
                moves(gaps, "loss", quantity=-pl.col("gap")),
                moves(gaps, "gain", quantity=pl.col("gap")),
            ]
        )

    def count(self, random: np.random.Generator, day: date, gap_at: list[str]) -> pl.DataFrame:
        """Count all stores; at each organization of `gap_at` one item lacks a few pieces.

        Returns:
            One row per organization, item and lot with `book_quantity`, `counted_quantity`,
            `counted_date` and `is_gap`.
        """
        held = self.held()
        able = pl.col("organization_id").is_in(gap_at) & (pl.col("quantity") > 3)
        held = held.with_columns(pl.Series("_turn", random.random(len(held))))
        first = pl.when(able).then("_turn").rank("ordinal").over("organization_id") == 1
        short = pl.min_horizontal(pl.col("quantity") - 1, pl.lit(3))
        counted = held.with_columns((able & first).fill_null(False).alias("is_gap")).with_columns(
            pl.col("quantity").alias("book_quantity"),
            (pl.col("quantity") - pl.when("is_gap").then(short).otherwise(0)).alias(
                "counted_quantity"
            ),
            pl.lit(day).alias("counted_date"),
        )
        self._gaps = counted.filter("is_gap").select(
            *_KEY, (pl.col("counted_quantity") - pl.col("book_quantity")).alias("gap")
        )
        return counted
