"""The shared laboratory: requests of township centres, their specimens, results and alarms.

Belongs here: what is asked and found, also by the laboratory of a township centre. Not here:
values (`results.py`), transport (`transport.py`), controls
(`control.py`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from county.domains.centres.laboratory_centre.control import Controls
from county.domains.centres.laboratory_centre.results import alarmed, results
from county.domains.centres.laboratory_centre.transport import carried, cold_chain, trips
from county.domains.centres.parts import (
    CENTRE,
    critical_values,
    some_minutes_later,
    township_visits,
    wait_of,
)
from county.domains.draws import chance, codes, doctors, drawn, hours_later, serial
from county.domains.hospital_message_parts import LABORATORY
from county.domains.outbreak import planted_rows
from county.domains.waiting import Waiting
from county.roles import TOWNSHIP_A, TOWNSHIP_B
from county.scene import Export, Scene

REQUESTS, SPECIMENS = "county_hospital__lis__requests", "county_hospital__lis__specimens"
RESULTS, ALARMS = "county_hospital__lis__shared_results", "county_hospital__lis__critical_values"
TRIPS, COLD_CHAIN = "county_hospital__logistics__trips", "county_hospital__logistics__cold_chain"
OWN_REQUESTS = "township_b__lis__requests"
OWN_SPECIMENS, OWN_RESULTS = "township_b__lis__specimens", "township_b__lis__results"
_OWN_LABORATORIES = (TOWNSHIP_A, TOWNSHIP_B)
_REPORTING_LABORATORY = TOWNSHIP_B


class Domain:
    """Feeds of the laboratory centre, its logistics and the laboratories of two townships."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._waiting = Waiting()
        self._controls = Controls(rates["control"])

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("laboratory_centre")
        visits = township_visits(scene)
        asked = self._asked(scene, visits, random)
        specimens = carried(random, self._collected(scene, asked, random))
        journeys = trips(random, scene, specimens, self._rates["transport"])
        specimens = self._received(scene, specimens, journeys, random)
        yield Export(REQUESTS, self._states(asked, specimens))
        lost = planted_rows(
            "specimen_without_report", specimens, "specimen_id",
            pl.col("is_pending") & ~pl.col("is_rejected"),
        )  # fmt: skip
        yield Export(SPECIMENS, specimens, lost)
        yield Export(TRIPS, journeys)
        yield Export(COLD_CHAIN, cold_chain(random, scene, journeys, self._rates["transport"]))
        yield from self._reported(scene, specimens, random)
        yield from self._own(scene, visits, random)
        yield from self._controls.month(scene)

    def _asked(
        self, scene: Scene, visits: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        rates = self._rates
        chosen = drawn(random, visits, rates["centre_share"], least=rates["least"])
        size = len(chosen)
        own = chosen["organization_id"].is_in(_OWN_LABORATORIES)
        left = {k: v for k, v in rates["panels"].items() if k not in rates["own_panels"]}
        panel = codes(random, rates["panels"], size).zip_with(~own, codes(random, left, size))
        return _panels(chosen.with_columns(panel.alias("panel_code"))).with_columns(
            serial("JYSQ", scene.month, size).alias("request_id"),
            pl.lit(CENTRE).alias("performing_organization_id"),
            codes(random, rates["priorities"], size).alias("priority_code"),
            some_minutes_later(random, chosen["start"], 3, 20).alias("requested_at"),
            panel.replace_strict(rates["prices"], return_dtype=pl.Int64).alias("fee_fen"),
            chance(random, rates["cancelled"], size).alias("is_cancelled"),
        )

    def _collected(
        self, scene: Scene, asked: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        taken = asked.filter(~pl.col("is_cancelled"))
        return taken.with_columns(
            serial("BB", scene.month, len(taken)).alias("specimen_id"),
            some_minutes_later(random, taken["requested_at"], 5, 30).alias("collected_at"),
            doctors(random, scene, taken["organization_id"]).alias("collector_staff_id"),
        )

    def _received(
        self, scene: Scene, specimens: pl.DataFrame, journeys: pl.DataFrame,
        random: np.random.Generator,
    ) -> pl.DataFrame:  # fmt: skip
        """Specimens with their trip's times, and whether the centre refused them."""
        rates = self._rates
        found = specimens.join(
            journeys.select(
                "trip_id", "handed_over_at", "receiver_staff_id", "is_late", "is_excursion",
                pl.col("departed_at").alias("sent_at"),
            ),
            on="trip_id", maintain_order="left",
        )  # fmt: skip
        size = len(found)
        late = found["is_late"] & chance(random, rates["overdue_rejected"], size)
        warm = found["is_excursion"] & chance(random, rates["temperature_rejected"], size)
        bad = chance(random, rates["rejected"], size)
        reason = (
            pl.when(warm).then(pl.lit("temperature"))
            .when(late).then(pl.lit("overdue"))
            .when(bad).then(codes(random, rates["rejections"], size))
        )  # fmt: skip
        return found.with_columns(
            some_minutes_later(random, found["handed_over_at"], 2, 20).alias(
                "laboratory_received_at"
            ),
            reason.alias("rejection_reason_code"),
            (late | warm | bad).alias("is_rejected"),
            chance(random, rates["pending"], size).alias("is_pending"),
        )

    @staticmethod
    def _states(asked: pl.DataFrame, specimens: pl.DataFrame) -> pl.DataFrame:
        """Requests with the state in which the centre left them."""
        fate = specimens.select("request_id", "is_rejected", "is_pending")
        state = (
            pl.when(pl.col("is_cancelled") | pl.col("is_rejected")).then(pl.lit("CA"))
            .when("is_pending").then(pl.lit("IP"))
            .otherwise(pl.lit("CM"))
        )  # fmt: skip
        return asked.join(fate, on="request_id", how="left", maintain_order="left").with_columns(
            state.alias("status_code")
        )

    def _reported(
        self, scene: Scene, specimens: pl.DataFrame, random: np.random.Generator
    ) -> Iterator[Export]:
        rates = self._rates
        examined = specimens.filter(~pl.col("is_rejected") & ~pl.col("is_pending"))
        received = examined["laboratory_received_at"]
        night = (received.dt.hour() >= rates["evening"]).cast(pl.Int64) * 11
        routine = hours_later(random, received, *rates["report_hours"]["routine"])
        routine = pl.select(routine + pl.duration(hours=pl.lit(night))).to_series()
        urgent = hours_later(random, received, *rates["report_hours"]["urgent"])
        size = len(examined)
        reports = examined.with_columns(
            pl.col("request_id").str.replace("JYSQ", "JYBG").alias("report_id"),
            wait_of(examined["priority_code"], routine, urgent).alias("reported_at"),
            pl.when(chance(random, rates["unreviewed"], size)).then(pl.lit("P"))
            .otherwise(pl.lit("F")).alias("result_status"),
            pl.col("organization_id").alias("requesting_organization_id"),
            pl.lit(CENTRE).alias("organization_id"),
        )  # fmt: skip
        items = alarmed(random, results(random, reports, rates), rates["critical"])
        due = self._waiting.due("results", items, "reported_at", scene.month)
        yield Export(RESULTS, due)
        found = due.filter("is_critical").select(
            "person", "encounter_id", "requesting_organization_id", "report_id",
            pl.col("test_code").alias("item_code"), pl.col("test_name").alias("item_name"),
            pl.concat_str("value_text", "value_unit", separator=" ").alias("value_text"),
            pl.col("reported_at").alias("found_at"),
        )  # fmt: skip
        alarms = critical_values(random, scene, "laboratory", found, rates["critical"])
        yield Export(ALARMS, *alarms)

    def _own(
        self, scene: Scene, visits: pl.DataFrame, random: np.random.Generator
    ) -> Iterator[Export]:
        """Specimens and results of the township laboratory that has a system of its own."""
        rates = self._rates
        here = visits.filter(pl.col("organization_id") == _REPORTING_LABORATORY)
        chosen = drawn(random, here, rates["own_share"], least=rates["least_own"])
        size = len(chosen)
        taken = some_minutes_later(random, chosen["start"], 8, 40)
        came = some_minutes_later(random, taken, 2, 15)
        bad = chance(random, rates["rejected"], size)
        specimens = _panels(
            chosen.with_columns(codes(random, rates["own_panels"], size).alias("panel_code"))
        ).with_columns(
            serial("TBSQ", scene.month, size).alias("request_id"),
            serial("TBBB", scene.month, size).alias("specimen_id"),
            serial("TBBG", scene.month, size).alias("report_id"),
            pl.col("organization_id").alias("performing_organization_id"),
            taken.alias("collected_at"),
            came.alias("laboratory_received_at"),
            bad.alias("is_rejected"),
            pl.when(bad).then(codes(random, rates["rejections"], size))
            .alias("rejection_reason_code"),
            doctors(random, scene, chosen["organization_id"]).alias("collector_staff_id"),
            some_minutes_later(random, came, 15, 75).alias("reported_at"),
            pl.lit("F").alias("result_status"),
        )  # fmt: skip
        asked = specimens.with_columns(
            (pl.col("collected_at") - pl.duration(minutes=6)).alias("requested_at")
        )
        yield Export(OWN_REQUESTS, asked)
        yield Export(OWN_SPECIMENS, specimens)
        yield Export(OWN_RESULTS, results(random, specimens.filter(~pl.col("is_rejected")), rates))


def _panels(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with the name and specimen of their panel."""
    panels = LABORATORY.select(
        pl.col("service_code").alias("panel_code"),
        pl.col("service_name").alias("panel_name"),
        pl.col("specimen_code").alias("specimen_type_code"),
    )
    return rows.join(panels, on="panel_code", maintain_order="left")
