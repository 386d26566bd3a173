"""The register of consultation experts, and who is asked for whom.

Belongs here: experts of the county and beyond. Not here: the consultations (`domain.py`).
"""

from datetime import date
from typing import Any

import numpy as np
import polars as pl

from county.domains.picks import picked, team
from county.organizations import BY_ID
from county.roles import COUNTY_HOSPITAL
from county.scene import Scene

_EXPERT_LEVEL = {
    "township_county": "county", "county_prefecture": "prefecture", "county_province": "province",
}  # fmt: skip


class Experts:
    """`known` holds those who may be asked this month."""

    def __init__(self, rates: dict[str, Any]) -> None:
        self._rates = rates
        self.known = pl.DataFrame()

    def register(self, scene: Scene) -> pl.DataFrame:
        """All experts in the first month; later those who have left."""
        month = scene.month
        if month.index == 0:
            own = team(scene, ["11"], "hospital")
            own = own.filter(pl.col("organization_id") == COUNTY_HOSPITAL)
            own = own.sort(pl.col("title").fill_null("4"), "staff_id")
            own = own.head(self._rates["county_experts"]).select(
                (pl.lit("ZJ") + pl.col("staff_id")).alias("expert_id"),
                "organization_id", pl.lit(BY_ID[COUNTY_HOSPITAL].name).alias("organization_name"),
                "staff_id", pl.col("department_name").alias("specialty_name"),
                pl.col("title").fill_null("4").alias("title_code"),
                pl.lit("county").alias("level_code"),
            )  # fmt: skip
            self.known = pl.concat([own, self._beyond()], how="diagonal").with_columns(
                pl.col("level_code").replace_strict(
                    self._rates["fee_fen"], return_dtype=pl.Int64
                ).alias("fee_fen"),
                pl.lit(date(2024, 3, 1)).alias("approved_date"),
                pl.lit(None, pl.Date).alias("ended_date"),
            )  # fmt: skip
            return self.known
        left = scene.staff.filter(pl.col("left").is_between(month.first, month.last))
        gone = pl.col("staff_id").is_in(left["staff_id"].to_list()).fill_null(value=False)
        if month.index == self._rates["leaves_month"]:
            gone |= pl.col("expert_id") == self.known["expert_id"][-1]
        ended = self.known.filter(gone).with_columns(pl.lit(month.last).alias("ended_date"))
        self.known = self.known.filter(~gone)
        return ended

    def _beyond(self) -> pl.DataFrame:
        rows = []
        for hospital in self._rates["beyond"]:
            shared = {k: v for k, v in hospital.items() if k != "specialties"}
            for number, specialty in enumerate(hospital["specialties"], 1):
                own = {
                    "expert_id": f"ZJ{hospital['organization_id'][:4]}{number:03d}",
                    "specialty_name": specialty,
                    "title_code": "1" if number % 2 else "2",
                }
                rows.append({**shared, **own})
        return pl.DataFrame(rows)

    def addressed(self, asked: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        """Adds an expert of the level whom the diagnosis concerns, else any of the level."""
        parts = []
        for level, rank in _EXPERT_LEVEL.items():
            part = asked.filter(pl.col("level_code") == level)
            known = self.known.filter(pl.col("level_code") == rank)
            anybody = picked(random, known, len(part))["expert_id"]
            draw = pl.Series("draw", random.integers(0, 1 << 30, len(part)))
            lists = known.group_by(pl.col("specialty_name").alias("wanted")).agg("expert_id")
            wanted = part.select(
                self._concerned(known).alias("wanted"), anybody.alias("anybody"), draw
            ).join(lists, on="wanted", how="left", maintain_order="left")
            turn = pl.col("draw") % pl.col("expert_id").list.len()
            chosen = wanted.select(
                pl.coalesce(pl.col("expert_id").list.get(turn, null_on_oob=True), "anybody")
                .alias("expert_id")
            )  # fmt: skip
            expert = chosen.join(known, on="expert_id", how="left", maintain_order="left")
            parts.append(
                part.with_columns(
                    expert["organization_id"].alias("invited_organization_id"),
                    expert["organization_name"].alias("invited_organization_name"),
                    expert["specialty_name"],
                    expert["expert_id"],
                    expert["organization_id"].alias("expert_organization_id"),
                    expert["staff_id"].alias("expert_staff_id"),
                    expert["fee_fen"].alias("expert_fee_fen"),
                )
            )
        return pl.concat(parts)

    def _concerned(self, known: pl.DataFrame) -> pl.Expr:
        """The specialty of a row's diagnosis that has an expert, or null."""
        present = set(known["specialty_name"])
        first = {
            letters: next((name for name in names if name in present), None)
            for letters, names in self._rates["specialties"].items()
        }
        code = pl.col("diagnosis_code")
        return pl.coalesce(
            code.str.slice(0, length).replace_strict(first, default=None, return_dtype=pl.String)
            for length in (2, 1)
        )

    def others(self, several: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        """The consultations with another expert of the county hospital."""
        known = self.known.filter(pl.col("level_code") == "county")
        expert = picked(random, known, len(several))
        return several.with_columns(
            expert["expert_id"],
            expert["organization_id"].alias("expert_organization_id"),
            expert["staff_id"].alias("expert_staff_id"),
        )
