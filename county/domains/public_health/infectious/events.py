"""Investigations of cases and reports about clusters, the outbreak among them.

Belongs here: the CDC's work on cases and events. Not here: the cases (`cases.py`).
"""

from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import (
    before,
    chance,
    codes,
    days,
    doctors,
    drawn,
    hours_later,
    moments,
    serial,
    some_days,
)
from county.domains.outbreak import Outbreak, planted_rows
from county.domains.outbreak import rates as outbreak_rates
from county.roles import CDC, COUNTY
from county.scene import Export, Scene

_PLACES = {
    "school": "学校班级", "kindergarten": "幼儿园班级", "household": "家庭",
    "institution": "养老机构",
}  # fmt: skip


def investigations(
    random: np.random.Generator,
    scene: Scene,
    cards: pl.DataFrame,
    found: Outbreak | None,
    rates: dict[str, Any],
) -> Export:
    """Case investigations: every case of the outbreak, a share of the others by class."""
    shares = cards["disease_class_code"].replace_strict(
        rates["investigated"], default=1.0, return_dtype=pl.Float64
    )
    wanted = np.where(cards["in_outbreak"].to_numpy(), 1.0, shares.to_numpy())
    chosen = drawn(random, cards, wanted, 2)
    size = len(chosen)
    contacts = random.poisson(4, size)
    cluster = pl.col("in_outbreak")
    event = pl.lit(found.event_id if found else None, pl.String)
    place = pl.lit(found.school_name if found else None, pl.String)
    other = codes(random, {"家庭": 5, "集市": 2, "牧场": 1, "不详": 2}, size)
    before_onset = some_days(random, 2, 8, size)
    rows = chosen.select(
        "person", "report_id", "disease_name", "in_outbreak",
        serial("LD", scene.month, size).alias("investigation_id"),
        pl.when(cluster).then(pl.lit("cluster")).otherwise(pl.lit("case"))
        .alias("investigation_kind_code"),
        pl.when(cluster).then(event).alias("event_id"),
        hours_later(random, chosen["reported_at"], 1, 30).dt.truncate("1m")
        .alias("investigated_at"),
        pl.when(cluster).then(place).otherwise(other).alias("exposure_place"),
        (pl.col("onset_date") - before_onset).alias("exposure_start_date"),
        (pl.col("onset_date") - pl.duration(days=1)).alias("exposure_end_date"),
        pl.Series("contact_count", contacts),
        pl.Series("traced_contact_count", random.binomial(contacts, 0.92)),
        chance(random, 0.03, size).alias("is_travel_related"),
        chance(random, 0.95, size).alias("is_completed"),
        doctors(random, scene, chosen["organization_id"]).alias("staff_id"),
    )  # fmt: skip
    planted = planted_rows("outbreak", rows, "investigation_id", cluster)
    return Export("cdc__direct_report__investigations", rows, planted)


def clusters(
    random: np.random.Generator,
    scene: Scene,
    cards: pl.DataFrame,
    found: Outbreak | None,
    rates: dict[str, Any],
) -> Export:
    """Small clusters, each reported and closed within the month, and the outbreak's three
    reports."""
    small = _small(random, scene, rates["clusters"])
    reports = [_report(small, "reported", 1, 2.0), _report(small, "closed", 2, 160.0)]
    if found is not None:
        big = _big(found, cards)
        reports += [_report(big, "reported", 1, 3.0), _report(big, "ongoing", 2, 80.0),
                    _report(big, "closed", 3, 190.0)]  # fmt: skip
    rows = pl.concat(reports)
    event = pl.lit(found.event_id if found else "")
    planted = planted_rows("outbreak", rows, "event_report_id", pl.col("event_id") == event)
    return Export("cdc__direct_report__clusters", rows, planted)


def _small(random: np.random.Generator, scene: Scene, rates: dict[str, Any]) -> pl.DataFrame:
    expected = rates["per_100000_month"] * len(scene.people) / 100_000
    size = max(rates["least"], int(random.poisson(expected)))
    names = codes(random, dict.fromkeys(rates["names"], 1.0), size)
    places = codes(random, rates["places"], size)
    first = days(random, scene.month.first, before(scene.month.last, 12), size)
    towns = scene.organizations.filter(pl.col("level") == "township")["organization_id"]
    cases = random.integers(3, 9, size)
    found = first + pl.Series([2] * size).cast(pl.Duration("us")) * 86_400_000_000
    return pl.DataFrame({
        "event_id": serial(f"JJ{COUNTY}", scene.month, size),
        "disease_name": names,
        "disease_code": pl.Series([None] * size, dtype=pl.String),
        "syndrome_code": names.replace_strict(rates["names"], return_dtype=pl.String),
        "event_level_code": ["9"] * size,
        "place_kind_code": places,
        "place_name": places.replace_strict(_PLACES, return_dtype=pl.String),
        "school_id": pl.Series([None] * size, dtype=pl.String),
        "township_code": codes(random, dict.fromkeys(towns, 1.0), size),
        "first_onset_date": first,
        "last_onset_date": found.cast(pl.Date),
        "signalled_at": moments(random, found.cast(pl.Date)),
        "exposed_count": cases * 6,
        "case_count": cases,
    })  # fmt: skip


def _big(found: Outbreak, cards: pl.DataFrame) -> pl.DataFrame:
    given = outbreak_rates()
    third = found.cases["onset_date"].sort()[min(2, len(found.cases) - 1)]
    signalled = cards.filter(pl.col("in_outbreak") & (pl.col("onset_date") <= third))
    return pl.DataFrame({
        "event_id": [found.event_id],
        "disease_name": [given["disease_name"]],
        "disease_code": [given["disease_code"]],
        "syndrome_code": [given["syndrome"]],
        "event_level_code": ["4" if len(found.cases) >= 20 else "9"],
        "place_kind_code": ["school"],
        "place_name": [found.school_name],
        "school_id": [found.school_id],
        "township_code": [found.township],
        "first_onset_date": [found.first],
        "last_onset_date": [found.last],
        "signalled_at": [signalled["reported_at"].max()],
        "exposed_count": [found.exposed],
        "case_count": [len(found.cases)],
    }, schema_overrides={"signalled_at": pl.Datetime("us")})  # fmt: skip


def _report(events: pl.DataFrame, state: str, number: int, hours: float) -> pl.DataFrame:
    """The report of each event that many hours after the signal; a closed event is disposed of an
    hour later."""
    reported = pl.col("signalled_at") + pl.duration(seconds=int(hours * 3600))
    disposed = reported + pl.duration(hours=1)
    return events.select(
        pl.all().exclude("exposed_count", "case_count"),
        (pl.col("event_id") + pl.lit(f"-{number}")).alias("event_report_id"),
        pl.lit(CDC).alias("organization_id"),
        pl.lit(state).alias("event_state_code"),
        reported.alias("reported_at"),
        (disposed if state == "closed" else pl.lit(None, pl.Datetime("us"))).alias("disposed_at"),
        pl.col("exposed_count").cast(pl.Int64),
        pl.col("case_count").cast(pl.Int64),
        pl.lit(0).alias("severe_count"),
        pl.lit(0).alias("death_count"),
    )
