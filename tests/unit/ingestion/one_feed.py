"""A lake with one feed whose contract changes, for tests of quarantine and of conforming again."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ingestion.contract import Contract
from ingestion.ingest import FeedRun, ingest_feed
from ingestion.lake import Lake
from ingestion.ledger import Ledger
from ingestion.quarantine import Replay, entries, replay
from ingestion.vault import Vault
from tests.unit.ingestion.builders import HYPERTENSION, contract

ENTITY = "hypertension_visit"


@dataclass(frozen=True)
class Site:
    """A lake with one feed: files go in by the inbox, questions are put to ledger and silver."""

    lake: Lake
    vault: Vault
    ledger: Ledger

    def put(self, name: str, *rows: dict[str, str], encoding: str = "utf-8") -> None:
        folder = self.lake.inbox / "clinic"
        folder.mkdir(parents=True, exist_ok=True)
        header = list(rows[0])
        lines = [",".join(header), *(",".join(row.values()) for row in rows)]
        (folder / name).write_bytes("\n".join(lines).encode(encoding))

    def ingest(self, feed: Contract) -> FeedRun:
        run = ingest_feed(self.lake, feed, vault=self.vault, ledger=self.ledger, settle=0)
        assert self.ledger.balanced()
        return run

    def replay(self, feed: Contract) -> Replay:
        assert self.ledger.balanced()
        done = replay(self.lake, feed, vault=self.vault, ledger=self.ledger)
        assert self.ledger.balanced()
        return done

    def books(self) -> tuple[int, int, int, int]:
        """Received, accepted, quarantined, duplicate, over everything booked."""
        total = self.ledger.feeds()[HYPERTENSION["feed"]]
        return tuple(total[c] for c in ("received", "accepted", "quarantined", "duplicate"))

    def open(self) -> list[tuple[str, str, int]]:
        """Reason, file and record of what is in quarantine."""
        rows = entries(self.ledger)
        return sorted((r["reason_code"], r["file_name"], r["record_number"]) for r in rows)

    def silver(self) -> list[str]:
        """Visit ids in silver, as often as they are there."""
        paths = sorted(self.lake.silver(ENTITY).glob("*/*.parquet"))
        frame = pl.read_parquet(paths, columns=["visit_id"], hive_partitioning=False)
        return sorted(frame["visit_id"])

    def everything(self) -> list[tuple[object, ...]]:
        """The whole ledger, row by row."""
        tables = ("batch", "batch_entity", "file", "quarantine", "unmapped_code")
        return [
            tuple(row)
            for table in tables
            for row in self.ledger.database.execute(f"select * from {table} order by 1, 2, 3")
        ]


def site_at(home: Path) -> Iterator[Site]:
    lake = Lake.open(home)
    with Vault(lake.home) as vault, Ledger(lake.home) as ledger:
        yield Site(lake, vault, ledger)


def feed(encoding: str = "utf-8", **fields: dict[str, object] | None) -> Contract:
    """The test contract with some columns mapped otherwise; None leaves a column out."""
    mapped = {**HYPERTENSION["fields"], **fields}
    return contract(encoding=encoding, fields={k: v for k, v in mapped.items() if v is not None})


def mode(**more: object) -> dict[str, object]:
    return {"from": "方式", "required": True, **more}
