"""Money for basic public health services: what centres are allocated, receive and spend.

Belongs here: the commission's ledger of this money. Not here: what rooms and village doctors get
(`administration/village_management/`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import days, serial
from county.roles import HEALTH_COMMISSION
from county.scene import Export, Planted, Scene

FEED = "health_commission__finance__public_health_funds"
_ALLOCATED, _ARRIVED, _SPENT = "1", "2", "3"


class Domain:
    """The ledger; the year's money of each centre and service is worked out once a year."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._budget = pl.DataFrame()

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("public_funds")
        month = scene.month
        first = month.index == 0
        parts = []
        if first or month.number == 1:
            self._budget = self._yearly(scene)
            parts.append(self._from_above(_ALLOCATED, 1.0, self._rates["levels"]))
        begins = self._rates["first_arrival"] if first else None
        share = self._rates["arrivals"].get(month.number, begins)
        own = self._rates["monthly_level"]
        if share:
            above = {level: part for level, part in self._rates["levels"].items() if level != own}
            parts.append(self._from_above(_ARRIVED, share, above))
        parts.append(self._from_above(_ARRIVED, 1 / 12, {own: self._rates["levels"][own]}))
        parts.append(self._spent(scene, random))
        rows = pl.concat(parts, how="diagonal")
        size = len(rows)
        kind = pl.col("movement_kind_code")
        day = days(random, month.first, month.last, size)
        rows = rows.with_columns(
            serial("GW", month, size).alias("movement_id"),
            pl.lit("1").alias("fund_kind_code"),
            pl.lit(month.year).alias("fund_year"),
            pl.when(kind == _SPENT)
            .then(pl.lit(day))
            .when(kind == _ARRIVED)
            .then(pl.date(month.year, month.number, 20))
            .otherwise(pl.date(month.year, month.number, 8))
            .alias("occurred_date"),
        ).with_columns(
            pl.when(kind == _SPENT)
            .then(pl.lit("记-") + pl.col("movement_id").str.slice(-4))
            .otherwise(pl.lit(f"云财社〔{month.year}〕{3 + month.number}号"))
            .alias("document_number")
        )
        over = rows.filter(pl.col("is_over").fill_null(False))["movement_id"]
        yield Export(FEED, rows, [Planted("spent_above_allocation", key) for key in over])

    def _yearly(self, scene: Scene) -> pl.DataFrame:
        """One row a centre and service: fen of the year, by the residents it serves."""
        heads = scene.people.group_by("township").len("heads")
        centres = scene.organizations.filter(pl.col("level") == "township")
        services = pl.DataFrame(
            list(self._rates["services"].items()),
            schema={"service_code": pl.String, "share": pl.Float64}, orient="row",
        )  # fmt: skip
        served = centres.select("organization_id").join(
            heads, left_on="organization_id", right_on="township", how="left",
            maintain_order="left",
        )  # fmt: skip
        year = pl.col("heads").fill_null(1) * self._rates["per_head"] * pl.col("share")
        return served.join(services, how="cross", maintain_order="left_right").select(
            "organization_id", "service_code", year.round(0).cast(pl.Int64).alias("year_fen")
        )

    def _from_above(self, kind: str, share: float, parts: dict[str, float]) -> pl.DataFrame:
        """A share of the year's money of each centre and service, from each of the levels."""
        levels = pl.DataFrame(
            list(parts.items()),
            schema={"fund_level_code": pl.String, "part": pl.Float64}, orient="row",
        )  # fmt: skip
        amount = pl.col("year_fen") * pl.col("part") * share
        return self._budget.join(levels, how="cross", maintain_order="left_right").select(
            "organization_id",
            "service_code",
            "fund_level_code",
            pl.lit(kind).alias("movement_kind_code"),
            pl.lit(HEALTH_COMMISSION).alias("paying_organization_id"),
            amount.round(0).cast(pl.Int64).alias("amount_fen"),
        )

    def _spent(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """Payments of every centre and service; one of them takes more than the whole year's."""
        given = self._rates
        classes = pl.DataFrame(
            list(given["classes"].items()),
            schema={"expenditure_class_code": pl.String, "part": pl.Float64}, orient="row",
        )  # fmt: skip
        rows = self._budget.join(classes, how="cross", maintain_order="left_right")
        noise = pl.Series(random.normal(1, given["spread"], len(rows)))
        usual = pl.col("year_fen") * given["spent_a_month"] * pl.col("part") * noise
        over = pl.int_range(pl.len()) == scene.month.index * 7 % len(rows)
        amount = pl.when(over).then(pl.col("year_fen") * given["overspent"]).otherwise(usual)
        return rows.select(
            "organization_id",
            "service_code",
            "expenditure_class_code",
            pl.lit(None, pl.String).alias("fund_level_code"),
            pl.lit(_SPENT).alias("movement_kind_code"),
            pl.col("organization_id").alias("paying_organization_id"),
            amount.round(0).cast(pl.Int64).clip(100).alias("amount_fen"),
            pl.col("expenditure_class_code").replace_strict(given["purposes"]).alias("purpose"),
            over.alias("is_over"),
        )
