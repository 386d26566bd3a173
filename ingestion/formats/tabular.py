"""CSV, TSV, Excel, DBF and archives of them to source tables.

Belongs here: finding the header, the declared columns and the data rows. Not here: text tables
themselves (`delimited.py`), workbooks and archives (`workbook.py`), DBF records (`dbf.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from ingestion.contract import Mapping, RecordMap
from ingestion.formats.dbf import DbfGrid, read_dbf
from ingestion.formats.delimited import Grid, GridDefect, RowDefect, read_text
from ingestion.formats.detect import detect
from ingestion.formats.source import (
    FILE,
    ITEM,
    RECORD,
    Parsed,
    Problem,
    SourceFile,
    position_schema,
)
from ingestion.formats.workbook import is_workbook, members, read_workbook

MAX_FILE_BYTES = 1 << 30
_NOTHING = ("NULL", "null", "Null", "(null)", "(NULL)", "<NULL>", "\\N")
_WIDE, _NARROW = "０１２３４５６７８９．，－", "0123456789.,-"
_WRAPPED = r"(?i)^\s*(?:=\s*\".*\"|'\d.*|\(?<?NULL>?\)?|\\N)\s*$|^[^\p{Han}]*[０-９][^\p{Han}]*$"
HEADER_SEARCH_ROWS = 20
MAX_COLUMNS = 2_000
NOT_TABLES = ("hl7v2", "xml", "json", "dicom", "sqlite", "pdf", "gzip", "7z", "rar")

Options = dict[str, str | int | bool]


@dataclass(frozen=True)
class Sheet:
    """One table as found: header names, data rows (column per header) and their row numbers.

    `numbers` counts data rows from 1 below the header, blank rows included.
    """

    header: list[str]
    rows: pl.DataFrame
    numbers: pl.Series
    problems: list[RowDefect]


def read(
    files: Sequence[SourceFile],
    mapping: Mapping,
    *,
    encoding: str | None = None,
    options: Options | None = None,
) -> Parsed:
    """Read table files.

    Args:
        files: CSV, TSV, XLSX, XLS, DBF or a ZIP of such files (one level). Rows of a DBF that are
            marked as deleted are no rows; its memo columns are never read.
        mapping: Its sources are header names.
        encoding: Codec of text tables and DBF, applied strictly; None accepts UTF-8 and GB 18030.
        options: `header_row` (from 1; else the row with most declared headers), `sheet`
            (name; else the first), `delimiter`, `max_bytes`.

    Returns:
        One table an entity; `_record` is the data row below the header, `_item` 1. A file without
        a declared column is refused whole; a row of another width is refused alone.
    """
    person = [source for item in mapping.shared for source in item.sources]
    groups = [item.sources for item in mapping.shared if item.sources]
    for record in mapping.records.values():
        groups += [item.sources for item in record.maps if item.sources]
        groups += [(name,) for name in record.when]
    declared = list(dict.fromkeys(name for group in groups for name in group))
    frames: dict[str, list[pl.DataFrame]] = {entity: [] for entity in mapping.records}
    problems: list[Problem] = []
    counts: list[int] = []
    for index, file in enumerate(files):
        found, above = 0, 0
        for sheet in sheets(file.data, declared, encoding, options or {}):
            if isinstance(sheet, GridDefect):
                problems.append(Problem(index, 0, 0, sheet.code, sheet.detail))
                continue
            problems += [
                Problem(index, above + bad.row, 0, bad.code, bad.detail) for bad in sheet.problems
            ]
            missing = [g[0] for g in groups if not any(name in sheet.header for name in g)]
            height = len(sheet.rows) + len(sheet.problems)
            if missing:
                detail = "、".join(missing[:10])
                problems.append(Problem(index, 0, 0, "missing_column", detail))
            elif len(sheet.rows):
                for entity, record in mapping.records.items():
                    wanted = _columns(record, person)
                    frames[entity].append(_table(sheet, record, wanted, index, above))
            found += height
            above += max([0, *sheet.numbers.tail(1), *(bad.row for bad in sheet.problems)])
        counts.append(found)
    tables = {
        entity: pl.concat(frames[entity]) if frames[entity] else _empty(record, person)
        for entity, record in mapping.records.items()
    }
    return Parsed(tables, problems, counts)


def sheets(
    data: bytes, declared: Sequence[str], encoding: str | None, options: Options
) -> Iterator[Sheet | GridDefect]:
    """Every table of one file, or why there is none."""
    for part, defect in members(data, int(options.get("max_bytes", MAX_FILE_BYTES))):
        if defect is not None:
            yield defect
            continue
        kind = detect(part)
        if kind in NOT_TABLES:
            yield GridDefect("wrong_format", f"{kind} where a table was expected")
            continue
        grid: Grid | GridDefect
        if is_workbook(part, kind):
            grid = read_workbook(part, options.get("sheet"))
        elif kind == "dbf":
            grid = read_dbf(part, encoding)
            memos = grid.memos if isinstance(grid, DbfGrid) else []
            if wanted := [name for name in memos if name in declared or not declared]:
                detail = f"memo columns are not read: {'、'.join(wanted[:10])}"
                yield GridDefect("wrong_format", detail)
                if declared:
                    continue
        else:
            mark = options.get("delimiter")
            grid = read_text(part, encoding, str(mark) if mark else None)
        yield grid if isinstance(grid, GridDefect) else _sheet(grid, declared, options)


def _sheet(grid: Grid, declared: Sequence[str], options: Options) -> Sheet | GridDefect:
    at = _header_row(grid, declared, options)
    names = [(cell or "").strip() for cell in grid.first[at]]
    while names and not names[-1]:
        names.pop()
    if len(names) > MAX_COLUMNS:
        return GridDefect("malformed_table", f"{len(names)} columns")
    keep = {name: number for number, name in reversed(list(enumerate(names))) if name}
    body, numbers, defects = grid.body(at, len(names))
    rows = pl.DataFrame({name: _plain(body[number]) for name, number in keep.items()})
    return Sheet(list(keep), rows, numbers, defects)


def _plain(cells: pl.Series) -> pl.Series:
    """Cells without what a spreadsheet or a database dump wrapped them in: `="01"`, `'01`, NULL and
    \\N for nothing, full-width digits."""
    odd = cells.filter(cells.str.contains(_WRAPPED)).unique()
    if not len(odd):
        return cells
    text = pl.coalesce(pl.col("was").str.extract(r'^\s*=\s*"(.*)"\s*$', 1), pl.col("was"))
    text = text.str.replace(r"^\s*'(\d)", "$1").str.replace_many(list(_WIDE), list(_NARROW))
    nothing = text.str.strip_chars().is_in(_NOTHING)
    plain = pl.DataFrame({"was": odd}).select(pl.when(~nothing).then(text)).to_series()
    return cells.replace(odd, plain)


def _header_row(grid: Grid, declared: Sequence[str], options: Options) -> int:
    if "header_row" in options:
        return min(int(options["header_row"]), len(grid.first)) - 1
    wanted = set(declared)
    best, most = 0, 0
    for at, row in enumerate(grid.first[:HEADER_SEARCH_ROWS]):
        names = {(cell or "").strip() for cell in row} - {""}
        hits = len(wanted & names) if wanted else len(names)
        if hits > most:
            best, most = at, hits
    return best


def _columns(record: RecordMap, person: Sequence[str]) -> list[str]:
    own = [source for item in record.maps for source in item.sources]
    return list(dict.fromkeys([*own, *person, *record.when]))


def _table(
    sheet: Sheet, record: RecordMap, wanted: list[str], index: int, before: int
) -> pl.DataFrame:
    have = set(sheet.header)
    table = sheet.rows.select(
        *(pl.col(n) if n in have else pl.lit(None, pl.String).alias(n) for n in wanted),
        pl.lit(index, pl.Int32()).alias(FILE),
        (sheet.numbers + before).alias(RECORD),
        pl.lit(1, pl.Int64()).alias(ITEM),
    )
    for name, values in record.when.items():
        table = table.filter(pl.col(name).str.strip_chars().is_in(values))
    return table


def _empty(record: RecordMap, person: Sequence[str]) -> pl.DataFrame:
    schema: dict[str, pl.DataType] = {name: pl.String() for name in _columns(record, person)}
    return pl.DataFrame(schema=schema | position_schema())
