"""Where links, their history, conflicts and open questions are kept; what a run has to link anew.

`person_link` who is who now; `link_history` links that ended; `person_event` merges, splits, moves;
`conflict` what contradicts itself; `review` what a clerk is asked; `decision` what clerks said;
`shared_number` and `frequency` what the last full run found in the data.

Belongs here: files, and which source persons a change concerns. Not here: linking (`link.py`).
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from identity import persons
from identity.decisions import standing, touched_since
from identity.index import Index
from identity.link import CONFLICT_SCHEMA, LINK_SCHEMA, REVIEW_SCHEMA, Linked, link
from identity.probable import FREQUENCY_SCHEMA, frequencies, is_installed, model
from identity.sources import (
    COLUMNS,
    KEY,
    SHARED_SCHEMA,
    changed_numbers,
    current_sources,
    shared_numbers,
)
from ingestion import silver
from ingestion.clock import now
from ingestion.entity import ZONE
from ingestion.lake import Lake, write_bytes, write_parquet
from ingestion.ledger import Ledger

LINKING = 2
"""Counts up when the rules change: the next run links everything."""
_OF_VERSIONS = ("local_number_reused", "id_number_changed")
_MERGED: dict[str, pl.DataType] = {"left": pl.String(), "right": pl.String()}
_SIDES = ("left_source_person_id", "right_source_person_id")


@dataclass(frozen=True)
class LinkRun:
    """Source persons, the persons they are and what happened to people; `is_new`: silver or a
    decision has changed since the last time; `weighed`: Splink took part."""

    source_persons: int
    persons: int
    merges: int
    splits: int = 0
    moves: int = 0
    conflicts: int = 0
    review: int = 0
    linked: int = 0
    is_new: bool = True
    weighed: bool = True


def read(lake: Lake, name: str, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """One table of the identity folder; empty where it is not there yet. Columns an earlier
    version did not write are null."""
    path = lake.identity / f"{name}.parquet"
    if not path.exists():
        return pl.DataFrame(schema=schema)
    found = pl.read_parquet(path)
    missing = [pl.lit(None, t).alias(n) for n, t in schema.items() if n not in found.columns]
    return found.with_columns(missing).select(*schema)


def update_links(lake: Lake) -> LinkRun:
    """Link what is new or changed; everything the first time and when rules or weights changed.

    Nothing is done when silver holds the batches it held the last time and no clerk has decided.
    """
    version = _version(lake)
    noted = _noted(lake)
    index = Index(lake.identity / "index")
    same_rules = noted.get("linking") == LINKING and noted.get("model") == model().version
    catches_up = not noted.get("run", {}).get("weighed", True) and is_installed()
    if not same_rules or catches_up or not index.fits():
        return _linked_all(lake, index, version)
    said = touched_since(lake, datetime.fromisoformat(noted["at"]))
    if noted["silver"] != version:
        before = read(lake, "merged_by_member", _MERGED)
        merged = _merged_by_members(lake)
        news = pl.concat([before, merged]).filter(~pl.struct("left", "right").is_duplicated())
        said += [*news["left"], *news["right"]]
    if noted["silver"] == version and not said:
        return LinkRun(**noted["run"], is_new=False)
    return _linked_changed(lake, index, version, noted, said)


def _version(lake: Lake) -> str:
    """What tells two contents of silver apart, as far as linking reads it."""
    with Ledger(lake.home) as ledger:
        versions = ledger.silver_versions()
    return "|".join(versions.get(entity, "") for entity in ("source_person", "person_merge"))


def _merged_by_members(lake: Lake) -> pl.DataFrame:
    """Pairs of source persons that members have merged themselves: `left`, `right`."""
    found = silver.scan(lake, "person_merge").select(
        pl.min_horizontal(KEY, "prior_source_person_id").alias("left"),
        pl.max_horizontal(KEY, "prior_source_person_id").alias("right"),
    )
    return found.filter(pl.col("left") != pl.col("right")).unique().sort("left", "right").collect()


def relink(lake: Lake, *, dry_run: bool) -> tuple[LinkRun, pl.DataFrame]:
    """Link everything by today's rules, weights and decisions.

    Returns:
        The run, and what happened to people (`persons.EVENT_SCHEMA`); with `dry_run` what would
        happen: nothing is written.
    """
    version = _version(lake)
    if not dry_run:
        before = read(lake, "person_event", persons.EVENT_SCHEMA).height
        run = _linked_all(lake, Index(lake.identity / "index"), version)
        return run, read(lake, "person_event", persons.EVENT_SCHEMA)[before:]
    work = _everything(lake)
    run, happened = _result(work, work.links, work.known)
    return run, happened


@dataclass(frozen=True)
class _Work:
    """One linking: what was known, what came out of it for the source persons in question."""

    known: pl.DataFrame
    links: pl.DataFrame
    linked: Linked
    sources: pl.DataFrame
    changed: pl.DataFrame
    shared: pl.DataFrame
    frequency: pl.DataFrame
    moment: datetime


def _everything(lake: Lake) -> _Work:
    versions = silver.scan(lake, "source_person").select(COLUMNS).collect()
    sources = current_sources(versions)
    return _linking(
        lake, sources, changed_numbers(versions), shared_numbers(sources), frequencies(sources)
    )


def _linking(
    lake: Lake,
    sources: pl.DataFrame,
    changed: pl.DataFrame,
    shared: pl.DataFrame,
    frequency: pl.DataFrame,
) -> _Work:
    known = read(lake, "person_link", LINK_SCHEMA)
    past = read(lake, "link_history", persons.HISTORY_SCHEMA)
    moment = now()
    merged = _merged_by_members(lake)
    said = replace(standing(lake), merged=list(merged.iter_rows()))
    links, linked = link(
        sources, known, past, shared=shared, frequency=frequency, decisions=said, moment=moment
    )
    return _Work(known, links, linked, sources, changed, shared, frequency, moment)


def _result(work: _Work, links: pl.DataFrame, before: pl.DataFrame) -> tuple[LinkRun, pl.DataFrame]:
    """The run over all links, and its events."""
    happened = persons.events(before, work.links, work.moment)
    count = dict(happened.group_by("event").len().iter_rows())
    conflicts = _conflicts(work)
    return LinkRun(
        links.height, links["person_id"].n_unique(), count.get("merge", 0), count.get("split", 0),
        count.get("move", 0), conflicts.height, work.linked.review.height, work.links.height,
        weighed=work.linked.weighed,
    ), happened  # fmt: skip


def _conflicts(work: _Work) -> pl.DataFrame:
    reused = work.changed.select(
        pl.when("is_reused").then(pl.lit("local_number_reused")).otherwise(
            pl.lit("id_number_changed")).alias("conflict"),
        pl.col(KEY).alias(_SIDES[0]), pl.lit(None, pl.String).alias(_SIDES[1]),
        pl.lit(1.0).alias("score"),
    )  # fmt: skip
    far = work.sources.filter(
        (pl.col("birth_date").dt.year() - pl.col("id_birth_date").dt.year()).abs() > 1
    ).select(
        pl.lit("birth_contradicts_id").alias("conflict"), pl.col(KEY).alias(_SIDES[0]),
        pl.lit(None, pl.String).alias(_SIDES[1]), pl.lit(1.0).alias("score"),
    )  # fmt: skip
    return pl.concat([work.linked.conflicts, reused, far]).cast(CONFLICT_SCHEMA)  # type: ignore[arg-type]


def _linked_all(lake: Lake, index: Index, version: str) -> LinkRun:
    work = _everything(lake)
    run, happened = _result(work, work.links, work.known)
    _write_history(lake, work, work.known, happened)
    write_parquet(_conflicts(work), lake.identity / "conflict.parquet")
    write_parquet(work.linked.review, lake.identity / "review.parquet")
    write_parquet(work.shared, lake.identity / "shared_number.parquet")
    write_parquet(work.frequency, lake.identity / "frequency.parquet")
    index.write_base(work.sources)
    write_parquet(work.links, lake.identity / "person_link.parquet")
    _note(lake, run, version, work.moment)
    return run


def _linked_changed(
    lake: Lake, index: Index, version: str, noted: dict[str, Any], said: list[str]
) -> LinkRun:
    """Link the source persons that changed, with all who share evidence with them and all who were
    one person with any of these."""
    known = read(lake, "person_link", LINK_SCHEMA)
    versions_now, keys = _changed(lake, noted, said, known[KEY])
    fresh = current_sources(versions_now)
    stored = read(lake, "shared_number", SHARED_SCHEMA)
    old = keys.filter(keys.is_in(known[KEY].implode()))
    before = fresh.clear()
    if len(old):
        before = index.sources().filter(pl.col(KEY).is_in(old.implode())).collect()
    near = pl.Series(index.touching(pl.concat([before, fresh]), stored), dtype=pl.String)
    concerned = pl.concat([keys, near]).unique()
    people = known.filter(pl.col(KEY).is_in(concerned.implode()))["person_id"].unique()
    theirs = known["person_id"].is_in(people.implode())
    was = known.filter(theirs)
    concerned = pl.concat([concerned, was[KEY]]).unique()
    others = concerned.filter(~concerned.is_in(keys.implode())).implode()
    unchanged = index.sources().filter(pl.col(KEY).is_in(others)).collect()
    sources = pl.concat([unchanged, fresh]).sort(KEY)
    shared = pl.concat([stored, shared_numbers(sources)]).unique(["column", "token"], keep="first")
    shared = shared.sort("column", "token")
    frequency = read(lake, "frequency", FREQUENCY_SCHEMA)
    work = _linking(lake, sources, changed_numbers(versions_now), shared, frequency)
    within = concerned.implode()
    links = known.filter(~theirs).merge_sorted(work.links, key=KEY)
    run, happened = _result(work, links, was)
    _write_history(lake, work, was, happened)
    for name, schema, rows in (
        ("conflict", CONFLICT_SCHEMA, _conflicts(work)),
        ("review", REVIEW_SCHEMA, work.linked.review),
    ):
        about = pl.any_horizontal(pl.col(side).is_in(within).fill_null(False) for side in _SIDES)
        if name == "conflict":  # what versions say was looked at again for the changed ones only
            about &= ~pl.col(name).is_in(_OF_VERSIONS) | pl.col(_SIDES[0]).is_in(keys.implode())
        table = pl.concat([read(lake, name, schema).filter(~about), rows])
        if name == "conflict":
            run = replace(run, conflicts=table.height)
        else:
            run = replace(run, review=table.height)
        write_parquet(table.sort(list(schema)[:3]), lake.identity / f"{name}.parquet")
    write_parquet(shared, lake.identity / "shared_number.parquet")
    index.write_patch(fresh, keys.filter(~keys.is_in(fresh[KEY].implode())))
    write_parquet(links, lake.identity / "person_link.parquet")
    _note(lake, run, version, work.moment)
    return run


def _changed(
    lake: Lake, noted: dict[str, Any], said: list[str], known: pl.Series
) -> tuple[pl.DataFrame, pl.Series]:
    """All versions of the source persons that files of silver name which came or went since the
    last run, or that a decision is about, and their keys."""
    there, had = _files(lake), set(noted["files"])
    came = [path for name, path in there.items() if name not in had]
    went = [lake.retired("source_person") / Path(name).name for name in had - set(there)]
    every = silver.scan(lake, "source_person").select(COLUMNS)
    if not all(path.exists() for path in went):  # nobody can say any more whom they named
        versions = every.collect()
        return versions, pl.concat([versions[KEY], known]).unique().sort()
    new = [pl.read_parquet(path, hive_partitioning=False).select(COLUMNS) for path in came]
    rows = pl.concat([every.head(0).collect(), *new])
    gone = [pl.read_parquet(path, columns=[KEY], hive_partitioning=False)[KEY] for path in went]
    keys = pl.concat([rows[KEY], pl.Series(said, dtype=pl.String), *gone]).unique().sort()
    again = keys.filter(keys.is_in(known.implode()))
    if len(again):  # they have versions in other files, too
        earlier = every.filter(pl.col(KEY).is_in(again.implode())).collect()
        rows = pl.concat([rows.filter(~pl.col(KEY).is_in(again.implode())), earlier])
    return rows, keys


def _files(lake: Lake) -> dict[str, Path]:
    folder = lake.silver("source_person")
    return {p.relative_to(folder).as_posix(): p for p in sorted(folder.glob("*/*--*.parquet"))}


def _write_history(lake: Lake, work: _Work, before: pl.DataFrame, happened: pl.DataFrame) -> None:
    last = _noted(lake).get("at")
    over = persons.ended(before, work.links, work.moment)
    for name, schema, rows in (
        ("link_history", persons.HISTORY_SCHEMA, over),
        ("person_event", persons.EVENT_SCHEMA, happened),
    ):
        path = lake.identity / f"{name}.parquet"
        told = read(lake, name, schema)
        if last:  # what a run wrote that did not come to its end is written again
            told = told.filter(pl.col(list(schema)[-1]) <= _moment(datetime.fromisoformat(last)))
        if rows.height or not path.exists():
            write_parquet(pl.concat([told, rows]), path)


def _moment(moment: datetime) -> pl.Expr:
    return pl.lit(moment.astimezone(ZoneInfo(ZONE)), pl.Datetime("us", ZONE))


def _noted(lake: Lake) -> dict[str, Any]:
    path = lake.identity / "linked.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found


def _note(lake: Lake, run: LinkRun, version: str, moment: datetime) -> None:
    """Last of all: what was linked. After a stop before it the next run does the same again."""
    write_parquet(_merged_by_members(lake), lake.identity / "merged_by_member.parquet")
    said = {
        "linking": LINKING, "model": model().version, "silver": version, "at": moment.isoformat(),
        "files": list(_files(lake)),
        "run": {
            "source_persons": run.source_persons, "persons": run.persons, "merges": 0,
            "conflicts": run.conflicts, "review": run.review, "weighed": run.weighed,
        },
    }  # fmt: skip
    write_bytes(json.dumps(said).encode(), lake.identity / "linked.json")


def source_persons(lake: Lake, person_id: str) -> list[str]:
    """The source persons linked to one person, in order; empty when there is no such person."""
    links = read(lake, "person_link", LINK_SCHEMA).filter(pl.col("person_id") == person_id)
    return links[KEY].to_list()


def history(
    lake: Lake, person_id: str, *, as_of: datetime | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What is known of one person: links that hold or held (`HISTORY_SCHEMA`), oldest first, and
    events that concern the person.

    Args:
        as_of: Only the links that held at this moment.
    """
    mine = pl.col("person_id") == person_id
    now_held = read(lake, "person_link", LINK_SCHEMA).filter(mine)
    held = read(lake, "link_history", persons.HISTORY_SCHEMA).filter(mine)
    links = pl.concat([held, now_held], how="diagonal").select(*persons.HISTORY_SCHEMA)
    events = read(lake, "person_event", persons.EVENT_SCHEMA).filter(
        mine | (pl.col("from_person_id") == person_id)
    )
    if as_of is not None:
        then = _moment(as_of)
        links = links.filter(
            (pl.col("linked_at") <= then)
            & (pl.col("unlinked_at").is_null() | (pl.col("unlinked_at") > then))
        )
        events = events.filter(pl.col("happened_at") <= then)
    return links.sort("linked_at", KEY), events.sort("happened_at")
