"""How far the keys of one feed meet the rows of another: `reference/key_meeting.parquet`.

For every reference that an entity declares and every feed that fills the entity: rows, how many
have a value, how many of those name a row that is there. Both sides are the current rows of silver.
What has not changed since, on neither side, is not counted again.

Belongs here: counting and what a count means. Not here: which columns refer to what
(`ingestion/entities/`), the table of the library (`models/resource/key_meeting.sql`).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import duckdb
import polars as pl

from ingestion import silver
from ingestion.entity import VERSION, Entity, Reference, entities
from ingestion.lake import Lake
from ingestion.versions import ARRIVAL, current
from standards.export import SCHEMAS, write_changed

STATE_NAME = {
    "ok": "正常",
    "below": "低于预期",
    "unfilled": "应填未填",
    "empty": "未填写",
    "no_target": "对方无数据",
}
"""What a meeting is: as expected; too few values meet a row; too few rows have a value; none has,
which is allowed; the entity referred to has no rows at all."""

SHORT = ("below", "unfilled")
"""States in which a reference falls short of what it declares."""


def refresh_key_meetings(lake: Lake, versions: Mapping[str, str]) -> bool:
    """Count again what has changed, and write the table when it is another; tells whether.

    Args:
        versions: What tells two contents of an entity's silver apart, by entity that has rows.
    """
    path = lake.reference / "key_meeting.parquet"
    schema = SCHEMAS["key_meeting"]
    before = pl.DataFrame(schema=schema)
    if path.exists():
        found = pl.read_parquet(path)
        before = found if found.schema == pl.Schema(schema) else before
    stamps = {
        name: _stamp(entity, versions)
        for name, entity in entities().items()
        if entity.references and name in versions
    }
    counted = set(before.get_column("stamp"))
    stale = [name for name, stamp in stamps.items() if stamp not in counted]
    kept = before.filter(pl.col("stamp").is_in(list(stamps.values())))
    rows = _count(lake, stale, versions) if stale else []
    fresh = pl.DataFrame(
        [row | {"stamp": stamps[row["entity"]]} for row in rows], schema=schema, orient="row"
    )
    order = ("entity", "column_name", "target", "feed", "member_id")
    return write_changed(pl.concat([kept, fresh]).sort(order), path)


def _stamp(entity: Entity, versions: Mapping[str, str]) -> str:
    """Digest of what the counts of one entity follow from: its references and both sides' rows."""
    named = {target for one in entity.references for target, _ in one.targets} | {entity.entity}
    declared = [one.model_dump_json() for one in entity.references]
    labels = [entities()[name].label_zh for name in sorted(named)]
    known = [(name, versions.get(name, ""), entities()[name].key) for name in sorted(named)]
    return hashlib.sha256(repr((declared, labels, known)).encode()).hexdigest()[:16]


def _count(lake: Lake, names: Iterable[str], versions: Mapping[str, str]) -> list[dict[str, Any]]:
    """One row a reference and feed of the named entities."""
    with duckdb.connect(":memory:") as engine:
        held: set[str] = set()
        rows: list[dict[str, Any]] = []
        for name in names:
            entity = entities()[name]
            for needed in {name, *(t for one in entity.references for t, _ in one.targets)} - held:
                engine.register(needed, _current(lake, entities()[needed]))
                held.add(needed)
            meetings = [_meeting(name, n, one) for n, one in enumerate(entity.references)]
            for number, *counts in engine.execute(" union all ".join(meetings)).fetchall():
                rows.append(_row(entity, entity.references[number], counts, versions))
    return rows


def _current(lake: Lake, entity: Entity) -> pl.DataFrame:
    """The current version of every key, with the columns that take part in some reference."""
    named = {c for one in entity.references for c in (one.column, *one.of)}
    named |= _referred_to().get(entity.entity, set()) | {"organization_id"} & set(entity.columns)
    columns = ["feed", "member_id", *sorted(named)]
    wanted = list(dict.fromkeys([*columns, *entity.key, *VERSION, *ARRIVAL]))
    rows = silver.scan(lake, entity.entity).select(wanted).collect()
    return current(rows, entity.key).select(columns)


@cache
def _referred_to() -> dict[str, set[str]]:
    """Columns that references name, by the entity they are of."""
    found: dict[str, set[str]] = {}
    for entity in entities().values():
        for one in entity.references:
            for target, column in one.targets:
                found.setdefault(target, set()).add(column)
    return found


def _meeting(name: str, number: int, reference: Reference) -> str:
    """Number, feed, member, rows, rows with a value, and those whose value a target holds."""
    scope = ", organization_id" if reference.of else ""
    targets = " union ".join(
        f'select distinct {column} as value{scope} from "{target}" where {column} is not null'
        for target, column in reference.targets
    )
    of = ", ".join(f"source.{column}" for column in reference.of)
    same = f" and coalesce({of}) = targets.organization_id" if of else ""
    return f"""
        select
            {number}, source.feed, source.member_id, count(*), count(source.{reference.column}),
            count(targets.value)
        from "{name}" as source
        left join ({targets}) as targets on source.{reference.column} = targets.value{same}
        group by all"""


def _row(
    entity: Entity, reference: Reference, counts: Sequence[Any], versions: Mapping[str, str]
) -> dict[str, Any]:
    feed, member, rows, filled, met = counts
    has_target = any(target in versions for target, _ in reference.targets)
    if not has_target and filled:
        state = "no_target"
    elif filled < reference.filled * rows:
        state = "unfilled"
    elif not filled:
        state = "empty"
    else:
        state = "ok" if met >= reference.expected * filled else "below"
    label = reference.label_zh or entity.columns[reference.column].label_zh
    names = [entities()[target].label_zh for target, _ in reference.targets]
    return {
        "feed": feed,
        "member_id": member,
        "entity": entity.entity,
        "entity_name": entity.label_zh,
        "column_name": reference.column,
        "column_label": label,
        "target": " | ".join(reference.to),
        "target_name": "、".join(dict.fromkeys(names)),
        "row_count": rows,
        "filled_count": filled,
        "met_count": met,
        "filled_share": filled / rows if rows else None,
        "met_share": met / filled if filled else None,
        "expected_share": reference.expected,
        "expected_filled_share": reference.filled,
        "severity": reference.severity,
        "state": state,
        "state_name": STATE_NAME[state],
    }
