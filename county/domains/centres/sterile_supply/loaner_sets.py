"""Instrument sets that suppliers lend to the county hospital for single operations.

Belongs here: loans and what comes back. Not here: the hospital's own packs (`domain.py`).
"""

from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, drawn, hours_later, serial
from county.domains.picks import picked
from county.roles import COUNTY_HOSPITAL
from county.scene import Export, Planted, Scene

LOANERS = "county_hospital__spd__loaners"


def loaners(
    scene: Scene, units: pl.DataFrame, nurses: pl.DataFrame, rates: dict[str, Any],
    random: np.random.Generator,
) -> Export:  # fmt: skip
    """Sets on loan for operations of the county hospital; the month's first never goes back."""
    operated = units.filter(
        (pl.col("owner") == COUNTY_HOSPITAL) & pl.col("operation_code").is_not_null()
        & pl.col("cycle_id").is_not_null()
    ).unique("encounter_id", keep="first", maintain_order=True)  # fmt: skip
    share = operated["operation_code"].replace_strict(
        rates["loaner"], default=rates["loaner_otherwise"], return_dtype=pl.Float64
    )
    lent = drawn(random, operated, share.to_numpy(), least=1).sort("used_at", "encounter_id")
    size = len(lent)
    sets = pl.DataFrame(
        {"set": list(rates["loaner_sets"]), "pieces": list(rates["loaner_sets"].values())}
    )
    chosen = picked(random, sets, size)
    supplier = picked(random, pl.DataFrame({"name": rates["loaner_suppliers"]}), size)["name"]
    lost = chance(random, rates["loaner_piece_lost"], size).cast(pl.Int64)
    kept = pl.int_range(pl.len()) == 0
    rows = lent.with_columns(
        serial("WL", scene.month, size).alias("loan_id"),
        supplier.alias("supplier_name"),
        chosen["set"].alias("instrument_name"),
        chosen["pieces"].alias("instrument_count"),
        chosen["set"].str.contains("钢板|钉").alias("has_implant"),
        hours_later(random, lent["wash_start"], -5, -1).alias("handed_in_at"),
        pl.when(~kept).then(hours_later(random, lent["used_at"], 5, 28)).alias("returned_at"),
        pl.when(~kept).then(chosen["pieces"] - lost).alias("returned_count"),
        pl.lit(rates["loaner_fee_fen"]).alias("fee_fen"),
        picked(random, nurses, size)["staff_id"],
    )
    planted = [Planted("loaner_not_returned", key) for key in rows["loan_id"].head(1)]
    return Export(LOANERS, rows, planted)
