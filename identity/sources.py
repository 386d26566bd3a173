"""What each member knows of a person today: the current version of every source record.

A member's feeds each send their own view of a person. Of every feed the current version counts
(decision 0015), and of these the latest that says something, part by part: an ID number that was
corrected is gone, and one that another feed never sends is not lost.

Belongs here: versions to one row a source person, and numbers that too many people share. Not
here: who is who (`rules.py`, `probable.py`).
"""

import polars as pl

from ingestion.versions import current, in_order

KEY = "source_person_id"
_PARTS: tuple[tuple[str, ...], ...] = (
    ("id_number_token", "id_birth_date"),
    ("id_written_token", "id_repair_tokens"),
    ("health_card_token",),
    ("insurance_token",),
    ("name_token", "name_sound_token", "name_consonants_token", "surname_token", "mother_token"),
    ("phone_token",),
    ("address_token",),
    ("sex_code",),
    ("birth_date",),
)
"""Columns that belong together; the first one of a part says whether it is there."""
EVIDENCE = tuple(name for part in _PARTS for name in part)
LINEAGE = (
    "feed", "member_id", "version_at", "feed_sequence", "arrival_batch_id", "file_number",
    "record_number", "item_number",
)  # fmt: skip
COLUMNS = (KEY, *EVIDENCE, *LINEAGE)
"""What is read of silver/source_person."""
SCHEMA: dict[str, pl.DataType] = {
    KEY: pl.String(),
    "member_id": pl.String(),
    **{name: pl.Date() if name.endswith("date") else pl.String() for name in EVIDENCE},
}


def current_sources(versions: pl.DataFrame) -> pl.DataFrame:
    """One row a source person (`SCHEMA`), ordered by key, from all its versions in silver."""
    several = pl.col(KEY).is_duplicated()
    once = versions.filter(~several).select(*SCHEMA)
    by_feed = in_order(current(versions.filter(several), [KEY, "feed"]), [KEY])
    said = []
    for part in _PARTS:
        there = pl.col(part[0]).is_not_null()
        said += [pl.col(name).filter(there).last() for name in part]
    found = by_feed.group_by(KEY, maintain_order=True).agg(pl.col("member_id").last(), *said)
    both = pl.concat([once.cast(SCHEMA), found.select(*SCHEMA).cast(SCHEMA)])  # type: ignore[arg-type]
    return both.sort(KEY)


def changed_numbers(versions: pl.DataFrame) -> pl.DataFrame:
    """Source persons that have carried more than one valid ID number: `KEY`, `id_numbers` and
    `is_reused`: name and date of birth changed with it, so the member gave the number anew."""
    given = versions.drop_nulls("id_number_token")
    found = given.group_by(KEY).agg(
        pl.col("id_number_token").n_unique().alias("id_numbers"),
        pl.col("name_sound_token").drop_nulls().n_unique().alias("names"),
        pl.col("birth_date").drop_nulls().n_unique().alias("births"),
    )
    return (
        found.filter(pl.col("id_numbers") > 1)
        .select(
            KEY, "id_numbers", ((pl.col("names") > 1) & (pl.col("births") > 1)).alias("is_reused")
        )
        .sort(KEY)
    )


SHARED_BY = {
    "id_number_token": 3, "id_written_token": 3, "health_card_token": 3, "insurance_token": 3,
    "phone_token": 12, "address_token": 40,
}  # fmt: skip
"""A number that people of more than so many sounds of name and more than so many dates of birth
carry is a placeholder that no list knows, a family's or an office's: it is no evidence. A phone may
be a household's. Where two of the four people of the field fault K01 agree by chance, the rule of
names (`rules.py`) still holds."""
SHARED_SCHEMA: dict[str, pl.DataType] = {
    "column": pl.String(), "token": pl.String(), "names": pl.UInt32(), "births": pl.UInt32(),
}  # fmt: skip


def shared_numbers(sources: pl.DataFrame) -> pl.DataFrame:
    """Tokens that are no evidence (`SHARED_SCHEMA`), ordered."""
    found = []
    for column, most in SHARED_BY.items():
        counted = (
            sources.drop_nulls(column)
            .group_by(pl.col(column).alias("token"))
            .agg(
                pl.col("name_sound_token").drop_nulls().n_unique().alias("names"),
                pl.col("birth_date").drop_nulls().n_unique().alias("births"),
            )
            .filter((pl.col("names") > most) & (pl.col("births") > most))
        )
        found.append(counted.select(pl.lit(column).alias("column"), "token", "names", "births"))
    return pl.concat(found).cast(SHARED_SCHEMA).sort("column", "token")  # type: ignore[arg-type]


def without_shared(sources: pl.DataFrame, shared: pl.DataFrame) -> pl.DataFrame:
    """Sources whose shared numbers are gone."""
    columns = []
    for column in shared["column"].unique(maintain_order=True):
        tokens = shared.filter(pl.col("column") == column)["token"]
        columns.append(pl.when(~pl.col(column).is_in(tokens.implode())).then(column).alias(column))
    return sources.with_columns(columns)
