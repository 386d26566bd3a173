"""Visits and herbs of the TCM clinics at primary institutions.

Belongs here: what the clinics' own system keeps beside the ordinary visit. Not here: the TCM
hospital (`county/systems/`), decoction and dispatch of herbs.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import codes, drawn, serial
from county.scene import Document, Export, Scene


class Domain:
    """Nothing is kept between months."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        diseases = {**rates["diseases"], "": rates["other"]}
        self._diseases = pl.DataFrame([
            {"western": western, "tcm_disease_code": one["code"], "tcm_disease_name": one["name"],
             "tcm_syndrome_code": one["syndrome_code"], "tcm_syndrome_name": one["syndrome"],
             "treatment_principle": one["principle"]}
            for western, one in diseases.items()
        ])  # fmt: skip

    def month(self, scene: Scene) -> Iterator[Export | Document]:
        random = scene.random("tcm_clinics")
        visits = self._visits(random, scene)
        yield Export("consortium__tcm_clinic__visits", visits)
        yield Export("consortium__tcm_clinic__herbs", self._herbs(random, scene, visits))

    def _visits(self, random: np.random.Generator, scene: Scene) -> pl.DataFrame:
        """The TCM visits at township centres; a small county fills up with other visits there."""
        rates = self._rates
        centres = scene.visits.filter(pl.col("organization_id") == pl.col("township"))
        share = np.where(centres["is_tcm"].to_numpy(), 1.0, 1e-9)
        rows = drawn(random, centres, share, rates["least"])
        size = len(rows)
        known = pl.Series(list(rates["diseases"]))
        western = pl.col("diagnosis_code").str.slice(0, 3)
        western = pl.when(western.is_in(known.to_list())).then(western).otherwise(pl.lit(""))
        form = codes(random, rates["forms"], size)
        # The first visit always takes herbs, so that the prescriptions are never empty.
        form = pl.Series(["decoction"] * min(1, size) + form.to_list()[1:], dtype=pl.String)
        herbal = form.is_in(["decoction", "granules"])
        kinds = pl.Series(random.integers(rates["least_kinds"], rates["most_kinds"] + 1, size))
        rows = rows.with_columns(western.alias("western")).join(
            self._diseases, on="western", how="left", maintain_order="left"
        )
        return rows.select(
            "person", "organization_id", "encounter_id", "staff_id", "diagnosis_code",
            "tcm_disease_code", "tcm_disease_name", "tcm_syndrome_code", "tcm_syndrome_name",
            "treatment_principle",
            serial("ZYG", scene.month, size).alias("tcm_visit_id"),
            pl.col("start").dt.truncate("1m").alias("visited_at"),
            codes(random, rates["techniques"], size).alias("technique_code"),
            form.alias("herb_form_code"),
            pl.when(herbal).then(pl.Series(random.integers(3, 8, size))).otherwise(0)
            .alias("herb_dose_count"),
            pl.when(herbal).then(kinds).otherwise(0).alias("herb_kind_count"),
            pl.col("fee_fen").alias("total_fee_fen"),
        )  # fmt: skip

    def _herbs(
        self, random: np.random.Generator, scene: Scene, visits: pl.DataFrame
    ) -> pl.DataFrame:
        """One line a herb: neighbours in the list, from a place of the prescription's own."""
        herbs = self._rates["herbs"]
        taken = visits.filter(pl.col("herb_kind_count") > 0)
        size = len(taken)
        lines = taken.with_columns(
            serial("ZYF", scene.month, size).alias("prescription_id"),
            pl.Series("first", random.integers(0, len(herbs), size)),
            pl.int_ranges(0, pl.col("herb_kind_count")).alias("line"),
        ).explode("line")
        count = len(lines)
        herb = ((lines["first"] + lines["line"] * 5) % len(herbs)).cast(pl.Int64)
        grams = pl.Series(random.integers(2, 7, count) * 3)
        total = grams * lines["herb_dose_count"]
        return lines.select(
            "person", "organization_id", "encounter_id", "staff_id", "prescription_id",
            "tcm_visit_id",
            (pl.col("line") + 1).cast(pl.String).alias("item_number_text"),
            (pl.lit("YP") + herb.cast(pl.String).str.zfill(3)).alias("herb_code"),
            pl.Series(herbs).gather(herb).alias("herb_name"),
            pl.when(pl.col("herb_form_code") == "granules").then(pl.lit("颗粒"))
            .otherwise(pl.lit("饮片")).alias("specification"),
            grams.cast(pl.Float64).alias("single_dose_g"),
            pl.col("herb_dose_count").alias("dose_count"),
            total.cast(pl.Float64).alias("quantity_g"),
            pl.lit("水煎服，每日一剂").alias("usage_text"),
            (total * self._rates["price_fen_per_gram"]).alias("amount_fen"),
            (pl.col("herb_form_code") == "granules").alias("is_granule"),
            pl.col("visited_at").alias("prescribed_at"),
        )  # fmt: skip
