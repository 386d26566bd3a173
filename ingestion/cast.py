"""Source strings to typed values, as Polars expressions; a value that does not fit becomes null.

Belongs here: how a date, number or yes/no is written by member systems. Not here: what a null then
means (`conform.py` decides whether it is refused).
"""

import polars as pl

from ingestion.entity import POLARS_TYPE, ZONE, Column

_YES = ("true", "1", "是", "Y", "y", "TRUE", "True", "有")
_NO = ("false", "0", "否", "N", "n", "FALSE", "False", "无")

COMPACT_FORMATS = frozenset({"hl7v2", "hl7v3", "cda", "dicom", "ecg"})
"""Formats that write times as yyyymm[dd[hh[mm[ss]]]][+zzzz] (HL7 DTM and TS, DICOM DA/TM)."""

_PARTIAL = r"\d{6}(?:\d{2}){0,4}"
_WHOLE = r"\d{8}(?:\d{4}(?:\d{2})?)?"
_ZONED = r"^(.*\d:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:?\d{2})$"
_DATE_CELL = r"^\d{4}-\d{2}-\d{2}(?: \d{2}:\d{2}:\d{2})?$"
"""How a true date of a spreadsheet or database is read, whatever way of writing was agreed on."""
_BEGIN = "00000001000000"  # what a partial time leaves out: first day, midnight


def typed(
    raw: pl.Expr, column: Column, *, pattern: str | None, compact: bool, scale: float | None
) -> pl.Expr:
    """A cleaned string expression as the column's type; null where it does not fit."""
    match column.type:
        case "string":
            return raw
        case "boolean":
            return raw.replace_strict(
                [*_YES, *_NO], [True] * len(_YES) + [False] * len(_NO), default=None,
                return_dtype=pl.Boolean,
            )  # fmt: skip
        case "date":
            return _moment(raw, pattern, compact).dt.date()
        case "timestamp":
            return _moment(raw, pattern, compact).dt.replace_time_zone(
                ZONE, ambiguous="earliest", non_existent="null"
            )
        case "money":
            return (
                _scaled(raw.cast(pl.Decimal(38, 6), strict=False), scale)
                .round(2)
                .cast(POLARS_TYPE["money"], strict=False)
            )
        case "double":
            number = raw.cast(pl.Float64, strict=False)
            return _scaled(pl.when(number.is_finite()).then(number), scale)
        case "integer":
            number = _scaled(raw.cast(pl.Float64, strict=False), scale)
            return pl.when(number == number.round(0)).then(number.cast(pl.Int64, strict=False))


def _scaled(number: pl.Expr, scale: float | None) -> pl.Expr:
    return number if scale is None else number * scale


def _moment(raw: pl.Expr, pattern: str | None, compact: bool) -> pl.Expr:
    if pattern is not None:
        agreed = raw.str.to_datetime(pattern, strict=False, time_unit="us")
        return pl.coalesce(agreed, _iso(pl.when(raw.str.contains(_DATE_CELL)).then(raw)))
    return _compact(raw) if compact else _iso(raw)


def _compact(raw: pl.Expr, shape: str = _PARTIAL) -> pl.Expr:
    """yyyymm[dd[hh[mm[ss[.f]]]]][+zzzz] in local wall time, begun where it stops; an offset is
    turned to Asia/Shanghai, but moves no time that has no hour.

    Source: HL7 v2.5.1 chapter 2A (DTM). A bare year is no date.
    """
    digits = raw.str.extract(rf"^({shape})(?:\.\d+)?(?:[+-]\d{{4}})?$")
    local = (digits + pl.lit(_BEGIN).str.slice(digits.str.len_bytes())).str.to_datetime(
        "%Y%m%d%H%M%S", strict=False, time_unit="us"
    )
    offset = raw.str.extract(r"^\d{10,}(?:\.\d+)?([+-]\d{4})$")
    minutes = offset.str.slice(1, 2).cast(pl.Int64) * 60 + offset.str.slice(3, 2).cast(pl.Int64)
    minutes = pl.when(offset.str.starts_with("-")).then(-minutes).otherwise(minutes)
    return local + pl.duration(minutes=pl.coalesce(pl.lit(480) - minutes, pl.lit(0)))


def _iso(raw: pl.Expr) -> pl.Expr:
    """2026-01-31, 2026/1/31 or 20260131, with or without a time of day; a time with an offset
    (`Z`, `+08:00`) is turned to Asia/Shanghai."""
    given = raw.str.replace_all("/", "-", literal=True).str.replace("T", " ", literal=True)
    text, offset = pl.coalesce(given.str.extract(_ZONED, 1), given), given.str.extract(_ZONED, 2)
    local = pl.coalesce(
        text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us"),
        text.str.to_datetime("%Y-%m-%d %H:%M", strict=False, time_unit="us"),
        text.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")),
        _compact(raw, _WHOLE),
    )
    hours, rest = offset.str.extract(r"(\d{2}):?\d{2}$"), offset.str.extract(r"(\d{2})$")
    minutes = hours.cast(pl.Int64) * 60 + rest.cast(pl.Int64)
    minutes = pl.when(offset.str.starts_with("-")).then(-minutes).otherwise(minutes)
    minutes = pl.when(offset == "Z").then(0).otherwise(minutes)
    return local + pl.duration(minutes=pl.coalesce(pl.lit(480) - minutes, pl.lit(0)))
