"""Ids of people: they stay with those who stay, and what moves is written down.

A group keeps the id that most of its source persons carried; of one id's parts the largest keeps
it, of equal ones the one that has it longest. Who leaves gets back the id that was absorbed when
they came, else a new one. An id is never given to somebody else.

Belongs here: groups to ids, and the events between two states. Not here: how groups come about.
"""

import hashlib
from datetime import datetime

import polars as pl

from identity.sources import KEY
from ingestion.entity import ZONE

_TIME = pl.Datetime("us", ZONE)
LINK_SCHEMA: dict[str, pl.DataType] = {
    KEY: pl.String(),
    "person_id": pl.String(),
    "rule": pl.String(),
    "evidence": pl.String(),  # the source person that the rule joined this one to
    "score": pl.Float64(),
    "linked_at": _TIME,
}
"""Who is who now: one row a source person."""
HISTORY_SCHEMA = {**LINK_SCHEMA, "unlinked_at": _TIME}
"""Who was who: links that have ended."""
EVENT_SCHEMA: dict[str, pl.DataType] = {
    "event": pl.String(),  # merge, split, move
    "person_id": pl.String(),  # whom the source persons are now
    "from_person_id": pl.String(),
    "source_persons": pl.UInt32(),
    "rule": pl.String(),
    "evidence": pl.String(),
    "score": pl.Float64(),
    "happened_at": _TIME,
}


def with_ids(
    groups: pl.DataFrame, known: pl.DataFrame, past: pl.DataFrame, moment: datetime
) -> pl.DataFrame:
    """Links of all source persons of some groups (`LINK_SCHEMA`), ordered by key.

    Args:
        groups: `KEY`, `group`, `rule`, `evidence`, `score`; whole persons of `known` or none.
        known: Links until now, of all source persons.
        past: Links that have ended (`HISTORY_SCHEMA`).
        moment: Now.
    """
    own = known.join(groups.select(KEY), on=KEY, how="semi")
    named = groups.join(own.select(KEY, "person_id", "linked_at"), on=KEY, how="left")
    before = _claims(named.drop_nulls("person_id"))
    ids = _settled(before)
    homeless = named.filter(~pl.col("group").is_in(list(ids)))
    if homeless.height and past.height:
        used = known["person_id"].unique()
        old = past.join(homeless.select(KEY, "group"), on=KEY, how="inner")
        members = past.group_by("person_id").agg(pl.col(KEY).n_unique().alias("all"))
        claims = _claims(old.filter(~pl.col("person_id").is_in(used.implode())))
        whole = claims.join(members, on="person_id").filter(pl.col("n") == pl.col("all"))
        ids |= _settled(whole.drop("all"))
    first = (
        groups.filter(~pl.col("group").is_in(list(ids))).group_by("group").agg(pl.col(KEY).min())
    )
    fresh = first.sort(KEY).with_columns(
        pl.col(KEY).map_elements(new_id, return_dtype=pl.String).alias("person_id")
    )
    ids |= dict(_unheard_of(fresh, known, past).select("group", "person_id").iter_rows())
    named = groups.with_columns(
        pl.col("group")
        .replace_strict(list(ids), list(ids.values()), return_dtype=pl.String)
        .alias("person_id")
    ).join(
        own.select(KEY, pl.col("person_id").alias("was"), pl.col("linked_at")), on=KEY, how="left"
    )
    stays = pl.col("person_id") == pl.col("was")
    return (
        named.with_columns(
            pl.when(stays).then("linked_at").otherwise(pl.lit(moment, _TIME)).alias("linked_at")
        )
        .select(*LINK_SCHEMA)
        .cast(LINK_SCHEMA)  # type: ignore[arg-type]
        .sort(KEY)
    )


def _claims(named: pl.DataFrame) -> pl.DataFrame:
    """Which id came with how many source persons into which group, strongest first."""
    return (
        named.group_by("group", "person_id")
        .agg(
            pl.len().alias("n"),
            pl.col("linked_at").min().alias("since"),
            pl.col(KEY).min().alias("first"),
        )
        .sort(["n", "since", "person_id", "first"], descending=[True, False, False, False])
    )


def _settled(claims: pl.DataFrame) -> dict[int, str]:
    """The id of each group: the strongest claim first, each id and each group once."""
    lone = (pl.len().over("group") == 1) & (pl.len().over("person_id") == 1)
    marked = claims.with_columns(lone.alias("lone"))
    ids = dict(marked.filter("lone").select("group", "person_id").iter_rows())
    given: set[str] = set()
    for group, person_id in marked.filter(~pl.col("lone")).select("group", "person_id").iter_rows():
        if group not in ids and person_id not in given:
            ids[group] = person_id
            given.add(person_id)
    return ids


def new_id(seed: str, attempt: int = 0) -> str:
    """An id made of the key of a source person."""
    return "P" + hashlib.sha256(f"{seed}|{attempt}".encode()).hexdigest()[:15]


def _unheard_of(fresh: pl.DataFrame, known: pl.DataFrame, past: pl.DataFrame) -> pl.DataFrame:
    """New ids that nobody has or had: one that is taken is made again."""
    for attempt in range(1, 1_000):
        same = pl.col("person_id").is_in(fresh["person_id"].implode())
        had = pl.concat([known.filter(same)["person_id"], past.filter(same)["person_id"]])
        taken = fresh["person_id"].is_in(had.implode()) | fresh["person_id"].is_duplicated()
        if not taken.any():
            return fresh
        again = [new_id(seed, attempt) for seed in fresh.filter(taken)[KEY]]
        rows = taken.arg_true()
        fresh = fresh.with_columns(fresh["person_id"].scatter(rows, again))
    raise RuntimeError("no free person_id")


def ended(known: pl.DataFrame, links: pl.DataFrame, moment: datetime) -> pl.DataFrame:
    """Links of `known` that `links`, or their absence, has ended (`HISTORY_SCHEMA`)."""
    now = links.select(KEY, pl.col("person_id").alias("now"))
    left = known.join(now, on=KEY, how="left").filter(pl.col("person_id").ne_missing(pl.col("now")))
    return left.with_columns(pl.lit(moment, _TIME).alias("unlinked_at")).select(*HISTORY_SCHEMA)


def events(known: pl.DataFrame, links: pl.DataFrame, moment: datetime) -> pl.DataFrame:
    """What happened to people between two states (`EVENT_SCHEMA`).

    A person who is gone was merged; one who is new and came from somebody was split off; source
    persons that changed between two who stay have moved.
    """
    moved = links.join(
        known.select(KEY, pl.col("person_id").alias("from_person_id")), on=KEY, how="inner"
    ).filter(pl.col("person_id") != pl.col("from_person_id"))
    standing = links["person_id"].unique().implode()
    old = known["person_id"].unique().implode()
    kind = (
        pl.when(~pl.col("from_person_id").is_in(standing)).then(pl.lit("merge"))
        .when(~pl.col("person_id").is_in(old)).then(pl.lit("split"))
        .otherwise(pl.lit("move"))
    )  # fmt: skip
    return (
        moved.with_columns(kind.alias("event"))
        .group_by("event", "person_id", "from_person_id", maintain_order=True)
        .agg(
            pl.len().alias("source_persons"), pl.col("rule").first(), pl.col("evidence").first(),
            pl.col("score").min(),
        )
        .with_columns(pl.lit(moment, _TIME).alias("happened_at"))
        .select(*EVENT_SCHEMA)
        .cast(EVENT_SCHEMA)  # type: ignore[arg-type]
        .sort("event", "person_id", "from_person_id")
    )  # fmt: skip
