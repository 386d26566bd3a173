"""Whether texts are times or numbers at all, for looking at files of unknown origin.

Belongs here: the shapes HL7, CDA, DICOM and ISO 8601 allow, partial ones included. Not here:
casting for silver (`cast.py`), which asks for a month at least.
"""

import polars as pl

COMPACT_TIME = r"^(\d{4}(?:\d{2}){0,5})(?:\.\d+)?(?:[+-]\d{4})?$"
ISO_ZONE = r"(?:Z|[+-]\d{2}:?\d{2})?"
ISO_CLOCK = r"(\d{2}:\d{2}(?::\d{2})?)(?:\.\d+)?"
ISO_TIME = rf"^(\d{{4}}-\d{{2}}-\d{{2}})(?:[T ]{ISO_CLOCK}{ISO_ZONE})?$"
NUMBER = r"^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$"
EARLIEST = "00000101000000"  # fills up what a partial time leaves out


def impossible_times(values: pl.Series) -> pl.Series:
    """True where a value is given and is no possible time; partial times are possible."""
    frame = pl.DataFrame({"v": values.str.strip_chars()})
    digits = pl.col("v").str.extract(COMPACT_TIME, 1)
    filled = digits + pl.lit(EARLIEST).str.slice(digits.str.len_bytes())
    compact = filled.str.to_datetime("%Y%m%d%H%M%S", strict=False)
    day = pl.col("v").str.extract(ISO_TIME, 1)
    clock = pl.col("v").str.extract(ISO_TIME, 2).fill_null("00:00").str.slice(0, 5)
    iso = (day + " " + clock).str.to_datetime("%Y-%m-%d %H:%M", strict=False)
    bad = pl.col("v").is_not_null() & (pl.col("v") != "") & pl.coalesce(compact, iso).is_null()
    return frame.select(bad.fill_null(False)).to_series()


def not_numbers(values: pl.Series) -> pl.Series:
    """True where a value is given and is no decimal number."""
    text = values.str.strip_chars()
    return (text.is_not_null() & (text != "") & ~text.str.contains(NUMBER)).fill_null(False)
