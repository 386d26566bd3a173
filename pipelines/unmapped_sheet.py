"""The unmapped codes as a workbook that a person fills in, and the decisions read back from it.

Belongs here: the sheet, what it proposes, what it may say. Not here: counting unmapped codes
(`ledger.py`), keeping decisions (`ingestion/terminology_store.py`).
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter

from ingestion.clock import now
from ingestion.crosswalk import BadTable, Codes
from ingestion.entity import entities
from ingestion.terminology import DECISION
from ingestion.terminology_file import sheet_rows

COLUMNS = {
    "feed": "数据源", "label": "数据源名称", "owner": "负责人", "entity": "数据表", "column": "列",
    "column_label": "列名称", "source_code": "本地代码", "seen": "次数", "system": "代码表",
    "proposed": "建议代码", "proposed_name": "建议名称", "code": "标准代码（请填）",
}  # fmt: skip
_CLOSE = 0.75


def codes_of(codes: Codes, entity: str, column: str) -> tuple[str | None, dict[str, str]]:
    """The list that a column's values are looked up in, and its codes with their names."""
    facts = entities()[entity].columns[column]
    if facts.code_system:
        return facts.code_system, codes.code_system(facts.code_system)
    if facts.terminology:
        return facts.terminology, codes.terminology(facts.terminology)
    return None, {}


def propose(source: str, names: Mapping[str, str]) -> str | None:
    """The code that a member's own code most likely stands for: the same in another spelling, or
    the one whose name it is or resembles."""
    plain: dict[str, str] = {}
    by_name: dict[str, str] = {}
    for code, name in names.items():
        plain.setdefault(code.upper().lstrip("0"), code)
        by_name.setdefault(name, code)
    if same := plain.get(source.upper().lstrip("0")):
        return same
    if source in by_name:
        return by_name[source]
    close = get_close_matches(source, by_name, 1, _CLOSE) if len(by_name) < 5_000 else []
    return by_name[close[0]] if close else None


def write_sheet(path: Path, unmapped: Sequence[Mapping[str, Any]], codes: Codes) -> int:
    """Write the list, most seen first; gives how many rows have a proposal.

    Args:
        unmapped: As `reading.unmapped_codes` gives them.
    """
    proposed = 0
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("未映射代码")
        head = book.add_format({"bold": True, "bg_color": "#d5e3ee"})
        fill = book.add_format({"bg_color": "#fff5d6"})
        sheet.write_row(0, 0, COLUMNS.values(), head)
        for number, row in enumerate(unmapped, start=1):
            system, names = codes_of(codes, row["entity"], row["column_name"])
            guess = propose(row["source_code"], names)
            proposed += guess is not None
            said = {
                **row, "column": row["column_name"], "system": system, "proposed": guess,
                "proposed_name": names.get(guess or ""), "code": None,
            }  # fmt: skip
            for place, name in enumerate(COLUMNS):
                value = said[name]
                if name == "code":
                    sheet.write_blank(number, place, None, fill)
                elif isinstance(value, int):
                    sheet.write_number(number, place, value)
                elif value is not None:
                    sheet.write_string(number, place, str(value))
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(len(unmapped), 1), len(COLUMNS) - 1)
        sheet.set_column(0, len(COLUMNS) - 1, 18)
    return proposed


def read_sheet(path: Path, codes: Codes, feeds: Mapping[str, object]) -> pl.DataFrame:
    """Decisions of the rows that were filled in; `=` takes the proposal.

    Raises:
        BadTable: names every row that cannot be taken.
    """
    rows = sheet_rows(path)
    if not rows or set(COLUMNS.values()) - set(rows[0]):
        raise BadTable(f"{path.name} 不是 yigong terminology unmapped 写出的表")
    found, wrong = [], []
    for number, cells in enumerate(rows, start=2):
        row = {name: cells[header] for name, header in COLUMNS.items()}
        code = row["proposed"] if row["code"] == "=" else row["code"]
        if not row["code"]:
            continue
        known = row["entity"] in entities() and row["column"] in entities()[row["entity"]].columns
        if row["feed"] not in feeds or not known:
            wrong.append(f"第 {number} 行：没有 {row['feed']} 的 {row['entity']}.{row['column']}")
            continue
        system, names = codes_of(codes, row["entity"], row["column"])
        if not code or (names and code not in names):
            wrong.append(f"第 {number} 行：{code or '空'} 不在代码表 {system} 中")
            continue
        found.append({**row, "code": code, "decided_at": now().isoformat(timespec="seconds")})
    if wrong:
        raise BadTable(
            f"{path.name} 有 {len(wrong)} 行不能采用，全部未读入：" + "；".join(wrong[:10])
        )
    return pl.DataFrame(found, schema=DECISION) if found else pl.DataFrame(schema=DECISION)
