"""`yigong init` and `yigong site ...`: the county of a lake, and whether its folder is good.

Belongs here: words to functions, results to a table or JSON. Not here: what a site is
(`ingestion/site.py`), what is tried (`ingestion/site_check.py`).
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import console
from pipelines.cli_reading import COUNT_LABELS, JsonFlag
from pipelines.settings import home

if TYPE_CHECKING:
    from ingestion.site import Site

app = typer.Typer(no_args_is_help=True, help="县目录：契约、对照表、样本是否齐全可用。")


def init(
    site: Annotated[str, typer.Option(help="自带的县名（demo）或县目录（含 site.yml）")],
    change: Annotated[bool, typer.Option("--change", help="湖仓已有数据时仍要改选")] = False,
    json: JsonFlag = False,
) -> None:
    """为湖仓选定一个县：之后的命令按该县的契约、对照表与指标运行。

    一个湖仓（YIGONG_HOME）只属于一个县，选择写在 YIGONG_HOME/lake.yml。重复执行无害；
    已有数据的湖仓不会悄悄换县。

    例：yigong init --site demo；yigong init --site /srv/yigong/sites/qinghe
    """
    from ingestion.choice import choose_site
    from ingestion.site import find_site

    chosen = find_site(site)
    former = choose_site(home(), chosen, change=change)
    facts = {
        "home": str(home()), "site": chosen.site, "label": chosen.label_zh,
        "county": chosen.county, "folder": str(chosen.folder), "feeds": len(chosen.contracts),
        "former": str(former.folder) if former else None,
    }  # fmt: skip
    if json:
        console.print_json(facts)
        return
    console.console.print(
        f"湖仓 {home()} 属于：{chosen.label_zh}，机构代码 {chosen.county}，"
        f"{len(chosen.contracts)} 个数据源，县目录 {chosen.folder}",
        markup=False,
        soft_wrap=True,
    )


@app.command()
def check(
    site: Annotated[str | None, typer.Argument(help="县名或县目录，默认本湖仓选定的县")] = None,
    feed: Annotated[list[str] | None, typer.Option(help="只检查这些数据源，可重复")] = None,
    json: JsonFlag = False,
) -> None:
    """检查一个县目录：读全部契约，逐个收取样本两次，不写入湖仓。有问题时退出码为 1。

    样本须全部被接收，再来一次不得改变任何数据，有 golden 的须逐值相同；未映射的代码会列出数目。
    """
    from ingestion.site_check import check_site, unknown_samples
    from pipelines.progress import Step, report

    found = _named(site, feed)
    rows: list[dict[str, Any]] = []
    total = len(feed or found.contracts)
    with console.progress_bars(quiet=json):
        for number, one in enumerate(check_site(found, feed or ()), start=1):
            report(Step("check", one.feed, number, total))
            facts = {k: v for k, v in vars(one).items() if k != "count"}
            rows.append({**facts, **vars(one.count)})
    odd = [] if feed else unknown_samples(found)
    bad = [row for row in rows if row["problem"]]
    if json:
        console.print_json({"site": found.site, "feeds": rows, "unknown_samples": odd})
    else:
        _show(found.label_zh, rows, bad, odd)
    if bad or odd:
        raise typer.Exit(1)


@app.command()
def golden(
    site: Annotated[str | None, typer.Argument(help="县名或县目录，默认本湖仓选定的县")] = None,
    feed: Annotated[list[str] | None, typer.Option(help="只写这些数据源，可重复")] = None,
    json: JsonFlag = False,
) -> None:
    """写下样本的逐行结果（县目录 golden/）：请对照样本逐列读一遍，此后 site check 逐值比对。"""
    from ingestion.golden import write_golden

    found = _named(site, feed)
    written = [str(path) for path in write_golden(found, feed or ())]
    if json:
        console.print_json(written)
        return
    for path in written:
        console.console.print(path, markup=False, soft_wrap=True)
    console.console.print(f"{len(written)} 个数据源，请对照样本读一遍")


def _named(site: str | None, feeds: list[str] | None) -> "Site":
    """The site asked for, the lake's own by default; it must have the feeds."""
    from ingestion.lake import Lake
    from ingestion.site import find_site

    found = find_site(site) if site else Lake(home()).site
    unknown = sorted(set(feeds or ()) - set(found.contracts))
    if unknown:
        raise ValueError(f"没有这些数据源的契约：{', '.join(unknown)}")
    return found


def _show(
    label: str, rows: list[dict[str, Any]], bad: list[dict[str, Any]], odd: list[str]
) -> None:
    labels = {
        "feed": "数据源", "label": "名称", "format": "格式", "sample": "样本", **COUNT_LABELS,
        "unmapped": "未映射代码", "problem": "问题",
    }  # fmt: skip
    console.print_table(label, [{**row, "problem": row["problem"] or "无"} for row in rows], labels)
    for name in odd:
        console.console.print(f"  ✘ 样本 {name} 不属于任何契约", markup=False)
    console.console.print(f"{len(rows)} 个数据源，{len(bad) + len(odd)} 处问题")
