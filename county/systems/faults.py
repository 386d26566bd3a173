"""The faults of a table: repeated, broken, unmapped and late rows, and faults of meaning.

Belongs here: which rows get which fault, and the books about it. Not here: broken files
(`tables.py`) or how a cell is written (`rows.py`).
"""

from dataclasses import dataclass
from zlib import crc32

import numpy as np
import polars as pl

from county.outbox import Outbox
from county.parameters import parameters
from county.scene import Planted
from county.systems.layouts import Layout

PERSON_FAULTS = "__person_faults"
_PLACE, _KIND, _ITEM, _FAULT, _REASON = "__place", "__kind", "__item", "__fault", "__reason"
_ACCEPTED, _DUPLICATE, _QUARANTINED = "accepted", "duplicate", "quarantined"


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows of one file as the sender writes them, with how many of them are which.

    `true` holds those that must be accepted, with their `record_number`.
    """

    feed: str
    rows: pl.DataFrame
    true: pl.DataFrame
    accepted: int
    duplicate: int
    quarantined: int


class RowFaults:
    """Plants faults within each feed's ceiling; late rows wait here for the next month."""

    def __init__(self, outbox: Outbox, seed: int) -> None:
        self._outbox = outbox
        self._seed = seed
        self._turns: dict[str, int] = {}
        self._late: dict[str, pl.DataFrame] = {}

    def waiting(self, feed: str) -> bool:
        """Whether late rows of the feed have not been sent yet."""
        return feed in self._late

    def sheet(
        self, feed: str, layout: Layout, file: str, rows: pl.DataFrame, planted: list[Planted],
        *, last: bool,
    ) -> Sheet:  # fmt: skip
        """Plant the faults of one file and book its rows.

        Args:
            rows: Text cells by header, and `PERSON_FAULTS`, kinds planted in the person's fields.
            planted: Faults of meaning by value of the layout's key column.
            last: No file of the feed follows, so nothing can be late.

        Raises:
            ValueError: two true rows are equal, or a planted key is not among the rows.
        """
        random = np.random.default_rng([self._seed, crc32(file.encode())])
        rates = parameters()["faults"]
        rows = self._delayed(feed, layout, rows, planted, random, last=last)
        count = len(rows)
        cells = rows.select(list(layout.columns))
        if cells.hash_rows().n_unique() < count and cells.is_duplicated().any():
            raise ValueError(f"{feed}: {file} has equal rows")
        true = rows.with_columns(
            (pl.int_range(count) * 3).alias(_PLACE), pl.lit(_ACCEPTED).alias(_KIND)
        )
        sent = self._unmapped(layout, true, random.random(count) < rates["unmapped"] * 4)
        repeated = pl.Series(random.random(count) < rates["duplicate"])
        again = sent.filter(repeated).with_columns(
            pl.col(_PLACE) + 1, pl.lit(_DUPLICATE).alias(_KIND)
        )
        broken = self._broken(feed, layout, true, random.random(count) < rates["row_fault"])
        together = pl.concat([sent, again, broken], how="diagonal").sort(_PLACE)
        placed = together.with_columns(pl.int_range(1, pl.len() + 1).alias("record_number"))
        self._record(feed, file, layout, placed, planted)
        headers = list(layout.columns)
        sheet = Sheet(
            feed, together.select(headers),
            placed.filter(pl.col(_KIND) == _ACCEPTED).select("record_number", *headers),
            count, len(again), len(broken),
        )  # fmt: skip
        self._outbox.book(
            feed, file, accepted=count, duplicate=sheet.duplicate, quarantined=sheet.quarantined
        )
        return sheet

    def _delayed(
        self, feed: str, layout: Layout, rows: pl.DataFrame, planted: list[Planted],
        random: np.random.Generator, *, last: bool,
    ) -> pl.DataFrame:  # fmt: skip
        """The month's rows without those that will come late, after those of the last month."""
        rows = rows.with_columns(pl.lit(False).alias("__late"))
        before = self._late.pop(feed, None)
        if "{month}" in layout.file and not last and len(rows) > 1:
            late = pl.Series(random.random(len(rows)) < parameters()["faults"]["late"])
            late &= ~rows[layout.key].is_in([p.key for p in planted])
            late[0] = False
            if late.any():
                self._late[feed] = rows.filter(late).with_columns(pl.lit(True).alias("__late"))
                rows = rows.filter(~late)
        return rows if before is None else pl.concat([before, rows])

    @staticmethod
    def _unmapped(layout: Layout, true: pl.DataFrame, chosen: np.ndarray) -> pl.DataFrame:
        fault = layout.unmapped
        if fault is None:
            return true.with_columns(pl.lit(None, pl.String).alias(_ITEM))
        filled = pl.col(fault.header).is_not_null() & pl.Series(chosen)
        if fault.only:
            filled &= pl.col(fault.only).is_not_null()
        return true.with_columns(
            pl.when(filled).then(pl.lit(fault.value)).otherwise(fault.header).alias(fault.header),
            pl.when(filled).then(pl.lit(fault.header)).alias(_ITEM),
        )

    def _broken(
        self, feed: str, layout: Layout, true: pl.DataFrame, chosen: np.ndarray
    ) -> pl.DataFrame:
        """Copies of rows under a key of their own, each with one thing wrong."""
        room = self._outbox.room_for_faults(feed, coming=len(true))
        copies = true.filter(pl.Series(chosen)).head(room if layout.faults else 0)
        first = self._turns.get(feed, 0)
        self._turns[feed] = first + len(copies)
        turn = pl.int_range(len(copies)) + first
        copies = copies.with_columns(
            pl.concat_str(layout.key, pl.lit("X"), turn.cast(pl.String)).alias(layout.key),
            (pl.col(_PLACE) + 2).alias(_PLACE),
            pl.lit(_QUARANTINED).alias(_KIND),
            (turn % max(1, len(layout.faults))).alias("__turn"),
        )
        parts = []
        for order, fault in enumerate(layout.faults):
            part = copies.filter(pl.col("__turn") == order)
            if fault.only:
                part = part.filter(pl.col(fault.only).is_not_null())
            parts.append(
                part.with_columns(
                    pl.lit(fault.value or None, pl.String).alias(fault.header),
                    pl.lit(fault.header).alias(_ITEM),
                    pl.lit(fault.kind).alias(_FAULT),
                    pl.lit(fault.reason).alias(_REASON),
                )
            )
        return pl.concat(parts).drop("__turn") if parts else copies.drop("__turn")

    def _record(
        self, feed: str, file: str, layout: Layout, placed: pl.DataFrame, planted: list[Planted]
    ) -> None:
        true = placed.filter(pl.col(_KIND) == _ACCEPTED)

        def found(
            part: pl.DataFrame, item: pl.Expr, kind: pl.Expr, outcome: str, reason: pl.Expr
        ) -> pl.DataFrame:
            return part.select(
                "record_number", item.alias("item"), kind.alias("kind"),
                pl.lit(outcome).alias("outcome"), reason.cast(pl.String).alias("reason_code"),
            )  # fmt: skip

        none = pl.lit(None, pl.String)
        parts = [
            found(
                placed.filter(pl.col(_KIND) == _DUPLICATE),
                pl.lit("row"), pl.lit("duplicate_row"), "duplicate", none,
            ),
            found(
                true.filter(pl.col(_ITEM).is_not_null()),
                pl.col(_ITEM), pl.lit("unmapped_local_code"), "unmapped", none,
            ),
            found(true.filter("__late"), pl.lit("row"), pl.lit("late_row"), "accepted", none),
        ]  # fmt: skip
        if PERSON_FAULTS in placed.columns:
            odd = true.filter(pl.col(PERSON_FAULTS).list.len() > 0).explode(PERSON_FAULTS)
            parts.append(found(odd, pl.lit("person"), pl.col(PERSON_FAULTS), "accepted", none))
        if _FAULT in placed.columns:
            broken = placed.filter(pl.col(_KIND) == _QUARANTINED)
            parts.append(
                found(broken, pl.col(_ITEM), pl.col(_FAULT), "quarantined", pl.col(_REASON))
            )
        if planted:
            meant = _places(feed, true, layout, planted)
            parts.append(found(meant, pl.col("item"), pl.col("kind"), "accepted", none))
        self._outbox.plant_rows(feed, file, pl.concat(parts))


def _places(feed: str, true: pl.DataFrame, layout: Layout, planted: list[Planted]) -> pl.DataFrame:
    """The planted faults of meaning with the record in which each stands."""
    wanted = pl.DataFrame(
        [(p.key, p.kind, p.item or layout.key) for p in planted],
        schema={"key": pl.String, "kind": pl.String, "item": pl.String}, orient="row",
    )  # fmt: skip
    rows = true.select("record_number", pl.col(layout.key).alias("key")).unique(
        "key", keep="first", maintain_order=True
    )
    joined = wanted.join(rows, on="key", how="left", maintain_order="left")
    lost = joined.filter(pl.col("record_number").is_null())
    if len(lost):
        raise ValueError(f"{feed}: no row has the key of a planted {lost['kind'][0]}")
    return joined
