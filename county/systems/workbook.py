"""A sheet as an XLSX workbook, put together from whole columns of text.

Belongs here: the parts of a small Office Open XML package. Source: ECMA-376, part 1 (SpreadsheetML)
and part 2 (packaging). Not here: which rows (`rows.py`).
"""

from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import polars as pl

from county.systems.encode import NUMBER, escaped_xml
from county.systems.layouts import Layout

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_MIME = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_TYPES = (
    f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_MIME}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_MIME}.worksheet+xml"/>'
    "</Types>"
)
_STAMP = (2026, 1, 1, 0, 0, 0)  # same seed, same bytes


def _relation(kind: str, target: str) -> str:
    return (
        f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/{kind}" Target="{target}"/></Relationships>'
    )


def _letters(position: int) -> str:
    """Column name of a position from 0: A, B, …, Z, AA."""
    name = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        name = chr(65 + rest) + name
    return name


def as_workbook(layout: Layout, rows: pl.DataFrame) -> bytes:
    """One worksheet, optionally under a title row, as vendors export it."""
    top = [[layout.title]] if layout.title else []
    top.append(list(layout.columns))
    first = len(top) + 1
    lines = [
        f'<row r="{number}">'
        + "".join(_text_cell(f"{_letters(at)}{number}", str(name)) for at, name in enumerate(cells))
        + "</row>"
        for number, cells in enumerate(top, 1)
    ]
    number = (pl.int_range(pl.len()) + first).cast(pl.String)
    parts: list[pl.Expr] = [pl.lit('<row r="'), number, pl.lit('">')]
    for at, (header, column) in enumerate(layout.columns.items()):
        parts.append(_cell(header, _letters(at), number, is_number=column.number))
    parts.append(pl.lit("</row>"))
    lines += rows.select(pl.concat_str(parts)).to_series().to_list()
    sheet = f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>{"".join(lines)}</sheetData></worksheet>'
    book = (
        f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        f'<sheet name="{layout.sheet}" sheetId="1" r:id="rId1"/></sheets></workbook>'
    )
    return _package(
        {
            "[Content_Types].xml": _TYPES,
            "_rels/.rels": _relation("officeDocument", "xl/workbook.xml"),
            "xl/workbook.xml": book,
            "xl/_rels/workbook.xml.rels": _relation("worksheet", "worksheets/sheet1.xml"),
            "xl/worksheets/sheet1.xml": sheet,
        }
    )


def _text_cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def _cell(header: str, letters: str, number: pl.Expr, *, is_number: bool) -> pl.Expr:
    text = pl.col(header)
    place = [pl.lit(f'<c r="{letters}'), number]
    written = pl.concat_str(
        *place, pl.lit('" t="inlineStr"><is><t xml:space="preserve">'), escaped_xml(text),
        pl.lit("</t></is></c>"),
    )  # fmt: skip
    if is_number:
        figure = pl.concat_str(*place, pl.lit('"><v>'), text, pl.lit("</v></c>"))
        written = pl.when(text.str.contains(NUMBER)).then(figure).otherwise(written)
    return written.fill_null("")


def _package(parts: dict[str, str]) -> bytes:
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as package:
        for name, text in parts.items():
            info = ZipInfo(name, _STAMP)
            info.compress_type = ZIP_DEFLATED
            package.writestr(info, text.encode())
    return buffer.getvalue()
