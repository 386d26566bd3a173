"""The `yigong` command: words to functions, results to tables or JSON, errors to exit codes.

Exit codes: 0 done; 1 bad input; 2 wrong command line; 3 a critical check failed and nothing was
published; 4 the ledger does not balance; 5 nothing is published yet; 6 a model or test failed;
7 done, but for files that could not be taken.
"""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import (
    backup_cli,
    cli_reading,
    conform_cli,
    console,
    county_cli,
    failures,
    person_cli,
    quarantine_cli,
    rules_cli,
    site_cli,
    terminology_cli,
    withdraw_cli,
)
from pipelines.cli_reading import COUNT_LABELS, JsonFlag, open_county, show_feeds
from pipelines.dagster_events import reported
from pipelines.run_lock import writing
from pipelines.settings import PROJECT, prepare_environment

if TYPE_CHECKING:
    from expectations.runner import CheckOutcome
    from pipelines.steps import Ingested

LEFT_SHOWN = 50

app = typer.Typer(
    name="yigong",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help=(
        "医共：县域医共体数据湖仓。数据在 [bold]YIGONG_HOME[/]（默认 var/）。\n\n"
        "起步：yigong init --site demo 选定县；yigong county --out DIR 生成示范县；"
        "yigong run --inbox DIR/inbox 跑完整流程；"
        "yigong indicators --period 2026-06 看指标；yigong serve 打开驾驶舱。\n\n"
        "退出码：0 完成；1 输入有误；2 命令行有误；3 关键检查未过、未发布；4 台账不平；"
        "5 尚未发布；6 模型或测试失败；7 已完成，但有文件未能接入。"
    ),
)
quarantine_app = typer.Typer(no_args_is_help=True, help="隔离区：查看、定位、修复后重放。")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(county_cli.app, name="county")
app.add_typer(site_cli.app, name="site")
app.add_typer(person_cli.app, name="person")
app.add_typer(terminology_cli.app, name="terminology")


def main() -> None:
    """Entry point: one place turns failures into a clear line and an exit code."""
    try:
        logs = prepare_environment() / "logs"
        logging.basicConfig(filename=logs / "yigong.log", level=logging.INFO)
        sys.exit(app(standalone_mode=False) or 0)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except Exception as error:
        sys.exit(failures.report(error))


@app.command()
def run(
    inbox: Annotated[Path | None, typer.Option(help="收件目录，默认 YIGONG_HOME/inbox")] = None,
    json: JsonFlag = False,
) -> None:
    """跑完整流程：接入 → 主索引 → 检查 → 构建 → 检查 → 发布。"""
    from pipelines.run import Run, go

    lake = open_county()
    with (
        writing(lake, "yigong run"),
        reported(lake, "yigong run"),
        console.progress_bars(quiet=json),
    ):
        done = go(Run(lake, inbox))
    assert done.ingested
    if json:
        warnings = sum(not o.passed for o in done.outcomes)
        console.print_json(
            {
                "version": done.version,
                "is_new": done.is_new,
                "checks": len(done.outcomes),
                "warnings": warnings,
                "left": [vars(one) for one in done.ingested.left],
                "left_lagging": done.left_lagging,
            }
        )
    else:
        show_feeds()
        _show_warnings(done.outcomes)
        for line in done.left_lagging:
            console.console.print(f"提示：{line}", markup=False, style="yellow")
        if done.is_new:
            console.console.print(f"已发布 v{done.version}")
        else:
            console.console.print(f"没有新数据，仍为 v{done.version}")
    _tell_left(done.ingested)


@app.command()
def ingest(
    inbox: Annotated[Path | None, typer.Option(help="收件目录")] = None,
    feed: Annotated[list[str] | None, typer.Option(help="只接入这些数据源，可重复")] = None,
    json: JsonFlag = False,
) -> None:
    """只接入：把收件目录里等待的文件收进青铜层与白银层，并记账。"""
    from pipelines import steps

    lake = open_county()
    unknown = set(feed or ()) - set(lake.site.contracts)
    if unknown:
        raise ValueError(f"没有这些数据源的契约：{', '.join(sorted(unknown))}")
    with (
        writing(lake, "yigong ingest"),
        reported(lake, "yigong ingest"),
        console.progress_bars(quiet=json),
    ):
        before = steps.silver_versions(lake)
        done = steps.ingest(lake, feeds=feed, inbox=inbox)
        steps.tell_of_silver(lake, before)
        steps.require_balance(lake)
    rows = [
        {"feed": r.feed, "files": r.files, "records": r.records, **vars(r.count)}
        for r in done.feeds
    ]
    if json:
        console.print_json(rows)
    else:
        console.print_table("本次接入", rows, {"feed": "数据源", "files": "文件", **COUNT_LABELS})
    _tell_left(done)


def _tell_left(ingested: "Ingested") -> None:
    """Name on standard error what was left lying.

    Raises:
        typer.Exit: with code 7, when something agreed is missing.
    """
    for one in ingested.left[:LEFT_SHOWN]:
        console.errors.print(f"未接入：{one}", markup=False, style="yellow", soft_wrap=True)
    if len(ingested.left) > LEFT_SHOWN:
        more = len(ingested.left) - LEFT_SHOWN
        console.errors.print(f"未接入：另有 {more} 个，见 yigong status --json", style="yellow")
    if not ingested.whole:
        raise typer.Exit(7)


@app.command()
def build(
    anew: Annotated[
        bool, typer.Option("--anew", help="事实表从全部明细重建，而不只处理新到的批次。")
    ] = False,
) -> None:
    """只构建：主索引、资源库与集市，并做全部检查；不发布。"""
    from pipelines.run import Run, go, stages

    lake = open_county()
    with writing(lake, "yigong build"), reported(lake, "yigong build"), console.progress_bars():
        done = go(Run(lake, anew=anew), stages("check_silver", "check_marts"))
    _show_warnings(done.outcomes)
    console.console.print(f"构建完成：{len(done.outcomes)} 项检查")


@app.command()
def publish() -> None:
    """检查已构建的库与集市，通过后发布为新版本。"""
    from pipelines.run import Run, go, stages

    lake = open_county()
    with writing(lake, "yigong publish"), reported(lake, "yigong publish"), console.progress_bars():
        done = go(Run(lake), (*stages("check_silver", "check_silver"), *stages("check_libraries")))
    _show_warnings(done.outcomes)
    console.console.print(f"已发布 v{done.version}" if done.is_new else f"仍为 v{done.version}")


def _show_warnings(outcomes: "Sequence[CheckOutcome]") -> None:
    from pipelines.steps import describe

    for outcome in outcomes:
        if not outcome.passed:
            console.console.print(f"警告：{describe(outcome)}", markup=False, style="yellow")


@app.command()
def dev(port: Annotated[int, typer.Option(help="端口")] = 3000) -> None:
    """打开 Dagster 页面：资产、检查、调度、传感器。"""
    open_county()  # what is wrong is said here, not in the page's log
    dagster = str(Path(sys.executable).parent / "dagster")
    workspace = str(PROJECT / "workspace.yaml")
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a job in the background could not be stopped
    os.chdir(PROJECT)
    os.execv(dagster, [dagster, "dev", "-w", workspace, "-p", str(port), "-h", "127.0.0.1"])


@app.command()
def serve(
    action: Annotated[str, typer.Argument(help="start、stop、status 或 refresh")] = "start",
    port: Annotated[int, typer.Option(help="端口")] = 8088,
) -> None:
    """决策驾驶舱（Superset）：在本机回环地址后台启动、停止、查看。"""
    python = PROJECT / "dashboards" / ".venv" / "bin" / "python"
    if not python.exists():
        raise ValueError("驾驶舱环境未安装：请运行 make setup")
    command = [str(python), str(PROJECT / "dashboards" / "serve.py"), action, "--port", str(port)]
    raise typer.Exit(subprocess.call(command, cwd=PROJECT))


app.command()(site_cli.init)
cli_reading.register(app)
backup_cli.register(app)
conform_cli.register(app)
withdraw_cli.register(app)
rules_cli.register(app)
quarantine_cli.register(quarantine_app)

if __name__ == "__main__":
    main()
