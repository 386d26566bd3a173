"""`yigong county`: make the synthetic county, or let its days go on.

Belongs here: words to functions and results to a line or JSON. Not here: the county (`county/`).
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import console
from pipelines.cli_reading import JsonFlag, open_lake

if TYPE_CHECKING:
    from county.build import CountySummary, Progress

app = typer.Typer(invoke_without_command=True)


@app.callback()
def county(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option(help="输出目录（须为空）")] = None,
    residents: Annotated[int, typer.Option(min=100, help="居民数")] = 3000,
    months: Annotated[int, typer.Option(min=1, max=120, help="月数，自 2026-01 起")] = 6,
    seed: Annotated[int, typer.Option(help="随机种子；同种子同字节")] = 7,
    profile: Annotated[
        str,
        typer.Option(
            help="demo：三个乡镇，各种系统与格式都有；county：全县规模，12 个乡镇，以表格为主"
        ),
    ] = "demo",
    json: JsonFlag = False,
) -> None:
    """生成一个虚构的示范县：各成员单位会发来的文件（inbox/）与标准答案（answer_key/）。

    之后 yigong county advance 让它一天天过下去，用于每日增量。
    """
    if context.invoked_subcommand:
        return
    if out is None:
        raise typer.BadParameter("请用 --out 指明输出目录", param_hint="--out")
    from county.build import build_county

    with console.progress_bars(quiet=json):
        summary = build_county(residents, months, seed, out, progress=_progress(), profile=profile)
    _tell(summary, out, json=json)


@app.command()
def advance(
    out: Annotated[Path, typer.Option(help="yigong county 的输出目录")],
    days: Annotated[int, typer.Option(min=1, help="过几天")] = 1,
    json: JsonFlag = False,
) -> None:
    """让已有的示范县再过几天：新文件进 inbox/，标准答案随之更新。"""
    from county.build import advance_county

    with console.progress_bars(quiet=json):
        summary = advance_county(out, days, progress=_progress())
    _tell(summary, out, json=json)


@app.command()
def check(
    out: Annotated[Path, typer.Option(help="yigong county 的输出目录，已接入本湖仓")],
    json: JsonFlag = False,
) -> None:
    """对照标准答案：台账、隔离与未映射代码，表格类数据源逐行逐列。有差异时退出码为 1。"""
    from pipelines.county_check import check_county

    found = check_county(open_lake(), out)
    if json:
        console.print_json(asdict(found))
    else:
        for line in found.differences:
            console.console.print(f"  ✘ {line}", markup=False)
        console.console.print(
            f"对照 {found.feeds} 个数据源、{found.rows:,} 行、{found.refusals:,} 处应拒、"
            f"{found.unmapped:,} 个未映射代码，"
            f"逐行逐列 {found.true_rows:,} 行、资源库 {found.library_rows:,} 行，"
            f"共 {found.values:,} 个值："
            f"{len(found.differences)} 处差异；台账{'平衡' if found.balanced else '不平'}"
        )
    if found.differences or not found.balanced:
        raise typer.Exit(1)


def _progress() -> "Progress":
    from pipelines.progress import Step, report

    return lambda name, share: report(Step("county", name, round(share * 100), 100))


def _tell(summary: "CountySummary", out: Path, *, json: bool) -> None:
    facts = {
        "out": str(out), "until": str(summary.until), "files": summary.files,
        "bytes": summary.size, "digest": summary.digest,
    }  # fmt: skip
    if json:
        console.print_json(facts)
    else:
        console.console.print(
            f"示范县：至 {summary.until}，{summary.files} 个文件，{summary.size / 1e6:.1f} MB，"
            f"摘要 {summary.digest[:16]}"
        )
