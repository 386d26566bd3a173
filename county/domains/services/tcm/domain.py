"""TCM diagnosis support at TCM visits, its knowledge base, and the shared TCM pharmacy's feeds.

Belongs here: sessions, adoption and knowledge. Not here: stock, dispensing, decoction and delivery
(`pharmacy.py`), visits of the TCM clinics (`platform/tcm_clinics/`).
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, codes, drawn, hours_later, serial
from county.domains.picks import of_level, picked
from county.domains.services.tcm.pharmacy import pharmacy
from county.scene import Export, Scene

SESSIONS = "consortium__tcm_support__sessions"
KNOWLEDGE = "consortium__tcm_support__knowledge"
_DISEASE, _SYNDROME, _FORMULA, _HERB = "1", "2", "3", "4"
_SOURCE = "县中医医院知识库"


class Domain:
    """Feeds of the diagnosis support and of the shared pharmacy."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._treatments = pl.DataFrame(rates["treatments"]).with_row_index("_n", offset=1)

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("tcm")
        visits = of_level(scene, scene.visits.filter("is_tcm"), ["hospital", "township", "village"])
        yield Export(SESSIONS, self._sessions(scene, visits, random))
        yield Export(KNOWLEDGE, self._knowledge(scene))
        yield from pharmacy(scene, visits, self._treatments, self._rates)

    def _sessions(
        self, scene: Scene, visits: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        rates = self._rates
        found = drawn(random, visits, rates["sessions"], least=4)
        size = len(found)
        advice = picked(random, self._treatments, size)
        other = picked(random, self._treatments, size)["formula"]
        adoption = codes(random, rates["adoption"], size)
        changed = advice["formula"] + "加减"
        formula = (
            pl.when(adoption == "1").then(advice["formula"])
            .when(adoption == "2").then(changed)
            .otherwise(other)
        )  # fmt: skip
        return found.with_columns(
            serial("FZ", scene.month, size).alias("session_id"),
            pl.col("start").alias("started_at"),
            hours_later(random, found["start"], 0.05, 0.4).alias("ended_at"),
            advice["disease_code"].alias("tcm_disease_code"),
            advice["disease"].alias("tcm_disease_name"),
            advice["syndrome_code"].alias("tcm_syndrome_code"),
            advice["syndrome"].alias("tcm_syndrome_name"),
            codes(random, rates["constitutions"], size).alias("constitution_code"),
            _formula_id(advice["_n"]).alias("recommended_formula_id"),
            advice["formula"].alias("recommended_formula_name"),
            pl.Series("recommendation_score", np.round(random.uniform(0.55, 0.99, size), 2)),
            adoption.alias("adoption_code"),
            formula.alias("adopted_formula_name"),
            chance(random, rates["conflict"], size).alias("has_conflict_warning"),
            chance(random, rates["remote"], size).alias("is_remote_advised"),
        )

    def _knowledge(self, scene: Scene) -> pl.DataFrame:
        """All entries in the first month, a new version of one in each later one."""
        rows = self._treatments
        herbs = pl.DataFrame(self._rates["herbs"])
        number = pl.col("_n").cast(pl.String).str.zfill(3)
        diseases = rows.select(
            ("ZB" + number).alias("knowledge_id"), pl.lit(_DISEASE).alias("kind_code"),
            pl.col("disease").alias("title"), pl.col("disease_code").alias("standard_code"),
            pl.lit(None, pl.String).alias("parent_knowledge_id"),
            pl.lit(None, pl.String).alias("composition"),
        )  # fmt: skip
        syndromes = rows.select(
            ("ZH" + number).alias("knowledge_id"), pl.lit(_SYNDROME).alias("kind_code"),
            pl.col("syndrome").alias("title"), pl.col("syndrome_code").alias("standard_code"),
            ("ZB" + number).alias("parent_knowledge_id"),
            pl.lit(None, pl.String).alias("composition"),
        )  # fmt: skip
        formulas = rows.select(
            _formula_id(rows["_n"]).alias("knowledge_id"), pl.lit(_FORMULA).alias("kind_code"),
            pl.col("formula").alias("title"), pl.lit(None, pl.String).alias("standard_code"),
            ("ZH" + number).alias("parent_knowledge_id"),
            pl.lit("、".join(herbs["name"].head(6))).alias("composition"),
        )  # fmt: skip
        singles = herbs.select(
            pl.col("code").alias("knowledge_id"), pl.lit(_HERB).alias("kind_code"),
            pl.col("name").alias("title"), pl.lit(None, pl.String).alias("standard_code"),
            pl.lit(None, pl.String).alias("parent_knowledge_id"),
            pl.lit(None, pl.String).alias("composition"),
        )  # fmt: skip
        entries = pl.concat([diseases, syndromes, formulas, singles])
        month = scene.month
        published = date(2025, 3, 1) if month.index == 0 else month.first
        if month.index:
            entries = entries.slice(month.index % len(entries), 1)
        return entries.with_columns(
            pl.lit(month.index + 1).alias("version_number"),
            pl.lit("遵医嘱").alias("usage_note"),
            pl.lit(_SOURCE).alias("source_name"),
            pl.lit(published).alias("published_date"),
            pl.lit(None, pl.Date).alias("retired_date"),
        )


def _formula_id(number: pl.Series) -> pl.Series:
    return "FJ" + number.cast(pl.String).str.zfill(3)
