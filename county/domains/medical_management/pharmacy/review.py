"""The consortium's prescription review: its rules, what they hit and what pharmacists decided.

Belongs here: review before dispensing and comment afterwards. Not here: dispensing (`domain.py`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import codes, drawn, hours_later, serial
from county.domains.picks import of_level, picked, team
from county.domains.waiting import after
from county.scene import Export, Scene

REVIEWS = "consortium__rx_review__reviews"
INTERVENTIONS = "consortium__rx_review__interventions"
RULES = "consortium__rx_review__rules"
_BASIS = "药品说明书"
_PHARMACISTS = ["31", "32"]
_FIELDS: dict[str, type[pl.DataType]] = {
    **dict.fromkeys(
        (
            "rule_id", "rule_name", "rule_class_code", "severity_code", "drug_code",
            "other_drug_code", "daily_dose_unit",
        ),
        pl.String,
    ),
    "daily_dose_limit": pl.Float64,
    "minimum_age_years": pl.Int64,
    "maximum_age_years": pl.Int64,
}  # fmt: skip


def rule_frame(listed: list[dict[str, Any]], drugs: pl.DataFrame) -> pl.DataFrame:
    """The rules of the rates with the names of their drugs."""
    rules = pl.DataFrame(
        [[rule.get(name) for name in _FIELDS] for rule in listed], schema=_FIELDS, orient="row"
    )
    names = drugs.select("drug_code", "drug_name")
    other = names.rename({"drug_code": "other_drug_code", "drug_name": "other_drug_name"})
    return rules.join(names, on="drug_code", maintain_order="left").join(
        other, on="other_drug_code", how="left", maintain_order="left"
    )


def reviews(scene: Scene, drugs: pl.DataFrame, rates: dict[str, Any]) -> Iterator[Export]:
    """Rules (all in the first month, one new version in each later one), reviews, interventions."""
    random = scene.random("pharmacy_review")
    rules = rule_frame(rates["rules"], drugs)
    register = rules
    if scene.month.index == 0:
        valid_from: date = date(2025, 1, 1)
    else:
        valid_from = scene.month.first
        register = register.slice(scene.month.index % len(register), 1)
    yield Export(
        RULES,
        register.with_columns(
            pl.lit(_BASIS).alias("basis"),
            pl.lit(valid_from).alias("valid_from"),
            pl.lit(None, pl.Date).alias("valid_to"),
        ),
    )
    found = _reviewed(scene, rules, rates, random)
    yield Export(REVIEWS, found)
    hits = found.filter((pl.col("stage_code") == "2") & (pl.col("rule_hit_count") > 0))
    size = len(hits)
    response = codes(random, rates["responses"], size)
    answered = hours_later(random, hits["reviewed_at"], 0.02, 2)
    yield Export(
        INTERVENTIONS,
        hits.with_columns(
            serial("GY", scene.month, size).alias("intervention_id"),
            pl.col("reviewed_at").alias("intervened_at"),
            response.alias("response_code"),
            pl.when(response != "3").then(pl.lit(answered)).alias("responded_at"),
            pl.col("worst_severity_code").alias("severity_code"),
        ),
    )


def _reviewed(
    scene: Scene, rules: pl.DataFrame, rates: dict[str, Any], random: np.random.Generator
) -> pl.DataFrame:
    """One row per review: by the system, by a pharmacist where a rule hit, and comments."""
    columns = ("encounter_id", "organization_id", "person", "start", "staff_id", "level")
    visits = of_level(
        scene, scene.visits.filter(pl.col("drug_fee_fen") > 0), ["hospital", "township"]
    )
    stays = of_level(
        scene,
        scene.stays.filter(pl.col("start").dt.date() >= scene.month.first),
        ["hospital", "township"],
    )
    source = pl.when(pl.col("level") == "hospital").then(pl.lit("1")).otherwise(pl.lit("5"))
    prescribed = pl.concat(
        [
            drawn(random, visits, rates["covered"], least=6).select(
                *columns, source.alias("prescription_source_code")
            ),
            drawn(random, stays, rates["inpatient"]).select(
                *columns, pl.lit("2").alias("prescription_source_code")
            ),
        ]
    )
    prescribed = prescribed.with_columns(
        ("CF" + pl.col("encounter_id")).alias("prescription_id"),
        (pl.col("start") + timedelta(minutes=18)).alias("submitted_at"),
        pl.col("staff_id").alias("prescriber_id"),
    )
    hit_ids = drawn(random, prescribed, rates["hit"], least=3).select("encounter_id")
    struck = prescribed.join(hit_ids, on="encounter_id", how="semi", maintain_order="left")
    rule = picked(random, rules, len(struck))
    struck = struck.with_columns(
        *(rule[name] for name in ("rule_id", "rule_class_code", "drug_code", "drug_name")),
        rule["severity_code"].alias("worst_severity_code"),
        pl.Series("rule_hit_count", random.integers(1, 4, len(struck))),
    )
    details = struck.select(
        "encounter_id", "rule_id", "rule_class_code", "drug_code", "drug_name",
        "worst_severity_code", "rule_hit_count",
    )  # fmt: skip
    machine = prescribed.join(details, on="encounter_id", how="left", maintain_order="left")
    machine = machine.with_columns(
        pl.col("rule_hit_count").fill_null(0),
        pl.lit("1").alias("stage_code"),
        pl.when(pl.col("rule_id").is_null())
        .then(pl.lit("1"))
        .otherwise(pl.lit("2"))
        .alias("decision_code"),
        (pl.col("submitted_at") + timedelta(seconds=2)).alias("reviewed_at"),
        pl.lit(None, pl.String).alias("pharmacist_id"),
        pl.lit(None, pl.String).alias("comment"),
    )
    pharmacists = team(scene, _PHARMACISTS, "hospital")
    decision = codes(random, rates["decisions"], len(struck))
    human = struck.with_columns(
        pl.lit("2").alias("stage_code"),
        decision.alias("decision_code"),
        hours_later(random, struck["submitted_at"], 0.05, 0.6).alias("reviewed_at"),
        picked(random, pharmacists, len(struck))["staff_id"].alias("pharmacist_id"),
        pl.when(decision == "1").then(pl.lit("用药合理")).otherwise(pl.lit("请核对用法用量"))
        .alias("comment"),
    )  # fmt: skip
    sampled = drawn(random, prescribed, rates["commented"], least=2)
    poor = random.random(len(sampled)) < rates["irrational"]
    comments = sampled.with_columns(
        *(pl.lit(None, kind).alias(name) for name, kind in details.schema.items()
          if name not in ("encounter_id", "rule_hit_count")),
        pl.lit(0, pl.Int64).alias("rule_hit_count"),
        pl.lit("3").alias("stage_code"),
        pl.when(pl.Series(poor)).then(pl.lit("2")).otherwise(pl.lit("1")).alias("decision_code"),
        pl.lit(after(scene.month) - timedelta(hours=8)).alias("reviewed_at"),
        picked(random, pharmacists, len(sampled))["staff_id"].alias("pharmacist_id"),
        pl.when(pl.Series(poor)).then(pl.lit("无适应证用药")).otherwise(pl.lit("处方合格"))
        .alias("comment"),
        pl.min_horizontal("submitted_at", pl.lit(after(scene.month) - timedelta(hours=9)))
        .alias("submitted_at"),
    )  # fmt: skip
    found = pl.concat([machine, human.select(machine.columns), comments.select(machine.columns)])
    return found.with_columns(
        serial("SF", scene.month, len(found)).alias("review_id"),
        (pl.col("decision_code") == "1").alias("is_rational"),
    )
