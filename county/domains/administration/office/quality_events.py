"""Events of medical quality and safety: reported, put right, closed.

Belongs here: events of stays and visits. Not here: other office flows (`domain.py`),
adverse drug reactions (`medical_management/pharmacy/drug_safety.py`).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, codes, drawn, hours_later, moments, serial
from county.domains.members import LEAD, members
from county.domains.waiting import Waiting
from county.scene import Export, Planted, Scene

EVENTS = ("county_hospital__quality__events", "consortium__oa__quality_events")
_SENTINEL, _REPORTED, _CLOSED = "1", "1", "4"
_COLUMNS = (
    "organization_id", "department_name", "encounter_id", "event_id", "event_class_code",
    "event_level_code", "occurred_at", "reported_at", "is_anonymous", "reporter_staff_id",
    "rectification_due_date",
)  # fmt: skip


class QualityEvents:
    """Each event is sent when it is reported and again when it is closed."""

    def __init__(self, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._waiting = Waiting()

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("quality_events")
        events = self._events(scene, random)
        none = pl.lit(None, pl.Date)
        reported = events.select(
            *_COLUMNS,
            (pl.col("event_id") + "-1").alias("event_record_id"),
            pl.col("reported_at").alias("updated_at"),
            none.alias("rectified_date"),
            none.alias("closed_date"),
            pl.lit(_REPORTED).alias("state_code"),
            "is_open",
        )
        rows = pl.concat([reported, self._closed(events, random)])
        due = self._waiting.due("events", rows, "updated_at", scene.month)
        lead = pl.col("organization_id") == LEAD
        for feed, part in zip(EVENTS, (due.filter(lead), due.filter(~lead)), strict=True):
            left = part.filter("is_open")["event_record_id"]
            yield Export(feed, part, [Planted("serious_event_open", key) for key in left])

    def _events(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """Events of the month's care; the first of the lead hospital is serious and stays open."""
        rates, month = self._rates, scene.month
        columns = ("organization_id", "department_name", "encounter_id", "staff_id", "start")
        stays = scene.stays.filter(pl.col("start").dt.date() >= month.first)
        places = members(scene).filter(pl.col("level").is_in(["hospital", "township"]))
        care = pl.concat(
            [
                stays.select(*columns, *_chance(rates["stay"], longest_hours=40)),
                scene.visits.select(*columns, *_chance(rates["visit"], longest_hours=1)),
            ]
        ).join(places.select("organization_id"), on="organization_id", maintain_order="left")
        lead = care["organization_id"] == LEAD
        found = pl.concat(
            [
                drawn(random, part, part["chance"].to_numpy(), least=4)
                for part in (care.filter(lead), care.filter(~lead))
            ]
        )
        size = len(found)
        seconds = pl.Series(random.random(size)) * found["longest_hours"] * 3600
        occurred = found["start"] + (seconds.cast(pl.Int64) * 1000).cast(pl.Duration("ms"))
        reported = hours_later(random, occurred, 0.5, 60)
        serious = pl.int_range(pl.len()) == 0
        level = codes(random, rates["levels"], size)
        return found.with_columns(
            serial("BL", month, size).alias("event_id"),
            codes(random, rates["classes"], size).alias("event_class_code"),
            pl.when(serious).then(pl.lit(_SENTINEL)).otherwise(pl.lit(level))
            .alias("event_level_code"),
            occurred.alias("occurred_at"),
            reported.alias("reported_at"),
            chance(random, rates["anonymous"], size).alias("is_anonymous"),
            serious.alias("is_open"),
            (pl.lit(reported).dt.date() + timedelta(days=30)).alias("rectification_due_date"),
        ).with_columns(
            pl.when(~pl.col("is_anonymous")).then("staff_id").alias("reporter_staff_id")
        )  # fmt: skip

    def _closed(self, events: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        done = events.filter(~pl.col("is_open"))
        size = len(done)
        rectified = done["reported_at"].dt.date() + _days(random.integers(3, 26, size))
        closed = moments(random, rectified + _days(random.integers(1, 11, size)), opens=9)
        return done.select(
            *_COLUMNS,
            (pl.col("event_id") + "-2").alias("event_record_id"),
            closed.alias("updated_at"),
            rectified.alias("rectified_date"),
            closed.dt.date().alias("closed_date"),
            pl.lit(_CLOSED).alias("state_code"),
            "is_open",
        )


def _chance(share: float, *, longest_hours: int) -> list[pl.Expr]:
    """An event's chance in a stay or visit, and the hours within which it happens."""
    return [pl.lit(share).alias("chance"), pl.lit(longest_hours).alias("longest_hours")]


def _days(count: np.ndarray) -> pl.Series:
    return pl.Series(count * 86_400_000).cast(pl.Duration("ms"))
