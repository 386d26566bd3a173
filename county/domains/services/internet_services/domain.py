"""What residents order and pay on line, nurses who come home, and remote services between members.

Belongs here: orders, home nursing, telemedicine. Not here: on-line visits themselves (the internet
hospital's FHIR feed), bookings (`booking/`).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import (
    chance,
    codes,
    days,
    doctors,
    drawn,
    hours_later,
    moments,
    serial,
    settled,
)
from county.domains.picks import hospitals, of_level, picked, team
from county.domains.waiting import after
from county.roles import COUNTY_HOSPITAL
from county.scene import Export, Scene

ORDERS = "consortium__internet_hospital__orders"
NURSING = "consortium__internet_hospital__home_nursing"
TELEMEDICINE = "consortium__telemedicine__sessions"
_LEAD = COUNTY_HOSPITAL
_NURSES = ["21"]
_PAID, _REFUNDED, _INSURANCE = "2", "3", "4"
_DONE, _CANCELLED = "3", "4"


class Domain:
    """Feeds of the internet hospital beside its visits, and of the telemedicine platform."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("internet_services")
        yield Export(ORDERS, self._orders(scene, random))
        yield Export(NURSING, self._nursing(scene, random))
        yield Export(TELEMEDICINE, self._remote(scene, random))

    def _orders(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """Fees of hospital visits paid on line, and orders that need no visit."""
        rates, month = self._rates["orders"], scene.month
        early = scene.visits.filter(
            (pl.col("fee_fen") > 0) & (pl.col("start") < after(month) - timedelta(hours=4))
        )
        visits = drawn(random, of_level(scene, early, ["hospital"]), rates["visits"], least=4)
        people = drawn(
            random, settled(scene, first_age=16, last_age=75), rates["residents"], least=4
        )
        kind = codes(random, rates["resident_kinds"], len(people))
        day = days(random, month.first, month.last, len(people))
        orders = pl.concat(
            [
                visits.select(
                    "person", "organization_id", "encounter_id",
                    pl.col("encounter_id").alias("related_id"),
                    codes(random, rates["visit_kinds"], len(visits)).alias("order_kind_code"),
                    hours_later(random, visits["start"], 0.1, 1.5).alias("ordered_at"),
                    pl.col("fee_fen").alias("total_fen"),
                ),
                people.select(
                    "person",
                    picked(random, hospitals(scene), len(people))["organization_id"],
                    pl.lit(None, pl.String).alias("encounter_id"),
                    pl.lit(None, pl.String).alias("related_id"),
                    kind.alias("order_kind_code"),
                    moments(random, day, opens=7, closes=22).alias("ordered_at"),
                    kind.replace_strict(rates["prices"], return_dtype=pl.Int64).alias("total_fen"),
                ),
            ]
        )  # fmt: skip
        size = len(orders)
        state = codes(random, rates["states"], size)
        channel = codes(random, rates["channels"], size)
        settled_up = state.is_in([_PAID, _REFUNDED])
        paid = hours_later(random, orders["ordered_at"], 0.005, 0.3)
        refunded = hours_later(random, paid, 0.2, 1.5)
        insured = pl.when(settled_up & (channel == _INSURANCE)).then(
            (pl.col("total_fen") * rates["insurance_share"]).round(0).cast(pl.Int64)
        ).otherwise(0).cast(pl.Int64)  # fmt: skip
        number = serial("DD", month, size)
        return orders.with_columns(
            number.alias("order_id"),
            pl.when(settled_up).then(channel).alias("payment_channel_code"),
            pl.when(settled_up).then(pl.lit(paid)).alias("paid_at"),
            insured.alias("insurance_paid_fen"),
            (pl.col("total_fen") - insured).alias("personal_paid_fen"),
            state.alias("state_code"),
            pl.when(state == _REFUNDED).then(pl.lit(refunded)).alias("refunded_at"),
            pl.when(settled_up).then("PAY" + number).alias("payment_serial"),
        )

    def _nursing(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        rates, month = self._rates["nursing"], scene.month
        elderly = settled(scene, first_age=60)
        found = drawn(random, elderly, rates["residents"], least=3)
        size = len(found)
        nurses = picked(random, team(scene, _NURSES, "hospital"), size)
        day = days(random, month.first, month.last - timedelta(days=3), size)
        asked = moments(random, day, opens=8, closes=20)
        assessed = hours_later(random, asked, 0.5, 3)
        came = hours_later(random, assessed, 12, 40)
        state = codes(random, rates["states"], size)
        done = state == _DONE
        rating = codes(random, rates["ratings"], size).cast(pl.Int64)
        low, high = rates["fee_fen"]
        return found.select(
            "person",
            nurses["organization_id"],
            serial("HL", month, size).alias("nursing_id"),
            codes(random, rates["services"], size).alias("service_code"),
            asked.alias("requested_at"),
            pl.when(state != _CANCELLED).then(pl.lit(assessed)).alias("assessed_at"),
            pl.when(done).then(pl.lit(came)).alias("arrived_at"),
            pl.when(done).then(pl.lit(hours_later(random, came, 0.4, 1.4))).alias("left_at"),
            state.alias("state_code"),
            nurses["staff_id"],
            pl.Series("travel_distance_km", np.round(random.uniform(0.5, 24, size), 1)),
            pl.Series("fee_fen", random.integers(low // 100, high // 100, size) * 100),
            pl.when(done).then(rating).alias("rating_score"),
            (done & chance(random, rates["adverse"], size)).alias("has_adverse_event"),
        )

    def _remote(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """Remote services that the lead hospital gives to centres and to the other hospital."""
        rates, month = self._rates["telemedicine"], scene.month
        early = pl.col("start") < after(month) - timedelta(days=2)
        columns = (
            "person", "organization_id", "encounter_id", "start", "staff_id", "diagnosis_code",
        )  # fmt: skip
        primary = of_level(scene, scene.visits.filter(early), ["township"])
        admitted = scene.stays.filter(
            early
            & (pl.col("start").dt.date() >= month.first)
            & (pl.col("organization_id") != _LEAD)
        )
        asked = pl.concat(
            [
                drawn(random, primary, rates["primary_visits"], least=3).select(columns),
                drawn(random, admitted, rates["stays"]).select(columns),
            ]
        )
        size = len(asked)
        kind = codes(random, rates["kinds"], size)
        state = codes(random, rates["states"], size)
        applied = hours_later(random, asked["start"], 0.2, 1)
        started = hours_later(random, applied, 0.3, 20)
        done = state == "2"
        lead = pl.Series([_LEAD] * size, dtype=pl.String)
        fee = kind.replace_strict(rates["fee_fen"], return_dtype=pl.Int64)
        return asked.with_columns(
            serial("YC", month, size).alias("session_id"),
            lead.alias("providing_organization_id"),
            kind.alias("kind_code"),
            applied.alias("applied_at"),
            pl.when(done).then(pl.lit(started)).alias("started_at"),
            pl.when(done).then(pl.lit(hours_later(random, started, 0.2, 1.2))).alias("ended_at"),
            state.alias("state_code"),
            pl.col("staff_id").alias("applicant_staff_id"),
            pl.when(done).then(doctors(random, scene, lead)).alias("expert_staff_id"),
            pl.when(done).then(fee).alias("fee_fen"),
            pl.when(done)
            .then(chance(random, rates["adopted"], size))
            .alias("is_conclusion_adopted"),
        )
