"""The Dagster code location: assets, checks, the daily schedule and the inbox sensor.

Belongs here: what runs when. Not here: what a step does (`steps.py`), which assets there are
(`assets/`). Loading reads contracts and the dbt manifest, never data.
"""

from pipelines.settings import prepare_environment

prepare_environment()

import hashlib  # noqa: E402
from pathlib import Path  # noqa: E402

import dagster as dg  # noqa: E402

from ingestion.lake import Lake  # noqa: E402
from ingestion.ledger import Ledger  # noqa: E402
from pipelines.assets.feeds import (  # noqa: E402
    feed_asset,
    person_link,
    reference,
    silver_assets,
)
from pipelines.assets.models import model_assets  # noqa: E402
from pipelines.assets.published import published_asset  # noqa: E402
from pipelines.checks import check_definitions  # noqa: E402
from pipelines.settings import home  # noqa: E402

_CONTRACTS = Lake(home()).site.contracts
_MODELS = model_assets()
_KEYS = {key.path[-1]: key for key in _MODELS.keys}


def _key_of(layer: str, table: str) -> dg.AssetKey:
    return dg.AssetKey(["silver", table]) if layer == "silver" else _KEYS[table]


_CHECKS = check_definitions(_key_of)

daily_run = dg.define_asset_job(
    "daily_run",
    selection=dg.AssetSelection.all(),
    description="接入 → 主索引 → 检查 → 构建 → 检查 → 发布",
)

daily_schedule = dg.ScheduleDefinition(
    name="daily",
    job=daily_run,
    cron_schedule="0 2 * * *",
    execution_timezone="Asia/Shanghai",
    description="每日 02:00 跑完整流程",
)

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dg.sensor(job=daily_run, minimum_interval_seconds=60, description="收件目录有新文件时启动")
def inbox_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Start a run when files wait; the same set of waiting files starts one run only.

    While a run is under way nothing is asked for: it is still taking the files that wait.
    """
    unfinished = dg.RunsFilter(job_name=daily_run.name, statuses=UNFINISHED)
    if context.instance.get_runs_count(unfinished):
        return dg.SkipReason("流程正在运行")
    waiting = _waiting(Lake(home()))
    if not waiting:
        return dg.SkipReason("收件目录没有新文件")
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=_set_key(waiting))])


def _waiting(lake: Lake) -> list[Path]:
    from ingestion.transports.directory import Directory

    inbox = Directory(lake.inbox)
    with Ledger(lake.home) as ledger:
        return [
            one.path
            for contract in _CONTRACTS.values()
            if contract.location.kind == "directory"
            for one in inbox.waiting(
                contract.feed, contract.location.pattern, ledger.seen(contract.feed)
            )
        ]


def _set_key(paths: list[Path]) -> str:
    """One key for one set of files: names, sizes and times."""
    facts = sorted(f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in paths)
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


defs = dg.Definitions(
    assets=[
        *(feed_asset(contract) for contract in _CONTRACTS.values()),
        silver_assets(_CONTRACTS),
        reference,
        person_link,
        _MODELS,
        published_asset(sorted(_MODELS.keys), [key for c in _CHECKS for key in c.check_keys]),
    ],
    asset_checks=_CHECKS,
    jobs=[daily_run],
    schedules=[daily_schedule],
    sensors=[inbox_sensor],
    executor=dg.in_process_executor,  # one DuckDB file has one writer; a process a step costs 7 s
)
