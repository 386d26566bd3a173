"""An official code list as it is handed out, CSV or workbook, to rows of an edition.

Belongs here: finding the columns, and saying what is wrong with the file. Not here: where editions
are kept (`terminology.py`).
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from pathlib import Path

import fastexcel
import polars as pl

from ingestion.crosswalk import BadTable
from ingestion.formats.delimited import GridDefect, read_text
from ingestion.terminology import EDITION

HEADERS: dict[str, tuple[str, ...]] = {
    "code": (
        "code", "编码", "代码", "诊断编码", "疾病编码", "疾病代码", "主要编码", "手术编码",
        "操作编码", "手术操作编码", "手术操作代码", "诊断代码", "药品代码", "药品编码", "耗材编码",
        "项目编码",
        "医保编码", "分组编码", "DRG编码", "DRG代码", "行政区划代码", "区划代码", "LOINC_NUM",
    ),
    "name": (
        "name", "名称", "诊断名称", "疾病名称", "手术名称", "操作名称", "手术操作名称", "药品名称",
        "耗材名称", "项目名称", "分组名称", "DRG名称", "行政区划名称", "区划名称", "单位名称",
        "LONG_COMMON_NAME", "注册名称",
    ),
    "parent": ("parent", "上级代码", "上级编码", "父级编码", "类目编码", "亚目编码"),
    "valid_from": ("valid_from", "生效日期", "启用日期", "开始日期"),
    "valid_to": ("valid_to", "失效日期", "停用日期", "结束日期"),
}  # fmt: skip
"""What the columns of the usual files are called."""

_SHOWN, _HEADER_ROWS = 5, 20


def read_list(
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    attributes: Mapping[str, Sequence[str]] | None = None,
    sheet: str | None = None,
    pattern: str | None = None,
) -> pl.DataFrame:
    """The rows of a list, in the shape of `EDITION`, exact repeats once.

    Args:
        columns: Header of a column by what it is (`code`, `name`, `parent`, `valid_from`,
            `valid_to`, or the name of an attribute); others are found by their usual headers.
        attributes: Usual headers of further columns by attribute.
        sheet: Sheet of a workbook; the first when left out.
        pattern: What a code must look like.

    Raises:
        BadTable: says file, line and what is wrong.
    """
    table = _table(path, sheet, columns or {})
    where = _columns(path, table, columns or {}, attributes or {})
    given = table.select(
        pl.col(header).str.strip_chars().replace("", None).alias(what)
        for what, header in where.items()
    ).with_row_index("_line")
    kept = given.filter(pl.any_horizontal(pl.exclude("_line").is_not_null()))
    _refuse(path, kept, pl.col("code").is_null() | pl.col("name").is_null(), "缺少编码或名称")
    if pattern:
        odd = ~pl.col("code").str.contains(pattern)
        _refuse(path, kept, odd, f"编码不合该表的写法 {pattern}")
    two = kept.group_by("code").agg(pl.col("name").n_unique().alias("names"), pl.col("_line").max())
    _refuse(path, two.sort("_line"), pl.col("names") > 1, "同一编码有两个名称")
    for name in ("valid_from", "valid_to"):
        if name in kept.columns:
            day = _day(pl.col(name))
            _refuse(path, kept, pl.col(name).is_not_null() & day.is_null(), f"{name} 不是日期")
            kept = kept.with_columns(day.alias(name))
    further = [name for name in where if name not in EDITION]
    said = [
        json.dumps({k: v for k, v in row.items() if v is not None}, ensure_ascii=False)
        if further
        else None
        for row in kept.select(further).iter_rows(named=True)
    ] or [None] * len(kept)
    missing = [
        pl.lit(None, dtype).alias(name)
        for name, dtype in EDITION.items()
        if name not in where and name != "attributes"
    ]
    rows = kept.with_columns(*missing, pl.Series("attributes", said, dtype=pl.String))
    return rows.unique("code", keep="first", maintain_order=True).select(list(EDITION))


def _day(text: pl.Expr) -> pl.Expr:
    digits = text.str.replace_all(r"[-/.年月]", "").str.replace_all("日", "").str.slice(0, 8)
    return digits.str.to_date("%Y%m%d", strict=False)


def _table(path: Path, sheet: str | None, columns: Mapping[str, str]) -> pl.DataFrame:
    """All cells as text under the headers of the first row that holds a code and a name."""
    if not path.is_file():
        raise BadTable(f"没有文件 {path}")
    data = path.read_bytes()
    if data.startswith(b"PK"):
        rows = _workbook(path, data, sheet)
    else:
        grid = read_text(data, None, None)
        if isinstance(grid, GridDefect):
            raise BadTable(f"{path.name} 读不出表格：{grid.detail or grid.code}")
        width = max((len(row) for row in grid.first), default=0)
        head = _head(path, grid.first, columns)
        series, _, defects = grid.body(head, width)
        if defects:
            raise BadTable(f"{path.name} 第 {head + 1 + defects[0].row} 行的列数与表头不同")
        names = [cell or "" for cell in grid.first[head]]
        return _named(path, names, series[: len(names)])
    head = _head(path, rows.head(_HEADER_ROWS).rows(), columns)
    names = [str(cell or "").strip() for cell in rows.row(head)]
    return _named(path, names, rows.slice(head + 1).get_columns())


def _workbook(path: Path, data: bytes, sheet: str | None) -> pl.DataFrame:
    try:
        book = fastexcel.read_excel(data)
        name = sheet or book.sheet_names[0]
        if name not in book.sheet_names:
            raise BadTable(f"{path.name} 没有工作表 {name}；有：{'、'.join(book.sheet_names)}")
        read = book.load_sheet(name, header_row=None, dtypes="string")
    except (fastexcel.FastExcelError, ValueError) as error:
        raise BadTable(f"{path.name} 不是可读的工作簿：{type(error).__name__}") from error
    frame = read.to_polars()
    if frame.is_empty():
        raise BadTable(f"{path.name} 的工作表 {name} 是空的")
    return frame.cast(pl.String)


def _head(path: Path, rows: Sequence[Sequence[str | None]], columns: Mapping[str, str]) -> int:
    """The first row whose cells name a code and a name: titles may stand above it."""
    codes = {columns["code"]} if "code" in columns else set(HEADERS["code"])
    names = {columns["name"]} if "name" in columns else set(HEADERS["name"])
    for number, row in enumerate(rows[:_HEADER_ROWS]):
        cells = {str(cell or "").strip() for cell in row}
        if cells & codes and cells & names:
            return number
    widest = max(rows[:_HEADER_ROWS], key=lambda row: sum(map(bool, row)), default=())
    seen = "、".join(str(cell).strip() for cell in widest if cell)
    raise BadTable(
        f"{path.name} 找不到编码列与名称列；看到的列：{seen}。"
        "请用 --column code=列名 --column name=列名 指明"
    )


def _named(path: Path, names: Sequence[str], series: Sequence[pl.Series]) -> pl.DataFrame:
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise BadTable(f"{path.name} 的列名重复：{'、'.join(twice)}")
    return pl.DataFrame(
        [column.cast(pl.String).alias(name or f"_{n}") for n, (name, column) in
         enumerate(zip(names, series, strict=False))]
    )  # fmt: skip


def _columns(
    path: Path,
    table: pl.DataFrame,
    columns: Mapping[str, str],
    attributes: Mapping[str, Sequence[str]],
) -> dict[str, str]:
    """Header by what its column is."""
    found: dict[str, str] = {}
    usual: dict[str, Sequence[str]] = {**HEADERS, **attributes}
    for what in dict.fromkeys([*usual, *columns]):
        if what in columns:
            if columns[what] not in table.columns:
                close = get_close_matches(columns[what], table.columns, 3, 0.3)
                there = "、".join(close or table.columns[:12])
                raise BadTable(f"{path.name} 没有列 {columns[what]}；有：{there}")
            found[what] = columns[what]
            continue
        matching = [header for header in usual[what] if header in table.columns]
        if matching:
            found[what] = matching[0]
    return found


def _refuse(path: Path, rows: pl.DataFrame, odd: pl.Expr, why: str) -> None:
    wrong = rows.filter(odd)
    if len(wrong):
        shown = [
            f"第 {row['_line'] + 1} 条{('：' + row['code']) if row.get('code') else ''}"
            for row in wrong.head(_SHOWN).iter_rows(named=True)
        ]
        raise BadTable(f"{path.name} 有 {len(wrong)} 条{why}：{'、'.join(shown)}")


def as_day(text: str | None) -> date | None:
    """A date a person typed.

    Raises:
        BadTable: it is none.
    """
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise BadTable(f"{text} 不是日期，请写成 2025-09-01") from error


def sheet_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a filled-in workbook by its headers, blank cells as empty text.

    Raises:
        BadTable: it is no workbook.
    """
    if not path.is_file():
        raise BadTable(f"没有文件 {path}")
    cells = _workbook(path, path.read_bytes(), None).rows()
    names = [str(cell or "").strip() for cell in cells[0]]
    return [
        {name: str(cell or "").strip() for name, cell in zip(names, row, strict=False)}
        for row in cells[1:]
    ]
