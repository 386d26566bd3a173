"""Values of periods that were over, as a version said them and as the next one does.

Belongs here: comparing the version about to be published with the current one, and why a closed
value has changed. Not here: publishing (`publish.py`), what a value is (`marts/performance/`).
Decision: docs/decisions/0014.

A period is closed in a version when it was over on that version's last complete day. The list goes
on from version to version, so it outlives the versions themselves.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import duckdb

TABLE = "indicator_restatement"
REASON_NAME = {
    "late_rows": "迟到数据",
    "corrected_rows": "数据更正",
    "definition": "口径调整",
    "identity": "主索引调整",
    "completeness": "完整性重估",
}
_COLUMNS = """
    indicator_id varchar, organization_id varchar, period varchar, old_state varchar,
    new_state varchar, old_value double, new_value double, old_numerator decimal(18, 2),
    new_numerator decimal(18, 2), old_denominator decimal(18, 2), new_denominator decimal(18, 2),
    reason varchar, reason_name varchar, added_records bigint, removed_records bigint,
    changed_records bigint, old_version integer, new_version integer, restated_at timestamp
"""
_CHANGED = """
    create temp table changed as
    select indicator_id, organization_id, period, old.state as old_state, new.state as new_state,
        old.value as old_value, new.value as new_value, old.numerator as old_numerator,
        new.numerator as new_numerator, old.denominator as old_denominator,
        new.denominator as new_denominator, old.definition_version as old_definition,
        new.definition_version as new_definition
    from before.indicator_value as old
    left join after.indicator_value as new using (indicator_id, organization_id, period)
    where not old.is_to_date and (
        old.state is distinct from new.state
        or old.numerator is distinct from new.numerator
        or old.denominator is distinct from new.denominator
    )
"""
_PARTS = """
    create temp table part as
    select distinct changed.indicator_id, changed.organization_id, changed.period,
        counted.measure_id, contributor.contributor_id, months.month
    from changed
    inner join counted on changed.indicator_id = counted.indicator_id
        and changed.new_definition = counted.definition_version
    inner join after.indicator_organization as contributor
        on changed.indicator_id = contributor.indicator_id
        and changed.new_definition = contributor.definition_version
        and changed.organization_id = contributor.organization_id
    inner join after.indicator_period as months on changed.period = months.period
        and (counted.is_sum or months.is_last_month)
"""
_RECORDS = """
    with wanted as (select distinct measure_id, contributor_id, month from part),
    old as (
        select evidence.* from ({old}) as evidence
        semi join wanted on evidence.measure_id = wanted.measure_id
            and evidence.organization_id = wanted.contributor_id and evidence.month = wanted.month
    ),
    new as (
        select evidence.* from ({new}) as evidence
        semi join wanted on evidence.measure_id = wanted.measure_id
            and evidence.organization_id = wanted.contributor_id and evidence.month = wanted.month
    )
    select measure_id, organization_id, month,
        count(*) filter (where old.value is null) as added,
        count(*) filter (where new.value is null) as removed,
        count(*) filter (where old.value <> new.value or old.is_excluded <> new.is_excluded)
            as revalued,
        count(*) filter (where old.person_id is distinct from new.person_id) as relinked
    from old full join new using (measure_id, organization_id, month, record_id)
    group by all
"""
_REASONS = """
    insert into restated
    with by_measure as (
        select part.indicator_id, part.organization_id, part.period, part.measure_id,
            coalesce(sum(added), 0) as added, coalesce(sum(removed), 0) as removed,
            coalesce(sum(revalued), 0) as revalued, coalesce(sum(relinked), 0) as relinked
        from part left join record on part.measure_id = record.measure_id
            and part.contributor_id = record.organization_id and part.month = record.month
        group by all
    ),
    counts as (
        select indicator_id, organization_id, period, max(added) as added,
            max(removed) as removed, max(revalued) as revalued, max(relinked) as relinked
        from by_measure group by all
    ),
    reasoned as (
        select changed.*, coalesce(added, 0) as added, coalesce(removed, 0) as removed,
            coalesce(revalued, 0) as revalued,
            case
                when old_definition is distinct from new_definition then 'definition'
                when not $rows_came and coalesce(relinked, 0) > 0 then 'identity'
                when not $rows_came and added + removed + revalued > 0 then 'definition'
                when added > 0 then 'late_rows'
                when removed + revalued > 0 then 'corrected_rows'
                when coalesce(relinked, 0) > 0 then 'identity'
                else 'completeness'
            end as reason
        from changed left join counts using (indicator_id, organization_id, period)
    )
    select indicator_id, organization_id, period, old_state, new_state, old_value, new_value,
        old_numerator, new_numerator, old_denominator, new_denominator, reason, names.name,
        added, removed, revalued, $old_version, $new_version, $moment
    from reasoned left join names using (reason)
    order by indicator_id, organization_id, period
"""


def restate(
    after: Path,
    before: Path | None,
    *,
    reference: Path,
    versions: tuple[int | None, int],
    moment: datetime,
) -> list[tuple[object, ...]]:
    """Rows of `indicator_restatement` for the version about to be published: all that the current
    one lists and what has changed since in values of periods that were over in it.

    Args:
        after: The analysis database of the new version.
        before: That of the current version, None before the first.
        reference: The lake's reference tables: indicators and measures as they are now.
        versions: The current number and the new one.
        moment: When the new version is published.
    """
    with duckdb.connect() as connection:
        connection.execute(f"create table restated ({_COLUMNS})")
        if before is None:
            return []
        connection.execute(f"attach '{before}' as before (read_only)")
        connection.execute(f"attach '{after}' as after (read_only)")
        there = {
            name: {
                table
                for (table,) in connection.execute(
                    "select table_name from duckdb_tables() where database_name = ?", [name]
                ).fetchall()
            }
            for name in ("before", "after")
        }
        if TABLE in there["before"]:
            connection.execute(f"insert into restated select * from before.{TABLE}")
        both = there["before"] & there["after"]
        if _comparable(connection, both) and (reference / "indicator.parquet").exists():
            _compare(connection, both, reference, versions, moment)
        return connection.execute("select * from restated").fetchall()


def write(
    database: Path, rows: list[tuple[object, ...]], labels: Sequence[tuple[str, str]]
) -> None:
    """Make the table in one file of a version, with its Chinese labels as comments."""
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"create table {TABLE} ({_COLUMNS})")
        if rows:
            marks = ", ".join("?" for _ in rows[0])
            connection.executemany(f"insert into {TABLE} values ({marks})", rows)
        for what, label in labels:
            connection.execute(f"comment on {what} is '{label}'")


def _comparable(connection: duckdb.DuckDBPyConnection, both: set[str]) -> bool:
    """The versions before `as_of` do not say which of their periods were over."""
    known = connection.execute(
        """select 1 from duckdb_columns() where database_name = 'before'
        and table_name = 'indicator_value' and column_name = 'is_to_date'"""
    ).fetchone()
    return known is not None and {"indicator_value", "feed_activity"} <= both


def _compare(
    connection: duckdb.DuckDBPyConnection,
    both: set[str],
    reference: Path,
    versions: tuple[int | None, int],
    moment: datetime,
) -> None:
    connection.execute(_CHANGED)
    if connection.execute("select count(*) from changed").fetchone() == (0,):
        return
    connection.execute(
        f"""create temp table counted as
        select distinct indicator_id, definition_version, measure_id, additivity = 'sum' as is_sum,
            evidence_model
        from (
            select indicator_id, definition_version, unnest([numerator, denominator]) as measure_id
            from '{reference}/indicator.parquet'
        )
        inner join '{reference}/measure.parquet' using (measure_id)"""
    )
    connection.execute(_PARTS)
    named = connection.execute("select distinct evidence_model from counted order by 1").fetchall()
    models = [model for (model,) in named if model in both]
    sides = {
        side: " union all by name ".join(f"select * from {database}.{m}" for m in models)
        for side, database in (("old", "before"), ("new", "after"))
    }
    connection.execute(f"create temp table record as {_RECORDS.format(**sides)}")
    connection.execute("create temp table names (reason varchar, name varchar)")
    connection.executemany("insert into names values (?, ?)", list(REASON_NAME.items()))
    came = connection.execute(
        """select (select sum(row_count) from before.feed_activity)
            is distinct from (select sum(row_count) from after.feed_activity)"""
    ).fetchone()
    connection.execute(
        _REASONS,
        {
            "rows_came": bool(came and came[0]),
            "old_version": versions[0],
            "new_version": versions[1],
            "moment": moment.replace(tzinfo=None),
        },
    )
