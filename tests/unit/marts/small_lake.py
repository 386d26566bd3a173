"""A hand-made silver lake for mart tests: rows in, built county database out.

Belongs here: writing silver, identity and reference files of a few rows and running dbt in
process. Not here: the rows of one test (`test_*.py`). All people are invented.
"""

import datetime as dt
import os
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import polars as pl
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from ingestion.contract import Contract
from ingestion.entity import ZONE, entities
from ingestion.landing import rows_by_day
from standards.catalogue import IndicatorSystem
from standards.export import SCHEMAS, export_reference

PROJECT_DIR = Path(__file__).parents[3]
RECEIVED_AT = dt.datetime(2026, 7, 1, 6, tzinfo=ZoneInfo(ZONE))

Rows = dict[str, list[dict[str, Any]]]


def at(text: str) -> dt.datetime:
    """A local time such as `2026-03-04 08:30` with the county's zone."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE))


def write_lake(
    home: Path,
    rows: Rows,
    contracts: dict[str, Contract],
    systems: list[IndicatorSystem] | None = None,
) -> None:
    """Write zero-row and filled files of every entity, links, reference tables and a ledger.

    Rows may leave out columns; lineage gets defaults, and every source person links to the person
    `P-<source_person_id>` unless `source_person` rows say otherwise.
    """
    batches: list[tuple[str, str, str, bool]] = []
    days: list[tuple[str, str, str, dt.date, int]] = []
    for name, entity in entities().items():
        schema = entity.schema()
        folder = home / "silver" / name
        for day in ("0000-00-00", "2026-07-01"):
            (folder / f"day={day}").mkdir(parents=True, exist_ok=True)
        pl.DataFrame(schema=schema).write_parquet(folder / "day=0000-00-00" / "empty.parquet")
        filled = [
            dict.fromkeys(schema)
            | {
                "batch_id": "b1",
                "file_digest": "f1",
                "file_number": 0,
                "record_number": number,
                "item_number": 0,
                "received_at": RECEIVED_AT,
                "row_digest": number,
                "version_at": row.get(entity.version_time or ""),
                "arrival_batch_id": row.get("batch_id", "b1"),
            }
            | row
            for number, row in enumerate(rows.get(name, []), start=1)
        ]
        frame = pl.DataFrame(filled, schema=schema, orient="row")
        for (batch,), part in frame.partition_by("batch_id", as_dict=True).items():
            path = folder / "day=2026-07-01" / f"feed--{batch}.parquet"
            part.write_parquet(path)
            batches.append((name, batch, path.relative_to(home).as_posix(), True))
        days += [
            (feed, name, organization, day, rows)
            for (feed,), part in frame.partition_by("feed", as_dict=True).items()
            for organization, day, rows in rows_by_day(entity, part).iter_rows()
        ]
    known = {row["source_person_id"] for row in rows.get("source_person", [])}
    (home / "identity").mkdir(exist_ok=True)
    links = [{"source_person_id": key, "person_id": f"P-{key}"} for key in sorted(known)]
    link_schema = {"source_person_id": pl.String(), "person_id": pl.String()}
    pl.DataFrame(links, schema=link_schema, orient="row").write_parquet(
        home / "identity" / "person_link.parquet"
    )
    export_reference(home, contracts, entities(), systems)
    for table, booked in (("silver_batch", batches), ("feed_day", days), ("key_meeting", [])):
        pl.DataFrame(booked, schema=SCHEMAS[table], orient="row").write_parquet(
            home / "reference" / f"{table}.parquet"
        )
    counts: dict[str, int] = {}
    for entity_rows in rows.values():
        for row in entity_rows:
            counts[row["feed"]] = counts.get(row["feed"], 0) + 1
    ledger = [
        {
            "feed": feed,
            "member_id": contract.member,
            "received": counts.get(feed, 0),
            "accepted": counts.get(feed, 0),
            "quarantined": 0,
            "duplicate": 0,
            "first_received_at": RECEIVED_AT if feed in counts else None,
            "last_received_at": RECEIVED_AT if feed in counts else None,
        }
        for feed, contract in contracts.items()
    ]
    pl.DataFrame(ledger, schema=SCHEMAS["ledger"], orient="row").write_parquet(
        home / "reference" / "ledger.parquet"
    )


def build(home: Path) -> duckdb.DuckDBPyConnection:
    """Run `dbt build` on a lake; gives a read-only connection to the built county database.

    Raises:
        AssertionError: a model or test failed.
    """
    before = os.environ.get("YIGONG_HOME")
    os.environ["YIGONG_HOME"] = str(home)
    try:
        result = dbtRunner().invoke(
            [
                "--quiet", "build",
                "--project-dir", str(PROJECT_DIR),
                "--profiles-dir", str(PROJECT_DIR),
                "--target-path", str(home / "target"),
                "--log-path", str(home / "logs"),
            ]
        )  # fmt: skip
    finally:
        DuckDBConnectionManager.close_all_connections()
        if before is None:
            del os.environ["YIGONG_HOME"]
        else:
            os.environ["YIGONG_HOME"] = before
    failed = [
        f"{node.node.name}: {node.message}"
        for node in getattr(result.result, "results", []) or []
        if node.status not in ("success", "pass", "warn")
    ]
    assert result.success, failed or result.exception
    return duckdb.connect(str(home / "county.duckdb"), read_only=True)
