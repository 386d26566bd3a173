"""Mutual recognition of results: which items count where, what was prompted, what was repeated.

Belongs here: prompts at ordering and their answers, and the planted repeats without a reason. Not
here: results and reports themselves (`county/laboratory.py`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, codes, drawn, hours_later, serial
from county.domains.hospital_message_parts import EXAMINATIONS, LABORATORY
from county.domains.outbreak import planted_rows
from county.domains.picks import of_level, picked
from county.roles import COUNTY_HOSPITAL
from county.scene import Export, Scene

ITEMS = "health_commission__quality_control__recognition_items"
EVENTS = "consortium__recognition__events"
_UNKNOWN = "BG"  # begins the number of an earlier report that nobody sent


class Domain:
    """Feeds of the quality control centre and the recognition platform; remembers last reports."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._before: pl.DataFrame | None = None
        kinds = ((LABORATORY, "1"), (EXAMINATIONS, "2"))
        self._items = pl.concat(
            [
                services.select(
                    pl.col("service_code").alias("item_code"),
                    pl.col("service_name").alias("item_name"),
                    pl.lit(kind).alias("item_kind_code"),
                )
                for services, kind in kinds
            ]
        ).with_columns(
            pl.col("item_code").replace_strict(rates["prices"], return_dtype=pl.Int64)
            .alias("unit_price_fen"),
            pl.col("item_kind_code").replace_strict(rates["window_days"], return_dtype=pl.Int64)
            .alias("window_days"),
        )  # fmt: skip

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("recognition")
        yield Export(ITEMS, self._register(scene, random))
        events = self._events(scene, random)
        yield Export(
            EVENTS,
            events,
            [
                *planted_rows(
                    "repeat_without_recognition",
                    events,
                    "recognition_event_id",
                    (pl.col("decision_code") == "3") & pl.col("is_repeated"),
                ),
                *planted_rows(
                    "earlier_report_unknown",
                    events,
                    "recognition_event_id",
                    pl.col("earlier_report_id").str.starts_with(_UNKNOWN),
                ),
            ],
        )

    def _register(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """All items in the first month, the items of one organization confirmed again in each
        later one."""
        makers = scene.organizations.filter(pl.col("level").is_in(["hospital", "township"]))
        first = scene.month.index == 0
        if not first:
            makers = makers.slice(scene.month.index % len(makers), 1)
        items = makers.select("organization_id", "level").join(self._items, how="cross")
        items = items.filter(
            (pl.col("level") == "hospital") | (pl.col("item_code").is_in(["L001", "L004", "E004"]))
        )
        valid_from = date(2025, 7, 1) if first else scene.month.first
        return items.with_columns(
            codes(random, {"1": 0.5, "2": 0.3, "3": 0.2}, len(items)).alias("scope_code"),
            chance(random, self._rates["quality_passed"], len(items)).alias("is_quality_passed"),
            pl.lit(valid_from - timedelta(days=40)).alias("quality_checked_date"),
            pl.lit(valid_from).alias("valid_from"),
            pl.lit(None, pl.Date).alias("valid_to"),
        )

    def _events(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """One row per prompt at a hospital visit or admission."""
        columns = ("person", "start", "organization_id", "encounter_id", "staff_id")
        care = of_level(scene, scene.visits, ["hospital"])
        admitted = of_level(
            scene,
            scene.stays.filter(pl.col("start").dt.date() >= scene.month.first),
            ["hospital"],
        )
        current = pl.concat(
            [
                care.select(*columns, pl.lit(self._rates["prompted_after_visit"]).alias("chance")),
                admitted.select(*columns, pl.lit(self._rates["inpatient"]).alias("chance")),
            ]
        ).sort("start", "encounter_id")
        reported = pl.concat([scene.reports, scene.examinations])
        past = reported if self._before is None else pl.concat([self._before, reported])
        self._before = reported
        earlier = past.select(
            "person",
            pl.col("reported").alias("earlier_at"),
            pl.col("organization_id").alias("earlier_organization_id"),
            pl.col("report_id").alias("earlier_report_id"),
            pl.col("service_code").alias("item_code"),
        ).sort("earlier_at")
        windows = self._items.select("item_code", "window_days")
        current = current.join_asof(
            earlier, left_on="start", right_on="earlier_at", by="person", tolerance="30d",
            allow_exact_matches=False, check_sortedness=False,
        ).join(windows, on="item_code", how="left", maintain_order="left")  # fmt: skip
        valid = pl.col("start") <= pl.col("earlier_at") + pl.duration(days="window_days")
        current = current.with_columns(
            pl.when(valid).then(name).alias(name)
            for name in ("earlier_at", "earlier_organization_id", "earlier_report_id", "item_code")
        ).drop("window_days")
        known = current["earlier_at"].is_not_null().to_numpy()
        share = np.where(known, current["chance"].to_numpy(), self._rates["prompted_otherwise"])
        prompted = drawn(random, current, share, least=5)
        return self._answered(scene, prompted, random)

    def _answered(
        self, scene: Scene, prompted: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        size, rates = len(prompted), self._rates
        other = picked(random, self._items, size)["item_code"]
        home = scene.people.select("person", pl.col("township").alias("home"))
        prompt = prompted["start"].dt.offset_by("12m")
        reported = hours_later(random, prompted["start"], -12 * 24, -24)
        decision = codes(random, rates["decisions"], size)
        if "3" not in decision:
            decision[0] = "3"
        unanswered = chance(random, rates["repeated_unanswered"], size)
        unanswered = unanswered | (pl.Series(np.arange(size)) == decision.index_of("3"))
        refusal = codes(random, rates["refusals"], size)
        answered = hours_later(random, prompt, 0.01, 0.2)
        found = (
            prompted.with_columns(pl.coalesce("item_code", pl.lit(other)).alias("item_code"))
            .join(self._items, on="item_code", how="left", maintain_order="left")
            .join(home, on="person", how="left", maintain_order="left")
            .with_columns(
                serial("HR", scene.month, size).alias("recognition_event_id"),
                prompt.alias("prompted_at"),
                decision.alias("decision_code"),
            )
        )
        return found.with_columns(
            pl.coalesce("earlier_organization_id", "home", pl.lit(COUNTY_HOSPITAL)).alias(
                "earlier_organization_id"
            ),
            pl.coalesce("earlier_report_id", _UNKNOWN + pl.col("encounter_id")).alias(
                "earlier_report_id"
            ),
            pl.coalesce("earlier_at", pl.lit(reported)).alias("earlier_reported_at"),
            pl.when(decision == "2").then(refusal).alias("refusal_reason_code"),
            pl.when(decision != "3").then(pl.lit(answered)).alias("decided_at"),
            pl.when(decision == "3")
            .then(unanswered)
            .otherwise(pl.lit(decision == "2"))
            .alias("is_repeated"),
            pl.when(decision == "1")
            .then("unit_price_fen")
            .otherwise(pl.lit(0, pl.Int64))
            .alias("saved_fen"),
        )
