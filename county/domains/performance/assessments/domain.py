"""Performance plans, self-assessments with their evidence, and checks on site with their photos.

Belongs here: what was planned, claimed and found. Not here: answers to questionnaires
(`surveys/`), scores the platform works out itself (marts).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import days, moments
from county.domains.performance.assessments.evidence import photographs, submitted
from county.domains.picks import in_service, picked
from county.roles import HEALTH_COMMISSION
from county.scene import Export, Planted, Scene

PLAN = "consortium__performance__plan_items"
SELF = "consortium__self_assessment__scores"
EVIDENCE = "consortium__self_assessment__evidence"
CHECKS = "health_commission__primary_assessment__site_checks"
PHOTOS = "health_commission__primary_assessment__photos"
_INDICATOR = (
    "item_code", "item_name", "dimension_code", "method_code", "direction_code", "unit_name",
    "weight", "baseline_value", "target_value", "challenge_value",
)  # fmt: skip
_ITEM = ("item_code", "item_name", "dimension_code", "full_score")
_SELF, _SITE = "1", "2"


class Domain:
    """Feeds of the consortium's performance office and of the commission's assessors."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._indicators = _by_level(rates["indicators"], _INDICATOR)
        self._items = _by_level(rates["site_check"]["items"], _ITEM)

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("assessments")
        if scene.month.index % 3 == 0:
            yield self._plan(scene)
            yield from self._self_assessment(scene, random)
        yield from self._site_checks(scene, random)

    def _plan(self, scene: Scene) -> Export:
        """Every institution's plan in the first month; later one institution's next version. One
        institution's heaviest indicators got more weight while none gave any up."""
        month = scene.month
        version = 1 + month.index // 3
        places = scene.organizations.filter(pl.col("level").is_in(list(self._rates["indicators"])))
        valid_from = date(month.year, 1, 1)
        if version > 1:
            places = places.slice((version - 2) % len(places), 1)
            valid_from = month.first
        items = places.select("organization_id", "level").join(
            self._indicators, on="level", maintain_order="left_right"
        )
        amended = places["organization_id"][-1]
        heaviest = pl.col("weight") == pl.col("weight").max().over("organization_id")
        too_heavy = heaviest & (pl.col("organization_id") == amended)
        items = items.with_columns(
            (pl.lit(f"JX{month.year}-") + pl.col("organization_id")).alias("plan_id"),
            pl.lit(version, pl.Int64).alias("version_number"),
            pl.lit(f"{self._rates['plan_name']}（{month.year}年）").alias("plan_name"),
            pl.col("item_code").alias("indicator_code"),
            pl.col("item_name").alias("indicator_name"),
            (pl.col("weight") + pl.when(too_heavy).then(5).otherwise(0)).alias("weight_score"),
            pl.lit(valid_from - timedelta(days=20)).alias("approved_date"),
            pl.lit(valid_from).alias("valid_from"),
            pl.lit(date(month.year, 12, 31)).alias("valid_to"),
        )
        return Export(PLAN, items, [Planted("weights_above_hundred", items["plan_id"][-1])])

    def _self_assessment(self, scene: Scene, random: np.random.Generator) -> Iterator[Export]:
        """Last quarter, as hospitals and centres see themselves; one gives itself full marks and
        shows nothing."""
        given, month = self._rates["self_assessment"], scene.month
        places = scene.organizations.filter(pl.col("level").is_in(["hospital", "township"]))
        items = places.select("organization_id", "level").join(
            self._indicators, on="level", maintain_order="left_right"
        )
        size = len(items)
        boaster = places["organization_id"][(1 + month.index // 3) % len(places)]
        boasts = pl.col("organization_id") == boaster
        low, high = given["reached"]
        reached = pl.Series(random.uniform(low, high, size))
        whole = pl.Series(random.integers(60, 2400, size))
        low, high = given["evidence"]
        way = pl.when(boasts).then(1.0).otherwise(reached)
        value = pl.col("baseline_value") + way * (pl.col("target_value") - pl.col("baseline_value"))
        is_share = pl.col("unit_name") == "%"
        part = (value / 100 * whole).round(0)
        day = days(random, month.first + timedelta(days=4), month.first + timedelta(days=20), size)
        at = moments(random, day, opens=10, closes=18)
        scores = items.with_columns(at.alias("_at")).with_columns(
            pl.concat_str(pl.lit(f"ZP{month.compact}"), pl.col("organization_id").str.slice(6))
            .alias("assessment_id"),
            pl.col("organization_id").alias("assessing_organization_id"),
            pl.lit(_SELF).alias("assessment_kind_code"),
            pl.lit("quarter").alias("period_kind_code"),
            pl.lit(_quarter_before(month.first)).alias("period_start_date"),
            pl.col("_at").max().over("organization_id").alias("assessed_at"),
            pl.when(is_share).then(part).cast(pl.Int64).alias("numerator_value"),
            pl.when(is_share).then(whole).alias("denominator_value"),
            pl.when(is_share).then(part / whole * 100).otherwise(value).round(2)
            .alias("reported_value"),
            pl.col("weight").alias("full_score"),
            (pl.col("weight") * way.clip(0.4, 1.0)).round(1).alias("score"),
            pl.when(boasts).then(0).otherwise(pl.Series(random.integers(low, high + 1, size)))
            .alias("evidence_count"),
        )  # fmt: skip
        boast = scores.filter(boasts)["assessment_id"][0]
        yield Export(SELF, scores, [Planted("full_marks_without_evidence", boast)])
        yield Export(EVIDENCE, submitted(scores, given["kinds"], random))

    def _site_checks(self, scene: Scene, random: np.random.Generator) -> Iterator[Export]:
        """One township each month, its centre and its rooms; one room reported what it had not
        done, another showed a photo of its neighbour's."""
        given, month = self._rates["site_check"], scene.month
        centres = scene.organizations.filter(pl.col("level") == "township")
        centre = centres["organization_id"][month.index % len(centres)]
        here = (pl.col("organization_id") == centre) | (pl.col("parent") == centre)
        places = scene.organizations.filter(here)
        size = len(places)
        first = month.first + timedelta(days=2)
        day = days(random, first, month.last - timedelta(days=3), size)
        assessors = picked(random, in_service(scene, ["11", "21"]), size)["staff_id"]
        visits = places.select("organization_id", "level").with_columns(
            pl.concat_str(pl.lit(f"HC{month.compact}"), pl.col("organization_id").str.slice(6))
            .alias("assessment_id"),
            moments(random, day, opens=9, closes=17).alias("assessed_at"),
            assessors.alias("assessor_staff_id"),
        )  # fmt: skip
        liar = visits["assessment_id"][-1]
        lies = pl.col("assessment_id") == liar
        checks = visits.join(self._items, on="level", maintain_order="left_right")
        sampled = random.integers(given["sampled"][0], given["sampled"][1] + 1, len(checks))
        false = checks.select(lies).to_series().to_numpy()
        failing = np.where(false, given["failed_where_false"], given["failed"])
        failed = np.where(false, np.maximum(1, random.binomial(sampled, failing)),
                          random.binomial(sampled, failing))  # fmt: skip
        found = pl.Series(np.round((1 - failed / sampled) * 100, 1))
        low, high = given["photos"]
        note = pl.concat_str(
            pl.lit("抽查"), pl.Series(sampled).cast(pl.String), pl.lit("份，"),
            pl.Series(failed).cast(pl.String), pl.lit("份不符"),
        )  # fmt: skip
        checks = checks.with_columns(
            pl.lit(HEALTH_COMMISSION).alias("assessing_organization_id"),
            pl.lit(_SITE).alias("assessment_kind_code"),
            pl.lit("year").alias("period_kind_code"),
            pl.lit(date(month.year, 1, 1)).alias("period_start_date"),
            pl.Series("sampled_count", sampled),
            pl.Series("failed_count", failed),
            pl.when(lies).then(100.0).otherwise(found).alias("reported_value"),
            found.alias("found_value"),
            (pl.col("full_score") * found / 100).round(1).alias("score"),
            pl.when(pl.Series(failed) > 0).then(note).alias("finding"),
            pl.Series("evidence_count", random.integers(low, high + 1, len(checks))),
        )
        yield Export(CHECKS, checks, [Planted("reported_above_found", liar)])
        photos, reused = photographs(checks, given["place"], random)
        yield Export(PHOTOS, photos, [Planted("reused_photo", key) for key in reused])


def _by_level(lists: dict[str, list[list[Any]]], names: tuple[str, ...]) -> pl.DataFrame:
    rows = [(level, *map(_number, row)) for level, listed in lists.items() for row in listed]
    return pl.DataFrame(rows, schema=["level", *names], orient="row")


def _number(cell: object) -> object:
    return float(cell) if isinstance(cell, int) else cell


def _quarter_before(first: date) -> date:
    end = first - timedelta(days=1)
    return date(end.year, end.month - (end.month - 1) % 3, 1)
