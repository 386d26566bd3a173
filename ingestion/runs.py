"""Work done once for each run of equal rows: the items of one message repeat most of its fields.

Belongs here: finding runs and spreading a result back over them. Not here: what is worked out.
"""

from collections.abc import Sequence

import polars as pl


def runs(frame: pl.DataFrame, columns: Sequence[str]) -> tuple[pl.Series, pl.Series]:
    """Where a new combination of the columns begins, and the number from 0 of each row's run."""
    if not columns:
        begins = pl.Series("begins", [True], dtype=pl.Boolean).extend_constant(
            False, max(0, frame.height - 1)
        )[: frame.height]
    else:
        begins = frame.select(
            pl.any_horizontal(pl.col(c).ne_missing(pl.col(c).shift()) for c in columns).alias(
                "begins"
            )
        ).to_series()
        if frame.height:
            begins = begins.scatter(0, True)
    return begins, begins.cum_sum() - 1


def once_a_run(frame: pl.DataFrame, value: pl.Expr) -> pl.Series:
    """What `frame.select(value)` gives, worked out once for each run of its source columns.

    `value` must look at one row at a time and name at least one column.
    """
    begins, number = runs(frame, value.meta.root_names())
    short = frame.filter(begins)
    if short.height * 2 > frame.height:
        return frame.select(value).to_series()
    return short.select(value).to_series().gather(number)
