"""Licences of institutions and practitioners, and the statistics returns.

Belongs here: what the commission's registries hold. Not here: the staff register itself
(`county/systems/exports.py`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import before, chance, drawn
from county.roles import COUNTY
from county.scene import Document, Export, Scene

_LICENSED = ("hospital", "township", "village", "professional")
_MONTHLY = "卫健统2-1"
_MONTHLY_NAME = "医疗服务月报"


class Domain:
    """Sends every licence in the first month, later those reviewed or changed."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates

    def month(self, scene: Scene) -> Iterator[Export | Document]:
        random = scene.random("licences")
        yield self._institutions(random, scene)
        practitioners = self._practitioners(random, scene)
        nurses = pl.col("category") == "21"
        registry = "health_commission__practitioner_registry__{}"
        for kind, rows in (("physicians", ~nurses), ("nurses", nurses)):
            found = practitioners.filter(rows)
            if scene.month.index:
                found = self._changed(random, scene, found)
            yield Export(registry.format(kind), found)
        yield self._returns(random, scene)

    def _institutions(self, random: np.random.Generator, scene: Scene) -> Export:
        given, month = self._rates["institution"], scene.month
        rows = scene.organizations.filter(pl.col("level").is_in(_LICENSED)).sort("organization_id")
        serial = pl.int_range(pl.len())
        issued = pl.date(2021 + serial % 4, 1 + serial % 12, 8)
        rows = rows.with_columns(issued.alias("issued_date")).with_columns(
            pl.col("issued_date").dt.offset_by(f"{given['years']}y").alias("valid_to_date")
        )
        # A licence that has run out by now was renewed for another term.
        late = pl.col("valid_to_date") <= month.last
        renewed = pl.when(late).then("valid_to_date").otherwise("issued_date")
        rows = rows.with_columns(renewed.alias("valid_from_date"))
        state, reviewed = "valid", date(2025, 6, 30)
        if month.index:
            chosen = random.choice(
                len(rows), min(given["reviewed_a_month"], len(rows)), replace=False
            )
            rows = rows[np.sort(chosen)]
            state, reviewed = "changed", before(month.last, 4)

        def by_level(name: str, kind: pl.DataType) -> pl.Expr:
            return pl.col("level").replace_strict(given[name], return_dtype=kind)

        tcm = pl.when("is_tcm").then(pl.lit("中医医院"))
        return Export("health_commission__institution_registry__licences", rows.select(
            (pl.lit("PDY") + pl.col("organization_id")).alias("licence_number"),
            "organization_id", pl.col("name").alias("institution_name"),
            tcm.otherwise(by_level("categories", pl.String())).alias("institution_category"),
            pl.lit("1").alias("ownership_code"),
            by_level("levels", pl.String()).alias("level_name"),
            by_level("beds", pl.Int64()).alias("approved_bed_count"),
            by_level("subjects", pl.String()).alias("approved_subjects"),
            "issued_date", "valid_from_date",
            pl.col("valid_from_date").dt.offset_by(f"{given['years']}y").alias("valid_to_date"),
            pl.lit(state).alias("state_code"), pl.lit(reviewed).alias("reviewed_date"),
        ))  # fmt: skip

    def _practitioners(self, random: np.random.Generator, scene: Scene) -> pl.DataFrame:
        given = self._rates["practitioner"]
        rows = scene.staff.filter(pl.col("left").is_null()).sort("staff_id")
        tcm = pl.col("department_name").str.contains("中")
        kinds = {"11": "physician", "12": "assistant", "21": "nurse", "60": "village"}
        rows = rows.filter(pl.col("category").is_in(list(kinds)))
        number = pl.col("staff_id")
        practice = pl.when(tcm).then(pl.lit("4")).otherwise(pl.lit("1"))
        scope = practice.replace_strict(given["scopes"], return_dtype=pl.String)
        nurse = pl.col("category") == "21"
        return rows.select(
            "person", "organization_id", "staff_id", "category",
            (pl.lit(f"110{COUNTY}") + number).alias("licence_number"),
            (pl.lit("ZG") + number).alias("certificate_number"),
            pl.col("category").replace_strict(kinds, return_dtype=pl.String)
            .alias("practitioner_kind_code"),
            practice.alias("practice_category_code"),
            pl.when(nurse).then(pl.lit("护理")).otherwise(scope).alias("practice_scope"),
            pl.col("title").cast(pl.String).alias("title_code"),
            pl.col("employed").alias("registered_date"),
            pl.date(2031, 12, 31).alias("valid_to_date"),
            pl.lit("valid").alias("state_code"),
            chance(np.random.default_rng(scene.seed), given["multi_site"], len(rows))
            .alias("is_multi_site"),
        )  # fmt: skip

    def _changed(
        self, random: np.random.Generator, scene: Scene, rows: pl.DataFrame
    ) -> pl.DataFrame:
        """Licences renewed in the month, one at least."""
        share = self._rates["practitioner"]["changed_a_month"]
        renewed = scene.month.last - timedelta(days=6)
        return drawn(random, rows, share, 1).with_columns(
            pl.lit("changed").alias("state_code"), pl.lit(renewed).alias("registered_date")
        )

    def _returns(self, random: np.random.Generator, scene: Scene) -> Export:
        """The month's return, as the simulator counted it, and in the first month last year's."""
        month = scene.month
        visits = scene.visits.group_by("organization_id").agg(
            pl.len().cast(pl.Float64).alias("visits"),
            (pl.col("fee_fen").sum() / 100).alias("visit_income"),
        )
        ended = scene.stays.filter(pl.col("end").dt.date() <= month.last)
        stays = ended.group_by("organization_id").agg(
            pl.len().cast(pl.Float64).alias("discharges"),
            (pl.col("fee_fen").sum() / 100).alias("stay_income"),
        )
        rows = (
            scene.organizations.filter(pl.col("level").is_in(["hospital", "township", "village"]))
            .select("organization_id", "level")
            .sort("organization_id")
        )
        counted = rows.join(visits, on="organization_id", how="left", maintain_order="left")
        counted = counted.join(stays, on="organization_id", how="left", maintain_order="left")
        items = {
            "visits": ("诊疗人次数", "人次"), "visit_income": ("门诊收入", "元"),
            "discharges": ("出院人次数", "人次"), "stay_income": ("住院收入", "元"),
        }  # fmt: skip
        monthly = (
            counted.unpivot(list(items), index="organization_id", variable_name="item_code")
            .with_columns(
                pl.lit(_MONTHLY).alias("return_number"), pl.lit(_MONTHLY_NAME).alias("return_name"),
                pl.lit("month").alias("period_kind_code"),
                pl.lit(month.first).alias("period_start_date"),
                pl.col("item_code").replace_strict({k: v[0] for k, v in items.items()})
                .alias("item_name"),
                pl.col("item_code").replace_strict({k: v[1] for k, v in items.items()})
                .alias("unit_name"),
                pl.col("value").fill_null(0.0).round(2).alias("item_value"),
            )
            .drop("value")
        )  # fmt: skip
        parts = [monthly]
        if month.index == 0:
            parts.append(self._last_year(random, scene, rows).select(monthly.columns))
        together = pl.concat(parts).with_columns(
            pl.lit(month.last).alias("submitted_date"),
        )
        return Export("health_commission__statistics__annual_returns", together)

    def _last_year(
        self, random: np.random.Generator, scene: Scene, rows: pl.DataFrame
    ) -> pl.DataFrame:
        items = pl.DataFrame(self._rates["returns"])
        grid = rows.join(items, how="cross", maintain_order="left_right").join(
            rows.group_by("level").len("sharing"), on="level", how="left", maintain_order="left"
        )
        rate = (
            pl.when(pl.col("level") == "hospital").then("hospital")
            .when(pl.col("level") == "township").then("township").otherwise("village")
        )  # fmt: skip
        noise = pl.Series(random.normal(1, 0.06, len(grid)))
        value = rate * len(scene.people) / 1000 / pl.col("sharing") * noise
        return grid.select(
            "organization_id",
            pl.col("code").alias("item_code"),
            pl.col("number").alias("return_number"),
            pl.col("name").alias("return_name"),
            pl.lit("year").alias("period_kind_code"),
            pl.lit(date(scene.month.year - 1, 1, 1)).alias("period_start_date"),
            pl.col("item").alias("item_name"),
            pl.col("unit").alias("unit_name"),
            value.round(0).alias("item_value"),
        )
