"""The reading commands of `yigong`: status, unmapped, keys, indicators, evidence and others.

They look and do not change anything, but for the audit line that `reveal` writes before it gives.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import console
from pipelines.settings import home

if TYPE_CHECKING:
    from ingestion.lake import Lake

JsonFlag = Annotated[bool, typer.Option("--json", help="输出 JSON，供脚本使用")]
COUNT_LABELS = {
    "received": "收到", "accepted": "接收", "quarantined": "隔离", "duplicate": "重复",
}  # fmt: skip


def register(app: typer.Typer) -> None:
    for command in (
        status,
        unmapped,
        duplicates,
        keys,
        indicators,
        restatements,
        evidence,
        inspect,
        query,
        reveal,
    ):
        app.command()(command)


def open_lake() -> "Lake":
    from ingestion.lake import Lake

    return Lake.open(home())


def open_county() -> "Lake":
    """The lake, its county read: what is wrong with that is said before anything is done.

    Raises:
        NoSite: the lake has not chosen one.
        BadSite: names every contract, template line and crosswalk that is wrong.
    """
    lake = open_lake()
    _ = lake.site.contracts
    return lake


def show_feeds() -> None:
    from pipelines import reading

    found = reading.status(open_lake())
    names = {"ok": "正常", "no_feed": "无数据"}
    rows = [
        {**f, "state": names[f["state"]], "short": _short_of(f["organizations"])}
        for f in found["feeds"]
    ]
    console.print_table(
        "数据源",
        rows,
        {"label": "数据源", "member": "机构", **COUNT_LABELS, "unmapped": "未映射代码",
         "state": "状态", "complete_through": "完整至", "short": "缺数机构（覆盖率）"},
    )  # fmt: skip


def _short_of(organizations: list[dict[str, Any]]) -> str:
    """Organizations whose rows of the last covered month have not all come, with their shares."""
    short = [o for o in organizations if o["covered_share"] is not None and o["covered_share"] < 1]
    named = [
        f"{o['organization_name'] or o['organization_id']} {o['covered_share'] * 100:.1f}%"
        for o in sorted(short, key=lambda o: o["covered_share"])
    ]
    return "、".join(named[:3]) + ("…" if len(named) > 3 else "")


def status(json: JsonFlag = False) -> None:
    """当前状态：发布版本、台账是否平衡、各数据源收到/接收/隔离/重复。"""
    from pipelines import reading

    found = reading.status(open_lake())
    if json:
        console.print_json(found)
        return
    show_feeds()
    balance = "[green]平衡[/]" if found["ledger_balanced"] else "[bold red]不平[/]"
    behind = [feed["label"] for feed in found["feeds"] if feed["lagging_batches"]]
    if behind:
        console.console.print(
            f"按旧定义整理的数据源 {len(behind)} 个：{'、'.join(behind[:5])}"
            f"{'…' if len(behind) > 5 else ''}；详见 yigong conform --dry-run",
            style="yellow",
        )
    version = f"v{found['version']}（{found['published_at']}）" if found["version"] else "尚未发布"
    short = found["keys"]["short"]
    if short:
        console.console.print(
            f"键对不上的有 {short} 处（共 {found['keys']['counted']} 处）；详见 yigong keys",
            style="yellow",
        )
    for one in found["left"][:20]:
        console.console.print(f"未接入：{one['text']}", markup=False, style="yellow")
    console.console.print(
        f"县：{found['site_label']}　台账：{balance}　发布版本：{version}　目录：{found['home']}"
    )


def unmapped(
    feed: Annotated[str | None, typer.Option(help="只看这个数据源")] = None,
    json: JsonFlag = False,
) -> None:
    """未映射的本地代码：谁发来、哪一列、几次，请其负责人补对照表后重放。"""
    from pipelines import reading

    found = reading.unmapped_codes(open_lake(), feed=feed)
    if json:
        console.print_json(found)
        return
    labels = {
        "label": "数据源", "owner": "负责人", "column_label": "列", "source_code": "本地代码",
        "seen": "次数", "crosswalk": "对照表",
    }  # fmt: skip
    console.print_table(f"未映射代码 {len(found)} 个", found, labels)


def duplicates(json: JsonFlag = False) -> None:
    """几个数据源报送的同一次就诊：按什么归并、共几次，哪些列互相矛盾。"""
    from pipelines.duplicates import duplicates as found_duplicates

    found = found_duplicates(open_lake())
    if json:
        console.print_json(found)
        return
    labels = {"rule_label": "归并依据", "organization_id": "机构", "feeds": "数据源",
              "encounters": "就诊数"}  # fmt: skip
    console.print_table("归并的就诊", found["matches"], labels)
    labels = {"column_label": "列", "feed": "数据源", "latest_feed": "最新数据源",
              "encounters": "就诊数"}  # fmt: skip
    console.print_table("互相矛盾的列", found["conflicts"], labels)


def keys(
    feed: Annotated[str | None, typer.Option(help="只看这个数据源")] = None,
    entity: Annotated[str | None, typer.Option(help="只看这个数据表（英文名）")] = None,
    everything: Annotated[bool, typer.Option("--all", help="也列出正常的和可以不填的")] = False,
    json: JsonFlag = False,
) -> None:
    """键的对接：各数据源的单号、编号在对方数据表里找得到多少，低于预期的先列出。"""
    from pipelines import reading
    from pipelines.key_meetings import SHORT

    found = reading.key_meetings(open_lake(), feed=feed, entity=entity)
    if json:
        console.print_json(found)
        return
    shown = [row for row in found if everything or row["state"] not in ("ok", "empty")]
    rows = [
        {**row, **{name: _share(row[name]) for name in ("filled_share", "met_share")}}
        for row in shown
    ]
    short = sum(row["state"] in SHORT for row in found)
    console.print_table(
        f"键的对接 {len(found)} 处，低于预期或应填未填 {short} 处",
        rows,
        {
            "feed": "数据源", "entity_name": "数据表", "column_label": "列",
            "target_name": "应对上", "row_count": "行数", "filled_share": "已填",
            "met_share": "对上", "state_name": "状态",
        },
    )  # fmt: skip


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value * 100:.1f}%"


def indicators(
    period: Annotated[str, typer.Option(help="统计期：2026-03、2026Q1 或 2026")],
    system: Annotated[str | None, typer.Option(help="评价体系，如 consortium_monitoring")] = None,
    organization: Annotated[str | None, typer.Option(help="机构代码")] = None,
    county: Annotated[bool, typer.Option("--county", help="只看全县")] = False,
    json: JsonFlag = False,
) -> None:
    """某期的指标值：分子、分母、值、状态、数据覆盖率、截至日期与说明。"""
    from pipelines import reading

    lake = open_lake()
    organization = lake.site.county if county else organization
    rows = reading.indicators(lake, period=period, system=system, organization=organization)
    if not rows and period not in reading.periods(lake):
        raise ValueError(f"没有统计期 {period}；已有：{', '.join(reading.periods(lake))}")
    if json:
        console.print_json(rows)
        return
    labels = {
        "indicator_id": "编号", "indicator_name": "指标", "organization_name": "机构",
        "numerator": "分子", "denominator": "分母", "value": "值",
        "state_name": "状态", "covered": "覆盖率", "as_of": "数据截至", "reason": "说明",
        "confidence_name": "口径可信度",
    }  # fmt: skip
    shown = [
        {**row, "value": _readable(row), "covered": _share(row["covered_share"])} for row in rows
    ]
    so_far = "（期内至今）" if any(row["is_to_date"] for row in rows) else ""
    console.print_table(f"指标 {period}{so_far}", shown, labels)


def restatements(
    period: Annotated[str | None, typer.Option(help="只看这个统计期")] = None,
    indicator: Annotated[str | None, typer.Option(help="只看这个指标编号")] = None,
    json: JsonFlag = False,
) -> None:
    """已结期的指标值在后来的版本里有何更正：原值、新值、何时、因何。"""
    from pipelines import reading
    from standards.catalogue import STATE_NAME

    found = reading.restatements(open_lake(), period=period, indicator=indicator)
    if json:
        console.print_json(found)
        return
    labels = {
        "indicator_id": "编号", "organization_name": "机构", "period": "统计期",
        "old_value": "原值", "new_value": "新值", "old_state": "原状态", "new_state": "新状态",
        "reason_name": "原因", "records": "佐证增/减/改", "new_version": "版本",
        "restated_at": "更正时间",
    }  # fmt: skip
    shown = [
        {
            **row,
            "old_state": STATE_NAME.get(row["old_state"], row["old_state"]),
            "new_state": STATE_NAME.get(row["new_state"], row["new_state"]),
            "restated_at": f"{row['restated_at']:%Y-%m-%d %H:%M}",
            "records": f"{row['added_records']}/{row['removed_records']}/{row['changed_records']}",
        }
        for row in found
    ]
    console.print_table(f"已结期更正 {len(found)} 处", shown, labels)


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


def evidence(
    indicator: Annotated[str, typer.Argument(help="指标编号，如 CM24-07")],
    organization: Annotated[str, typer.Option(help="机构代码")],
    period: Annotated[str, typer.Option(help="统计期")],
    limit: Annotated[int, typer.Option(help="最多显示的行数（JSON 不限）")] = 20,
    json: JsonFlag = False,
) -> None:
    """某个指标值背后的逐条佐证；合计必等于指标的分子与分母。"""
    from pipelines import reading

    found = reading.evidence(
        open_lake(), indicator=indicator, organization=organization, period=period
    )
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


def query(
    sql: Annotated[str, typer.Argument(help="一条 SELECT 语句")], json: JsonFlag = False
) -> None:
    """对已发布的分析库（假名化、只读、不可访问其他文件）执行一条 SQL。"""
    from pipelines import reading

    with reading.analysis(open_lake()) as connection:
        rows = reading.rows(connection, sql)
    if json:
        console.print_json(rows)
    else:
        console.print_table(f"{len(rows)} 行", rows[:200], {k: k for k in rows[0]} if rows else {})


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
    lake = open_lake()
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
