"""Emergency care: calls, missions, pre-hospital records, arrivals and triage, joined by their ids.

Belongs here: who comes to the emergency department and which feeds tell of it. Not here: the course
of a mission (`missions.py`), what the ambulance sends on the way (`ambulances.py`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.centres.emergency.ambulances import positions, vitals
from county.domains.centres.emergency.missions import CENTRE, called, missions
from county.domains.draws import chance, codes, drawn, hours_later, serial
from county.domains.outbreak import planted_rows
from county.domains.picks import hospitals, in_service, picked
from county.roles import COUNTY_HOSPITAL
from county.scene import Export, Planted, Scene

_PATHWAYS = ("chest_pain", "stroke", "trauma")
_CARE = (
    "encounter_id", "organization_id", "person", "start", "diagnosis_code", "diagnosis_name",
)  # fmt: skip


class Domain:
    """Feeds of the emergency centre, its ambulances and the county hospital's emergency room."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("emergency")
        arrivals = self._arrivals(scene, random)
        fleet = self._fleet(scene)
        driven = missions(scene, self._rates, arrivals, fleet["vehicle_id"], random)
        calls, driven = called(scene, self._rates, driven, random)
        new = fleet if scene.month.index == 0 else fleet.tail(self._bought(scene))
        yield Export("emergency_centre__dispatch__vehicles", new)
        yield Export("emergency_centre__dispatch__calls", calls)
        yield Export("emergency_centre__dispatch__dispatches", driven)
        yield positions(driven, self._rates, random)
        records = self._records(scene, driven, random)
        yield Export("emergency_centre__ambulance__vitals", vitals(records, self._rates, random))
        missing = (
            pl.col("hospital_organization_id").is_not_null() & pl.col("handed_over_at").is_null()
        )
        yield Export(
            "emergency_centre__prehospital__records",
            records,
            planted_rows("handover_missing", records, "record_id", missing),
        )
        yield self._triage(scene, arrivals, driven, random)

    def _bought(self, scene: Scene) -> int:
        return int(scene.month.index == self._rates["new_vehicle_month"])

    def _fleet(self, scene: Scene) -> pl.DataFrame:
        """All ambulances in service in the month."""
        given = self._rates
        wanted = round(len(scene.people) / given["residents_per_vehicle"])
        count = max(given["least_vehicles"], wanted)
        count += int(scene.month.index >= given["new_vehicle_month"])
        number = np.arange(1, count + 1)
        odd = number % given["negative_pressure_every"] == 0
        kinds = np.where(odd, "negative_pressure", np.where(number % 3 == 0, "transport",
                                                            "monitoring"))  # fmt: skip
        equipped = [date(2017 + n % 8, 1 + n * 5 % 12, 15) for n in range(count)]
        if scene.month.index >= given["new_vehicle_month"]:
            equipped[-1] = scene.month.first
        return pl.DataFrame({
            "vehicle_id": [f"JH{n:02d}" for n in number],
            "organization_id": CENTRE,
            "kind_code": kinds,
            "has_positioning": True,
            "has_monitor": kinds != "transport",
            "equipped_date": equipped,
        }).with_columns(pl.lit(None, pl.Date).alias("retired_date"))  # fmt: skip

    def _arrivals(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """Everyone who came to an emergency room: emergency visits, and admissions through it."""
        rates, month = self._rates, scene.month
        at = hospitals(scene).select("organization_id")
        urgent = scene.visits.filter(pl.col("patient_class") == "2").select(_CARE)
        urgent = urgent.join(at, on="organization_id", how="semi", maintain_order="left")
        stays = scene.stays.filter(
            pl.col("start").dt.date().is_between(month.first + timedelta(days=1), month.last)
        ).select(_CARE)
        stays = stays.join(at, on="organization_id", how="semi", maintain_order="left")
        letters = pl.col("diagnosis_code").str.slice(0, 3)
        share = stays.select(
            letters.replace_strict(
                rates["through_emergency"], default=rates["through_emergency_otherwise"],
                return_dtype=pl.Float64,
            )
        ).to_series()  # fmt: skip
        stays = drawn(random, stays, share.to_numpy(), least=4)
        arrivals = pl.concat(
            [
                urgent.with_columns(pl.lit(False).alias("is_admitted")),
                stays.with_columns(pl.lit(True).alias("is_admitted")),
            ]
        )
        ages = scene.people.select("person", "age")
        arrivals = arrivals.join(ages, on="person", how="left", maintain_order="left")
        complaint = letters.replace_strict(
            rates["complaints"], default="other", return_dtype=pl.String
        )
        arrivals = arrivals.with_columns(
            pl.when((complaint == "other") & (pl.col("age") < 7))
            .then(pl.lit("child"))
            .otherwise(complaint)
            .alias("complaint_code")
        )
        size = len(arrivals)
        arrivals = arrivals.with_columns(
            pl.when(pl.col("is_admitted") & pl.col("complaint_code").is_in(_PATHWAYS))
            .then("complaint_code")
            .alias("pathway_code")
        )
        group = (
            pl.when(pl.col("pathway_code").is_not_null())
            .then(pl.lit("pathway"))
            .when("is_admitted")
            .then(pl.lit("admitted"))
            .otherwise(pl.lit("visit"))
        )
        arrivals = arrivals.with_columns(group.alias("group"))
        waits = {
            "pathway": hours_later(random, arrivals["start"], -4, -2.7),
            "admitted": hours_later(random, arrivals["start"], -2.5, -0.6),
            "visit": hours_later(random, arrivals["start"], -0.3, -0.1),
        }
        levels = {name: codes(random, rates[f"triage_{name}"], size) for name in waits}
        arrivals = arrivals.with_columns(
            _by_group(waits).alias("arrived_at"), _by_group(levels).alias("triage_code")
        )
        ambulance = drawn(
            random, arrivals.with_row_index("row"),
            arrivals["group"].replace_strict(rates["by_ambulance"]).to_numpy(), least=3,
        )["row"]  # fmt: skip
        sent = pl.Series(random.random(size) < rates["transferred_in"])
        return arrivals.with_row_index("row").with_columns(
            pl.when(pl.col("row").is_in(ambulance.to_list()))
            .then(pl.lit("ambulance"))
            .when(sent)
            .then(pl.lit("transfer"))
            .otherwise(pl.lit("walk"))
            .alias("arrival_mode_code")
        )

    def _records(
        self, scene: Scene, driven: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """One record per mission that met a patient."""
        met = driven.filter(
            pl.col("person").is_not_null() & pl.col("scene_arrived_at").is_not_null()
        )
        size, rates = len(met), self._rates
        contact = hours_later(random, met["scene_arrived_at"], 0.02, 0.06)
        heart = met["complaint_code"].is_in(["chest_pain", "stroke", "other"])
        recorded = heart & chance(random, 0.8, size) & (met["outcome_code"] != "refused")
        forgotten = chance(random, rates["handover_missing"], size)
        brought = met["outcome_code"] == "transported"
        if brought.any():
            forgotten[int(brought.arg_max() or 0)] = True
        forgotten = forgotten & brought
        nurses = in_service(scene, ["21"]).filter(pl.col("organization_id") == COUNTY_HOSPITAL)
        receiver = picked(random, nurses, size)["staff_id"]
        handed = pl.col("outcome_code").eq("transported") & ~forgotten
        texts = {key: value["complaint"] for key, value in rates["texts"].items()}
        done = {key: value["treatment"] for key, value in rates["texts"].items()}
        aware = codes(random, {"A": 0.86, "V": 0.09, "P": 0.05}, size)
        state = codes(random, {"stable": 0.62, "improved": 0.32, "worse": 0.06}, size)
        told = chance(random, 0.85, size)
        dead = pl.col("outcome_code") == "dead"
        at_hospital = pl.col("outcome_code") == "transported"
        return met.with_columns(
            serial("BL", scene.month, size).alias("record_id"),
            pl.col("complaint_code").replace_strict(texts, return_dtype=pl.String)
            .alias("complaint"),
            hours_later(random, met["called_at"], -3, -0.08).alias("onset_at"),
            contact.alias("first_contact_at"),
            pl.when(dead).then(pl.lit("U")).otherwise(aware).alias("consciousness_code"),
            pl.when(recorded).then(hours_later(random, contact, 0.04, 0.15)).alias("first_ecg_at"),
            pl.when(pl.col("outcome_code") == "refused").then(pl.lit("患者拒绝救治，已签字"))
            .when(dead).then(pl.lit("现场心肺复苏无效，宣布死亡"))
            .otherwise(pl.col("complaint_code").replace_strict(done, return_dtype=pl.String))
            .alias("treatment"),
            pl.when(at_hospital & told).then(
                pl.min_horizontal(
                    pl.lit(hours_later(random, met["scene_arrived_at"], 0.1, 0.3)),
                    "hospital_arrived_at",
                )
            ).alias("hospital_informed_at"),
            pl.when(handed).then("handed_over_at").alias("handed_over_at"),
            pl.when(handed).then("encounter_id").alias("handover_encounter_id"),
            pl.when(at_hospital).then(handed & chance(random, rates["handover_complete"], size))
            .alias("is_handover_complete"),
            pl.when(dead).then(pl.lit("dead")).when(at_hospital).then(state)
            .alias("condition_code"),
            pl.Series(np.round(np.clip(random.normal(91, 5, size), 60, 100), 1))
            .alias("quality_points"),
            pl.when(handed & (pl.col("hospital_organization_id") == COUNTY_HOSPITAL))
            .then(receiver).alias("receiver_staff_id"),
        )  # fmt: skip

    def _triage(
        self, scene: Scene, arrivals: pl.DataFrame, driven: pl.DataFrame,
        random: np.random.Generator,
    ) -> Export:  # fmt: skip
        """One row per arrival at the county hospital; late reperfusion is planted."""
        rates = self._rates
        own = driven.filter(pl.col("encounter_id").is_not_null())
        rows = (
            arrivals.filter(pl.col("organization_id") == COUNTY_HOSPITAL)
            .join(own.select("encounter_id", "dispatch_id"), on="encounter_id", how="left")
            .sort("arrived_at", "encounter_id")
        )
        size = len(rows)
        arrived = rows["arrived_at"]
        late = chance(random, rates["late_reperfusion"], size)
        treated = {
            "stroke": chance(random, rates["thrombolysis"], size),
            "chest_pain": chance(random, rates["catheter"], size),
        }
        for kind, chosen in treated.items():
            first = (rows["pathway_code"] == kind).fill_null(value=False).arg_max()
            if first is not None and rows["pathway_code"][first] == kind:
                chosen[first] = late[first] = True
        needle, wire = ((0.5, 0.95), (1.1, 1.9)), ((0.9, 1.45), (1.6, 2.5))
        gone = codes(random, rates["dispositions"], size)
        nurses = in_service(scene, ["21"]).filter(pl.col("organization_id") == COUNTY_HOSPITAL)
        stroke = pl.col("pathway_code") == "stroke"
        chest = pl.col("pathway_code") == "chest_pain"
        rows = rows.with_columns(
            serial("FZ", scene.month, size).alias("triage_id"),
            hours_later(random, arrived, 0.01, 0.08).alias("triaged_at"),
            pl.when(chest).then(hours_later(random, arrived, 0.04, 0.16)).alias("first_ecg_at"),
            pl.when(stroke | (pl.col("pathway_code") == "trauma"))
            .then(hours_later(random, arrived, 0.2, 0.48)).alias("computed_tomography_at"),
            pl.when(stroke & treated["stroke"])
            .then(_either(late, random, arrived, *needle)).alias("thrombolysis_at"),
            pl.when(chest & treated["chest_pain"])
            .then(_either(late, random, arrived, *wire)).alias("catheter_at"),
            pl.when("is_admitted").then("start")
            .otherwise(hours_later(random, rows["start"], 0.4, 4)).alias("left_at"),
            pl.when("is_admitted").then(pl.lit("admitted")).otherwise(gone)
            .alias("disposition_code"),
            picked(random, nurses, size)["staff_id"],
        )  # fmt: skip
        since = {
            "door_to_needle_late": ("thrombolysis_at", timedelta(minutes=60)),
            "door_to_balloon_late": ("catheter_at", timedelta(minutes=90)),
        }
        planted: list[Planted] = []
        for kind, (column, limit) in since.items():
            over = (pl.col(column) - pl.col("arrived_at")) > limit
            planted += planted_rows(kind, rows, "triage_id", over)
        return Export("county_hospital__emergency__triage", rows, planted)


def _by_group(values: dict[str, pl.Series]) -> pl.Expr:
    """The value of each row's `group`."""
    chosen = pl.lit(None)
    for name, series in values.items():
        chosen = pl.when(pl.col("group") == name).then(series).otherwise(chosen)
    return chosen


def _either(
    late: pl.Series, random: np.random.Generator, start: pl.Series,
    usual: tuple[float, float], slow: tuple[float, float],
) -> pl.Expr:  # fmt: skip
    """Some hours later: within `slow` where the row is late, else within `usual`."""
    return (
        pl.when(late)
        .then(hours_later(random, start, *slow))
        .otherwise(hours_later(random, start, *usual))
    )
