"""A text with places for columns, as one expression over a whole frame.

Belongs here: turning `«column»` into the column. Not here: any text (`fhir_batch.py`,
`ecg_batch.py`).
"""

import re

import polars as pl

_PLACE = re.compile(r"«(\w+)»")


def filled(text: str) -> pl.Expr:
    """The text with every `«column»` replaced by the row's value, empty where that is null."""
    return pl.concat_str(
        [
            pl.col(piece).cast(pl.String).fill_null("") if n % 2 else pl.lit(piece)
            for n, piece in enumerate(_PLACE.split(text))
        ]
    )
