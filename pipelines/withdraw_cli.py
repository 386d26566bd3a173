"""`yigong snapshots` and `yigong withdraw`: what full extracts took back, and taking one back.

Belongs here: words to functions, results to tables or JSON. Not here: what a snapshot means
(`ingestion/snapshot.py`) and conforming (`ingestion/again.py`).
"""

from typing import Annotated

import typer

from pipelines import console
from pipelines.cli_reading import JsonFlag, open_county, open_lake
from pipelines.dagster_events import reported
from pipelines.run_lock import writing


def register(app: typer.Typer) -> None:
    app.command()(snapshots)
    app.command()(withdraw)


def snapshots(json: JsonFlag = False) -> None:
    """全量文件不再包含而失效的行：批次、表、行数；有误可用 yigong withdraw 撤回该批次。"""
    from ingestion.entity import entities
    from ingestion.ledger import Ledger

    with Ledger(open_lake().home) as ledger:
        found = [
            {
                "feed": row["feed"],
                "batch_id": row["arrival_id"],
                "received_at": row["received_at"],
                "entity": row["entity"],
                "label": entities()[row["entity"]].label_zh,
                "rows": row["row_count"],
            }
            for row in ledger.lapsed()
        ]
    if json:
        console.print_json(found)
        return
    labels = {"feed": "数据源", "batch_id": "批次", "received_at": "到达", "label": "数据表",
              "rows": "失效行数"}  # fmt: skip
    console.print_table(f"全量文件使 {sum(row['rows'] for row in found)} 行失效", found, labels)


def withdraw(
    feed: Annotated[str, typer.Argument(help="数据源", metavar="数据源")],
    batch_id: Annotated[str, typer.Argument(help="批次，见 yigong snapshots", metavar="批次")],
    undo: Annotated[bool, typer.Option("--undo", help="恢复先前撤回的批次")] = False,
    json: JsonFlag = False,
) -> None:
    """撤回一个到达批次：它的行不再算数，它使之失效的行重新有效；字节仍在青铜层。

    其后到达的批次随之重新整理。之后运行 yigong run 发布。
    """
    from ingestion import bronze
    from ingestion.again import conform_again
    from ingestion.ledger import Ledger
    from ingestion.vault import Vault
    from pipelines import steps

    lake = open_county()
    if feed not in lake.site.contracts:
        raise ValueError(f"没有叫 {feed} 的数据源")
    with Ledger(lake.home) as ledger:
        later = [r["batch_id"] for r in ledger.live(feed) if r["arrival_id"] >= batch_id]
        if batch_id not in ledger.arrival_ids(feed):
            raise ValueError(f"{feed} 没有批次 {batch_id}")
        with writing(lake, "yigong withdraw"), reported(lake, "yigong withdraw"):
            before = steps.silver_versions(lake)
            bronze.withdraw(lake, feed, batch_id, withdrawn=not undo)
            with Vault(lake.home) as vault:
                done = conform_again(
                    lake, lake.site.contracts[feed], vault=vault, ledger=ledger, batches=later
                )
            steps.tell_of_silver(lake, before)
            steps.require_balance(lake)
    found = {"feed": feed, "batch_id": batch_id, "is_withdrawn": not undo,
             "accepted": done.accepted, "refused": done.refused}  # fmt: skip
    if json:
        console.print_json(found)
        return
    word = "已恢复" if undo else "已撤回"
    console.console.print(
        f"{word} {feed} 的批次 {batch_id}：{done.refused} 行不再算数，{done.accepted} 行重新算数；"
        "请运行 yigong run 发布",
        markup=False,
    )
