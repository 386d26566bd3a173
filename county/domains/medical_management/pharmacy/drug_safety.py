"""Trace codes of handed-out packages, recalled lots and adverse reactions.

Belongs here: what is known about single packages and their harm. Not here: stores
(`drug_supply.py`), handing out (`domain.py`).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import codes, drawn, hours_later, moments, serial
from county.domains.picks import of_level, picked
from county.domains.waiting import Waiting
from county.scene import Export, Planted, Scene

SCANS = "consortium__trace_codes__scans"
RECALLS = "consortium__spd__recalls"
REACTIONS = "consortium__adverse_reactions__reports"
_RECEIPT, _DISPENSED = "receipt", "dispense"
_SERIOUS = ["2", "4"]


class DrugSafety:
    """Follows packages from the supplier to the patient; reports come when their day comes."""

    def __init__(self, items: pl.DataFrame, rates: dict[str, Any]) -> None:
        self._items = items.select("item_id", "supplier_id", "manufacturer_name")
        self._rates = rates
        self._waiting = Waiting()

    def month(self, scene: Scene, dispensed: pl.DataFrame) -> Iterator[Export]:
        """Scans, the recall and the reports of the month's drug lines."""
        random = scene.random("drug_safety")
        lines = (
            dispensed.filter(~pl.col("is_returned"))
            .rename({"drug_code": "item_id", "drug_name": "item_name"})
            .join(self._items, on="item_id", how="left", maintain_order="left")
        )
        packages = self._packages(scene, lines, random)
        recall = self._recalled(scene, packages)
        yield Export(RECALLS, recall)
        yield self._scans(scene, packages, recall, random)
        reports = self._reactions(scene, lines, random)
        due = self._waiting.due("reports", reports, "reported_at", scene.month)
        yield Export(REACTIONS, due)

    def _packages(
        self, scene: Scene, lines: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """Packages whose codes were scanned: of hospitals and centres, of this month's lots, from
        the second day on; one row each."""
        lot = pl.col("lot_number").str.slice(2, 4)
        current = pl.lit(scene.month.first).dt.offset_by("-3mo").dt.strftime("%y%m")
        able = of_level(scene, lines, ["hospital", "township"]).filter(
            (lot == current) & (pl.col("dispensed_at").dt.date() > scene.month.first)
        )
        chosen = drawn(random, able, self._rates["traced"], least=12).sort(
            "dispensed_at", "dispensing_id"
        )
        each = chosen.with_columns(pl.int_ranges(0, "quantity").alias("_box")).explode("_box")
        number = pl.int_range(1, pl.len() + 1).cast(pl.String).str.zfill(9)
        drug = pl.col("item_id").str.slice(-4)
        kind = pl.when(pl.col("item_id").str.starts_with("ZA")).then(pl.lit("8170"))
        prefix = kind.otherwise(pl.lit("8120"))
        return each.with_columns(
            pl.concat_str(prefix, drug.str.slice(1), pl.lit(scene.month.compact[2:]), number)
            .alias("trace_code")
        )  # fmt: skip

    def _recalled(self, scene: Scene, packages: pl.DataFrame) -> pl.DataFrame:
        """One lot a month, recalled while it is still handed out."""
        late = packages.unique("dispensing_id", maintain_order=True)
        late = late.slice(int(len(late) * self._rates["recalled_after"]), 1)
        return late.select(
            pl.lit(f"ZH{scene.month.compact}01").alias("recall_id"),
            "item_id",
            "item_name",
            "lot_number",
            pl.lit("2").alias("recall_class_code"),
            (pl.col("dispensed_at").dt.truncate("1h") - timedelta(hours=6)).alias("recalled_at"),
            pl.lit("溶出度检验不符合规定").alias("reason_text"),
            "manufacturer_name",
        )

    def _scans(
        self, scene: Scene, packages: pl.DataFrame, recall: pl.DataFrame,
        random: np.random.Generator,
    ) -> Export:  # fmt: skip
        """Every package on arrival and when handed out; the month's first one never arrived."""
        first = pl.Series([scene.month.first] * max(len(packages) - 1, 0), dtype=pl.Date)
        arrived = packages.slice(1).with_columns(
            moments(random, first, opens=10, closes=12).alias("scanned_at"),
            pl.lit(_RECEIPT).alias("scan_kind_code"),
            *(pl.lit(None, pl.String).alias(name) for name in
              ("dispensing_id", "encounter_id", "staff_id")),
        )  # fmt: skip
        given = packages.with_columns(
            pl.col("dispensed_at").alias("scanned_at"),
            pl.lit(_DISPENSED).alias("scan_kind_code"),
            pl.lit(None, pl.String).alias("supplier_id"),
        )
        scans = pl.concat([arrived, given]).sort("scanned_at", "trace_code")
        scans = scans.with_columns(serial("ZS", scene.month, len(scans)).alias("scan_id"))
        handed = scans.filter(pl.col("scan_kind_code") == _DISPENSED)
        lot = recall.select("item_id", "lot_number", "recalled_at")
        after = handed.join(lot, on=["item_id", "lot_number"], maintain_order="left").filter(
            pl.col("scanned_at") > pl.col("recalled_at")
        )
        unknown = handed.join(arrived, on="trace_code", how="anti", maintain_order="left")
        planted = [Planted("recalled_lot", key) for key in after["scan_id"]]
        planted += [Planted("trace_without_receipt", key) for key in unknown["scan_id"]]
        return Export(SCANS, scans.drop("person"), planted)

    def _reactions(
        self, scene: Scene, lines: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """Reports of reactions to the month's drugs, serious ones within fifteen days."""
        rates = self._rates
        alive = scene.people.filter(pl.col("died").is_null()).select("person")
        lines = lines.join(alive, on="person", how="semi", maintain_order="left")
        found = drawn(random, lines, rates["reaction"], least=4)
        size = len(found)
        severity = codes(random, rates["severities"], size)
        serious = severity.is_in(_SERIOUS)
        occurred = hours_later(random, found["dispensed_at"], 0.5, 72)
        waits = np.where(serious, random.integers(1, 14, size), random.integers(1, 29, size))
        day = occurred.dt.date() + pl.Series(waits * 86_400_000).cast(pl.Duration("ms"))
        kinds = picked(random, pl.DataFrame(rates["reactions"]), size)
        return found.select(
            "person", "organization_id", "encounter_id", "item_id", "item_name", "lot_number",
            "manufacturer_name", "staff_id",
            serial("ADR", scene.month, size).alias("reaction_report_id"),
            kinds["name"].alias("reaction_name"), kinds["system"].alias("organ_system_name"),
            severity.alias("severity_code"), occurred.alias("occurred_at"),
            moments(random, day, opens=9, closes=18).alias("reported_at"),
            codes(random, rates["outcomes"], size).alias("outcome_code"),
            codes(random, rates["causalities"], size).alias("causality_code"),
        )  # fmt: skip
