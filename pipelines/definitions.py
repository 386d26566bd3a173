"""The Dagster code location: assets, checks, the daily schedule and the inbox sensor."""

from pipelines.settings import prepare_environment

prepare_environment()

import dagster as dg  # noqa: E402

from ingestion.lake import Lake  # noqa: E402
from ingestion.ledger import Ledger  # noqa: E402
from ingestion.transports import directory  # noqa: E402
from pipelines import steps  # noqa: E402
from pipelines.assets.feeds import (  # noqa: E402
    feed_asset,
    person_link,
    reference,
    silver_assets,
)
from pipelines.assets.models import dbt, model_assets, published_asset  # noqa: E402
from pipelines.checks import check_definitions  # noqa: E402
from pipelines.settings import home  # noqa: E402
from pipelines.site import contracts  # noqa: E402

_LAKE = Lake.open(home())
_CONTRACTS = contracts(_LAKE.home)
steps.refresh_reference(_LAKE)
_MODELS = model_assets()
_KEYS = {key.path[-1]: key for key in _MODELS.keys}


def _key_of(layer: str, table: str) -> dg.AssetKey:
    return dg.AssetKey(["silver", table]) if layer == "silver" else _KEYS[table]


daily_run = dg.define_asset_job(
    "daily_run",
    selection=dg.AssetSelection.all(),
    description="接入 → 主索引 → 检查 → 构建 → 检查 → 发布",
    executor_def=dg.in_process_executor,
)

daily_schedule = dg.ScheduleDefinition(
    name="daily",
    job=daily_run,
    cron_schedule="0 2 * * *",
    execution_timezone="Asia/Shanghai",
    description="每日 02:00 跑完整流程",
)


@dg.sensor(job=daily_run, minimum_interval_seconds=60, description="收件目录有新文件时启动")
def inbox_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Start a run when files wait; the same set of waiting files starts one run only."""
    waiting = []
    with Ledger(_LAKE.home) as ledger:
        for contract in _CONTRACTS.values():
            seen = ledger.seen(contract.feed)
            waiting += directory.waiting(_LAKE.inbox, contract.location.pattern, seen)
    if not waiting:
        return dg.SkipReason("收件目录没有新文件")
    newest = max(path.stat().st_mtime_ns for path in waiting)
    key = f"{len(waiting)}-{newest}"
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=key)])


defs = dg.Definitions(
    assets=[
        *(feed_asset(contract) for contract in _CONTRACTS.values()),
        silver_assets(_CONTRACTS),
        reference,
        person_link,
        _MODELS,
        published_asset(sorted(_MODELS.keys)),
    ],
    asset_checks=check_definitions(_key_of),
    jobs=[daily_run],
    schedules=[daily_schedule],
    sensors=[inbox_sensor],
    resources={"dbt": dbt()},
)
