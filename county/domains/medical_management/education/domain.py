"""Remote education of the consortium and the promotion of TCM techniques at primary institutions.

Belongs here: courses, who learns, who passes, who is guided. Not here: training of the human
resources system, continuing-education credits.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import (
    chance,
    codes,
    days,
    doctors,
    drawn,
    hours_later,
    moments,
    normal,
    serial,
)
from county.domains.picks import hospitals, in_service, of_level, picked
from county.roles import TCM_HOSPITAL
from county.scene import Export, Scene

COURSES = "consortium__education__courses"
LEARNING = "consortium__education__learning"
EXAMINATIONS = "consortium__education__examinations"
LIBRARY = "consortium__tcm_techniques__library"
GUIDANCE = "consortium__tcm_techniques__guidance"
ASSESSMENTS = "consortium__tcm_techniques__assessments"
_CLINICAL = ["11", "21", "60"]
_LIVE, _APPROVED = "2", "2"
_SKILL = "3"
_TEACHER = TCM_HOSPITAL


class Domain:
    """Feeds of the education platform and of the technique platform."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._techniques = pl.DataFrame(rates["techniques"])

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("education")
        staff = in_service(scene, _CLINICAL)
        courses = self._courses(scene, random)
        yield Export(COURSES, courses)
        learning = self._learning(scene, courses, staff, random)
        yield Export(LEARNING, learning)
        yield Export(EXAMINATIONS, self._examined(scene, learning, random))
        yield Export(LIBRARY, self._library(scene, random))
        yield Export(GUIDANCE, self._guidance(scene, random))
        yield Export(ASSESSMENTS, self._assessed(scene, staff, random))

    def _courses(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """Courses and live sessions applied for in the month; the first one is always open."""
        rates, month = self._rates, scene.month
        size = int(rates["courses_per_month"])
        kind = codes(random, rates["kinds"], size)
        approval = codes(random, rates["approvals"], size)
        kind[0], approval[0] = "1", _APPROVED
        first = month.first
        applied = moments(random, days(random, first, first + timedelta(days=8), size), closes=17)
        approved = hours_later(random, applied, 4, 60)
        owner = picked(random, hospitals(scene), size)["organization_id"]
        length = pl.Series(random.integers(3, 10, size) * 10)
        mandatory = chance(random, rates["mandatory"], size)
        mandatory[0] = True
        title = picked(random, pl.DataFrame({"t": rates["titles"]}), size)["t"]
        return pl.DataFrame(
            {
                "course_id": serial("KC", month, size),
                "organization_id": owner,
                "course_name": title,
                "course_kind_code": kind,
                "subject_name": picked(random, pl.DataFrame({"s": rates["subjects"]}), size)["s"],
                "lecturer_staff_id": doctors(random, scene, owner),
                "duration_minutes": length,
                "credit_hours": (length / 45).round(1),
                "is_mandatory": mandatory,
                "applied_at": applied,
                "approval_code": approval,
                "approved_at": approved,
                "starts_at": hours_later(random, approved, 24, 96),
                "courseware_count": pl.Series(random.integers(1, 6, size)),
            }
        ).with_columns(
            pl.when(pl.col("approval_code") != "1").then("approved_at").alias("approved_at"),
            pl.when(pl.col("approval_code") == _APPROVED).then("starts_at").alias("starts_at"),
        )

    def _learning(
        self, scene: Scene, courses: pl.DataFrame, staff: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """One row per learner and open course."""
        rates = self._rates
        opened = courses.filter(pl.col("approval_code") == _APPROVED).select(
            "course_id", "course_kind_code", "duration_minutes", "is_mandatory", "starts_at"
        )
        pairs = staff.select("staff_id", "organization_id").join(opened, how="cross")
        found = drawn(random, pairs, rates["learners"], least=8)
        size = len(found)
        live = pl.col("course_kind_code") == _LIVE
        own_time = moments(
            random, days(random, scene.month.first + timedelta(days=15), scene.month.last, size),
            closes=21,
        )  # fmt: skip
        done = chance(random, rates["completed"], size)
        progress = pl.Series(np.round(random.uniform(0.1, 0.95, size), 2))
        rating = codes(random, rates["ratings"], size).cast(pl.Int64)
        return found.with_columns(
            serial("XX", scene.month, size).alias("learning_id"),
            pl.when(live).then(pl.lit("2"))
            .when(pl.col("course_kind_code") == "5").then(pl.lit("3"))
            .otherwise(pl.lit("1")).alias("mode_code"),
            pl.when(live).then("starts_at").otherwise(pl.lit(own_time)).alias("started_at"),
            pl.when(done).then(1.0).otherwise(progress).alias("progress_rate"),
            done.alias("is_completed"),
            pl.when(chance(random, rates["rated"], size)).then(rating).alias("rating_score"),
        ).with_columns(
            (pl.col("duration_minutes") * pl.col("progress_rate")).round(0).cast(pl.Int64)
            .alias("studied_minutes")
        )  # fmt: skip

    def _examined(
        self, scene: Scene, learning: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        completed = learning.filter(pl.col("is_completed") & pl.col("is_mandatory"))
        found = drawn(random, completed, self._rates["examined"], least=3)
        size = len(found)
        return found.with_columns(
            serial("KH", scene.month, size).alias("examination_id"),
            codes(random, {"1": 0.8, "2": 0.2}, size).alias("examination_kind_code"),
            hours_later(random, found["started_at"], 1, 4).alias("examined_at"),
            *self._scores(size, random),
        )

    def _scores(self, size: int, random: np.random.Generator) -> list[pl.Series]:
        rates = self._rates["score"]
        score = normal(random, rates["mean"], rates["spread"], size, low=20, high=100, digits=1)
        attempt = codes(random, {"1": 0.9, "2": 0.1}, size).cast(pl.Int64)
        passed = score >= self._rates["pass_mark"]
        return [score.alias("score"), passed.alias("is_passed"), attempt.alias("attempt_number")]

    def _library(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """All techniques in the first month, one listed anew (another teacher) in later ones."""
        month, rows = scene.month, self._techniques
        if month.index:
            rows = rows.slice(month.index % len(rows), 1)
        listed = date(2024, 6, 1) if month.index == 0 else month.first
        teachers = in_service(scene, ["11"]).filter(pl.col("organization_id") == _TEACHER)
        return rows.with_columns(
            pl.col("class").alias("technique_class_code"),
            pl.col("difficulty").alias("difficulty_level"),
            pl.col("item").alias("charge_item_code"),
            picked(random, teachers, len(rows))["staff_id"].alias("teacher_staff_id"),
            pl.lit(listed).alias("listed_date"),
            pl.lit(None, pl.Date).alias("retired_date"),
        )

    def _guidance(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        sites = scene.organizations.filter(pl.col("is_primary_care")).select("organization_id")
        size = max(4, round(len(sites) * self._rates["guidance_per_site"]))
        site = picked(random, sites, size)
        teachers = in_service(scene, ["11"]).filter(pl.col("organization_id") == _TEACHER)
        day = days(random, scene.month.first, scene.month.last, size)
        score = normal(random, 84, 7, size, low=50, high=100, digits=1)
        return site.with_columns(
            serial("ZD", scene.month, size).alias("guidance_id"),
            pl.lit(_TEACHER).alias("guiding_organization_id"),
            picked(random, self._techniques, size)["technique_id"],
            codes(random, self._rates["guidance_kinds"], size).alias("kind_code"),
            moments(random, day, closes=17).alias("guided_at"),
            pl.Series("duration_minutes", random.integers(3, 13, size) * 10),
            pl.Series("learner_count", random.integers(1, 9, size)),
            pl.Series("practised_case_count", random.integers(0, 7, size)),
            score.alias("assessment_score"),
            chance(random, self._rates["independent"], size).alias("is_independent"),
            picked(random, teachers, size)["staff_id"].alias("guide_staff_id"),
        )

    def _assessed(
        self, scene: Scene, staff: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        primary = of_level(scene, staff, ["township", "village"])
        found = drawn(random, primary, self._rates["assessed"], least=3)
        size = len(found)
        day = days(random, scene.month.first, scene.month.last, size)
        return found.with_columns(
            serial("PG", scene.month, size).alias("examination_id"),
            pl.lit(_SKILL).alias("examination_kind_code"),
            moments(random, day, closes=17).alias("examined_at"),
            picked(random, self._techniques, size)["technique_id"],
            *self._scores(size, random),
        )
