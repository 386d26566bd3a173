"""Rows that happen after the month in which they were decided, kept until their month comes.

Belongs here: the waiting room of a domain. Not here: late files and rows (`systems/faults.py`).
"""

from datetime import datetime, timedelta

import polars as pl

from county.months import Month


def after(month: Month) -> datetime:
    """Midnight after the last day of the month."""
    return datetime.combine(month.last, datetime.min.time()) + timedelta(days=1)


class Waiting:
    """Holds, by name, the rows of frames whose time has not come yet."""

    def __init__(self) -> None:
        self._rows: dict[str, pl.DataFrame] = {}

    def due(self, name: str, rows: pl.DataFrame, column: str, month: Month) -> pl.DataFrame:
        """Rows of `rows` and of earlier calls whose `column` lies before the month's end; the
        others wait."""
        kept = self._rows.pop(name, None)
        together = rows if kept is None else pl.concat([kept, rows])
        later = pl.col(column) >= after(month)
        self._rows[name] = together.filter(later)
        return together.filter(~later)
