"""A sheet as a dBase III table, as older registration systems export it.

Belongs here: header, field descriptors and fixed-width records. Source: dBase III file layout as
published by its vendor (level 5, no memo). Not here: which rows (`rows.py`).
"""

import struct

import polars as pl

from county.systems.layouts import ColumnLayout, Layout

_GBK_MARK = 0x4D  # language driver: Chinese, code page 936
_LAST_UPDATE = (126, 1, 1)  # 2026-01-01, years since 1900: same seed, same bytes
_LONGEST_NAME = 10


def as_dbf(layout: Layout, rows: pl.DataFrame) -> bytes:
    """Character, number and date (yyyymmdd) fields; a null cell is blanks.

    Raises:
        ValueError: a header is longer than ten bytes in the file's encoding.
    """
    descriptors, columns, width = [], [], 1
    for header, column in layout.columns.items():
        name = header.encode(layout.encoding)
        if len(name) > _LONGEST_NAME:
            raise ValueError(f"{header} is longer than {_LONGEST_NAME} bytes")
        cells = [(cell or "").encode(layout.encoding) for cell in rows[header]]
        kind, length, decimals = _shape(column, cells)
        descriptors.append(
            struct.pack("<11sc4xBB14x", name, kind, length, decimals)
        )  # fmt: skip
        fill = bytes.rjust if kind == b"N" else bytes.ljust
        columns.append([fill(cell, length) for cell in cells])
        width += length
    head = struct.pack(
        "<B3BIHH17xB2x", 0x03, *_LAST_UPDATE, len(rows), 33 + 32 * len(columns), width, _GBK_MARK
    )
    body = b"".join(b" " + b"".join(cells) for cells in zip(*columns, strict=True))
    return head + b"".join(descriptors) + b"\r" + body + b"\x1a"


def _shape(column: ColumnLayout, cells: list[bytes]) -> tuple[bytes, int, int]:
    """Type, width and decimals that hold every cell."""
    longest = max((len(cell) for cell in cells), default=1)
    if column.format == "%Y%m%d" and longest <= 8:
        return b"D", 8, 0
    if column.number:
        decimals = max((len(cell.partition(b".")[2]) for cell in cells), default=0)
        return b"N", max(longest, decimals + 2, 1), decimals
    return b"C", max(longest, 1), 0
