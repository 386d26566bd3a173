"""Lots of vaccine, the recall of one of them, and the stock of every clinic.

Belongs here: which lot a dose comes from and what is left at the month's end. Not here: who gets a
dose (`vaccine_schedule.py`).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import serial
from county.months import Month
from county.scene import Export, Scene

_LOTS, _STOCKS = "cdc__immunisation__lots", "cdc__immunisation__stocks"
_KEY = ("organization_id", "vaccine_code", "lot_number")


@dataclass(frozen=True, slots=True)
class Recall:
    """The lot that is taken back, and when."""

    vaccine_code: str
    lot_number: str
    day: date


class Supply:
    """Keeps the lots sent, the recall and the stock of the last month."""

    def __init__(self, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._sent: set[str] = set()
        self._stock = pl.DataFrame(schema={**dict.fromkeys(_KEY, pl.String), "left": pl.Int64})
        self.recall: Recall | None = None

    def from_lots(self, doses: pl.DataFrame) -> pl.DataFrame:
        """Doses with the lot they come from, its maker and its expiry."""
        turn = pl.col("person") % self._rates["lots_each_quarter"]
        keyed = doses.with_columns(
            pl.col("vaccinated_date").dt.truncate("1q").alias("quarter"), turn.alias("turn")
        )
        lots = self._lots(keyed["quarter"].unique().sort().to_list())
        found = keyed.join(
            lots.select("vaccine_code", "quarter", "turn", "vaccine_name", "lot_number",
                        "manufacturer_name", "expires_date", "live", "dose_ml", "route_code",
                        "site_code"),
            on=["vaccine_code", "quarter", "turn"], how="left", maintain_order="left",
        )  # fmt: skip
        return found.drop("quarter", "turn")

    def _lots(self, quarters: list[date]) -> pl.DataFrame:
        """All lots used in the quarters."""
        rates, rows = self._rates, []
        for code, one in rates["vaccines"].items():
            for quarter in quarters:
                made = quarter - timedelta(days=rates["made_days_before"])
                for turn in range(rates["lots_each_quarter"]):
                    number = f"{made:%Y%m}{turn + 1:03d}"
                    rows.append(
                        {
                            "lot_id": f"{code}-{number}", "vaccine_code": code, "quarter": quarter,
                            "turn": turn, "vaccine_name": one["name"], "lot_number": number,
                            "manufacturer_name": one["maker"], "live": one["live"],
                            "release_number": f"批签{made:%Y}{int(code)}{made:%m}{turn + 1:02d}",
                            "produced_date": made,
                            "expires_date": made + timedelta(days=30 * one["shelf"] + 5),
                            "received_date": max(quarter - timedelta(days=12 - turn), made),
                            "doses_per_vial": one["vial"], "price_fen": one["fen"],
                            "dose_ml": one["ml"], "route_code": one["route"],
                            "site_code": one["site"],
                        }
                    )  # fmt: skip
        return pl.DataFrame(rows, schema_overrides={"turn": pl.Int64})

    def recalled(self, month: Month, doses: pl.DataFrame) -> pl.DataFrame:
        """Doses after the recall of a lot, once one has been recalled.

        Where a clinic's system stops a recalled lot, the dose comes from the other lot; elsewhere
        it may be given until the end of the month, which is the planted fault.

        Args:
            doses: Doses of the month with `is_stopped`, whether the recorder stops such lots.
        """
        if self.recall is None:
            self._recall_one(month, doses)
        recall = self.recall
        if recall is None:
            return doses.with_columns(pl.lit(False).alias("is_of_recalled"))
        hit = (
            (pl.col("vaccine_code") == recall.vaccine_code)
            & (pl.col("lot_number") == recall.lot_number)
            & (pl.col("vaccinated_date") >= recall.day)
        )
        other = recall.lot_number[:-3] + ("002" if recall.lot_number.endswith("001") else "001")
        stopped = pl.col("is_stopped") | pl.lit(recall.day < month.first)
        return doses.with_columns(
            pl.when(hit & stopped).then(pl.lit(other)).otherwise("lot_number").alias("lot_number"),
            (hit & ~stopped).alias("is_of_recalled"),
        )

    def _recall_one(self, month: Month, doses: pl.DataFrame) -> None:
        """Recall the lot of a dose that will still be given some days later."""
        wait = timedelta(days=self._rates["recall_days_before"])
        after = pl.col("vaccinated_date") >= month.first + wait
        usable = doses.filter(after & ~pl.col("is_stopped") & (pl.col("dose_number") > 1))
        if usable.is_empty():
            return
        one = usable.sort("vaccinated_date", "person", "vaccine_code").row(0, named=True)
        self.recall = Recall(one["vaccine_code"], one["lot_number"], one["vaccinated_date"] - wait)

    def lots(self, month: Month, used: pl.DataFrame) -> Export:
        """Lots in use for the first time, and the recalled one again in the month of its recall."""
        quarters = used["vaccinated_date"].dt.truncate("1q").unique().sort().to_list()
        rows = self._lots(quarters).filter(pl.col("received_date") <= month.last)
        recall = self.recall
        fresh = ~pl.col("lot_id").is_in(list(self._sent))
        taken = pl.lit(False)
        if recall is not None:
            taken = pl.col("lot_id") == f"{recall.vaccine_code}-{recall.lot_number}"
            now = month.first <= recall.day <= month.last
            fresh |= taken & pl.lit(now)
        rows = rows.with_columns(
            pl.when(taken).then(pl.lit(recall.day if recall else None, pl.Date))
            .alias("recalled_date"),
            pl.when(taken).then(pl.lit(self._rates["recall_reason"])).alias("recall_reason"),
        )  # fmt: skip
        rows = rows.filter(fresh)
        self._sent |= set(rows["lot_id"])
        size = used.group_by("vaccine_code", "lot_number").agg(pl.len().alias("need"))
        rows = rows.join(size, on=["vaccine_code", "lot_number"], how="left", maintain_order="left")
        need = pl.col("need").fill_null(0).cast(pl.Int64)
        return Export(
            _LOTS,
            rows.with_columns(((need * 4 // 10 + 3) * 10).alias("received_count")).sort(
                "received_date", "lot_id"
            ),
        )

    def stock(self, random: np.random.Generator, scene: Scene, doses: pl.DataFrame) -> Export:
        """Stock of every clinic and lot at the month's end; sums agree with the doses given."""
        rates, month = self._rates, scene.month
        used = doses.group_by(_KEY).agg(pl.len().cast(pl.Int64).alias("used_count"))
        rows = used.join(self._stock, on=list(_KEY), how="full", coalesce=True).sort(_KEY)
        size = len(rows)
        wasted = random.random(size) < rates["wasted"] * 3
        rows = rows.with_columns(
            pl.col("used_count").fill_null(0),
            pl.col("left").fill_null(0).alias("opening_count"),
            pl.Series("wasted", wasted.astype(np.int64)),
        )
        wish = (pl.col("used_count") * rates["reserve"]).ceil().cast(pl.Int64)
        wish = wish + rates["least_reserve"]
        rows = rows.with_columns(
            pl.when(pl.col("used_count") > 0)
            .then(pl.max_horizontal(wish - pl.col("opening_count"), pl.lit(0)))
            .otherwise(pl.lit(0)).alias("received_count"),
        )  # fmt: skip
        rest = pl.col("opening_count") + pl.col("received_count") - pl.col("used_count")
        rows = rows.with_columns(pl.min_horizontal("wasted", rest).alias("wasted_count"))
        rest = rest - pl.col("wasted_count")
        back, recall = pl.lit(False), self.recall
        if recall is not None and recall.day <= month.last:
            back = (pl.col("vaccine_code") == recall.vaccine_code) & (
                pl.col("lot_number") == recall.lot_number
            )
        idle = (pl.col("used_count") == 0) & (pl.col("opening_count") > 0)
        rows = rows.with_columns(
            pl.when(back | idle).then(rest).otherwise(pl.lit(0)).alias("returned_count")
        ).with_columns(
            (rest - pl.col("returned_count")).alias("closing_count"),
            serial("KC", month, size).alias("stock_id"),
            pl.lit(month.last).alias("counted_date"),
        )  # fmt: skip
        left = rows.select(*_KEY, pl.col("closing_count").alias("left"))
        self._stock = left.filter(pl.col("left") > 0)
        return Export(_STOCKS, rows)
