"""The Dagster code location: assets, checks, jobs, the daily schedule and the inbox sensor.

Belongs here: what runs when. Not here: what a step does (`steps.py`), the stages and their order
(`run.py`), which assets there are (`assets/`). Loading reads contracts and the dbt manifest, never
data.
"""

from pipelines.settings import prepare_environment

prepare_environment()

import hashlib  # noqa: E402
from collections.abc import Mapping  # noqa: E402
from pathlib import Path  # noqa: E402

import dagster as dg  # noqa: E402

from ingestion.contract import Contract  # noqa: E402
from ingestion.lake import Lake  # noqa: E402
from ingestion.ledger import Ledger  # noqa: E402
from pipelines.assets.again import conform_job  # noqa: E402
from pipelines.assets.models import model_assets  # noqa: E402
from pipelines.assets.published import published_asset  # noqa: E402
from pipelines.assets.stages import person_link, reference  # noqa: E402
from pipelines.assets.taking import taking  # noqa: E402
from pipelines.checks import check_definitions  # noqa: E402
from pipelines.dagster_events import asset_events, untold  # noqa: E402
from pipelines.resources import LakeResource  # noqa: E402
from pipelines.settings import home  # noqa: E402

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def build_definitions(lake: Lake) -> dg.Definitions:
    """Everything Dagster knows of one lake and the site it belongs to."""
    contracts = lake.site.contracts
    models = model_assets()
    keys = {key.path[-1]: key for key in models.keys}

    def key_of(layer: str, table: str) -> dg.AssetKey:
        return dg.AssetKey(["silver", table]) if layer == "silver" else keys[table]

    daily_run = dg.define_asset_job(
        "daily_run",
        selection=dg.AssetSelection.all(),
        description="接入 → 主索引 → 检查 → 构建 → 检查 → 发布",
    )
    return dg.Definitions(
        assets=[
            taking(contracts),
            reference(),
            person_link(),
            models,
            published_asset(sorted(models.keys)),
        ],
        asset_checks=check_definitions(key_of),
        jobs=[daily_run, conform_job(contracts)],
        schedules=[
            dg.ScheduleDefinition(
                name="daily",
                job=daily_run,
                cron_schedule="0 2 * * *",
                execution_timezone="Asia/Shanghai",
                description="每日 02:00 跑完整流程",
            )
        ],
        sensors=[inbox_sensor(daily_run.name, contracts, lake), command_line_sensor(lake)],
        resources={"lake": LakeResource(home=str(lake.home))},
        executor=dg.in_process_executor,  # one DuckDB file has one writer; a process costs 7 s
    )


def inbox_sensor(
    job_name: str, contracts: Mapping[str, Contract], lake: Lake
) -> dg.SensorDefinition:
    """The sensor that starts a run when files wait."""

    @dg.sensor(
        name="inbox_sensor",
        job_name=job_name,
        minimum_interval_seconds=60,
        description="收件目录有新文件时启动",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """The same set of waiting files starts one run only. While a run is under way nothing is
        asked for: it is still taking the files that wait."""
        unfinished = dg.RunsFilter(job_name=job_name, statuses=UNFINISHED)
        if context.instance.get_runs_count(unfinished):
            return dg.SkipReason("流程正在运行")
        waiting = _waiting(lake, contracts)
        if not waiting:
            return dg.SkipReason("收件目录没有新文件")
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=_set_key(waiting))])

    return sensor


def command_line_sensor(lake: Lake) -> dg.SensorDefinition:
    """The sensor that tells the page what `yigong run` and its like have made and found."""

    @dg.sensor(
        name="command_line",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="命令行运行的结果（数据到达、表、检查）登记到本页",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        """One file of events a tick; it is removed with the next, when they are surely stored."""
        told = context.cursor or ""
        for path in untold(lake.home):
            if path.name <= told:
                path.unlink()
        waiting = untold(lake.home, after=told)
        if not waiting:
            return dg.SkipReason("没有新的命令行运行")
        return dg.SensorResult(asset_events=asset_events(waiting[0]), cursor=waiting[0].name)

    return sensor


def _waiting(lake: Lake, contracts: Mapping[str, Contract]) -> list[Path]:
    from ingestion.transports.directory import Directory

    inbox = Directory(lake.inbox)
    with Ledger(lake.home) as ledger:
        return [
            one.path
            for contract in contracts.values()
            if contract.location.kind == "directory"
            for one in inbox.waiting(
                contract.feed, contract.location.pattern, ledger.seen(contract.feed)
            )
        ]


def _set_key(paths: list[Path]) -> str:
    """One key for one set of files: names, sizes and times."""
    facts = sorted(f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in paths)
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


defs = build_definitions(Lake(home()))
