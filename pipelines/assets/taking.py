"""Feeds and silver as assets of one step: what waits is taken, what lags is conformed again.

A feed is materialized when it brought something, so its freshness is that of its data; silver is
stated after every run. One step takes all feeds, since one that fails keeps no other from being
taken and a step a feed would cost more than the feeds; a part of them can be chosen.

Not here: how a feed is taken (`ingestion/ingest.py`).
"""

import time
from collections.abc import Iterator, Mapping

import dagster as dg

from ingestion.contract import Contract
from ingestion.entity import Entity, entities
from pipelines import steps
from pipelines.dagster_events import results
from pipelines.events import recording
from pipelines.resources import LakeResource
from pipelines.run import Run, go, stages

OWNERS = ["team:data_engineers"]
RHYTHM = {"day": "日", "week": "周", "month": "月"}
RETRIES = dg.RetryPolicy(max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL)
"""For what passes by itself: a lock held by a command, a full disk being emptied, a lost mount."""


def feed_spec(contract: Contract) -> dg.AssetSpec:
    """The asset of one contract: what came of it, and how soon it is missed."""
    return dg.AssetSpec(
        ["bronze", contract.feed],
        group_name="bronze",
        description=f"{contract.label_zh}（{contract.format}）",
        owners=OWNERS,
        tags={"member": contract.member, "format": contract.format},
        kinds={"parquet"},
        skippable=True,
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=contract.arrives.allowed),
        metadata={
            "owner": contract.owner,
            "arrives": f"每{RHYTHM[contract.arrives.every]} {contract.arrives.by} 前",
            "late_after": contract.arrives.late_after,
            "inbox": contract.location.pattern,
            "entities": sorted(contract.mapping().records),
        },
    )


def silver_spec(entity: Entity, contracts: Mapping[str, Contract]) -> dg.AssetSpec:
    """The asset of one entity: the rows that all feeds have brought to it."""
    return dg.AssetSpec(
        ["silver", entity.entity],
        deps=[["bronze", f] for f, c in contracts.items() if _fills(c, entity.entity)],
        group_name="silver",
        description=f"{entity.label_zh}：{entity.grain}",
        owners=OWNERS,
        kinds={"parquet"},
        metadata={
            "dagster/column_schema": dg.TableSchema(
                [
                    dg.TableColumn(name, str(column.type), description=column.label_zh)
                    for name, column in entity.columns.items()
                ]
            )
        },
    )


def taking(contracts: Mapping[str, Contract]) -> dg.AssetsDefinition:
    """The step that takes feeds in and states silver."""
    feeds = [feed_spec(contract) for contract in contracts.values()]
    silver = [silver_spec(entity, contracts) for entity in entities().values()]
    whole = [
        dg.AssetCheckSpec(steps.TAKEN, asset=spec.key, description="约定的文件都已接入")
        for spec in feeds
    ]

    @dg.multi_asset(
        name="ingest",
        specs=[*feeds, *silver],
        check_specs=whole,
        can_subset=True,
        retry_policy=RETRIES,
    )
    def ingest(
        context: dg.AssetExecutionContext, lake: LakeResource
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        started = time.monotonic()
        chosen = {key.path[1] for key in context.selected_asset_keys if key.path[0] == "bronze"}
        with lake.writing("ingest") as opened, recording() as events:
            wanted = None if chosen == set(contracts) else sorted(chosen)
            if chosen:
                go(Run(opened, feeds=wanted), stages("ingest", "ingest"))
            rows = steps.silver_rows(opened)
        seconds = round(time.monotonic() - started, 2)
        told = [event for event in events if event.key[0] == "bronze"]
        yield from results(
            told, context.selected_asset_keys, context.selected_asset_check_keys, seconds
        )
        for key in sorted(context.selected_asset_keys):
            if key.path[0] == "silver":
                count = {"dagster/row_count": rows.get(key.path[1], 0), "seconds": seconds}
                yield dg.MaterializeResult(asset_key=key, metadata=count)

    return ingest


def _fills(contract: Contract, entity: str) -> bool:
    mapping = contract.mapping()
    return entity in mapping.records or (entity == "source_person" and bool(mapping.person))
