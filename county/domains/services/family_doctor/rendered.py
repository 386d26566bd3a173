"""What is given under the agreements of family doctors, and how residents rate it.

Belongs here: services due by package, the visits that bear them out, the planted ones that none
does. Not here: agreements (`domain.py`).
"""

from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, codes, drawn, hours_later, serial
from county.domains.picks import of_level
from county.domains.waiting import after
from county.scene import Planted, Scene

_CLINIC, _TELEPHONE = "1", "3"
WITHOUT_EVIDENCE = "service_without_evidence"


class Fulfilment:
    """Services of a month; a clinic service has its visit, except where it is planted.

    Args:
        packages: One row per package and item, with `promised_count` a year.
    """

    def __init__(self, rates: dict[str, Any], packages: pl.DataFrame) -> None:
        self._rates = rates
        self._items = packages.select("package_id", "item_code", "promised_count")

    def month(
        self, scene: Scene, contracts: pl.DataFrame, random: np.random.Generator
    ) -> tuple[pl.DataFrame, list[Planted]]:
        """One row per service, and those without evidence.

        Args:
            contracts: The latest agreement of each person.
        """
        month = scene.month
        alive = scene.people.filter(pl.col("died").is_null()).select("person")
        in_force = contracts.filter(
            pl.col("valid_from_date") <= month.last, pl.col("valid_to_date") >= month.first
        ).join(alive, on="person", how="semi", maintain_order="left")
        offered = in_force.select(
            "person", "organization_id", "contract_id", "team_id", "staff_id", "package_id",
            pl.max_horizontal("valid_from_date", pl.lit(month.first)).alias("first"),
            pl.min_horizontal("valid_to_date", pl.lit(month.last)).alias("last"),
        ).join(self._items, on="package_id", maintain_order="left")  # fmt: skip
        due = offered["promised_count"].to_numpy() / 12 * self._rates["fulfilled"]
        given = pl.concat(
            [
                drawn(random, part, due[rows.to_numpy()], least=4)
                for centre in offered["organization_id"].unique().sort()
                for rows in [offered["organization_id"] == centre]
                for part in [offered.filter(rows)]
            ]
        )
        given = self._borne_out(scene, self._happened(given, random), random)
        planted = given.filter("is_planted")["service_id"]
        return given, [Planted(WITHOUT_EVIDENCE, key) for key in planted]

    def _happened(self, given: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        """When and how, by item, within the agreement's term."""
        size = len(given)
        span = (given["last"] - given["first"]).dt.total_days().to_numpy() + 1
        offset = pl.Series((random.random(size) * span).astype(np.int64))
        second = pl.Series(random.integers(8 * 3600, 19 * 3600, size))
        drawn_modes = {
            item: codes(random, shares, size) for item, shares in self._rates["modes"].items()
        }
        mode = pl.coalesce(
            pl.when(pl.col("item_code") == item).then(pl.lit(found))
            for item, found in drawn_modes.items()
        )
        moment = (pl.col("first") + pl.duration(days=pl.lit(offset))).cast(pl.Datetime("us"))
        return given.with_columns(
            mode.alias("service_mode_code"),
            (moment + pl.duration(seconds=pl.lit(second))).alias("served_at"),
        )

    def _borne_out(
        self, scene: Scene, given: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """Clinic services take place at a visit of the month, else at home or by telephone."""
        rates, month = self._rates, scene.month
        visits = of_level(scene, scene.visits, ["township", "village"]).sort("start")
        visits = visits.unique("person", keep="last", maintain_order=True).select(
            "person", "encounter_id", "start", pl.col("staff_id").alias("seen_by")
        )
        given = given.join(visits, on="person", how="left", maintain_order="left")
        size = len(given)
        seen_at = hours_later(random, given["start"], 0.05, 0.2)
        in_term = pl.lit(seen_at).dt.date().is_between(pl.col("first"), pl.col("last"))
        clinic = pl.col("service_mode_code") == _CLINIC
        seen = (clinic & in_term).fill_null(False)
        false = clinic & ~seen & chance(random, rates["without_evidence"], size)
        given = given.with_columns(seen.alias("is_seen"), false.alias("is_planted"))
        if not given["is_planted"].any():
            unseen = pl.arg_where(clinic & ~pl.col("is_seen"))
            row = pl.int_range(pl.len()) == given.select(unseen.first()).item()
            given = given.with_columns(row.fill_null(False).alias("is_planted"))
        given = given.with_columns(
            pl.when("is_seen").then(pl.lit(seen_at)).otherwise("served_at").alias("served_at"),
            pl.when("is_seen").then("encounter_id").alias("encounter_id"),
            pl.when("is_seen").then(pl.coalesce("seen_by", "staff_id"))
            .otherwise("staff_id").alias("staff_id"),
            pl.when(clinic & ~pl.col("is_seen") & ~pl.col("is_planted"))
            .then(pl.col("item_code").replace_strict(
                rates["instead"], default=_TELEPHONE, return_dtype=pl.String
            )).otherwise("service_mode_code").alias("service_mode_code"),
        )  # fmt: skip
        rated_at = hours_later(random, given["served_at"], 0.1, 40)
        is_rated = chance(random, rates["rated"], size) & (rated_at < after(month))
        rating = codes(random, rates["ratings"], size).cast(pl.Int64)
        return given.with_columns(
            serial("LY", month, size).alias("service_id"),
            pl.when(is_rated).then(rating).alias("rating_score"),
            pl.when(is_rated).then(pl.lit(rated_at)).alias("rated_at"),
        ).drop("first", "last", "start", "seen_by")
