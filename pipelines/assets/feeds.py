"""One asset a feed (bronze, conformed into silver), one asset an entity of silver."""

import time
from collections.abc import Iterator

import dagster as dg

from ingestion.contract import Contract
from ingestion.entity import Entity, entities
from ingestion.ingest import ingest_feed
from ingestion.lake import Lake
from ingestion.ledger import Ledger
from ingestion.vault import Vault
from pipelines import run, steps
from pipelines.run_lock import writing


def feed_asset(contract: Contract) -> dg.AssetsDefinition:
    """The asset of one contract: take what waits, book it, say what became of it."""

    @dg.asset(
        key=["bronze", contract.feed],
        group_name="bronze",
        description=f"{contract.label_zh}（{contract.format}）",
        owners=["team:data_engineers"],
        tags={"member": contract.member, "format": contract.format},
        kinds={"parquet"},
        metadata={
            "owner": contract.owner,
            "arrives": f"每{_RHYTHM[contract.arrives.every]} {contract.arrives.by} 前",
            "inbox": contract.location.pattern,
            "entities": sorted(contract.mapping().records),
        },
    )
    def take() -> dg.MaterializeResult[None]:
        started = time.monotonic()
        lake = _lake()
        with (
            writing(lake, "Dagster"),
            Vault(lake.home) as vault,
            Ledger(lake.home) as ledger,
        ):
            taken = ingest_feed(lake, contract, vault=vault, ledger=ledger)
        count = taken.count
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": count.accepted,
                "files": taken.files,
                "received": count.received,
                "accepted": count.accepted,
                "quarantined": count.quarantined,
                "duplicate": count.duplicate,
                "left": [str(one) for one in taken.left],
                "seconds": _since(started),
            }
        )

    return take


_RHYTHM = {"day": "日", "week": "周", "month": "月"}


def silver_assets(contracts: dict[str, Contract]) -> dg.AssetsDefinition:
    """One asset an entity; the feeds have written the rows, this tells how many there are."""
    specs = [
        dg.AssetSpec(
            ["silver", entity.entity],
            deps=[["bronze", f] for f, c in contracts.items() if _fills(c, entity.entity)],
            group_name="silver",
            description=f"{entity.label_zh}：{entity.grain}",
            owners=["team:data_engineers"],
            kinds={"parquet"},
            metadata={"dagster/column_schema": _columns(entity)},
        )
        for entity in entities().values()
    ]

    @dg.multi_asset(specs=specs, name="silver_entities")
    def silver_entities() -> Iterator[dg.MaterializeResult[None]]:
        import polars as pl

        lake = _lake()
        for name in entities():
            started = time.monotonic()
            pattern = str(lake.silver(name) / "*" / "*.parquet")
            rows = pl.scan_parquet(pattern, hive_partitioning=False).select(pl.len()).collect()
            yield dg.MaterializeResult(
                asset_key=["silver", name],
                metadata={"dagster/row_count": rows.item(), "seconds": _since(started)},
            )

    return silver_entities


def _columns(entity: Entity) -> dg.TableSchema:
    return dg.TableSchema(
        [
            dg.TableColumn(name, str(column.type), description=column.label_zh)
            for name, column in entity.columns.items()
        ]
    )


def _fills(contract: Contract, entity: str) -> bool:
    mapping = contract.mapping()
    return entity in mapping.records or (entity == "source_person" and bool(mapping.person))


@dg.asset(
    key=["reference", "ledger"],
    group_name="reference",
    description="台账汇总、指标目录、代码表与数据源目录，供模型读取；台账不平则失败",
    owners=["team:data_engineers"],
    deps=[["silver", name] for name in entities()],
    kinds={"parquet"},
)
def reference() -> dg.MaterializeResult[None]:
    started = time.monotonic()
    lake = _lake()
    run.require_balance(lake)
    steps.refresh_reference(lake)
    with Ledger(lake.home) as ledger:
        totals = ledger.feeds()
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(totals),
            "received": sum(row["received"] for row in totals.values()),
            "quarantined": sum(row["quarantined"] for row in totals.values()),
            "seconds": _since(started),
        }
    )


@dg.asset(
    key=["identity", "person_link"],
    group_name="identity",
    description="主索引：来源身份到 person_id，确定性规则，编号稳定",
    owners=["team:data_engineers"],
    deps=[["silver", "source_person"]],
    kinds={"parquet"},
)
def person_link() -> dg.MaterializeResult[None]:
    started = time.monotonic()
    lake = _lake()
    with writing(lake, "Dagster"):
        linked = steps.link_persons(lake)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": linked.source_persons,
            "persons": linked.persons,
            "merges": linked.merges,
            "seconds": _since(started),
        }
    )


def _lake() -> Lake:
    from pipelines.settings import home

    return Lake.open(home())


def _since(started: float) -> float:
    return round(time.monotonic() - started, 2)
