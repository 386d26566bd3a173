"""What the reading commands read: the ledger and the published version. Nothing here writes."""

import json
from pathlib import Path
from typing import Any

import duckdb

from ingestion.lake import Lake
from ingestion.ledger import Ledger
from pipelines.steps import contracts


class NothingPublished(RuntimeError):
    """No version has been published yet."""

    def __init__(self) -> None:
        super().__init__("尚未发布任何版本，请先运行 yigong run")


def status(lake: Lake) -> dict[str, Any]:
    """Published version, balance of the ledger and one entry a feed."""
    with Ledger(lake.home) as ledger:
        totals, balanced = ledger.feeds(), ledger.balanced()
    feeds = []
    for feed, contract in contracts(lake).items():
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
                "state": "ok" if row and row["accepted"] else "no_feed",
                "last_received_at": row["last_received_at"] if row else None,
            }
        )
    link = lake.published / "current"
    manifest = link / "manifest.json"
    published = json.loads(manifest.read_text("utf-8")) if manifest.exists() else None
    return {
        "home": str(lake.home),
        "version": published["version"] if published else None,
        "published_at": published["published_at"] if published else None,
        "ledger_balanced": balanced,
        "feeds": feeds,
    }


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
    """Indicator values of one period (`2026-03`, `2026Q1` or `2026`), with their state."""
    with analysis(lake) as connection:
        return rows(
            connection,
            """select indicator_id, indicator_name, system_name, organization_id,
                organization_name, period, numerator, denominator, value, unit_name, state,
                state_name, excluded_count, definition_version, confidence_name
            from indicator_display
            where period = $period and ($system is null or system = $system)
                and ($organization is null or organization_id = $organization)
            order by indicator_id, organization_id""",
            {"period": period, "system": system, "organization": organization},
        )


def periods(lake: Lake) -> list[str]:
    with analysis(lake) as connection:
        found = rows(connection, "select distinct period from indicator_display order by period")
    return [row["period"] for row in found]
