"""Self-care, cognition, mood and constitution of older people.

Belongs here: scores of people who are assessed. Not here: who is due (`domain.py`).
"""

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import by_age, chance, codes, lot, normal
from county.scene import Scene


def assessed(
    random: np.random.Generator, rates: dict[str, Any], seed: int, scene: Scene,
    people: pl.DataFrame,
) -> pl.DataFrame:  # fmt: skip
    """Yearly assessments; who depends on help does so in every year."""
    size = len(people)
    needy = lot(people, "dependent", seed) < by_age(people, [75, 85], rates["dependent"])
    depth = lot(people, "dependence", seed)
    scores, total = [], np.zeros(size, dtype=np.int64)
    for name, points in rates["points"].items():
        step = np.floor((0.3 + 0.7 * depth**4) * random.uniform(0.6, 1.3, size) * len(points))
        value = np.array(points)[np.clip(step.astype(np.int64), 0, len(points) - 1)]
        value = np.where(needy, value, 0)
        total = total + value
        scores.append(pl.Series(name, value))
    grade = np.searchsorted(rates["bounds"], total, side="right") + 1
    memory = normal(random, 27 - 6.0 * (needy & (depth > 0.5)), 2.2, size, low=4, high=30)
    mood = normal(random, 5 + 4.0 * needy, 3, size, low=0, high=28)
    frail = np.where(needy, 0.5, 0.06)
    draw = random.random(size)
    homes = scene.people.filter(pl.col("died").is_null()).group_by("household_id").len("members")
    alone = people.select("household_id").join(
        homes, on="household_id", how="left", maintain_order="left"
    )["members"].fill_null(1) == 1  # fmt: skip
    return people.select(
        "person", "organization_id", pl.col("examined_date").alias("assessed_date"), *scores,
        pl.Series("total_score", total),
        pl.Series("selfcare_code", grade).cast(pl.String),
        codes(random, {"1": 0.42, "2": 0.34, "3": 0.1, "4": 0.1, "5": 0.04}, size)
        .alias("self_rating_code"),
        pl.when(memory < 24).then(pl.lit("2")).otherwise(pl.lit("1")).alias("cognition_code"),
        memory.alias("cognition_score"),
        pl.when(mood >= 11).then(pl.lit("2")).otherwise(pl.lit("1")).alias("emotion_code"),
        mood.alias("depression_score"),
        pl.Series("fall_count", random.poisson(rates["falls"] * (1 + 2 * needy), size)),
        pl.Series("frailty_code", np.where(draw < frail, "3", np.where(draw < frail + 0.28, "2",
                                                                       "1")).tolist()),
        alone.alias("is_living_alone"),
        (pl.col("examined_date") + timedelta(days=365)).alias("next_assessment_date"),
    )  # fmt: skip


def constitutions(
    random: np.random.Generator, rates: dict[str, Any], seed: int, people: pl.DataFrame
) -> pl.DataFrame:
    """The constitution stays a person's own; the degree and score are the year's."""
    size, shares = len(people), rates["constitutions"]
    bounds = np.cumsum(list(shares.values())) / sum(shares.values())
    own = np.searchsorted(bounds, lot(people, "constitution", seed))
    main = pl.Series(np.array(list(shares))[own].tolist())
    balanced = main == "1"
    second = codes(random, {code: share for code, share in shares.items() if code != "1"}, size)
    has_second = chance(random, rates["second_constitution"], size) & (second != main) & ~balanced
    return people.select(
        "person", "organization_id", pl.col("examined_date").alias("assessed_date"),
        main.alias("constitution_code"),
        pl.when(balanced).then(codes(random, {"1": 0.7, "3": 0.3}, size))
        .otherwise(codes(random, {"1": 0.6, "2": 0.4}, size)).alias("degree_code"),
        normal(random, 13, 2, size, low=9, high=20).alias("constitution_score"),
        pl.when(has_second).then(second).alias("second_constitution_code"),
        *(
            chance(random, share * rates["guided"], size).alias(f"has_{name}_guidance")
            for name, share in (
                ("emotion", 0.6), ("diet", 0.95), ("living", 0.8), ("exercise", 0.85),
                ("acupoint", 0.5),
            )
        ),
    )  # fmt: skip
