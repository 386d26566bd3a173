"""The index of files that support a self-assessment, and of photos taken at a check on site.

Belongs here: what the index says of each file. Not here: the files themselves, which stay with
their owners.
"""

from hashlib import sha256

import numpy as np
import polars as pl

from county.domains.draws import codes, hours_later

_NAMES = {"1": "制度文件", "2": "数据报表", "3": "现场照片", "4": "系统截图", "5": "会议记录"}
_ENDINGS = {"1": "pdf", "2": "xlsx", "3": "jpg", "4": "png", "5": "docx"}


def submitted(
    scores: pl.DataFrame, kinds: dict[str, float], random: np.random.Generator
) -> pl.DataFrame:
    """One row a file of a self-assessment, as many of each item as it claims."""
    files = _each(scores)
    size = len(files)
    return _described(files, codes(random, kinds, size), random).with_columns(
        hours_later(random, files["assessed_at"], -900, -30).alias("produced_at"),
        hours_later(random, files["assessed_at"], -5, -0.2).alias("submitted_at"),
        pl.when(pl.col("evidence_kind_code").is_in(["1", "2", "5"]))
        .then(pl.Series(random.integers(1, 24, size)))
        .alias("page_count"),
    )


def photographs(
    checks: pl.DataFrame, place: list[float], random: np.random.Generator
) -> tuple[pl.DataFrame, list[str]]:
    """One row a photo of a check on site, and the numbers of those taken from another check."""
    files = _each(checks)
    size = len(files)
    at = hours_later(random, files["assessed_at"], 0.05, 2)
    # Rooms of one township lie some kilometres apart.
    spot = pl.col("organization_id").rank("dense").cast(pl.Float64) * 0.031
    shake = pl.Series(random.normal(0, 0.0004, size))
    kind = pl.Series(["3"] * size)
    photos = _described(files, kind, random).with_columns(
        at.alias("produced_at"),
        hours_later(random, at, 0.1, 30).alias("submitted_at"),
        (place[0] + spot + shake).round(5).alias("longitude"),
        (place[1] + spot * 0.6 - shake).round(5).alias("latitude"),
        pl.col("assessor_staff_id").alias("staff_id"),
    )
    first, last = photos["organization_id"][0], photos["organization_id"][-1]
    borrowed = photos.filter(pl.col("organization_id") == first)["content_sha256"][0]
    reused = photos.filter(pl.col("organization_id") == last)["evidence_id"][0]
    digest = (
        pl.when(pl.col("evidence_id") == reused).then(pl.lit(borrowed)).otherwise("content_sha256")
    )
    return photos.with_columns(digest.alias("content_sha256")), [reused]


def _each(items: pl.DataFrame) -> pl.DataFrame:
    """One row for each file that an item counts."""
    counted = items.filter(pl.col("evidence_count") > 0)
    numbers = pl.int_ranges(1, pl.col("evidence_count") + 1).alias("_file")
    return counted.with_columns(numbers).explode("_file")


def _described(files: pl.DataFrame, kind: pl.Series, random: np.random.Generator) -> pl.DataFrame:
    named = files.with_columns(
        kind.alias("evidence_kind_code"),
        pl.concat_str("assessment_id", pl.lit("-"), "item_code", pl.lit("-"), "_file").alias(
            "evidence_id"
        ),
    ).with_columns(
        pl.concat_str("item_name", pl.lit(" "), kind.replace_strict(_NAMES)).alias("title"),
        pl.concat_str("evidence_id", pl.lit("."), kind.replace_strict(_ENDINGS)).alias("file_name"),
        pl.Series("byte_count", random.integers(40_000, 4_000_000, len(files))),
    )
    digests = [sha256(name.encode()).hexdigest() for name in named["evidence_id"]]
    return named.with_columns(pl.Series("content_sha256", digests, dtype=pl.String))
