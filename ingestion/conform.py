"""The only place where source fields become entity columns.

Takes one source table (strings, as a format read them) and gives accepted rows in the entity's
schema, refused rows with their reasons, and unmapped codes. All columns, casts and rules run as one
vectorised pass; only failing rows are looked at twice, to name every violation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl
import xxhash

from ingestion.cast import COMPACT_FORMATS, typed
from ingestion.contract import Contract, FieldMap, RecordMap
from ingestion.entity import ZONE, Column, Entity, raw_name
from ingestion.formats.source import DELETED, FILE, ITEM, RECORD
from ingestion.runs import once_a_run, runs
from ingestion.window import TOO_EARLY, TOO_LATE

_BAD = "_bad"
_CAST_REASON = {
    "integer": "not_a_number", "double": "not_a_number", "money": "not_a_number",
    "boolean": "unknown_code", "date": "impossible_date", "timestamp": "impossible_date",
}  # fmt: skip
_MEASURED = frozenset({"integer", "double", "money", "date", "timestamp"})
_NO_VALUE = r"^(?:[-–—/]+|\\N|NULL|null|无)$"
"""What stands where a number or a time would, and says that there is none."""
_POSITION = (FILE, RECORD, ITEM)
_MOMENT = Column(type="timestamp", label_zh="")


@dataclass(frozen=True)
class Conformed:
    """Result of one entity of one batch.

    `accepted` has the entity's own columns, raw codes, the source's own version, `row_digest` and
    the position columns.
    `refused` has position, `row_digest`, `reason_code` (the first) and `detail` (all violations).
    `refused_keys` has the key of each refused row, as far as it could be read.
    `unmapped` has position, `column` and `code` of every source code of an accepted row that no
    crosswalk and no code system knows.
    """

    accepted: pl.DataFrame
    refused: pl.DataFrame
    unmapped: pl.DataFrame
    refused_keys: pl.DataFrame


@dataclass(frozen=True)
class _Check:
    """One way a row can fail: when `fails` is true, `reason` and what it is about."""

    fails: pl.Expr
    reason: str
    about: str


def clean(source: pl.DataFrame) -> pl.DataFrame:
    """Strip blanks (also full-width ones) and turn empty strings into null; positions stay."""
    filled = (c for c in source if c.name not in _POSITION and c.null_count() < len(c))
    stripped = [pl.col(c.name).str.strip_chars() for c in filled]
    return source.with_columns(pl.when(text != "").then(text) for text in stripped)


def row_digests(
    cleaned: pl.DataFrame, shared: Sequence[str] = (), unsaid: Sequence[str] = ()
) -> pl.Series:
    """64-bit XXH3 of all source fields of a row, nulls marked: equal means an exact repeat.

    Args:
        shared: Fields that the items of one record have in common. Their digest is worked out once
            a run and seeds that of the others, so the same row needs the same `shared`.
        unsaid: Fields that make no other row of it, such as a message's number.
    """
    apart = {*_POSITION, *shared, *unsaid}
    own = sorted(c for c in cleaned.columns if c not in apart)
    begins, number = runs(cleaned, sorted(shared))
    digest = xxhash.xxh3_64_intdigest
    seeds = [digest(text) for text in _joined(cleaned.filter(begins), sorted(shared))]
    spread = pl.Series(seeds, dtype=pl.UInt64).gather(number).to_list()
    digests = [digest(t, seed) for t, seed in zip(_joined(cleaned, own), spread, strict=True)]
    return pl.Series("row_digest", digests, dtype=pl.UInt64)


def _joined(rows: pl.DataFrame, fields: Sequence[str]) -> list[bytes]:
    """The fields of each row in one string of bytes."""
    if not fields:
        return [b""] * rows.height
    marked = [pl.col(c).fill_null("\x00") for c in fields]
    return (
        rows.select(pl.concat_str(marked, separator="\x1f").cast(pl.Binary)).to_series().to_list()
    )


def conform(
    source: pl.DataFrame,
    *,
    entity: Entity,
    record: RecordMap,
    contract: Contract,
    hidden: Sequence[str] = (),
    arrived: Sequence[date] = (),
) -> Conformed:
    """Conform one cleaned source table to one entity.

    Args:
        source: Output of `clean`, one row per source record.
        entity: What the rows must become.
        record: Where each column comes from.
        contract: The feed; gives the format's way of writing times and the default organization.
        hidden: Source fields of the person block; free text is scrubbed of what they say, but for
            the sex: its code may stand in any word.
        arrived: The day each file arrived, by file index; without them any day is accepted.
    """
    compact = contract.format in COMPACT_FORMATS
    values: list[pl.Expr] = []
    stated: list[pl.Expr] = []
    checks: list[_Check] = []
    for name, column in entity.columns.items():
        field_map = record.fields.get(name)
        raw = _raw(field_map, contract, name)
        given, states = _said(raw, name, record)
        if states is not None:
            stated.append(pl.when(states).then(pl.lit(f"{name},")).otherwise(pl.lit("")))
            raw = given
        mapped = mapped_code(given, field_map, contract)
        if raw is not None and (
            decided := contract.codes.decided(contract.feed, entity.entity, name)
        ):
            mapped = pl.coalesce(_looked_up(given, decided), mapped)
        if column.type in _MEASURED and raw is not None:
            mapped = pl.when(~mapped.str.contains(_NO_VALUE)).then(mapped)
        needed = column.required or bool(field_map and field_map.required)
        required = needed and not (record.partial and name not in entity.key)
        if column.code_system:
            known = list(contract.codes.code_system(column.code_system))
            code = pl.when(mapped.is_in(known)).then(mapped)
            values += [code.alias(name), given.alias(raw_name(name))]
            if required:
                checks.append(_Check(pl.col(raw_name(name)).is_null(), "missing_required", name))
            if needed:
                unknown = pl.col(name).is_null() & pl.col(raw_name(name)).is_not_null()
                checks.append(_Check(unknown, "unknown_code", name))
            continue
        scale = field_map.scale if field_map else None
        pattern = field_map.format if field_map else None
        value = typed(mapped, column, pattern=pattern, compact=compact, scale=scale)
        if column.type in ("date", "timestamp") and given.meta.root_names():
            value = pl.lit(once_a_run(source, value))
        values.append(value.alias(name))
        if raw is None:
            if required:
                checks.append(_Check(pl.lit(True), "missing_required", name))
            continue
        lost = mapped.is_null() if field_map and field_map.code_map else None
        if column.terminology and (listed := contract.codes.terminology(column.terminology)):
            lost = mapped.is_null() | ~mapped.is_in(list(listed))
        if lost is not None:
            values.append(pl.when(lost).then(given).alias(f"_unmapped_{name}"))
        given_name = f"_given_{name}"
        values.append(mapped.is_not_null().alias(given_name))
        if required:
            checks.append(_Check(~pl.col(given_name), "missing_required", name))
        if column.type != "string":
            failed = pl.col(given_name) & pl.col(name).is_null()
            checks.append(_Check(failed, _CAST_REASON[column.type], name))
        if column.minimum is not None:
            checks.append(_Check(pl.col(name) < column.minimum, "out_of_range", name))
        if column.maximum is not None:
            checks.append(_Check(pl.col(name) > column.maximum, "out_of_range", name))
    checks += _dated(entity, contract, arrived)
    for rule in entity.rules:
        checks.append(_Check(~pl.sql_expr(rule.expression), "rule_failed", rule.id))

    for name, column in entity.columns.items():
        if events := record.events_that("needs", name):
            there = raw_name(name) if column.code_system else name
            absent = pl.col("_event").is_in(events) & pl.col(there).is_null()
            checks.append(_Check(absent, "missing_required", name))
    if record.event:
        values.append(pl.col(record.event).alias("_event"))
    values += _version(source, contract)
    if entity.versions == "fields":
        values.append(pl.concat_str(pl.lit(","), *stated).alias("stated"))
    if record.retracts:
        taken_back = [pl.col(path).is_in(found) for path, found in record.retracts.items()]
        values.append(pl.any_horizontal(taken_back).fill_null(False).alias("is_retracted"))
    text = [n for n, c in entity.columns.items() if c.free_text and n in record.fields]
    sex = contract.mapping().person.get("sex_code")
    secret = [name for name in hidden if sex is None or name not in sex.sources]
    frame = source.select(*_POSITION, *values, *(_hidden(secret) if text else []))
    unsaid = contract.mapping().unsaid(record)
    digests = row_digests(source, hidden, unsaid)
    frame = frame.with_columns(*_own_time(entity, frame.columns), digests)
    if text:
        frame = _scrub(frame, text, [f"_hidden_{i}" for i in range(len(secret))])
    failing = (
        pl.any_horizontal([c.fails.fill_null(False) for c in checks]) if checks else pl.lit(False)
    )
    frame = frame.with_columns(failing.alias(_BAD))
    bad = frame.filter(pl.col(_BAD))
    good = frame.filter(~pl.col(_BAD)) if len(bad) else frame
    own = [n for n in entity.schema() if n in frame.columns]
    accepted = good.select(*_POSITION, *own)
    keys = bad.select(entity.key)
    return Conformed(accepted, _reasons(bad, checks), _unmapped(good, entity), keys)


def _dated(entity: Entity, contract: Contract, arrived: Sequence[date]) -> list[_Check]:
    """The event time must lie in the window around the day of arrival."""
    window, name = contract.window(entity.entity), entity.event_time
    if not arrived or window is None or name is None:
        return []
    first, last = window.bounds(arrived)
    day = pl.col(name)
    day = day.dt.date() if entity.columns[name].type == "timestamp" else day
    return [
        _Check(day > pl.lit(last).gather(pl.col(FILE)), TOO_LATE, name),
        _Check(day < pl.lit(first).gather(pl.col(FILE)), TOO_EARLY, name),
    ]


def _said(raw: pl.Expr | None, name: str, record: RecordMap) -> tuple[pl.Expr, pl.Expr | None]:
    """What a record gives for a column, and where it speaks of the column at all; null: nowhere.

    A whole record speaks of every column that is mapped, whatever it holds; a partial one of those
    it carries or deletes. What its event says goes before.
    """
    given = pl.lit(None, pl.String) if raw is None else raw
    states = None if raw is None else pl.lit(True)
    if raw is not None and record.partial:
        states = raw.is_not_null()
        given = pl.when(raw != DELETED).then(raw)
    if values := record.set_by_event.get(name):
        given = pl.col(str(record.event)).replace_strict(
            list(values), list(values.values()), default=None, return_dtype=pl.String
        )
        states = given.is_not_null()
    if events := record.events_that("clears", name):
        clears = pl.col(str(record.event)).is_in(events).fill_null(False)
        given = pl.when(~clears).then(given)
        states = clears if states is None else states | clears
    return given, states


def _version(source: pl.DataFrame, contract: Contract) -> list[pl.Expr]:
    """The message's own time and running number; what is no time or number says nothing."""
    version = contract.mapping().version
    found = []
    if version.at.sources:
        raw = pl.coalesce([pl.col(s) for s in version.at.sources])
        compact = contract.format in COMPACT_FORMATS
        value = typed(raw, _MOMENT, pattern=version.at.format, compact=compact, scale=None)
        found.append(pl.lit(once_a_run(source, value)).alias("version_at"))
    if version.sequence.sources:
        raw = pl.coalesce([pl.col(s) for s in version.sequence.sources])
        number = raw.str.extract(r"^(\d{1,18})$").cast(pl.Int64)
        found.append(number.alias("feed_sequence"))
    return found


def _own_time(entity: Entity, known: Sequence[str]) -> list[pl.Expr]:
    """`version_at`: the row's own version time, else the message's. A running number without a time
    says nothing: it may have begun anew since."""
    times = [c for c in (entity.version_time or "", "version_at") if c in known]
    moments = [pl.col(c).cast(pl.Datetime("us", ZONE)) for c in times]
    at = pl.coalesce(moments) if moments else pl.lit(None, pl.Datetime("us", ZONE))
    number = pl.col("feed_sequence") if "feed_sequence" in known else pl.lit(None, pl.Int64())
    return [at.alias("version_at"), pl.when(at.is_not_null()).then(number).alias("feed_sequence")]


def _raw(field_map: FieldMap | None, contract: Contract, name: str) -> pl.Expr | None:
    if field_map is None:
        return pl.lit(contract.member) if name == "organization_id" else None
    if field_map.value is not None and not field_map.sources:
        return pl.lit(field_map.value)
    found = [pl.col(s) for s in field_map.sources]
    if name == "organization_id":
        found.append(pl.lit(contract.member))
    elif field_map.value is not None:
        found.append(pl.lit(field_map.value))
    return pl.coalesce(found)


def mapped_code(raw: pl.Expr, field_map: FieldMap | None, contract: Contract) -> pl.Expr:
    """The source value through the field's crosswalk, if any; null where that has no entry."""
    if field_map is None or field_map.code_map is None:
        return raw
    return _looked_up(raw, contract.codes.crosswalk(field_map.code_map))


def _looked_up(raw: pl.Expr, table: dict[str, str]) -> pl.Expr:
    return raw.replace_strict(
        list(table), list(table.values()), default=None, return_dtype=pl.String
    )


def _hidden(secret: Sequence[str]) -> list[pl.Expr]:
    """Values to blank, without those that would blank part of any number or word."""
    telling = (
        pl.when((pl.col(name).str.len_chars() > 1) & ~pl.col(name).str.contains(r"^\d{1,5}$"))
        .then(name)
        .alias(f"_hidden_{i}")
        for i, name in enumerate(secret)
    )
    return list(telling)


def _scrub(frame: pl.DataFrame, text: list[str], hidden: list[str]) -> pl.DataFrame:
    """Blank a record's own name, ID number, phone and address inside its free text."""
    for name in text:
        for secret in hidden:
            found = pl.col(secret).is_not_null() & pl.col(name).str.contains(
                pl.col(secret), literal=True
            )
            rows = frame.select(found.fill_null(False)).to_series()
            if rows.any():
                scrubbed = [
                    value.replace(part, "＊") if hit else value
                    for value, part, hit in zip(frame[name], frame[secret], rows, strict=True)
                ]
                frame = frame.with_columns(pl.Series(name, scrubbed, dtype=pl.String))
    return frame


def _reasons(bad: pl.DataFrame, checks: list[_Check]) -> pl.DataFrame:
    """Name every violation of the failing rows: `reason:about`, first one decides the code."""
    if not checks:
        checks = [_Check(pl.lit(False), "rule_failed", "")]
    found = pl.concat_list(
        [pl.when(c.fails.fill_null(False)).then(pl.lit(f"{c.reason}:{c.about}")) for c in checks]
    ).list.drop_nulls()
    return bad.select(
        *_POSITION,
        "row_digest",
        found.list.first().str.split(":").list.first().alias("reason_code"),
        found.list.join("; ").alias("detail"),
    )


def _unmapped(good: pl.DataFrame, entity: Entity) -> pl.DataFrame:
    found = [good.select(*_POSITION).clear().with_columns(column=pl.lit(""), code=pl.lit(""))]
    for name in entity.columns:
        if name in entity.coded:
            raw = raw_name(name)
            lost = good.filter(pl.col(name).is_null() & pl.col(raw).is_not_null())
        elif (raw := f"_unmapped_{name}") in good.columns:
            lost = good.filter(pl.col(raw).is_not_null())
        else:
            continue
        if len(lost):
            found.append(lost.select(*_POSITION, column=pl.lit(name), code=pl.col(raw)))
    return pl.concat(found)
