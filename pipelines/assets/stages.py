"""Stages between taking and building as assets: the master index and what dbt reads beside silver.

Not here: the stages themselves (`pipelines/run.py`).
"""

import time
from collections.abc import Callable

import dagster as dg

from ingestion.entity import entities
from pipelines import steps
from pipelines.assets.taking import OWNERS, RETRIES
from pipelines.events import Made, recording
from pipelines.resources import LakeResource
from pipelines.run import Run, go, stages


def person_link() -> dg.AssetsDefinition:
    """The master index."""

    @dg.asset(
        key=["identity", "person_link"],
        group_name="identity",
        description="主索引：来源身份到 person_id，确定性规则，编号稳定",
        owners=OWNERS,
        deps=[["silver", "source_person"]],
        kinds={"parquet"},
        retry_policy=RETRIES,
    )
    def link(lake: LakeResource) -> dg.MaterializeResult[None]:
        return _stage(lake, "link", lambda run: {"dagster/row_count": _linked(run)})

    return link


def reference() -> dg.AssetsDefinition:
    """What dbt reads beside silver."""

    @dg.asset(
        key=["reference", "ledger"],
        group_name="reference",
        description="台账汇总、指标目录、代码表与数据源目录，供模型读取；台账不平则失败",
        owners=OWNERS,
        deps=[["silver", name] for name in entities()],
        kinds={"parquet"},
        retry_policy=RETRIES,
    )
    def export(lake: LakeResource) -> dg.MaterializeResult[None]:
        return _stage(
            lake, "reference", lambda run: {"dagster/row_count": len(run.lake.site.contracts)}
        )

    return export


def _linked(run: Run) -> int:
    return run.links.source_persons if run.links else 0


def _stage(
    lake: LakeResource, name: str, otherwise: Callable[[Run], dict[str, int]]
) -> dg.MaterializeResult[None]:
    """Go through one stage; what it told is the metadata, else what holds as it is."""
    started = time.monotonic()
    with lake.writing(name) as opened, recording() as events:
        if name == "reference":
            steps.require_balance(opened)
        run = go(Run(opened), stages(name, name))
    told = next((dict(e.metadata) for e in events if isinstance(e, Made)), None)
    metadata = told if told is not None else {**otherwise(run), "unchanged": True}
    return dg.MaterializeResult(
        metadata={**metadata, "seconds": round(time.monotonic() - started, 2)}
    )
