"""`yigong conform --again` and `yigong rebuild --from-bronze`: silver made anew from what arrived.

Belongs here: words to functions, results to tables or JSON. Not here: conforming (`ingestion/`).
"""

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import console
from pipelines.cli_reading import COUNT_LABELS, JsonFlag, open_lake
from pipelines.dagster_events import reported
from pipelines.run_lock import writing

if TYPE_CHECKING:
    from ingestion.again import Conformed
    from ingestion.lake import Lake

CHANGES = {"accepted": "现已接收", "refused": "现被拒收", "mapped": "代码已映射"}


def register(app: typer.Typer) -> None:
    app.command()(conform)
    app.command()(rebuild)


def conform(
    name: Annotated[
        str | None, typer.Argument(help="数据源或实体；不写则为全部", metavar="[数据源|实体]")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="从青铜层重新整理已到的数据（必写，以示确认）")
    ] = False,
    since: Annotated[
        str | None, typer.Option(help="只整理这一天及以后到达的，如 2026-03-01")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="不论定义变没变都重新整理（如升级后读法有改进）")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="只列出落后的数据源，不动数据")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """契约、实体、对照表或代码表改过之后，把先前到的数据按现行定义重新整理。

    按批次进行，随时可中断，再次运行接着做；每批整理完即原子替换，并记入台账：
    原先被拒而现在通过的、原先通过而现在被拒的、新映射的代码。之后运行 yigong run 发布。
    """
    from pipelines import steps

    lake = open_lake()
    chosen = _chosen(lake, name, since=since, everything=everything)
    if dry_run:
        _show_lag(lake, chosen, json=json)
        return
    if not again:
        raise ValueError("请写 --again 确认重新整理，或用 --dry-run 先看有哪些落后")
    with (
        writing(lake, "yigong conform"),
        reported(lake, "yigong conform"),
        console.progress_bars(quiet=json),
    ):
        before = steps.silver_versions(lake)
        done, failed = steps.conform_lagging(lake, chosen)
        steps.tell_of_silver(lake, before)
        steps.require_balance(lake)
    for line in failed:
        console.errors.print(f"未能重新整理：{line}", markup=False, style="red")
    if json:
        console.print_json([_as_dict(one) for one in done])
        raise typer.Exit(1 if failed else 0)
    labels = {
        "feed": "数据源", "batches": "批次", "changed": "有变化", "accepted": "现已接收",
        "refused": "现被拒收", "mapped": "代码已映射",
    }  # fmt: skip
    console.print_table("重新整理", [_as_dict(one) for one in done], labels)
    _show_changes(done)
    raise typer.Exit(1 if failed else 0)


def _chosen(
    lake: "Lake", name: str | None, *, since: str | None, everything: bool
) -> dict[str, list[str]]:
    """Batches to conform again, by feed.

    Raises:
        ValueError: no feed and no entity has that name, or the day is none.
    """
    from datetime import date

    from ingestion.entity import entities
    from ingestion.ledger import Ledger
    from pipelines import steps

    known = lake.site.contracts
    if name and name not in known and name not in entities():
        raise ValueError(f"没有叫 {name} 的数据源或实体")
    day = f"{date.fromisoformat(since):%Y%m%d}" if since else ""
    feeds = [
        feed
        for feed, contract in known.items()
        if name in (None, feed) or name in contract.mapping().records
    ]
    behind = {} if everything else steps.lagging(lake)
    chosen: dict[str, list[str]] = {}
    with Ledger(lake.home) as ledger:
        for feed in feeds:
            lagging = behind[feed].batches if feed in behind else ()
            batches = [
                row["batch_id"]
                for row in ledger.live(feed)
                if row["arrival_id"] >= day and (everything or row["batch_id"] in lagging)
            ]
            if batches:
                chosen[feed] = batches
    return chosen


def _show_lag(lake: "Lake", chosen: dict[str, list[str]], *, json: bool) -> None:
    from pipelines import steps

    behind = steps.lagging(lake)
    rows: list[dict[str, Any]] = [
        {
            "feed": feed,
            "batches": len(batches),
            "rows": behind[feed].rows if feed in behind else None,
            "changed": list(behind[feed].changed) if feed in behind else [],
        }
        for feed, batches in chosen.items()
    ]
    if json:
        console.print_json(rows)
        return
    shown = [{**row, "changed": "、".join(row["changed"])} for row in rows]
    labels = {"feed": "数据源", "batches": "批次", "rows": "行", "changed": "变了的定义"}
    console.print_table(f"按旧定义整理的数据源 {len(rows)} 个", shown, labels)


def _as_dict(one: "Conformed") -> dict[str, Any]:
    return {**vars(one), "changes": [vars(change) for change in one.changes]}


def _show_changes(done: "list[Conformed]") -> None:
    from ingestion.errors import REASONS

    counted: Counter[tuple[str, str, str, str]] = Counter()
    for one in done:
        for change in one.changes:
            what = REASONS.get(change.what, change.what)
            counted[one.feed, change.entity, CHANGES[change.change], what] += change.rows
    rows = [
        {"feed": feed, "entity": entity, "change": change, "what": what, "rows": rows}
        for (feed, entity, change, what), rows in sorted(counted.items())
    ]
    labels = {
        "feed": "数据源", "entity": "实体", "change": "变化", "what": "原因或代码", "rows": "行",
    }  # fmt: skip
    if rows:
        console.print_table("变化明细", rows[:50], labels)


def rebuild(
    from_bronze: Annotated[
        bool, typer.Option("--from-bronze", help="从青铜层重建白银层与台账（必写，以示确认）")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """整个湖仓从青铜层与密钥重建：白银层、台账与隔离区重做，资源库与集市全部重算。

    用于升级后台账版本不同、白银层损坏或与台账不符。青铜层、保险库、主索引与已发布版本不动。
    重建在旁边进行，全部完成才替换；之后运行 yigong run 发布。
    """
    from ingestion.rebuild import rebuild as rebuild_lake
    from pipelines import steps
    from pipelines.progress import Step, report
    from pipelines.run import Run, go, stages

    if not from_bronze:
        raise ValueError("请写 --from-bronze 确认重建")
    lake = open_lake()
    with (
        writing(lake, "yigong rebuild"),
        reported(lake, "yigong rebuild"),
        console.progress_bars(quiet=json),
    ):
        done = rebuild_lake(
            lake,
            lake.site.contracts,
            progress=lambda feed, number, total: report(Step("rebuild", feed, number, total)),
        )
        steps.tell_of_silver(lake, {})
        steps.require_balance(lake)
        go(Run(lake, anew=True), stages("check_silver", "check_marts"))
    row = {"feeds": done.feeds, "batches": done.batches, **vars(done.count)}
    if json:
        console.print_json({**row, "without_contract": done.without_contract})
        return
    labels = {"feeds": "数据源", "batches": "批次", **COUNT_LABELS}
    console.print_table("从青铜层重建", [row], labels)
    for feed in done.without_contract:
        console.console.print(f"提示：青铜层有 {feed}，但没有它的契约", style="yellow")
