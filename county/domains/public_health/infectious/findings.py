"""What is seen before a diagnosis is sure: syndromes at visits, pathogens tested, foodborne cases.

Belongs here: findings at visits and in the laboratory. Not here: cards (`domain.py`).
"""

from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import (
    chance,
    codes,
    doctors,
    drawn,
    hours_later,
    normal,
    serial,
    some_days,
)
from county.domains.outbreak import Outbreak, planted_rows
from county.domains.outbreak import rates as outbreak_rates
from county.domains.schools import pupils
from county.scene import Export, Scene

_SPECIMENS = {"norovirus": "粪便", "rotavirus": "粪便", "shigella": "粪便", "enterovirus": "咽拭子",
              "influenza_a": "咽拭子", "influenza_b": "咽拭子", "tubercle": "痰"}  # fmt: skip
_METHODS = {"tubercle": "microscopy", "brucella": "antibody", "hepatitis_b": "antibody",
            "hepatitis_c": "antibody", "treponema": "antibody", "shigella": "culture"}  # fmt: skip


def _coded_visits(scene: Scene) -> pl.DataFrame:
    return scene.visits.with_columns(pl.col("diagnosis_code").str.slice(0, 3).alias("code"))


def syndromes(
    random: np.random.Generator, scene: Scene, cards: pl.DataFrame, rates: dict[str, Any]
) -> Export:
    """Visits that meet a syndrome definition, and the outbreak's cases at their centre."""
    known = pl.DataFrame(
        [{"code": code, **given} for code, given in rates["syndromes"].items()],
        schema={"code": pl.String, "syndrome": pl.String, "share": pl.Float64,
                "complaint": pl.String},
    )  # fmt: skip
    visits = _coded_visits(scene).join(known, on="code", how="left", maintain_order="left")
    # Visits without a syndrome's diagnosis only fill up the smallest county.
    shares = visits["share"].fill_null(1e-9).to_numpy()
    chosen = drawn(random, visits, shares, rates["least_syndromes"]).with_columns(
        pl.col("syndrome").fill_null("influenza_like"), pl.col("complaint").fill_null("发热")
    )
    size = len(chosen)
    schools = pupils(scene, scene.seed).select("person", "school_id")
    homes = scene.people.select("person", pl.col("township").alias("township_code"))
    sick = some_days(random, 0, 4, size)
    seen = chosen.with_columns(
        (pl.col("start").dt.date() - sick).alias("onset_date"),
        chance(random, rates["severe"], size).alias("is_severe"),
        pl.lit(False).alias("in_outbreak"),
    ).select(
        "person", "organization_id", "encounter_id", "onset_date", "is_severe", "in_outbreak",
        "diagnosis_code", pl.col("syndrome").alias("syndrome_code"),
        pl.col("complaint").alias("chief_complaint"), pl.col("start").alias("observed_at"),
    )  # fmt: skip
    ill = cards.filter(pl.col("in_outbreak")).select(
        "person", "organization_id", "encounter_id", "onset_date",
        pl.lit(False).alias("is_severe"), "in_outbreak", "diagnosis_code",
        pl.lit(outbreak_rates()["syndrome"]).alias("syndrome_code"),
        pl.lit("呕吐腹泻").alias("chief_complaint"), pl.col("diagnosed_at").alias("observed_at"),
    )  # fmt: skip
    rows = pl.concat([seen, ill])
    rows = (
        rows.join(schools, on="person", how="left", maintain_order="left")
        .join(homes, on="person", how="left", maintain_order="left")
        .sort("observed_at", "person")
    )
    fever = np.where(rows["syndrome_code"].to_numpy() == "diarrhoea", 37.2, 38.4)
    rows = rows.with_columns(
        serial("ZH", scene.month, len(rows)).alias("event_id"),
        normal(random, fever, 0.5, len(rows), low=36, high=41.5, digits=1).alias(
            "temperature_celsius"
        ),
    )
    planted = planted_rows("outbreak", rows, "event_id", pl.col("in_outbreak"))
    return Export("cdc__multipoint__syndromes", rows, planted)


def pathogens(
    random: np.random.Generator,
    scene: Scene,
    cards: pl.DataFrame,
    found: Outbreak | None,
    rates: dict[str, Any],
) -> Export:
    """Confirmed cards' tests, all positive, and swabs of influenza-like visits, mostly negative."""
    confirmed = cards.filter(pl.col("diagnosis_status_code") == "3").select(
        "person", "report_id", "encounter_id", "organization_id", "in_outbreak", "pathogen_code",
        pl.lit("1").alias("result_code"), pl.col("diagnosed_at").alias("sampled_at"),
    )  # fmt: skip
    sentinel = rates["sentinel"]
    visits = _coded_visits(scene)
    eligible = visits["code"].is_in(["J06", "J20", "J18"]).to_numpy()
    swabbed = drawn(random, visits, np.where(eligible, sentinel["tested"], 1e-9), sentinel["least"])
    size = len(swabbed)
    positive = chance(random, sentinel["positive"], size)
    swabs = swabbed.select(
        "person", pl.lit(None, pl.String).alias("report_id"), "encounter_id", "organization_id",
        pl.lit(False).alias("in_outbreak"),
        codes(random, {"influenza_a": 5, "influenza_b": 3, "mycoplasma": 2, "adenovirus": 1}, size)
        .alias("pathogen_code"),
        pl.when(positive).then(pl.lit("1")).otherwise(pl.lit("2")).alias("result_code"),
        pl.col("start").alias("sampled_at"),
    )  # fmt: skip
    rows = pl.concat([confirmed, swabs]).with_columns(pl.col("sampled_at").dt.truncate("1m"))
    size = len(rows)
    method = pl.col("pathogen_code").replace_strict(
        _METHODS, default="nucleic_acid", return_dtype=pl.String
    )
    threshold = normal(random, 27, 4, size, low=12, high=39, digits=1)
    event = pl.lit(found.event_id if found else None, pl.String)
    rows = rows.select(
        "person", "report_id", "encounter_id", "pathogen_code", "result_code", "sampled_at",
        "in_outbreak", method.alias("method_code"),
        serial("BY", scene.month, size).alias("result_id"),
        serial("BB", scene.month, size).alias("specimen_id"),
        pl.when("in_outbreak").then(event).alias("event_id"),
        pl.col("pathogen_code").replace_strict(_SPECIMENS, default="血清", return_dtype=pl.String)
        .alias("specimen_name"),
        pl.when((method == "nucleic_acid") & (pl.col("result_code") == "1")).then(threshold)
        .alias("cycle_threshold"),
        hours_later(random, rows["sampled_at"], 4, 60).dt.truncate("1m").alias("reported_at"),
        doctors(random, scene, rows["organization_id"]).alias("staff_id"),
    )  # fmt: skip
    planted = planted_rows("outbreak", rows, "result_id", pl.col("in_outbreak"))
    return Export("cdc__laboratory__pathogens", rows, planted)


def foodborne(random: np.random.Generator, scene: Scene, rates: dict[str, Any]) -> Export:
    """Gastroenteritis visits with a suspected meal."""
    given = rates["foodborne"]
    visits = _coded_visits(scene)
    share = np.where((visits["code"] == "K52").to_numpy(), given["share"], 1e-9)
    rows = drawn(random, visits, share, given["least"])
    size = len(rows)
    visited = rows["start"].dt.truncate("1m")
    onset = hours_later(random, visited, -30, -3).dt.truncate("1m")
    eaten = hours_later(random, onset, -24, -2).dt.truncate("1m")
    rows = rows.select(
        "person", "organization_id", "encounter_id", "staff_id",
        serial("SY", scene.month, size).alias("report_id"),
        visited.alias("visited_at"), onset.alias("onset_at"), eaten.alias("eaten_at"),
        pl.lit("腹泻").alias("symptom_name"), pl.lit("R19.8").alias("symptom_code"),
        pl.lit("急性胃肠炎").alias("diagnosis_name"),
        codes(random, {"1": 0.8, "2": 0.05, "6": 0.15}, size).alias("cause_code"),
        codes(random, dict.fromkeys(given["foods"], 1.0), size).alias("suspected_food_name"),
        codes(random, given["places"], size).alias("eating_place"),
        pl.Series("companion_count", random.poisson(2, size) + 1),
        chance(random, 0.3, size).alias("has_specimen"),
        visited.dt.date().alias("reported_date"),
    )  # fmt: skip
    return Export("cdc__foodborne__cases", rows)
