"""Questions to a clerk: pairs of the middle band as a workbook, and the answers read back.

Names are read from the vault one by one, each look logged with who asked and why; the workbook is
for its owner's eyes only and is to be deleted once it has been read back.

Belongs here: the workbook. Not here: which pairs are asked about (`link.py`), what an answer does
(`decisions.py`).
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import fastexcel
import polars as pl
import xlsxwriter

from identity.decisions import BadDecision, decide, standing
from identity.link import DIFFERENT, REVIEW_SCHEMA, SAME
from identity.sources import KEY
from identity.store import read
from ingestion import silver
from ingestion.lake import Lake, write_bytes
from ingestion.vault import Vault
from ingestion.versions import current

ANSWERS = {"同一人": SAME, "不是同一人": DIFFERENT}
WHY = {
    "middle_band": "相似但不足以确定",
    "newborn": "新生儿登记名，须核对",
    "other_name": "姓名不同",
    "two_newborns_of_one_member": "同一机构有两名新生儿",
}
_SHOWN = {
    "member_id": "机构", "person_name": "姓名", "sex_code": "性别", "birth_date": "出生日期",
    "id_number": "身份证号", "health_card_number": "健康卡号", "insurance_number": "医保编号",
    "phone": "电话", "address": "住址",
}  # fmt: skip
_SIDES = ("left", "right")
PAIR, ANSWER, REASON = "编号", "判定", "理由"


@dataclass(frozen=True)
class ReadBack:
    """What a filled workbook said: answers kept, rows left empty, and rows that could not be used
    with the row number and why."""

    same: int
    different: int
    empty: int
    refused: list[str]


def pair_id(left: str, right: str) -> str:
    """A short name of a pair, the same whichever comes first."""
    return hashlib.sha256("|".join(sorted((left, right))).encode()).hexdigest()[:12]


def questions(lake: Lake) -> pl.DataFrame:
    """Open pairs (`REVIEW_SCHEMA` and `pair_id`), likeliest first; what has been decided is not
    asked again."""
    rows = read(lake, "review", REVIEW_SCHEMA)
    said = standing(lake)
    decided = {pair_id(*pair) for pair in (*said.same, *said.different)}
    left, right = rows["left_source_person_id"], rows["right_source_person_id"]
    ids = [pair_id(a, b) for a, b in zip(left, right, strict=True)]
    rows = rows.with_columns(pl.Series("pair_id", ids, dtype=pl.String))
    return rows.filter(~pl.col("pair_id").is_in(list(decided))).sort(
        ["score", "pair_id"], descending=[True, False]
    )


def shown(
    lake: Lake, vault: Vault, rows: pl.DataFrame, *, by: str, reason: str
) -> Iterator[dict[str, Any]]:
    """Questions with what both members know; every look into the vault is logged before."""
    keys = pl.concat([rows["left_source_person_id"], rows["right_source_person_id"]]).unique()
    versions = silver.scan(lake, "source_person").filter(pl.col(KEY).is_in(keys.implode()))
    known = {row[KEY]: row for row in current(versions.collect(), [KEY]).iter_rows(named=True)}
    for row in rows.iter_rows(named=True):
        found: dict[str, Any] = {
            "pair_id": row["pair_id"], "score": row["score"], "why": WHY.get(row["why"], row["why"])
        }  # fmt: skip
        for side in _SIDES:
            key = row[f"{side}_source_person_id"]
            said = {**known.get(key, {}), **vault.reveal(key, reason=f"{by}：{reason}")}
            found |= {f"{side}_{name}": said.get(name) for name in _SHOWN}
        yield found


def write_workbook(
    lake: Lake, vault: Vault, path: Path, *, by: str, reason: str, limit: int
) -> int:
    """The open questions as a workbook that only its owner can read; gives how many.

    Raises:
        BadDecision: nobody says who asks, or why.
    """
    if not by.strip() or not reason.strip():
        raise BadDecision("请写明经办人和事由")
    rows = questions(lake).head(limit)
    buffer = BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    sheet = book.add_worksheet("待核对")
    bold = book.add_format({"bold": True})
    header = [PAIR, "相似度", "原因"]
    header += [f"{mark}{label}" for mark in ("甲", "乙") for label in _SHOWN.values()]
    header += [ANSWER, REASON]
    sheet.write_row(0, 0, header, bold)
    for line, row in enumerate(shown(lake, vault, rows, by=by, reason=reason), 1):
        cells = [row["pair_id"], f"{row['score']:.4f}", row["why"]]
        cells += [str(row[f"{s}_{name}"] or "") for s in _SIDES for name in _SHOWN]
        for column, cell in enumerate(cells):
            sheet.write_string(line, column, cell)
    choice = {"validate": "list", "source": list(ANSWERS)}
    sheet.data_validation(1, len(header) - 2, max(1, rows.height), len(header) - 2, choice)
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(header) - 1, 14)
    book.close()
    write_bytes(buffer.getvalue(), path)
    os.chmod(path, 0o600)  # noqa: PTH101
    return rows.height


def read_workbook(lake: Lake, path: Path, *, by: str) -> ReadBack:
    """Keep the answers of a filled workbook.

    Raises:
        BadDecision: the file is no such workbook, or nobody says who answers.
    """
    if not by.strip():
        raise BadDecision("请写明经办人")
    try:
        table = fastexcel.read_excel(path.read_bytes()).load_sheet(0, dtypes="string").to_polars()
    except fastexcel.FastExcelError:
        raise BadDecision(f"{path.name} 不是可读的 Excel 文件") from None
    missing = [name for name in (PAIR, ANSWER, REASON) if name not in table.columns]
    if missing:
        raise BadDecision(f"{path.name} 缺少列：{'、'.join(missing)}")
    open_pairs = {
        row["pair_id"]: (row["left_source_person_id"], row["right_source_person_id"])
        for row in questions(lake).iter_rows(named=True)
    }
    count = {SAME: 0, DIFFERENT: 0}
    empty, refused = 0, []
    for line, (pair, answer, reason) in enumerate(table.select(PAIR, ANSWER, REASON).rows(), 2):
        if not (answer or "").strip():
            empty += 1
        elif answer.strip() not in ANSWERS:
            refused.append(f"第 {line} 行：判定须为“同一人”或“不是同一人”")
        elif pair not in open_pairs:
            refused.append(f"第 {line} 行：编号不在待核对清单中（可能已判定）")
        else:
            said = ANSWERS[answer.strip()]
            decide(
                lake, *open_pairs[pair], said, by=by, reason=(reason or "").strip() or "人工核对"
            )
            count[said] += 1
    return ReadBack(count[SAME], count[DIFFERENT], empty, refused)
