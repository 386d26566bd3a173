"""The pregnancy register: what is written down when a pregnancy is registered.

Belongs here: history, risk grade and number of each pregnancy. Not here: how it goes on
(`antenatal.py`) and ends (`domain.py`).
"""

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, codes, doctors, lot, normal, serial
from county.domains.public_health.mother_child import CENTRE
from county.scene import Scene

REGISTER = (
    "person", "pregnancy_id", "organization_id", "managing_organization_id", "registered_date",
    "last_menstrual_date", "expected_delivery_date", "gravidity_count", "parity_count",
    "height_cm", "weight_before_kg", "is_folic_acid_taken", "is_hiv_positive",
    "is_syphilis_positive", "is_hepatitis_b_positive", "risk_code", "risk_factors",
    "outcome_code", "outcome_date", "end_code", "end_date", "staff_id",
)  # fmt: skip
"""Columns of the register; `end_*` say how and when a further pregnancy will end."""


def described(
    random: np.random.Generator, scene: Scene, seed: int, rates: dict[str, Any],
    frame: pl.DataFrame, start: int = 1,
) -> pl.DataFrame:  # fmt: skip
    """Register rows of `person`, `township`, `last_menstrual_date`, `registered_date` and, where
    known, the outcome or the planned end.

    Args:
        start: First number of the month.
    """
    size = len(frame)
    parity = random.choice([0, 1, 2, 3], size=size, p=[0.46, 0.38, 0.13, 0.03])
    infected = {
        f"is_{name}_positive": pl.Series(lot(frame, f"pregnant/{name}", seed) < share)
        for name, share in rates["infected"].items()
    }
    any_infection = np.any([s.to_numpy() for s in infected.values()], axis=0)
    graded = codes(random, rates["risk"], size)
    risk = pl.when(pl.Series(any_infection)).then(pl.lit("purple")).otherwise(graded)
    height = normal(random, 160, 5.5, size, low=143, high=180)
    body_mass = random.normal(22.4, 2.8, size).clip(17, 36)
    centre = chance(random, 0.3, size)
    known = frame.columns
    return frame.with_columns(
        serial("YF", scene.month, size, start).alias("pregnancy_id"),
        pl.when(centre).then(pl.lit(CENTRE)).otherwise("township").alias("organization_id"),
        pl.col("township").alias("managing_organization_id"),
        (pl.col("last_menstrual_date") + timedelta(days=280)).alias("expected_delivery_date"),
        pl.Series("gravidity_count", 1 + parity + random.poisson(0.35, size)),
        pl.Series("parity_count", parity),
        height.alias("height_cm"),
        pl.Series("weight_before_kg", (body_mass * (height.to_numpy() / 100) ** 2).round(1)),
        chance(random, rates["folic_acid"], size).alias("is_folic_acid_taken"),
        *(flag.alias(name) for name, flag in infected.items()),
        risk.alias("risk_code"),
        *(
            pl.lit(None, kind).alias(name)
            for name, kind in (("outcome_code", pl.String), ("outcome_date", pl.Date),
                               ("end_code", pl.String), ("end_date", pl.Date))
            if name not in known
        ),
    ).with_columns(
        factors_of(random, rates, size).alias("risk_factors"),
        doctors(random, scene, frame["township"]).alias("staff_id"),
    ).select(REGISTER)  # fmt: skip


def factors_of(random: np.random.Generator, rates: dict[str, Any], size: int) -> pl.Expr:
    """A risk factor that fits `risk_code`, none at low risk."""
    is_infected = pl.col("risk_code") == "purple"
    found = pl.when(is_infected).then(pl.lit(rates["infection_factor"])).otherwise(None)
    for colour, names in rates["factors"].items():
        picks = np.array(names, dtype=object)[random.integers(0, len(names), size)]
        own = pl.lit(pl.Series(picks.tolist(), dtype=pl.String))
        found = pl.when(pl.col("risk_code") == colour).then(own).otherwise(found)
    return found
