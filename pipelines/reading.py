"""What the reading commands read: the ledger and the published version. Nothing here writes."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from ingestion.again import lag
from ingestion.entity import entities
from ingestion.lake import Lake
from ingestion.ledger import Ledger
from pipelines.key_meetings import SHORT
from pipelines.site import indicator_systems
from standards import catalogue
from standards.catalogue import CONFIDENCE_NAME, STATE_NAME

LEFT_FILE = "left_lying.json"
"""Written by `steps.ingest`."""


class NothingPublished(RuntimeError):
    """No version has been published yet."""

    def __init__(self) -> None:
        super().__init__("尚未发布任何版本，请先运行 yigong run")


def status(lake: Lake) -> dict[str, Any]:
    """Published version, balance of the ledger and one entry a feed.

    A feed's `complete_through` is the last day up to which its tables have come, and the
    `covered_share` of each of its organizations what came of what was due in the last covered
    month, as the published version says; null and none before one is published.
    """
    with Ledger(lake.home) as ledger:
        totals, balanced = ledger.feeds(), ledger.balanced()
        lapsed: Counter[str] = Counter()
        for taken_back in ledger.lapsed():
            lapsed[taken_back["feed"]] += taken_back["row_count"]
        behind = {feed: lag(contract, ledger) for feed, contract in lake.site.contracts.items()}
    complete = completeness(lake)
    feeds = []
    for feed, contract in lake.site.contracts.items():
        row = totals.get(feed)
        feeds.append(
            {
                "feed": feed,
                "label": contract.label_zh,
                "member": contract.member,
                "received": row["received"] if row else 0,
                "accepted": row["accepted"] if row else 0,
                "quarantined": row["quarantined"] if row else 0,
                "duplicate": row["duplicate"] if row else 0,
                "unmapped": row["unmapped"] if row else 0,
                "lapsed": lapsed[feed],
                "state": "ok" if row and row["accepted"] else "no_feed",
                "last_received_at": row["last_received_at"] if row else None,
                "complete_through": complete.get(feed, _UNKNOWN)["complete_through"],
                "organizations": complete.get(feed, _UNKNOWN)["organizations"],
                "lagging_batches": len(behind[feed].batches),
                "changed_definitions": list(behind[feed].changed),
            }
        )
    met = key_meetings(lake)
    link = lake.published / "current"
    published = _manifest(link / "manifest.json")
    return {
        "home": str(lake.home),
        "site": lake.site.site,
        "site_label": lake.site.label_zh,
        "version": published["version"] if published else None,
        "published_at": published["published_at"] if published else None,
        "ledger_balanced": balanced,
        "feeds": feeds,
        "left": left_lying(lake),
        "keys": {"counted": len(met), "short": sum(row["state"] in SHORT for row in met)},
    }


_UNKNOWN: dict[str, Any] = {"complete_through": None, "organizations": []}


def completeness(lake: Lake) -> dict[str, dict[str, Any]]:
    """By feed, from the published version: `complete_through` and `organizations`, each with id,
    name, `complete_through`, `covered_share` and `gap_days` of the last covered month."""
    try:
        with analysis(lake) as connection:
            found = rows(
                connection,
                """select due.feed, due.organization_id, organization.organization_name,
                    max(due.complete_through) as complete_through,
                    round(
                        sum(due.received_rows)
                        / nullif(sum(due.received_rows + due.lacking_rows), 0), 4
                    ) as covered_share,
                    max(due.lacking_days) as gap_days
                from feed_completeness_month as due
                inner join coverage_month using (month)
                left join organization on due.organization_id = organization.organization_id
                where is_latest_month and due.feed <> '' and due.state <> 'not_due'
                group by all order by due.feed, due.organization_id""",
            )
            through = dict(
                connection.execute(
                    """select feed, max(complete_through) from feed_completeness_month
                    group by feed"""
                ).fetchall()
            )
    except (NothingPublished, duckdb.CatalogException):
        return {}
    known: dict[str, dict[str, Any]] = {
        feed: {"complete_through": day, "organizations": []} for feed, day in through.items()
    }
    for row in found:
        known[row.pop("feed")]["organizations"].append(row)
    return known


def _manifest(path: Path) -> dict[str, Any] | None:
    """The manifest of the published version, None before the first.

    Raises:
        ValueError: it is damaged.
    """
    if not path.exists():
        return None
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except ValueError:
        raise ValueError(
            f"发布清单损坏：{path.resolve()}；请运行 yigong publish 重新发布，"
            "或把 published/current 指回上一版本"
        ) from None
    return found


def left_lying(lake: Lake) -> list[dict[str, str]]:
    """What the last run over all feeds left: `feed`, `name`, `why`, `detail` and `text`."""
    path = lake.home / LEFT_FILE
    found: list[dict[str, str]] = json.loads(path.read_text("utf-8")) if path.exists() else []
    return found


def key_meetings(
    lake: Lake, *, feed: str | None = None, entity: str | None = None
) -> list[dict[str, Any]]:
    """How far the keys of every feed met rows when last counted; what falls short first.

    Raises:
        ValueError: there is no such feed or entity.
    """
    if feed and feed not in lake.site.contracts:
        raise ValueError(f"没有数据源 {feed} 的契约")
    if entity and entity not in entities():
        raise ValueError(f"没有数据表 {entity}")
    path = lake.reference / "key_meeting.parquet"
    rows = pl.read_parquet(path).drop("stamp").to_dicts() if path.exists() else []
    chosen = [
        row for row in rows if feed in (None, row["feed"]) and entity in (None, row["entity"])
    ]
    order = {state: number for number, state in enumerate((*SHORT, "no_target", "empty", "ok"))}
    return sorted(chosen, key=lambda row: (order[row["state"]], row["entity"], row["column_name"]))


def unmapped_codes(lake: Lake, *, feed: str | None = None) -> list[dict[str, Any]]:
    """Local codes nobody mapped, most seen first, with the feed's owner and the crosswalk to mend.

    Raises:
        ValueError: there is no such feed.
    """
    known = lake.site.contracts
    if feed and feed not in known:
        raise ValueError(f"没有数据源 {feed} 的契约")
    with Ledger(lake.home) as ledger:
        found = ledger.unmapped_codes(feed)
    codes = []
    for row in found:
        contract = known.get(row["feed"])
        column = entities()[row["entity"]].columns[row["column_name"]]
        fields = contract.mapping().records[row["entity"]].fields if contract else {}
        field_map = fields.get(row["column_name"])
        codes.append(
            {
                **dict(row),
                "label": contract.label_zh if contract else row["feed"],
                "owner": contract.owner if contract else None,
                "column_label": column.label_zh,
                "crosswalk": field_map.code_map if field_map else None,
            }
        )
    return codes


def analysis(lake: Lake) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the published copy for analysts; it cannot reach other files.

    Raises:
        NothingPublished: there is no version yet.
    """
    path: Path = lake.published / "current" / "analysis.duckdb"
    if not path.exists():
        raise NothingPublished
    return duckdb.connect(
        str(path.resolve()),
        read_only=True,
        config={"enable_external_access": "false", "lock_configuration": "true"},
    )


def _require_columns(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> None:
    """The published version may be older than this program.

    Raises:
        ValueError: it is, and lacks what is asked for.
    """
    known = connection.execute(
        "select 1 from duckdb_columns() where table_name = ? and column_name = ?", [table, column]
    ).fetchone()
    if known is None:
        raise ValueError("已发布的版本由旧程序写成，请先运行 yigong run 重新发布")


def rows(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Result rows as dictionaries, in order."""
    cursor = connection.execute(sql, parameters) if parameters else connection.execute(sql)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def indicators(
    lake: Lake, *, period: str, system: str | None = None, organization: str | None = None
) -> list[dict[str, Any]]:
    """Indicator values of one period (`2026-03`, `2026Q1` or `2026`), with their state, the last
    complete day of what they stand on, the share of it that came, and why a state is not `ok`.

    Raises:
        ValueError: there is no such evaluation system or organization.
    """
    systems = {found.system for found in indicator_systems(lake.site)}
    if system and system not in systems:
        raise ValueError(f"没有评价体系 {system}；已有：{', '.join(sorted(systems))}")
    with analysis(lake) as connection:
        _require_columns(connection, "indicator_value", "as_of")
        registered = connection.execute("select organization_id from organization").fetchall()
        if organization and (organization,) not in registered:
            raise ValueError(f"没有机构 {organization}")
        values = rows(
            connection,
            """select indicator_id, organization_id, organization_name, period, numerator,
                denominator, value, excluded_count, state, reason, as_of, is_to_date,
                covered_share, definition_version
            from indicator_value inner join organization using (organization_id)
            where period = $period
                and ($organization is null or organization_id = $organization)
            order by indicator_id, organization_id""",
            {"period": period, "organization": organization},
        )
    known = {
        (indicator.id, indicator.definition_version): (found, indicator)
        for found in indicator_systems(lake.site)
        for indicator in found.indicators
    }
    result = []
    for row in values:
        found, indicator = known[row["indicator_id"], row["definition_version"]]
        if system and system != found.system:
            continue
        result.append(
            {
                "indicator_id": row["indicator_id"],
                "indicator_name": indicator.name_zh,
                "system": found.system,
                "system_name": found.name_zh,
                "organization_id": row["organization_id"],
                "organization_name": row["organization_name"],
                "period": row["period"],
                "numerator": row["numerator"],
                "denominator": row["denominator"],
                "value": row["value"],
                "unit": indicator.unit,
                "state": row["state"],
                "state_name": STATE_NAME[row["state"]],
                "reason": row["reason"],
                "as_of": row["as_of"],
                "is_to_date": row["is_to_date"],
                "covered_share": row["covered_share"],
                "excluded_count": row["excluded_count"],
                "definition_version": row["definition_version"],
                "confidence": indicator.confidence,
                "confidence_name": CONFIDENCE_NAME[indicator.confidence],
            }
        )
    return result


def restatements(
    lake: Lake, *, period: str | None = None, indicator: str | None = None
) -> list[dict[str, Any]]:
    """Values of periods that were over and have changed from one published version to a later one,
    the latest change first."""
    with analysis(lake) as connection:
        _require_columns(connection, "indicator_restatement", "reason")
        return rows(
            connection,
            """select indicator_restatement.*, organization_name
            from indicator_restatement left join organization using (organization_id)
            where ($period is null or period = $period)
                and ($indicator is null or indicator_id = $indicator)
            order by new_version desc, indicator_id, organization_id, period""",
            {"period": period, "indicator": indicator},
        )


def periods(lake: Lake) -> list[str]:
    with analysis(lake) as connection:
        found = rows(connection, "select distinct period from indicator_value order by period")
    return [row["period"] for row in found]


def evidence(lake: Lake, *, indicator: str, organization: str, period: str) -> dict[str, Any]:
    """The rows behind one value: numerator and denominator with their evidence and totals.

    Raises:
        ValueError: no such indicator, or it has no value for the organization and period.
    """
    wanted = [i for s in indicator_systems(lake.site) for i in s.indicators if i.id == indicator]
    if not wanted:
        raise ValueError(f"没有指标 {indicator}")
    place = {"indicator": indicator, "organization": organization, "period": period}
    with analysis(lake) as connection:
        stated = rows(
            connection,
            """select * from indicator_value where indicator_id = $indicator
                and organization_id = $organization and period = $period""",
            place,
        )
        if not stated:
            raise ValueError(f"{indicator} 对机构 {organization} 在 {period} 没有值")
        value = stated[0]
        definition = next(i for i in wanted if i.definition_version == value["definition_version"])
        return {
            **place,
            "definition_version": value["definition_version"],
            "state": value["state"],
            "value": value["value"],
            "numerator": _side(connection, definition.numerator, place, value),
            "denominator": _side(connection, definition.denominator, place, value),
        }


def _side(
    connection: duckdb.DuckDBPyConnection,
    measure_id: str,
    place: dict[str, str],
    value: dict[str, Any],
) -> dict[str, Any]:
    measure = catalogue.measures()[measure_id]
    months = {"month": 1, "quarter": 3, "year": 12}[value["period_kind"]]
    found = rows(
        connection,
        f"""with months as (
            select month from coverage_month
            where month >= $start and month < $start + to_months({months})
        )
        select evidence.* from {measure.evidence_model} as evidence
        inner join indicator_organization as part
            on part.contributor_id = evidence.organization_id
        inner join months on months.month = evidence.month
        where evidence.measure_id = $measure and part.indicator_id = $indicator
            and part.organization_id = $organization and not evidence.is_excluded
            and part.definition_version = $version
            and ($sums or months.month = (select max(month) from months))
        order by evidence.month, evidence.organization_id, evidence.record_id""",
        {
            "start": value["period_start"],
            "measure": measure_id,
            "indicator": place["indicator"],
            "organization": place["organization"],
            "version": value["definition_version"],
            "sums": measure.additivity == "sum",
        },
    )
    return {
        "measure_id": measure_id,
        "measure_name": measure.label_zh,
        "total": sum((row["value"] for row in found), Decimal(0)),
        "rows": found,
    }
