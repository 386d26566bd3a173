"""Runs of washers and sterilisers: which packs go into which, when, and how they were tested.

Belongs here: the batches of the sterile supply centre. Not here: requests, traces and use of packs
(`domain.py`).
"""

from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, hours_later, minutes_later, normal
from county.scene import Scene

_LETTERS = {"steam": "ST", "plasma": "PL", "washing": "WS"}


def batched(units: pl.DataFrame, rates: dict[str, Any]) -> pl.DataFrame:
    """Adds to packs of a `cycle_day` their `cycle_id` and `wash_id`; soon needed ones go first."""
    units = units.sort("cycle_day", "kind", "used_at", "owner", "pack_code", maintain_order=True)
    run = pl.int_range(pl.len()).over("cycle_day", "kind") // rates["packs_per_run"] + 1
    day = pl.col("cycle_day").dt.strftime("%Y%m%d")
    number = run.cast(pl.String).str.zfill(3)
    letters = pl.col("kind").replace_strict(_LETTERS, return_dtype=pl.String)
    return units.with_columns(
        run.alias("run"),
        (letters + day + number).alias("cycle_id"),
        (pl.lit("WS") + day + letters.str.slice(0, 1) + number).alias("wash_id"),
    )


def runs(
    scene: Scene, units: pl.DataFrame, rates: dict[str, Any], random: np.random.Generator
) -> pl.DataFrame:
    """All runs of the month with their tests; every few months one biological test fails after the
    packs were given out."""
    own = units.group_by("cycle_id", maintain_order=True).agg(
        pl.col("kind", "cycle_day", "run").first(),
        pl.col("implant").any(),
        pl.len().alias("packs"),
    )
    washed = units.group_by(pl.col("wash_id").alias("cycle_id"), maintain_order=True).agg(
        pl.lit("washing").first().alias("kind"),
        pl.col("cycle_day", "run").first(),
        pl.lit(value=False).first().alias("implant"),
        pl.lit(0, pl.UInt32).first().alias("packs"),
    )
    frame = pl.concat([own, washed])
    size = len(frame)
    owned = {
        kind: max(rates["least_machines"], len(scene.people) // residents)
        for kind, residents in rates["residents_per_machine"].items()
    }
    machines = pl.col("kind").replace_strict(owned, return_dtype=pl.Int64)
    slot = frame.select((pl.col("run") - 1) // machines).to_series().to_numpy()
    washing = (frame["kind"] == "washing").to_numpy()
    opened = rates["first_run_hour"] * 60 + slot * rates["run_hours"] * 60
    evening = -8 * 60 + slot * 48  # the afternoon before, in time for the first steriliser
    start = np.where(washing, evening, opened) + random.uniform(0, 12, size)
    started = minutes_later(frame["cycle_day"], start)
    given = {
        name: frame["kind"].replace_strict(
            {kind: p[name] for kind, p in rates["programmes"].items()}, return_dtype=pl.Float64
        )
        for name in ("temperature", "pressure", "exposure", "minutes")
    }
    around = normal(random, 0, 0.35, size, low=-1, high=1, digits=1)
    tested = frame["implant"] | chance(random, rates["biological_share"], size)
    tested = tested & ~pl.Series(washing)
    if not tested.any():
        tested[0] = True
    result = hours_later(random, started, 24, 47)
    failed = frame["cycle_id"].is_in(_failed(scene, frame.filter(tested), rates))
    frame = frame.with_columns(
        (pl.col("cycle_id").str.extract(r"^(\D+)") + _own_washer() + pl.lit("-")
         + ((pl.col("run") - 1) % machines + 1).cast(pl.String)).alias("machine_id"),
        pl.col("kind").alias("kind_code"),
        started.alias("started_at"),
        minutes_later(started, given["minutes"].to_numpy() + random.uniform(0, 6, size))
        .alias("ended_at"),
        (given["temperature"] + around).round(1).alias("temperature_celsius"),
        (given["pressure"] + around * 6).round(1).alias("pressure_kpa"),
        given["exposure"].alias("exposure_minutes"),
        pl.lit("passed").alias("physical_result_code"),
        pl.when(~pl.Series(washing)).then(pl.lit("passed")).alias("chemical_result_code"),
        pl.when(failed).then(pl.lit("failed")).when(tested).then(pl.lit("passed"))
        .alias("biological_result_code"),
        pl.when(tested).then(result).alias("biological_result_at"),
        pl.lit(value=True).alias("is_released"),
        pl.when(failed).then(hours_later(random, result, 0.4, 2)).alias("recalled_at"),
    )  # fmt: skip
    return pl.concat([frame, _rejected(frame, rates, random)], how="diagonal")


def _own_washer() -> pl.Expr:
    """Delicate sets have washers of their own."""
    return (
        pl.when(pl.col("cycle_id").str.contains("P", literal=True) & (pl.col("kind") == "washing"))
        .then(pl.lit("P"))
        .otherwise(pl.lit(""))
    )


def _failed(scene: Scene, tested: pl.DataFrame, rates: dict[str, Any]) -> list[str]:
    """The run whose spores grew: of the tested ones of the month's middle that with most packs."""
    if scene.month.index % rates["failed_biological_every"]:
        return []
    middle = tested.filter(pl.col("cycle_day").dt.day().is_between(5, 24))
    chosen = (middle if len(middle) else tested).sort("packs", "cycle_id", descending=[True, False])
    return chosen.head(1)["cycle_id"].to_list()


def _rejected(
    frame: pl.DataFrame, rates: dict[str, Any], random: np.random.Generator
) -> pl.DataFrame:
    """Runs that missed their temperature; their load went into the next run."""
    steam = frame.filter(pl.col("kind") == "steam")
    size = min(len(steam), max(1, round(len(frame) * rates["rejected_run"])))
    again = steam.sample(size, seed=int(random.integers(1 << 30))).sort("cycle_id")
    return again.with_columns(
        (pl.col("cycle_id") + "R").alias("cycle_id"),
        pl.col("started_at") - pl.duration(minutes=75),
        pl.col("ended_at") - pl.duration(minutes=75),
        normal(random, 129, 1, size, low=126, high=131, digits=1).alias("temperature_celsius"),
        pl.lit("failed").alias("physical_result_code"),
        pl.lit("failed").alias("chemical_result_code"),
        pl.lit(None, pl.String).alias("biological_result_code"),
        pl.lit(None, pl.Datetime("us")).alias("biological_result_at"),
        pl.lit(value=False).alias("is_released"),
        pl.lit(None, pl.Datetime("us")).alias("recalled_at"),
    )
