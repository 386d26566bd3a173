"""`yigong terminology ...`: official code lists of a county, and decisions on its members' codes.

Belongs here: words to functions, results to tables or JSON. Not here: reading lists
(`ingestion/terminology_file.py`), the workbook of unmapped codes (`unmapped_sheet.py`).
"""

import hashlib
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from pipelines import console
from pipelines.cli_reading import JsonFlag, open_county
from pipelines.run_lock import writing

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from ingestion.terminology import Edition
    from standards.catalogue import Confidence

app = typer.Typer(no_args_is_help=True, help="术语服务：装入官方代码表，处理未映射代码。")
_SHOWN = 10


@app.command()
def load(
    system: Annotated[str, typer.Argument(help="代码系统，见 yigong terminology list")],
    file: Annotated[Path, typer.Argument(help="CSV（UTF-8 或 GB 18030）或 XLSX")],
    version: Annotated[str, typer.Option(help="版本，如 2.0")] = "1",
    valid_from: Annotated[str | None, typer.Option(help="执行开始日期，如 2025-09-01")] = None,
    valid_to: Annotated[str | None, typer.Option(help="执行结束日期")] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="列的对应，如 code=疾病编码，可重复")
    ] = None,
    sheet: Annotated[str | None, typer.Option(help="工作表，默认第一张")] = None,
    source: Annotated[str | None, typer.Option(help="出处，如 国卫办医函〔2020〕…号附件")] = None,
    confidence: Annotated[
        str, typer.Option(help="verified 官方原文；secondary 转载；own 自编；from_memory 待核")
    ] = "secondary",
    preview: Annotated[bool, typer.Option("--preview", help="只看会装入什么，不写入")] = False,
    json: JsonFlag = False,
) -> None:
    """装入一个代码系统的一个版本到 YIGONG_HOME/terminology，不改动项目与县目录。

    同一版本再次装入即替换。装入后，用到它的数据源会显示为按旧定义整理：
    下一次 yigong run 自动重整少量数据，其余用 yigong conform --again。

    例：yigong terminology load icd10_clinical icd10.xlsx --version 2.0 --valid-from 2020-01-01
    """
    from ingestion.clock import now
    from ingestion.terminology import Edition
    from ingestion.terminology_file import as_day, read_list
    from ingestion.terminology_store import save_edition
    from standards.catalogue import CONFIDENCE_NAME, terminologies

    lake = open_county()
    _require_system(system)
    if confidence not in CONFIDENCE_NAME:
        raise ValueError(f"可信度只能是 {'、'.join(CONFIDENCE_NAME)}")
    known = terminologies().get(system)
    rows = read_list(
        file, columns=_pairs(column or []), sheet=sheet,
        attributes=known.attributes if known else {}, pattern=known.pattern if known else None,
    )  # fmt: skip
    edition = Edition(
        system, version, source or file.name, confidence, as_day(valid_from), as_day(valid_to),
        len(rows), now().isoformat(timespec="seconds"), file.name,
        hashlib.sha256(file.read_bytes()).hexdigest()[:16],
    )  # fmt: skip
    before = lake.site.codes.names_of(system)
    after = dict(rows.select("code", "name").iter_rows())
    changes = _changes(before, after)
    facts = {**vars(edition), **{k: len(v) for k, v in changes.items()}, "preview": preview}
    if not preview:
        with writing(lake, "yigong terminology load"):
            save_edition(lake.terminology, edition, rows)
    if json:
        console.print_json(facts)
        return
    console.print_table(
        f"{system} {version}：{len(rows)} 条，前 {min(len(rows), _SHOWN)} 条",
        rows.head(_SHOWN).to_dicts(),
        {
            "code": "编码",
            "name": "名称",
            "parent": "上级",
            "valid_from": "生效",
            "attributes": "属性",
        },
    )
    console.console.print(
        f"与现有代码相比：新增 {len(changes['added'])}，改名 {len(changes['renamed'])}，"
        f"未再出现 {len(changes['gone'])}；"
        f"{'预览，未写入' if preview else '已装入，运行 yigong run 使之生效'}"
    )


@app.command("list")
def list_systems(json: JsonFlag = False) -> None:
    """全部代码系统：随产品的、可装入的、已装入的版本，以及用在多少列。"""
    from ingestion.entity import entities
    from standards.catalogue import CONFIDENCE_NAME, code_systems, terminologies

    codes = open_county().site.codes
    used: dict[str, int] = {}
    for entity in entities().values():
        for column in entity.columns.values():
            name = column.code_system or column.terminology
            if name:
                used[name] = used.get(name, 0) + 1
    rows: list[dict[str, Any]] = []
    labels_zh = {name: one.label_zh for name, one in terminologies().items()}
    labels_zh |= {name: one.label_zh for name, one in code_systems().items()}
    for name, label in labels_zh.items():
        editions = codes.editions(name)
        fact = {"system": name, "label": label, "columns": used.get(name, 0)}
        if name in code_systems():
            own = code_systems()[name]
            rows.append({
                **fact, "version": "随产品", "rows": len(codes.code_system(name)),
                "valid_from": None, "confidence": CONFIDENCE_NAME[own.confidence],
                "source": own.source,
            })  # fmt: skip
        elif not editions:
            rows.append({**fact, "version": "未装入", "rows": 0, "valid_from": None,
                         "confidence": None, "source": terminologies()[name].standard})  # fmt: skip
        for one in editions:
            rows.append({
                **fact, "version": one.version, "rows": one.rows, "valid_from": one.valid_from,
                "confidence": CONFIDENCE_NAME[cast("Confidence", one.confidence)],
                "source": one.source,
            })  # fmt: skip
    if json:
        console.print_json(rows)
        return
    labels = {"system": "代码系统", "label": "名称", "version": "版本", "rows": "条数",
              "valid_from": "生效", "columns": "用在列", "confidence": "来源",
              "source": "出处"}  # fmt: skip
    console.print_table(f"代码系统 {len(rows)} 行", rows, labels)


@app.command()
def diff(
    system: Annotated[str, typer.Argument(help="代码系统")],
    older: Annotated[str | None, typer.Argument(help="旧版本；不写则为前一版本")] = None,
    newer: Annotated[str | None, typer.Argument(help="新版本；不写则为最新版本")] = None,
    json: JsonFlag = False,
) -> None:
    """同一代码系统两个版本的差别：新增、改名、未再出现的代码。"""
    lake = open_county()
    _require_system(system)
    editions = lake.site.codes.editions(system)
    by_version = {one.version: one for one in editions}
    if missing := [v for v in (older, newer) if v and v not in by_version]:
        raise ValueError(f"{system} 没有装入版本 {missing[0]}；有：{'、'.join(by_version) or '无'}")
    if not editions:
        raise ValueError(f"{system} 还没有装入任何版本")
    new = by_version[newer] if newer else editions[-1]
    earlier = editions[: editions.index(new)]
    old = by_version[older] if older else (earlier[-1] if earlier else None)
    changes = _changes(_names(lake, system, old), _names(lake, system, new))
    if json:
        console.print_json(changes)
        return
    words = {"added": "新增", "renamed": "改名", "gone": "未再出现"}
    rows = [
        {"change": words[kind], "code": code, "name": name}
        for kind, found in changes.items()
        for code, name in found.items()
    ]
    title = f"{system}：{old.version if old else '随产品'} → {new.version}，{len(rows)} 处"
    console.print_table(title, rows, {"change": "变化", "code": "编码", "name": "名称"})


@app.command()
def unmapped(
    out: Annotated[Path | None, typer.Option(help="写成待填的工作簿 XLSX")] = None,
    read: Annotated[Path | None, typer.Option(help="读回填好的工作簿")] = None,
    feed: Annotated[str | None, typer.Option(help="只看这个数据源")] = None,
    json: JsonFlag = False,
) -> None:
    """未映射的代码：写成工作簿交负责人填写，填好后读回，成为本县的代码对照。

    在「标准代码（请填）」列填代码，填 = 表示采用建议；不填的行不变。
    读回之后 yigong run 会按新的对照重整相关数据源；本地代码仍在青铜层与 _raw 列。

    例：yigong terminology unmapped --out 未映射.xlsx，填好后 --read 未映射.xlsx
    """
    from ingestion.terminology_store import save_decisions
    from pipelines import reading
    from pipelines.unmapped_sheet import read_sheet, write_sheet

    lake = open_county()
    if read:
        decisions = read_sheet(read, lake.site.codes, lake.site.contracts)
        with writing(lake, "yigong terminology unmapped"):
            save_decisions(lake.terminology, decisions)
        feeds = decisions["feed"].unique().sort().to_list()
        if json:
            console.print_json({"decisions": len(decisions), "feeds": feeds})
            return
        console.console.print(
            f"读入 {len(decisions)} 条对照，涉及 {len(feeds)} 个数据源；运行 yigong run 使之生效"
        )
        return
    found = reading.unmapped_codes(lake, feed=feed)
    if out:
        proposed = write_sheet(out, found, lake.site.codes)
        facts = {"file": str(out), "rows": len(found), "proposed": proposed}
        if json:
            console.print_json(facts)
        else:
            console.console.print(
                f"{out}：{len(found)} 个未映射代码，{proposed} 个有建议", markup=False
            )
        return
    if json:
        console.print_json(found)
        return
    labels = {"label": "数据源", "owner": "负责人", "column_label": "列", "source_code": "本地代码",
              "seen": "次数"}  # fmt: skip
    console.print_table(f"未映射代码 {len(found)} 个", found, labels)


def _require_system(name: str) -> None:
    from standards.catalogue import code_systems, terminologies

    known = {**code_systems(), **terminologies()}
    if name not in known:
        close = get_close_matches(name, known, 3, 0.4)
        hint = f"；是否指 {'、'.join(close)}" if close else ""
        raise ValueError(f"没有代码系统 {name}{hint}。全部见 yigong terminology list")


def _pairs(columns: list[str]) -> dict[str, str]:
    found = {}
    for text in columns:
        what, mark, header = text.partition("=")
        if not (mark and what and header):
            raise ValueError(f"--column {text} 应写成 code=列名")
        found[what.strip()] = header.strip()
    return found


def _names(lake: "Lake", system: str, edition: "Edition | None") -> dict[str, str]:
    from ingestion.terminology import Terminology

    if edition is None:
        return lake.site.codes.own_names(system)
    return dict(Terminology(lake.terminology).table(edition).select("code", "name").iter_rows())


def _changes(before: dict[str, str], after: dict[str, str]) -> dict[str, dict[str, str]]:
    return {
        "added": {code: name for code, name in after.items() if code not in before},
        "renamed": {
            code: f"{before[code]} → {name}"
            for code, name in after.items()
            if code in before and before[code] != name
        },
        "gone": {code: name for code, name in before.items() if code not in after},
    }
