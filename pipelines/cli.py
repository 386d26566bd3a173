"""The `yigong` command: words to functions, results to tables or JSON, errors to exit codes.

Exit codes: 0 done; 1 bad input; 2 wrong command line; 3 a critical check failed and nothing was
published; 4 the ledger does not balance; 5 nothing is published yet; 6 a model or test failed.
"""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import console
from pipelines.settings import PROJECT, home, prepare_environment

if TYPE_CHECKING:
    from expectations.runner import CheckOutcome
    from ingestion.lake import Lake

JsonFlag = Annotated[bool, typer.Option("--json", help="输出 JSON，供脚本使用")]

app = typer.Typer(
    name="yigong",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help=(
        "医共：县域医共体数据湖仓。数据在 [bold]YIGONG_HOME[/]（默认 var/）。\n\n"
        "起步：yigong county --out DIR 生成示范县；yigong run --inbox DIR/inbox 跑完整流程；"
        "yigong indicators --period 2026-06 看指标；yigong serve 打开驾驶舱。\n\n"
        "退出码：0 完成；1 输入有误；2 命令行有误；3 关键检查未过、未发布；4 台账不平；"
        "5 尚未发布；6 模型或测试失败。"
    ),
)
quarantine_app = typer.Typer(no_args_is_help=True, help="隔离区：查看、定位、修复后重放。")
app.add_typer(quarantine_app, name="quarantine")


def main() -> None:
    """Entry point: one place turns failures into a clear line and an exit code."""
    logs = prepare_environment() / "logs"
    logging.basicConfig(filename=logs / "yigong.log", level=logging.INFO)
    try:
        app(standalone_mode=False)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except Exception as error:
        sys.exit(_report(error))


def _report(error: Exception) -> int:
    code = 1
    if hasattr(error, "show"):  # a usage error explains itself
        error.show()
        return 2
    match type(error).__name__:
        case "CriticalFailure":
            code = 3
            console.errors.print("[bold red]关键检查未通过，未发布：[/]")
            for outcome in error.outcomes:  # type: ignore[attr-defined]
                from pipelines.steps import describe

                console.errors.print(f"  ✘ {describe(outcome)}", markup=False)
            return code
        case "LedgerOutOfBalance" | "UnbalancedLedger":
            code = 4
        case "NothingPublished":
            code = 5
        case "BuildFailed":
            code = 6
    console.errors.print(f"错误（{type(error).__name__}）：{error}", markup=False, style="red")
    return code


@app.command()
def county(
    out: Annotated[Path, typer.Option(help="输出目录（须为空）")],
    residents: Annotated[int, typer.Option(min=100, help="居民数")] = 3000,
    months: Annotated[int, typer.Option(min=1, max=120, help="月数，自 2026-01 起")] = 6,
    seed: Annotated[int, typer.Option(help="随机种子；同种子同字节")] = 7,
    json: JsonFlag = False,
) -> None:
    """生成一个虚构的示范县：各成员单位会发来的文件（inbox/）与标准答案（answer_key/）。"""
    from county.build import build_county
    from pipelines.progress import Step, report

    def advance(name: str, share: float) -> None:
        report(Step("county", name, round(share * 100), 100))

    with console.progress_bars():
        summary = build_county(residents, months, seed, out, progress=None if json else advance)
    facts = {
        "out": str(out), "files": summary.files, "bytes": summary.size, "digest": summary.digest,
    }  # fmt: skip
    if json:
        console.print_json(facts)
    else:
        console.console.print(
            f"示范县：{summary.files} 个文件，{summary.size / 1e6:.1f} MB，"
            f"摘要 {summary.digest[:16]}"
        )


@app.command()
def run(
    inbox: Annotated[Path | None, typer.Option(help="收件目录，默认 YIGONG_HOME/inbox")] = None,
    json: JsonFlag = False,
) -> None:
    """跑完整流程：接入 → 主索引 → 检查 → 构建 → 检查 → 发布。"""
    from pipelines.run import run_all

    with console.progress_bars():
        summary = run_all(_lake(), inbox=inbox)
    if json:
        warnings = sum(not o.passed for o in summary.checks)
        console.print_json(
            {"version": summary.version, "checks": len(summary.checks), "warnings": warnings}
        )
        return
    _show_feeds()
    _show_warnings(summary.checks)
    console.console.print(f"已发布 v{summary.version}")


@app.command()
def ingest(
    inbox: Annotated[Path | None, typer.Option(help="收件目录")] = None,
    feed: Annotated[list[str] | None, typer.Option(help="只接入这些数据源，可重复")] = None,
    json: JsonFlag = False,
) -> None:
    """只接入：把收件目录里等待的文件收进青铜层与白银层，并记账。"""
    from pipelines import steps
    from pipelines.run import require_balance
    from pipelines.site import contracts

    lake = _lake()
    unknown = set(feed or ()) - set(contracts(lake.home))
    if unknown:
        raise ValueError(f"没有这些数据源的契约：{', '.join(sorted(unknown))}")
    with console.progress_bars():
        runs = steps.ingest(lake, feeds=feed, inbox=inbox)
    require_balance(lake)
    rows = [{"feed": r.feed, "files": r.files, "records": r.records, **vars(r.count)} for r in runs]
    if json:
        console.print_json(rows)
    else:
        console.print_table("本次接入", rows, {"feed": "数据源", "files": "文件", **COUNT_LABELS})


@app.command()
def build() -> None:
    """只构建：主索引、资源库与集市，并做全部检查；不发布。"""
    from pipelines import steps
    from pipelines.run import build_and_check

    lake = _lake()
    with console.progress_bars():
        steps.link_persons(lake)
        steps.refresh_reference(lake)
        outcomes = steps.check(lake, "silver")
        steps.stop_on_critical(outcomes)
        outcomes += build_and_check(lake)
    _show_warnings(outcomes)
    console.console.print(f"构建完成：{len(outcomes)} 项检查")


@app.command()
def publish() -> None:
    """检查已构建的库与集市，通过后发布为新版本。"""
    from pipelines import steps
    from pipelines.run import publish_checked

    lake = _lake()
    with console.progress_bars():
        outcomes = [*steps.check(lake, "libraries"), *steps.check(lake, "marts")]
        steps.stop_on_critical(outcomes)
        version = publish_checked(lake, outcomes)
    _show_warnings(outcomes)
    console.console.print(f"已发布 v{version}")


def _show_warnings(outcomes: "Sequence[CheckOutcome]") -> None:
    from pipelines.steps import describe

    for outcome in outcomes:
        if not outcome.passed:
            console.console.print(f"警告：{describe(outcome)}", markup=False, style="yellow")


COUNT_LABELS = {
    "received": "收到", "accepted": "接收", "quarantined": "隔离", "duplicate": "重复",
}  # fmt: skip


@app.command()
def status(json: JsonFlag = False) -> None:
    """当前状态：发布版本、台账是否平衡、各数据源收到/接收/隔离/重复。"""
    from pipelines import reading

    found = reading.status(_lake())
    if json:
        console.print_json(found)
        return
    _show_feeds()
    balance = "[green]平衡[/]" if found["ledger_balanced"] else "[bold red]不平[/]"
    version = f"v{found['version']}（{found['published_at']}）" if found["version"] else "尚未发布"
    console.console.print(f"台账：{balance}　发布版本：{version}　目录：{found['home']}")


def _show_feeds() -> None:
    from pipelines import reading

    found = reading.status(_lake())
    names = {"ok": "正常", "no_feed": "无数据"}
    rows = [{**f, "state": names[f["state"]]} for f in found["feeds"]]
    console.print_table(
        "数据源",
        rows,
        {"label": "数据源", "member": "机构", **COUNT_LABELS, "unmapped": "未映射代码",
         "state": "状态"},
    )  # fmt: skip


@app.command()
def indicators(
    period: Annotated[str, typer.Option(help="统计期：2026-03、2026Q1 或 2026")],
    system: Annotated[str | None, typer.Option(help="评价体系，如 consortium_monitoring")] = None,
    organization: Annotated[str | None, typer.Option(help="机构代码")] = None,
    json: JsonFlag = False,
) -> None:
    """某期的指标值：分子、分母、值、状态、口径版本。"""
    from pipelines import reading

    lake = _lake()
    rows = reading.indicators(lake, period=period, system=system, organization=organization)
    if not rows and period not in reading.periods(lake):
        raise ValueError(f"没有统计期 {period}；已有：{', '.join(reading.periods(lake))}")
    if json:
        console.print_json(rows)
        return
    labels = {
        "indicator_id": "编号", "indicator_name": "指标", "organization_name": "机构",
        "numerator": "分子", "denominator": "分母", "value": "值",
        "state_name": "状态", "confidence_name": "口径可信度",
    }  # fmt: skip
    shown = [{**row, "value": _readable(row)} for row in rows]
    console.print_table(f"指标 {period}", shown, labels)


def _readable(row: dict[str, Any]) -> str | None:
    """A value as people read it: a share as per cent, others with their unit."""
    if row["value"] is None:
        return None
    match row["unit"]:
        case "ratio":
            return f"{row['value'] * 100:.1f}%"
        case "day":
            return f"{row['value']:.1f} 天"
        case _:
            return f"{row['value']:,.2f} 元"


@app.command()
def evidence(
    indicator: Annotated[str, typer.Argument(help="指标编号，如 CM24-07")],
    organization: Annotated[str, typer.Option(help="机构代码")],
    period: Annotated[str, typer.Option(help="统计期")],
    limit: Annotated[int, typer.Option(help="最多显示的行数（JSON 不限）")] = 20,
    json: JsonFlag = False,
) -> None:
    """某个指标值背后的逐条佐证；合计必等于指标的分子与分母。"""
    from pipelines import reading

    found = reading.evidence(_lake(), indicator=indicator, organization=organization, period=period)
    if json:
        console.print_json(found)
        return
    for side in ("numerator", "denominator"):
        part = found[side]
        console.print_table(
            f"{'分子' if side == 'numerator' else '分母'} {part['measure_name']} = {part['total']}"
            f"（{len(part['rows'])} 行）",
            part["rows"][:limit],
            {"record_id": "记录", "person_id": "居民", "organization_id": "机构", "month": "月份",
             "value": "数值"},
        )  # fmt: skip


@app.command()
def inspect(
    path: Annotated[Path, typer.Argument(help="文件或目录", exists=True)], json: JsonFlag = False
) -> None:
    """识别并解析任意文件或目录：格式、结果、各实体记录数、问题与位置；不写入湖仓。"""
    from collections import Counter
    from contextlib import nullcontext

    from ingestion.inspect import inspect_paths
    from pipelines.progress import Step, report

    def advance(done: int, total: int) -> None:
        report(Step("inspect", path.name, done, total))

    totals: Counter[str] = Counter()
    problems = []
    watched = path.is_dir() and not json
    with console.progress_bars() if watched else nullcontext():
        for found in inspect_paths(path, advance if watched else None):
            totals[found.outcome] += 1
            if json:
                console.print_json_line(found.as_dict())
            elif found.outcome != "parsed":
                problems.append(found)
            elif path.is_file():
                console.console.print_json(data=found.as_dict())
    if json:
        return
    for found in problems:
        for problem in found.problems[:3]:
            console.console.print(
                f"{found.path}: {found.outcome} {problem.code} "
                f"记录 {problem.record} 项 {problem.item} {problem.detail}",
                markup=False,
            )
    console.console.print(
        f"共 {totals.total()} 个文件：已解析 {totals['parsed']}，部分 {totals['partly']}，"
        f"拒绝 {totals['refused']}"
    )


@app.command()
def query(sql: str, json: JsonFlag = False) -> None:
    """对已发布的分析库（假名化、只读、不可访问其他文件）执行一条 SQL。"""
    from pipelines import reading

    with reading.analysis(_lake()) as connection:
        rows = reading.rows(connection, sql)
    if json:
        console.print_json(rows)
    else:
        console.print_table(f"{len(rows)} 行", rows[:200], {k: k for k in rows[0]} if rows else {})


@app.command()
def reveal(
    person: Annotated[str, typer.Argument(help="居民编号 person_id")],
    reason: Annotated[str, typer.Option(help="事由，写入审计日志")],
    json: JsonFlag = False,
) -> None:
    """查看一位居民在各成员单位登记的身份信息；每次查看先记入审计日志。"""
    from identity.store import source_persons
    from ingestion.vault import Vault

    if not reason.strip():
        raise ValueError("请写明事由")
    lake = _lake()
    known = source_persons(lake, person)
    if not known:
        raise ValueError(f"没有居民编号 {person}")
    with Vault(lake.home) as vault:
        rows = [{"source_person_id": s, **vault.reveal(s, reason=reason)} for s in known]
    if json:
        console.print_json(rows)
        return
    labels = {
        "local_id": "院内编号", "person_name": "姓名", "id_number": "身份证号",
        "health_card_number": "健康卡号", "insurance_number": "医保编号", "phone": "电话",
        "address": "住址",
    }  # fmt: skip
    console.print_table(f"{person}：{len(rows)} 处登记", rows, labels)


@app.command()
def dev(port: Annotated[int, typer.Option(help="端口")] = 3000) -> None:
    """打开 Dagster 页面：资产、检查、调度、传感器。"""
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


def _lake() -> "Lake":
    from ingestion.lake import Lake

    return Lake.open(home())


from pipelines import quarantine_cli as _quarantine_cli  # noqa: E402

_quarantine_cli.register(quarantine_app)

if __name__ == "__main__":
    main()
