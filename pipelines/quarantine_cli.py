"""`yigong quarantine ...`: list, show and replay what could not be conformed."""

from typing import Annotated, Any

import typer

from ingestion.errors import REASONS
from pipelines import console
from pipelines.settings import home

JsonFlag = Annotated[bool, typer.Option("--json", help="输出 JSON")]
FeedOption = Annotated[str | None, typer.Option(help="数据源")]


def register(app: typer.Typer) -> None:
    app.command("list")(list_entries)
    app.command("show")(show)
    app.command("replay")(replay)


def list_entries(
    feed: FeedOption = None,
    everything: Annotated[bool, typer.Option("--all", help="含已重放的")] = False,
    json: JsonFlag = False,
) -> None:
    """隔离区清单：原因、文件、位置。"""
    from ingestion.lake import Lake
    from ingestion.ledger import Ledger
    from ingestion.quarantine import entries

    lake = Lake.open(home())
    if feed and feed not in lake.site.contracts:
        raise ValueError(f"没有数据源 {feed} 的契约")
    with Ledger(lake.home) as ledger:
        found = [dict(r) for r in entries(ledger, feed=feed, state=None if everything else "open")]
    if json:
        console.print_json(found)
        return
    rows = [_readable(r) for r in found[:200]]
    labels = {
        "quarantine_id": "编号", "feed": "数据源", "reason": "原因", "detail": "细节",
        "file_name": "文件", "record_number": "记录", "item_number": "项",
    }  # fmt: skip
    console.print_table(f"隔离区 {len(found)} 条", rows, labels)


def show(
    quarantine_id: Annotated[str, typer.Argument(help="隔离编号，可只写开头几位")],
    json: JsonFlag = False,
) -> None:
    """一条隔离记录：何处、为何、何时；不含患者内容（原文在青铜层）。"""
    from ingestion.lake import Lake
    from ingestion.ledger import Ledger
    from ingestion.quarantine import entry

    with Ledger(Lake.open(home()).home) as ledger:
        try:
            found = dict(entry(ledger, quarantine_id))
        except KeyError:
            raise ValueError(f"没有（或不止一条）编号以 {quarantine_id} 开头的隔离记录") from None
    found["reason"] = REASONS.get(found["reason_code"], found["reason_code"])
    console.print_json(found) if json else console.console.print_json(data=found)


def replay(feed: FeedOption = None, json: JsonFlag = False) -> None:
    """契约或代码映射修好后，重新尝试隔离的记录；重复执行不会重复入库。"""
    from ingestion.lake import Lake
    from ingestion.ledger import Ledger
    from ingestion.quarantine import replay as replay_feed
    from ingestion.vault import Vault
    from pipelines.run_lock import writing

    lake = Lake.open(home())
    known = lake.site.contracts
    if feed and feed not in known:
        raise ValueError(f"没有数据源 {feed} 的契约")
    rows = []
    with (
        writing(lake, "yigong quarantine replay"),
        Vault(lake.home) as vault,
        Ledger(lake.home) as ledger,
    ):
        for contract in [known[feed]] if feed else known.values():
            done = replay_feed(lake, contract, vault=vault, ledger=ledger)
            if done.tried:
                rows.append(vars(done))
    if json:
        console.print_json(rows)
    else:
        labels = {
            "feed": "数据源", "tried": "重放", "accepted": "现已接收", "still_refused": "仍被拒收",
        }  # fmt: skip
        console.print_table("重放结果", rows, labels)


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    reason = REASONS.get(row["reason_code"], row["reason_code"])
    return {**row, "quarantine_id": row["quarantine_id"][:12], "reason": reason}
