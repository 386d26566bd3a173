"""Which days a row may be about: the window of a feed's entity, around the day it arrived.

Belongs here: what an entity or a contract may say of it and the default. Not here: refusing a row
(`conform.py`) and when a file arrived (`landing.py`). Decision: docs/decisions/0014.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from ingestion.crosswalk import STANDARDS_DIR
from ingestion.yaml_file import read_yaml

TOO_LATE, TOO_EARLY = "date_after_arrival", "date_too_early"
YEAR = timedelta(days=365.25)


class Window(BaseModel):
    """Days that the event time of a row may lie on, counted from the day of its arrival.

    `years_back` is how far back, without limit when null; `days_ahead` how far ahead, for what is
    planned: appointments, rosters.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    years_back: int | None = Field(default=15, ge=0)
    days_ahead: int | None = Field(default=0, ge=0)

    def bounds(self, arrived: Sequence[date]) -> tuple[pl.Series, pl.Series]:
        """The first and the last accepted day by file index; null where there is no bound."""
        back = None if self.years_back is None else self.years_back * YEAR
        ahead = None if self.days_ahead is None else timedelta(days=self.days_ahead)
        first = [None if back is None else day - back for day in arrived]
        last = [None if ahead is None else day + ahead for day in arrived]
        return pl.Series(first, dtype=pl.Date), pl.Series(last, dtype=pl.Date)


DEFAULT = Window()


@cache
def registers() -> frozenset[str]:
    """Entities that state what is, from `standards/registers.yml`: their dates may be of long ago
    (a bed opened, a doctor registered) or of times to come, so they have no window."""
    return frozenset(read_yaml(STANDARDS_DIR / "registers.yml"))


def arrival_days(
    moment: datetime, files: int, modified: Sequence[datetime | None] = ()
) -> list[date]:
    """The day each file of a batch arrived: of its receipt or, where its own time is later, of
    that, so that a server whose clock is behind refuses nothing that is right.

    Args:
        moment: When the batch was received.
        files: How many files it has.
        modified: When each was last written, as far as known.
    """
    days = [moment.date()] * files
    for index, written in enumerate(modified):
        if written is not None:
            days[index] = max(days[index], written.date())
    return days
