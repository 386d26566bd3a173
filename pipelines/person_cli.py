"""`yigong person ...`: who is who, since when and why; questions to clerks and their answers."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from ingestion.entity import ZONE
from pipelines import console
from pipelines.cli_reading import JsonFlag, open_county

app = typer.Typer(no_args_is_help=True, help="主索引：历史、待核对、判定、重新关联。")
By = Annotated[str, typer.Option(help="经办人，写入审计")]
Reason = Annotated[str, typer.Option(help="事由或理由，写入审计")]
Source = Annotated[str, typer.Argument(help="来源身份键 source_person_id")]

EVENTS = {"merge": "合并", "split": "拆分", "move": "移动"}
CONFLICTS = {
    "one_id_two_people": "同一身份证号，姓名与出生日期都不同",
    "one_health_card_two_ids": "同一健康卡号，身份证号不同",
    "one_insurance_two_ids": "同一医保编号，身份证号不同",
    "two_id_numbers": "证据相连，但身份证号不同，未合并",
    "two_newborns_of_one_member": "同一机构同名新生儿，未合并",
    "clerk_different": "人工判定不是同一人",
    "local_number_reused": "院内编号先后给了两个人",
    "id_number_changed": "身份证号曾更改",
    "birth_contradicts_id": "出生日期与身份证号不符",
}


@app.command()
def history(
    person: Annotated[str, typer.Argument(help="居民编号 person_id")],
    as_of: Annotated[str, typer.Option(help="只看当时：2026-03-01 或 2026-03-01T08:00")] = "",
    json: JsonFlag = False,
) -> None:
    """一位居民由哪些登记组成、何时因何并入或拆出；不含姓名证号。"""
    from identity.store import history as history_of

    links, events = history_of(open_county(), person, as_of=_moment(as_of))
    if links.is_empty() and events.is_empty():
        raise ValueError(f"没有居民编号 {person}" + (f"（截至 {as_of}）" if as_of else ""))
    if json:
        console.print_json({"links": links.to_dicts(), "events": events.to_dicts()})
        return
    console.print_table(
        f"{person}：{links.height} 条登记", links.to_dicts(),
        {"source_person_id": "来源身份键", "rule": "规则", "evidence": "依据（来源身份键）",
         "score": "相似度", "linked_at": "自", "unlinked_at": "至"},
    )  # fmt: skip
    rows = [{**row, "event": EVENTS[row["event"]]} for row in events.to_dicts()]
    console.print_table(
        f"{len(rows)} 次变动", rows,
        {"happened_at": "时间", "event": "变动", "from_person_id": "原编号", "person_id": "现编号",
         "source_persons": "登记数", "rule": "规则", "score": "相似度"},
    )  # fmt: skip


@app.command()
def review(
    to: Annotated[Path | None, typer.Option("--to", help="写出待核对工作簿（含姓名证号）")] = None,
    filled: Annotated[Path | None, typer.Option("--from", help="读回填好的工作簿")] = None,
    by: By = "",
    reason: Reason = "",
    limit: Annotated[int, typer.Option(help="最多写出多少对")] = 500,
    json: JsonFlag = False,
) -> None:
    """待人工核对的成对登记：列出，写成工作簿，填好后读回。

    写出的工作簿含姓名证号，每次查看先记入审计日志；读回后请删除。
    """
    from identity import review as asked
    from ingestion.vault import Vault
    from pipelines.run_lock import writing

    lake = open_county()
    if filled:
        with writing(lake, "yigong person review"):
            done = asked.read_workbook(lake, filled, by=by)
        if json:
            console.print_json(vars(done))
            return
        for line in done.refused:
            console.errors.print(line, markup=False, style="yellow")
        console.console.print(
            f"同一人 {done.same} 对，不是同一人 {done.different} 对，未填 {done.empty} 对，"
            f"未采用 {len(done.refused)} 行；下次 yigong run 生效"
        )
        return
    if to:
        with writing(lake, "yigong person review"), Vault(lake.home) as vault:
            count = asked.write_workbook(lake, vault, to, by=by, reason=reason, limit=limit)
        console.console.print(f"已写出 {count} 对：{to}（含姓名证号，读回后请删除）", markup=False)
        return
    rows = asked.questions(lake).to_dicts()
    if json:
        console.print_json(rows)
        return
    shown = [{**row, "why": asked.WHY.get(row["why"], row["why"])} for row in rows[:100]]
    console.print_table(
        f"待核对 {len(rows)} 对", shown,
        {"pair_id": "编号", "score": "相似度", "why": "原因",
         "left_source_person_id": "甲", "right_source_person_id": "乙"},
    )  # fmt: skip


@app.command()
def relink(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只看会怎样，不写入")] = False,
    json: JsonFlag = False,
) -> None:
    """按现行规则、权重和判定全部重新关联；--dry-run 只列出会变动的居民。"""
    from identity.store import relink as relink_all
    from pipelines.run_lock import writing

    lake = open_county()
    if dry_run:
        run, events = relink_all(lake, dry_run=True)
    else:
        with writing(lake, "yigong person relink"):
            run, events = relink_all(lake, dry_run=False)
    if json:
        console.print_json({"run": vars(run), "events": events.to_dicts()})
        return
    rows = [{**row, "event": EVENTS[row["event"]]} for row in events.head(100).to_dicts()]
    console.print_table(
        f"{'将' if dry_run else '已'}变动 {events.height} 处", rows,
        {"event": "变动", "from_person_id": "原编号", "person_id": "现编号",
         "source_persons": "登记数", "rule": "规则", "score": "相似度"},
    )  # fmt: skip
    console.console.print(
        f"{run.source_persons} 条登记，{run.persons} 人；合并 {run.merges}，拆分 {run.splits}，"
        f"移动 {run.moves}；矛盾 {run.conflicts}，待核对 {run.review}"
    )


@app.command()
def conflicts(json: JsonFlag = False) -> None:
    """自相矛盾的登记：同号异人、一人两号、院内编号复用、出生日期与证号不符。"""
    from identity.link import CONFLICT_SCHEMA
    from identity.store import read

    rows = read(open_county(), "conflict", CONFLICT_SCHEMA).to_dicts()
    if json:
        console.print_json(rows)
        return
    shown = [{**r, "conflict": CONFLICTS.get(r["conflict"], r["conflict"])} for r in rows[:200]]
    console.print_table(
        f"矛盾 {len(rows)} 处", shown,
        {"conflict": "矛盾", "left_source_person_id": "来源身份键",
         "right_source_person_id": "另一来源身份键"},
    )  # fmt: skip


@app.command()
def same(left: Source, right: Source, by: By, reason: Reason) -> None:
    """人工判定：两条登记是同一人。下次 yigong run 合并，重新关联后仍有效。"""
    _decide(left, right, "same", by, reason)


@app.command()
def different(left: Source, right: Source, by: By, reason: Reason) -> None:
    """人工判定：两条登记不是同一人。下次 yigong run 拆开，重新关联后仍有效。"""
    _decide(left, right, "different", by, reason)


@app.command()
def undo(
    decision: Annotated[str, typer.Argument(help="判定编号，见 yigong person decisions")], by: By
) -> None:
    """撤销一次人工判定；由它合并或拆开的登记重新按规则关联。"""
    from identity.decisions import revoke
    from pipelines.run_lock import writing

    lake = open_county()
    with writing(lake, "yigong person undo"):
        revoke(lake, decision, by=by)
    console.console.print(f"已撤销判定 {decision}；下次 yigong run 生效")


@app.command()
def decisions(json: JsonFlag = False) -> None:
    """全部人工判定：谁、何时、为何，是否已撤销。"""
    from identity.decisions import all_decisions

    rows: list[dict[str, Any]] = all_decisions(open_county()).to_dicts()
    if json:
        console.print_json(rows)
        return
    words = {"same": "同一人", "different": "不是同一人"}
    console.print_table(
        f"{len(rows)} 次判定", [{**row, "decision": words[row["decision"]]} for row in rows],
        {"decision_id": "编号", "decision": "判定", "left_source_person_id": "甲",
         "right_source_person_id": "乙", "decided_by": "经办人", "reason": "理由",
         "decided_at": "时间", "revoked_by": "撤销人", "revoked_at": "撤销时间"},
    )  # fmt: skip


def _decide(left: str, right: str, decision: str, by: str, reason: str) -> None:
    from identity.decisions import decide
    from identity.link import LINK_SCHEMA
    from identity.store import read
    from pipelines.run_lock import writing

    lake = open_county()
    known = set(read(lake, "person_link", LINK_SCHEMA)["source_person_id"])
    unknown = [key for key in (left, right) if key not in known]
    if unknown:
        raise ValueError(f"没有来源身份键 {unknown[0]}")
    with writing(lake, "yigong person decide"):
        mark = decide(lake, left, right, decision, by=by, reason=reason)
    console.console.print(f"判定 {mark} 已记录；下次 yigong run 生效")


def _moment(text: str) -> datetime | None:
    """A day means its end."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"不是日期或时间：{text}") from None
    if len(text) <= 10:
        moment += timedelta(days=1, microseconds=-1)
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(ZONE))
