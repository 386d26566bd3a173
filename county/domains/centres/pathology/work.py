"""Blocks and slides of the pathology centre, who signs its reports and who may.

Belongs here: work inside the centre. Not here: where specimens come from (`domain.py`).
"""

from datetime import date
from typing import Any

import numpy as np
import polars as pl

from county.domains.centres.parts import CENTRE, crew, some_minutes_later
from county.domains.draws import chance, codes, hours_later, moments
from county.roles import COUNTY
from county.scene import Scene

_GRANTED = date(2024, 1, 1)
_LEVELS = ("draft", "sign", "review")
_MARKERS = ("Ki-67", "CK", "P53")
_UID_ROOT = f"2.25.{COUNTY}.7"


def privileges(scene: Scene) -> pl.DataFrame:
    """Rights of every pathologist: all may draft, the last may not sign, the first half reviews."""
    found = [
        (staff, level)
        for staff, levels in _rights(scene).items()
        for level in levels
    ]  # fmt: skip
    rows = pl.DataFrame(found, schema=["staff_id", "level_code"], orient="row")
    return rows.with_columns(
        ("QX" + (pl.int_range(pl.len()) + 1).cast(pl.String).str.zfill(4)).alias("privilege_id"),
        pl.lit("pathology").alias("service_code"),
        pl.lit(_GRANTED).alias("valid_from_date"),
        pl.lit(None, pl.Date).alias("valid_to_date"),
    )


def _rights(scene: Scene) -> dict[str, tuple[str, ...]]:
    members = crew(scene, "pathology")
    reviewers = max(2, len(members) // 2)
    return {
        staff: _LEVELS[: 3 if place < reviewers else 2 if place < len(members) - 1 else 1]
        for place, staff in enumerate(members)
    }


def signed(
    random: np.random.Generator, scene: Scene, reports: pl.DataFrame, outside: float
) -> pl.DataFrame:
    """Reports with who wrote and who reviewed them; `is_outside` where the writer may only
    draft."""
    rights = _rights(scene)
    signers = [staff for staff, levels in rights.items() if "sign" in levels]
    reviewers = [staff for staff, levels in rights.items() if "review" in levels]
    trainee = next(staff for staff, levels in rights.items() if "sign" not in levels)
    size = len(reports)
    first = random.integers(0, len(reviewers), size)
    reviewer = pl.Series(reviewers).gather(pl.Series(first))
    # Signers begin with the reviewers in the same order, so another place is another person.
    second = (first + random.integers(1, len(signers), size)) % len(signers)
    writer = pl.Series(signers).gather(pl.Series(second))
    alone = chance(random, outside, size)
    if size and not alone.any():
        alone[size // 2] = True
    return reports.with_columns(
        pl.when(alone).then(pl.lit(trainee)).otherwise(writer).alias("reporter_staff_id"),
        pl.when(~alone).then(reviewer).alias("reviewer_staff_id"),
        pl.when(~alone).then(some_minutes_later(random, reports["reported_at"], 5, 60))
        .alias("reviewed_at"),
        alone.alias("is_outside"),
    )  # fmt: skip


def slides(
    random: np.random.Generator, scene: Scene, examined: pl.DataFrame, rates: dict[str, Any]
) -> pl.DataFrame:
    """One row per slide: one of each block, a frozen one before, three markers where malignant."""
    size = len(examined)
    blocks = codes(random, rates["blocks"], size).cast(pl.Int64)
    smear = pl.col("kind_code") == "cytology"
    base = examined.with_columns(
        pl.when(smear).then(1).otherwise(blocks).alias("blocks")
    ).with_columns(pl.int_ranges(1, pl.col("blocks") + 1).alias("block"))  # fmt: skip
    routine = base.explode("block").with_columns(
        pl.when(smear).then(pl.lit("PAP")).otherwise(pl.lit("HE")).alias("stain_code"),
        pl.lit(None, pl.String).alias("marker_name"),
        pl.lit(False).alias("is_frozen"),
    )
    frozen = routine.filter((pl.col("kind_code") == "frozen") & (pl.col("block") == 1))
    marked = routine.filter(~smear & pl.col("is_malignant") & (pl.col("block") == 1))
    markers = pl.DataFrame({"marker_name": _MARKERS})
    rows = pl.concat(
        [
            routine,
            frozen.with_columns(pl.lit(True).alias("is_frozen")),
            marked.drop("marker_name")
            .join(markers, how="cross", maintain_order="left_right")
            .with_columns(pl.lit("IHC").alias("stain_code"))
            .select(routine.columns),
        ]
    )
    return _made(random, scene, rows, rates)


def _made(
    random: np.random.Generator, scene: Scene, rows: pl.DataFrame, rates: dict[str, Any]
) -> pl.DataFrame:
    """Slides with their numbers and times."""
    size = len(rows)
    came = rows["laboratory_received_at"]
    stained = pl.when(pl.col("stain_code") == "IHC").then(2).otherwise(1)
    day = rows.select(
        pl.col("laboratory_received_at").dt.date() + pl.duration(days=stained)
    ).to_series()
    usual = moments(random, day, opens=9, closes=16)
    made = some_minutes_later(random, came, 6, 15).zip_with(rows["is_frozen"], usual)
    scanned = chance(random, rates["scanned"], size)
    members = crew(scene, "pathology")
    stain = pl.when("is_frozen").then(pl.lit("BD")).otherwise(
        pl.coalesce("marker_name", "stain_code")
    )  # fmt: skip
    block = pl.concat_str("specimen_id", pl.lit("-A"), pl.col("block").cast(pl.String))
    number = pl.int_range(pl.len()) + 1
    uid = pl.concat_str(pl.lit(f"{_UID_ROOT}.{scene.month.compact}."), number.cast(pl.String))
    return rows.with_columns(
        pl.concat_str(block, pl.lit("-"), stain).alias("slide_id"),
        block.alias("block_id"),
        made.alias("made_at"),
        pl.when(scanned).then(hours_later(random, made, 0.2, 6)).alias("scanned_at"),
        pl.when(scanned).then(uid).alias("image_uid"),
        codes(random, rates["grades"], size).alias("quality_grade_code"),
        pl.Series(members, dtype=pl.String)
        .gather(pl.Series(random.integers(0, len(members), size)))
        .alias("staff_id"),
        pl.lit(CENTRE).alias("organization_id"),
    )
