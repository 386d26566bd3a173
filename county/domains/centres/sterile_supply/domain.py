"""Sterile supply: packs from the request through washer and steriliser to the patient.

Belongs here: packs, their way and their use. Not here: the runs (`cycles.py`).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.centres.sterile_supply.cycles import batched, runs
from county.domains.centres.sterile_supply.loaner_sets import loaners
from county.domains.draws import chance, codes, drawn, hours_later, minutes_later, serial
from county.domains.outbreak import planted_rows
from county.domains.picks import in_service, of_level, picked
from county.roles import COUNTY_HOSPITAL
from county.scene import Export, Scene

REQUESTS = "county_hospital__cssd__requests"
PACKS = "county_hospital__cssd__packs"
CYCLES = "county_hospital__cssd__cycles"
TRACES = "county_hospital__cssd__traces"
PACK_USE = "county_hospital__his__pack_use"
_UNIT = (
    "encounter_id", "organization_id", "department_name", "used_at", "pack_code",
    "operation_code", "operation_name",
)  # fmt: skip
# Steps that the centre records, in order, and the column of their moment.
_STEPS = ("recovered", "washed", "packed", "sterilized", "issued", "delivered")

_COTTON_DAYS = 7


class Domain:
    """Feeds of the sterile supply centre, the operating rooms and the loans of instruments."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._types = pl.DataFrame(rates["packs"])

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("sterile_supply")
        units = self._dated(scene, self._opened(scene, random), random)
        units = batched(units, self._rates)
        cycles = runs(scene, units, self._rates, random)
        nurses = in_service(scene, ["21"]).filter(pl.col("organization_id") == COUNTY_HOSPITAL)
        units = self._on_the_way(scene, units, cycles, nurses, random)
        yield Export(REQUESTS, self._requests(scene, units, random))
        yield Export(PACKS, units)
        operator = picked(random, nurses, len(cycles))["staff_id"]
        yield Export(
            CYCLES,
            cycles.with_columns(operator.alias("operator_staff_id")),
            planted_rows(
                "failed_biological_indicator", cycles, "cycle_id",
                pl.col("biological_result_code") == "failed",
            ),
        )  # fmt: skip
        yield Export(TRACES, self._traces(scene, units, nurses, random))
        yield self._use(scene, units, nurses, random)
        yield loaners(scene, units, nurses, self._rates, random)

    def _opened(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """Packs opened in the month: at operations, and at visits from its second day on."""
        month = scene.month
        at = scene.organizations.filter(pl.col("level") == "hospital")["organization_id"]
        stays = scene.stays.filter(
            pl.col("operation_code").is_not_null()
            & pl.col("organization_id").is_in(at.to_list())
            & (pl.col("start").dt.date() + timedelta(days=1)).is_between(month.first, month.last)
        )
        morning = stays["start"].dt.truncate("1d") + timedelta(days=1)
        begun = hours_later(random, morning, 9.5, 16)
        needed = pl.col("operation_code").replace_strict(
            self._rates["operation_packs"], default=["B01"], return_dtype=pl.List(pl.String)
        )
        operated = stays.with_columns(begun.alias("used_at"), needed.alias("pack_code")).explode(
            "pack_code"
        )
        visits = of_level(scene, scene.visits, ["hospital", "township"]).filter(
            pl.col("start").dt.date() > month.first
        )
        visits = drawn(random, visits, self._rates["clinic_use"], least=6)
        clinic = visits.with_columns(
            hours_later(random, visits["start"], 0.1, 0.5).alias("used_at"),
            codes(random, self._rates["clinic_shares"], len(visits)).alias("pack_code"),
            pl.lit(None, pl.String).alias("operation_code"),
            pl.lit(None, pl.String).alias("operation_name"),
        )
        return pl.concat([operated.select(_UNIT), clinic.select(_UNIT)])

    def _dated(
        self, scene: Scene, units: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """Adds the day of sterilising, never before the month; one pack is used beyond its life."""
        units = units.join(
            self._types, left_on="pack_code", right_on="code", how="left", maintain_order="left"
        ).rename({"organization_id": "owner"})
        room = pl.min_horizontal(
            pl.col("days") - 1,
            pl.lit(self._rates["most_days_kept"]),
            pl.col("used_at").dt.day().cast(pl.Int64) - 1,
        )
        spread = pl.Series(random.random(len(units)))
        kept = pl.min_horizontal(room, 1 + (room * spread).floor().cast(pl.Int64))
        units = units.with_row_index("row")
        old = units.filter(
            (pl.col("days") == _COTTON_DAYS)
            & (pl.col("used_at").dt.day() > _COTTON_DAYS + 4)
            & (pl.col("owner") == COUNTY_HOSPITAL)
        )["row"].head(1)
        kept = pl.when(pl.col("row").is_in(old.to_list())).then(_COTTON_DAYS + 3).otherwise(kept)
        day = pl.col("used_at").dt.date()
        return units.with_columns((day - pl.duration(days=kept)).alias("cycle_day"))

    def _on_the_way(
        self, scene: Scene, units: pl.DataFrame, cycles: pl.DataFrame, nurses: pl.DataFrame,
        random: np.random.Generator,
    ) -> pl.DataFrame:  # fmt: skip
        """Adds to each pack its ids and the moments of its way."""
        size = len(units)
        known = cycles.select("cycle_id", "started_at", "ended_at", "recalled_at")
        washed = known.select(
            pl.col("cycle_id").alias("wash_id"), pl.col("started_at").alias("wash_start"),
            pl.col("ended_at").alias("washed_at"),
        )  # fmt: skip
        units = units.join(known, on="cycle_id", how="left", maintain_order="left")
        units = units.join(washed, on="wash_id", how="left", maintain_order="left")
        issued = minutes_later(units["ended_at"], random.uniform(20, 50, size))
        abroad = (units["owner"] != COUNTY_HOSPITAL).to_numpy()
        way = np.where(abroad, random.uniform(40, 110, size), random.uniform(8, 25, size))
        group = pl.struct("owner", "department_name", "pack_code", "cycle_day").rank("dense")
        place = group.cast(pl.Int64)
        staff = picked(random, nurses, size)["staff_id"], picked(random, nurses, size)["staff_id"]
        lost = chance(random, self._rates["piece_missing"], size).cast(pl.Int64)
        cost = pl.Series(random.uniform(0.95, 1.08, size))
        clinic = pl.col("operation_code").is_null()
        units = units.with_columns(
            serial("WJB", scene.month, size).alias("pack_id"),
            (pl.lit(f"SL{scene.month.compact}") + place.cast(pl.String).str.zfill(6))
            .alias("request_id"),
            pl.col("owner").alias("owner_organization_id"),
            pl.col("pack_code").alias("pack_type_code"),
            pl.col("name").alias("pack_type_name"),
            pl.col("pieces").alias("instrument_count"),
            pl.col("implant").alias("has_implant"),
            (pl.col("cost") * cost).round(0).cast(pl.Int64).alias("cost_fen"),
            (pl.col("cycle_day") + pl.duration(days=pl.col("days"))).alias("expires_date"),
            minutes_later(units["wash_start"], -random.uniform(30, 110, size))
            .alias("recovered_at"),
            minutes_later(units["washed_at"], random.uniform(15, 50, size)).alias("packed_at"),
            issued.alias("issued_at"),
            minutes_later(issued, way).alias("delivered_at"),
            staff[0].alias("packer_staff_id"),
            staff[1].alias("checker_staff_id"),
            lost.alias("missing_count"),
            pl.when(pl.Series(abroad)).then(
                pl.lit("WJ") + pl.col("cycle_day").dt.strftime("%Y%m%d")
                + pl.col("owner").str.slice(6) + pl.lit("1")
            ).alias("trip_id"),
            (clinic & (pl.col("used_at") > pl.col("recalled_at"))).fill_null(value=False)
            .alias("is_recalled"),
        )  # fmt: skip
        first = units.with_row_index("unit").filter(
            (pl.col("owner") == COUNTY_HOSPITAL) & ~pl.col("is_recalled")
            & pl.col("recalled_at").is_null()
        )["unit"].tail(1)  # fmt: skip
        return units.with_row_index("unit").with_columns(
            pl.when(~pl.col("unit").is_in(first.to_list())).then("cycle_id").alias("cycle_id")
        )

    def _requests(
        self, scene: Scene, units: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """One request per department, type and day of sterilising; some were withdrawn."""
        served = units.group_by("request_id", maintain_order=True).agg(
            pl.col("owner", "department_name", "pack_type_code", "pack_type_name", "cycle_day",
                   "price", "trip_id").first(),
            pl.len().alias("pack_count"),
            pl.col("recovered_at").min(),
            pl.col("issued_at", "delivered_at").max(),
        ).with_columns(pl.lit("CM").alias("status_code"))  # fmt: skip
        size = max(1, round(len(served) * self._rates["cancelled"]))
        withdrawn = picked(random, served, size).with_columns(
            serial("SLQ", scene.month, size).alias("request_id"),
            pl.lit("CA").alias("status_code"),
            pl.lit(None, pl.Datetime("us")).alias("issued_at"),
            pl.lit(None, pl.Datetime("us")).alias("delivered_at"),
            pl.lit(None, pl.String).alias("trip_id"),
        )  # fmt: skip
        rows = pl.concat([served, withdrawn])
        asked = hours_later(random, rows["recovered_at"], -6, -0.5)
        doctors = in_service(scene, ["11", "21"]).group_by("organization_id").agg(
            pl.col("staff_id").first()
        )  # fmt: skip
        rows = rows.join(
            doctors, left_on="owner", right_on="organization_id", how="left", maintain_order="left"
        )
        return rows.with_columns(
            pl.col("owner").alias("organization_id"),
            pl.lit(COUNTY_HOSPITAL).alias("performing_organization_id"),
            asked.alias("requested_at"),
            (pl.col("cycle_day").cast(pl.Datetime("us")) + timedelta(hours=17)).alias("needed_at"),
            pl.when(pl.col("status_code") == "CM")
            .then(pl.col("price") * pl.col("pack_count"))
            .alias("fee_fen"),
        )

    def _traces(
        self, scene: Scene, units: pl.DataFrame, nurses: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """Every step of every pack up to the ward; its use or recall where the hospital's own
        system does not tell of it."""
        moment = {"sterilized": "ended_at"}
        cycle = {"washed": "wash_id", "recovered": None, "packed": None}
        parts = []
        for step in _STEPS:
            at = "owner" if step in ("recovered", "delivered") else None
            parts.append(
                _step(units, step, moment.get(step, f"{step}_at"), cycle.get(step, "cycle_id"), at)
            )
        abroad = pl.col("owner") != COUNTY_HOSPITAL
        parts.append(
            _step(units.filter(abroad & ~pl.col("is_recalled")), "used", "used_at", "cycle_id",
                  "owner")
        )  # fmt: skip
        back = units.filter("is_recalled")
        back = back.with_columns(hours_later(random, back["recalled_at"], 0.5, 6).alias("back_at"))
        parts.append(_step(back, "recalled", "back_at", "cycle_id", "owner"))
        rows = pl.concat(parts).sort("occurred_at", "pack_id")
        size = len(rows)
        return rows.with_columns(
            serial("ZS", scene.month, size).alias("trace_id"),
            picked(random, nurses, size)["staff_id"],
        )

    def _use(
        self, scene: Scene, units: pl.DataFrame, nurses: pl.DataFrame, random: np.random.Generator
    ) -> Export:
        """Packs opened for a patient of the county hospital."""
        own = units.filter(
            (pl.col("owner") == COUNTY_HOSPITAL) & ~pl.col("is_recalled")
        ).sort("used_at", "pack_id")  # fmt: skip
        size = len(own)
        rows = own.with_columns(
            serial("YB", scene.month, size).alias("trace_id"),
            pl.lit("used").alias("event_code"),
            pl.col("used_at").alias("occurred_at"),
            picked(random, nurses, size)["staff_id"],
        )
        beyond = pl.col("used_at").dt.date() > pl.col("expires_date")
        planted = [
            *planted_rows("pack_without_cycle", rows, "trace_id", pl.col("cycle_id").is_null()),
            *planted_rows("expired_pack_used", rows, "trace_id", beyond),
        ]
        return Export(PACK_USE, rows, planted)


def _step(
    units: pl.DataFrame, step: str, moment: str, cycle: str | None, organization: str | None
) -> pl.DataFrame:
    """One row per pack for one step; at the centre where no organization is named."""
    none = pl.lit(None, pl.Int64)
    counted = step == "recovered"
    return units.select(
        pl.col(organization).alias("organization_id")
        if organization
        else pl.lit(COUNTY_HOSPITAL).alias("organization_id"),
        "pack_id",
        (pl.col(cycle) if cycle else pl.lit(None, pl.String)).alias("cycle_id"),
        pl.lit(step).alias("event_code"),
        pl.col(moment).alias("occurred_at"),
        (pl.col("trip_id") if step == "delivered" else pl.lit(None, pl.String)).alias("trip_id"),
        (pl.col("instrument_count") if step in ("recovered", "packed") else none).alias(
            "instrument_count"
        ),
        (pl.col("missing_count") if counted else none).alias("missing_count"),
    )
