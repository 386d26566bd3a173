"""Pharmacies of hospitals and primary institutions: prescriptions, review, handing out, supply.

Belongs here: drug lines that are prescribed and handed out. Not here: rules and reviews
(`review.py`), shortages and purchase (`supply.py`), stores behind the counter (`drug_supply.py`),
trace codes and reactions (`drug_safety.py`), the TCM pharmacy (`services/tcm/`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, codes, drawn, hours_later
from county.domains.medical_management.pharmacy.drug_safety import DrugSafety
from county.domains.medical_management.pharmacy.drug_supply import DrugSupply
from county.domains.medical_management.pharmacy.review import reviews
from county.domains.medical_management.pharmacy.supply import Shortages, purchases
from county.domains.waiting import Waiting
from county.roles import COUNTY_HOSPITAL, TOWNSHIP_A, TOWNSHIP_B
from county.scene import Export, Scene
from county.systems.drugs import CHINESE, WESTERN

_CLOUD = "consortium__primary_cloud__dispensing"
_ROOMS = "village_rooms__his__dispensing"
_ROOM_TOWNS = [TOWNSHIP_A, TOWNSHIP_B]
_OWN_SYSTEM = {
    "county_hospital__his__dispensing": COUNTY_HOSPITAL,
    "township_a__his__dispensing": TOWNSHIP_A,
    "township_b__his__dispensing": TOWNSHIP_B,
}
_STEP = 5  # has no common divisor with the number of drugs, so the lines of one row differ


def drug_frame() -> pl.DataFrame:
    """The county's drugs in one order: code, name, specification, price in fen, flags."""
    return pl.DataFrame(
        [
            (d.code, d.name, d.specification, d.price, d.is_essential, d.is_antibacterial,
             d.is_tcm, f"{d.dose}{d.dose_unit}", f"每日{d.per_day}次")
            for d in WESTERN + CHINESE
        ],
        schema=[
            "drug_code", "drug_name", "specification", "price_fen", "is_essential",
            "is_antibacterial", "is_tcm", "dose", "frequency",
        ],
        orient="row",
    ).with_row_index("_drug")  # fmt: skip


def _prescribed(lines: pl.DataFrame) -> pl.DataFrame:
    """The lines as the doctor wrote them."""
    return lines.filter(~pl.col("is_returned")).with_columns(
        (pl.col("_line") + 1).alias("line"),
        pl.col("prescribed_is_tcm").alias("is_tcm"),
        (pl.col("start") + pl.duration(minutes=18)).alias("prescribed"),
    )


class Domain:
    """Feeds of the pharmacies, the review centre, the shortage desk and the purchase platform."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._drugs = drug_frame()
        self._shortages = Shortages(rates["shortage"])
        self._waiting = Waiting()
        self._supply = DrugSupply(self._drugs, rates["supply"])
        self._safety = DrugSafety(self._supply.items, rates["safety"])

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("pharmacy")
        organization, town = pl.col("organization_id"), pl.col("township")
        shared = town.is_not_null() & ~town.is_in(list(_OWN_SYSTEM.values()))
        served = {feed: organization == code for feed, code in _OWN_SYSTEM.items()}
        rooms = town.is_in(_ROOM_TOWNS) & (organization != town)
        dispensed = []
        for feed, here in {**served, _ROOMS: rooms, _CLOUD: shared}.items():
            visits = scene.visits.filter(here)
            lines = self._lines(visits, random)
            yield Export(feed.replace("__dispensing", "__prescriptions"), _prescribed(lines))
            due = self._waiting.due(feed, lines, "dispensed_at", scene.month)
            dispensed.append(due)
            yield Export(feed, due)
        yield from reviews(scene, self._drugs, self._rates["review"])
        yield from self._shortages.month(scene, self._drugs)
        yield purchases(scene, self._drugs, self._rates["purchase"])
        yield from self._supply.month(scene, pl.concat(dispensed))
        yield from self._safety.month(scene, pl.concat(dispensed))

    def _lines(self, visits: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        """One row per drug line of the visits that were given drugs, and per line taken back."""
        given = drawn(random, visits, (visits["drug_fee_fen"].fill_null(0) > 0).to_numpy(), least=3)
        size = len(given)
        lines = codes(random, self._rates["lines"], size).cast(pl.Int64)
        first = pl.Series(random.integers(0, len(self._drugs), size))
        given = (
            given.with_columns(lines.alias("_lines"), first.alias("_first"))
            .with_columns(pl.int_ranges(0, "_lines").alias("_line"))
            .explode("_line")
            .with_columns(
                ((pl.col("_first") + pl.col("_line") * _STEP) % len(self._drugs))
                .cast(pl.UInt32)
                .alias("_drug")
            )
            .join(
                self._drugs.rename({"is_tcm": "prescribed_is_tcm"}),
                on="_drug",
                maintain_order="left",
            )
        )
        size = len(given)
        place = pl.when(pl.col("organization_id").str.slice(6, 1) == "V").then(pl.lit("3"))
        month_of_lot = pl.col("start").dt.offset_by("-3mo").dt.strftime("%y%m")
        given = given.with_columns(
            ("FY" + pl.col("encounter_id") + "-" + (pl.col("_line") + 1).cast(pl.String)).alias(
                "dispensing_id"
            ),
            ("CF" + pl.col("encounter_id")).alias("prescription_id"),
            place.otherwise(pl.lit("1")).alias("dispensing_place_code"),
            (pl.col("drug_code").str.slice(-2) + month_of_lot + "A").alias("lot_number"),
            pl.Series("quantity", random.integers(1, 4, size)),
            pl.lit("盒").alias("quantity_unit"),
            codes(random, self._rates["supply_days"], size).cast(pl.Int64).alias("supply_days"),
            hours_later(random, given["start"], 0.3, 2.5).alias("dispensed_at"),
            pl.lit(False).alias("is_returned"),
        ).with_columns((pl.col("price_fen") * pl.col("quantity")).alias("amount_fen"))
        back = given.filter(chance(random, self._rates["returned"], size))
        back = back.with_columns(
            (pl.col("dispensing_id") + "T").alias("dispensing_id"),
            hours_later(random, back["dispensed_at"], 2, 72).alias("dispensed_at"),
            pl.lit(True).alias("is_returned"),
        )
        return pl.concat([given, back])
