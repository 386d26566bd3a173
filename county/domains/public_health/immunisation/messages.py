"""Doses of one township clinic as HL7 v2 VXU^V04: one message a visit, a group of segments a dose.

Belongs here: what a message says. Not here: files and faults of all HL7 (`systems/hl7_batch.py`).
Conventions: ORC-3 is the record's number, RXA-5 the national vaccine code, RXA-9 00 a new record
and 01 an earlier one. Source: HL7 v2.5.1, chapter 4A.
"""

from collections.abc import Iterator
from datetime import datetime, time

import numpy as np
import polars as pl

from county.roles import TOWNSHIP_A
from county.scene import Document, Scene
from county.systems.hl7_batch import Break, Channel, Hl7Files, header, patient, segment, text

CLINIC = TOWNSHIP_A
FEED = "township_a__vaccination__messages"
_ROUTES = {"1": "ID^Intradermal^HL70162", "2": "SC^Subcutaneous^HL70162",
           "3": "IM^Intramuscular^HL70162", "4": "PO^Oral^HL70162"}  # fmt: skip
_SITES = {"1": "LA^左上臂^HL70163", "2": "RA^右上臂^HL70163", "3": "LT^左大腿^HL70163",
          "4": "RT^右大腿^HL70163", "5": "PO^口服^L"}  # fmt: skip
_CHANNEL = Channel(
    FEED, "IIS", CLINIC, "township_a_vxu", "vxu", "utf-8", "RXA", 2, 5,
    (
        Break("impossible_date", "impossible_date", "RXA", 3, "20260230"),
        Break("missing_required", "missing_required", "RXA", 5, ""),
        Break("unknown_code", "unknown_code", "RXA", 5, "9999^未知疫苗^NIP"),
        Break("given_after_expiry", "rule_failed", "RXA", 16, "20190501"),
    ),
    Break("unmapped_local_code", "", "RXR", 1, "JET^无针注射^L"),
)  # fmt: skip


class VaccinationFiles(Hl7Files):
    """As all HL7 files; a broken copy keeps one dose, under a record number of its own."""

    def _alone(self, message: str) -> list[list[str]]:
        segments = [line.split("|") for line in message.split("\r") if line]
        first = next(n for n, s in enumerate(segments) if s[0] == "ORC")
        order = list(segments[first])
        order[3] = f"{order[3].partition('^')[0]}X{self.turn}^IIS"
        group = [segments[first + 1]]
        for one in segments[first + 2 :]:
            if one[0] == "ORC":
                break
            group.append(one)
        return [*segments[:first], order, *(list(one) for one in group)]


class VaccinationMessages:
    """Keeps the numbers of messages."""

    def __init__(self) -> None:
        self._control = 0
        self._files = VaccinationFiles(_CHANNEL)

    def month(
        self, scene: Scene, doses: pl.DataFrame, random: np.random.Generator
    ) -> Iterator[Document]:
        """Messages of the clinic's doses; a child's earlier doses come in one message."""
        own = doses.filter(pl.col("organization_id") == CLINIC)
        if own.is_empty():
            return
        visits = (
            own.with_columns(_dose().alias("group"), pl.col("vaccinated_date").alias("day"))
            .with_columns(
                pl.when("is_earlier").then(pl.lit(scene.month.first)).otherwise("day").alias("day")
            )
            .group_by("day", "person", "is_earlier", maintain_order=True)
            .agg(pl.col("group").str.join(""), rows=pl.len())
            .sort("day", "person", "is_earlier")
        )
        opens = datetime.combine(scene.month.first, time(9)) - datetime.combine(
            scene.month.first, time(0)
        )
        seconds = pl.lit(pl.Series(random.integers(0, 7 * 3600, len(visits))))
        moment = pl.col("day").cast(pl.Datetime("us")) + opens + pl.duration(seconds=seconds)
        visits = visits.with_columns(moment.alias("moment")).sort("moment", "person")
        numbers = pl.int_range(self._control + 1, self._control + 1 + len(visits), eager=True)
        self._control += len(visits)
        control = pl.lit("T01IIS") + numbers.cast(pl.String)
        known = scene.identify(FEED, visits.with_columns(control.alias("control")))
        head = header(_CHANNEL, "VXU^V04^VXU_V04").str.replace("|P|2.4|", "|P|2.5.1|", literal=True)
        messages = known.select(
            "moment",
            text=pl.concat_str(head, patient(CLINIC), pl.col("group")),
            rows=pl.col("rows").cast(pl.Int64),
        )
        yield from self._files.month(messages, scene.month, random)


def _dose() -> pl.Expr:
    """ORC, RXA and RXR of one dose."""
    given = pl.col("vaccinated_date").dt.strftime("%Y%m%d")
    source = pl.when("is_earlier").then(pl.lit("01^历史补录^NIP001")).otherwise(
        pl.lit("00^新接种记录^NIP001")
    )  # fmt: skip
    order = segment(
        "ORC", {1: "RE", 3: text("vaccination_id") + "^IIS", 9: given, 12: text("staff_id")}
    )
    administered = segment(
        "RXA",
        {1: "0", 2: text("dose_number"), 3: given, 4: given,
         5: pl.concat_str("vaccine_code", pl.lit("^"), "vaccine_name", pl.lit("^NIP")),
         6: text("dose_ml"), 7: "mL^^UCUM", 9: source, 10: text("staff_id"),
         11: f"^^^{CLINIC}", 15: text("lot_number"),
         16: pl.col("expires_date").dt.strftime("%Y%m%d"), 17: text("manufacturer_name"),
         20: "CP", 21: "A"},
    )  # fmt: skip
    route = segment(
        "RXR", {1: pl.col("route_code").replace(_ROUTES), 2: pl.col("site_code").replace(_SITES)}
    )
    return pl.concat_str(order, administered, route)
