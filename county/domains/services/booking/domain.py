"""The consortium's booking platform: sessions, bookings of every outcome, the black list.

Belongs here: what is booked and what became of it. Not here: the visits themselves
(`county/services.py`), referrals (`referral/`).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, codes, days, drawn, hours_later, moments, serial, settled
from county.domains.picks import in_service, of_level, picked
from county.scene import Export, Scene

SLOTS = "consortium__booking__slots"
BOOKINGS = "consortium__booking__bookings"
BLACKLIST = "consortium__booking__blacklist"
_HALF_HOUR = "30m"
_COLUMNS = (
    "organization_id", "slot_id", "resource_kind_code", "booked_at", "appointment_at",
    "status_code", "cancelled_at", "cancel_reason_code", "attended_at", "encounter_id",
    "department_code", "department_name", "staff_id", "person",
)  # fmt: skip


class Domain:
    """Feeds of the booking platform."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("booking")
        visits = of_level(
            scene, scene.visits.filter(pl.col("patient_class") == "1"), ["hospital", "township"]
        )
        attended = self._attended(visits, random)
        parts = [
            attended,
            self._missed(scene, attended, random),
            self._examinations(visits, random),
            self._admissions(scene, random),
        ]
        bookings = pl.concat([part.select(_COLUMNS) for part in parts])
        channel = codes(random, self._rates["channels"], len(bookings))
        home = scene.people.select("person", pl.col("organization_id").alias("home"))
        bookings = (
            bookings.with_columns(
                serial("YY", scene.month, len(bookings)).alias("booking_id"),
                channel.alias("channel_code"),
            )
            .join(home, on="person", how="left", maintain_order="left")
            .with_columns(
                pl.when(pl.col("channel_code") == "5")
                .then("home")
                .alias("booked_by_organization_id")
            )
        )
        yield Export(SLOTS, self._slots(scene, bookings, random))
        yield Export(BOOKINGS, bookings)
        yield Export(BLACKLIST, self._blacklist(scene, bookings, random))

    def _attended(self, visits: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        hospital = (visits["level"] == "hospital").to_numpy()
        share = np.where(
            hospital, self._rates["attended_hospital"], self._rates["attended_township"]
        )
        chosen = drawn(random, visits, share, least=6)
        lead = self._rates["lead_hours"]
        slot = pl.col("start").dt.truncate(_HALF_HOUR)
        chosen = chosen.with_columns(
            slot.alias("appointment_at"),
            (pl.col("start") - timedelta(minutes=6)).alias("attended_at"),
            _session("HY", slot, "staff_id").alias("slot_id"),
            _none("cancelled_at", pl.Datetime("us")),
            _none("cancel_reason_code", pl.String()),
            pl.lit("1").alias("resource_kind_code"),
            pl.lit("2").alias("status_code"),
        )
        return chosen.with_columns(
            hours_later(random, chosen["appointment_at"], -lead[1], -lead[0]).alias("booked_at")
        )

    def _missed(
        self, scene: Scene, attended: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """Bookings of other people for the same sessions that were cancelled, missed or stopped."""
        shares = {"3": self._rates["cancelled"], "4": self._rates["no_show"]}
        shares["5"] = self._rates["stopped"]
        size = max(4, round(len(attended) * sum(shares.values())))
        people = settled(scene, first_age=3)["person"].to_numpy()
        same = picked(random, attended, size)
        status = codes(random, shares, size)
        status[0] = "4"
        missed = same.with_columns(
            pl.Series("person", random.choice(people, size)),
            status.alias("status_code"),
            _none("attended_at", pl.Datetime("us")),
            _none("encounter_id", pl.String()),
            codes(random, self._rates["cancel_reasons"], size).alias("cancel_reason_code"),
            pl.Series("_share", random.uniform(0.1, 0.9, size)),
        )
        span = (pl.col("appointment_at") - pl.col("booked_at")).dt.total_seconds()
        cancelled = pl.col("booked_at") + pl.duration(seconds=(span * pl.col("_share")).round(0))
        came_off = pl.col("status_code").is_in(["3", "5"])
        return missed.with_columns(
            pl.when(came_off).then(cancelled).alias("cancelled_at"),
            pl.when(pl.col("status_code") == "3")
            .then("cancel_reason_code")
            .when(pl.col("status_code") == "5")
            .then(pl.lit("2"))
            .alias("cancel_reason_code"),
        )

    def _examinations(self, visits: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        """Examinations, tests, check-ups and day operations booked at a hospital visit."""
        hospital = visits.filter(pl.col("level") == "hospital")
        chosen = drawn(random, hospital, self._rates["examination"], least=2)
        appointment = hours_later(random, chosen["start"], 1, 6)
        return chosen.with_columns(
            pl.col("start").alias("booked_at"),
            appointment.alias("appointment_at"),
            appointment.alias("attended_at"),
            codes(random, self._rates["other_resources"], len(chosen)).alias("resource_kind_code"),
            pl.lit("2").alias("status_code"),
            _none("cancelled_at", pl.Datetime("us")),
            _none("cancel_reason_code", pl.String()),
            _session("JC", pl.lit(appointment), "organization_id").alias("slot_id"),
        )

    def _admissions(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        month = scene.month
        admitted = scene.stays.filter(pl.col("start").dt.date().is_between(month.first, month.last))
        chosen = drawn(random, admitted, self._rates["admission"])
        return chosen.with_columns(
            hours_later(random, chosen["start"], -120, -12).alias("booked_at"),
            pl.col("start").alias("appointment_at"),
            pl.col("start").alias("attended_at"),
            pl.lit("6").alias("resource_kind_code"),
            pl.lit("2").alias("status_code"),
            _none("cancelled_at", pl.Datetime("us")),
            _none("cancel_reason_code", pl.String()),
            _none("slot_id", pl.String()),
        )

    def _slots(
        self, scene: Scene, bookings: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """Sessions of the month: those somebody booked, and the doctors' regular mornings."""
        booked = (
            bookings.filter(pl.col("slot_id").is_not_null())
            .group_by("slot_id", maintain_order=True)
            .agg(
                pl.first(
                    "organization_id", "department_code", "department_name", "staff_id",
                    "resource_kind_code", "appointment_at",
                ),
                (~pl.col("status_code").is_in(["3", "5"])).sum().cast(pl.Int64).alias("booked"),
            )
        )  # fmt: skip
        doctors = in_service(scene, ["11"]).select("staff_id", "organization_id", "department_name")
        working = pl.DataFrame({"day": [d for d in scene.month.days if d.weekday() < 5]})
        turn = (pl.col("staff_id").str.slice(-4).cast(pl.Int64) + pl.col("day").dt.weekday()) % 5
        idle = doctors.join(working, how="cross").filter(turn < self._rates["mornings_per_week"])
        idle = idle.with_columns(
            pl.col("day").cast(pl.Datetime("us")).dt.offset_by("9h").alias("appointment_at")
        )
        idle = idle.with_columns(
            _session("HY", pl.col("appointment_at"), "staff_id").alias("slot_id"),
            _none("department_code", pl.String()),
            pl.lit("1").alias("resource_kind_code"),
            pl.lit(0, pl.Int64).alias("booked"),
        ).join(booked.select("slot_id"), on="slot_id", how="anti", maintain_order="left")
        slots = pl.concat([booked, idle.select(booked.columns)])
        low, high = self._rates["capacity"]
        half = pl.col("appointment_at").dt.truncate("1d")
        opens = half + pl.when(pl.col("appointment_at").dt.hour() < 13).then(
            pl.duration(hours=8)
        ).otherwise(pl.duration(hours=13))
        return slots.with_columns(
            pl.Series("capacity", random.integers(low, high + 1, len(slots))),
            (chance(random, self._rates["session_stopped"], len(slots))).alias("stopped"),
            opens.alias("starts_at"),
        ).with_columns(
            pl.max_horizontal("capacity", "booked").alias("capacity_count"),
            (pl.col("capacity") * self._rates["reserved"])
            .floor()
            .cast(pl.Int64)
            .alias("reserved_for_primary_care_count"),
            pl.col("booked").alias("booked_count"),
            (pl.col("starts_at") + timedelta(hours=11)).alias("ends_at"),
            (pl.col("starts_at") - timedelta(days=7)).alias("released_at"),
            (pl.col("stopped") & (pl.col("booked") == 0)).alias("is_stopped"),
        )

    def _blacklist(
        self, scene: Scene, bookings: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        missed = bookings.filter(pl.col("status_code") == "4").unique("person", maintain_order=True)
        listed = drawn(random, missed, self._rates["blacklisted"], least=2)
        service = codes(random, self._rates["blacklist_services"], len(listed))
        day = days(random, scene.month.first, scene.month.last, len(listed))
        released = chance(random, 0.3, len(listed))
        return listed.select(
            "person",
            "organization_id",
            serial("HM", scene.month, len(listed)).alias("listing_id"),
            service.alias("service_kind_code"),
            pl.when(service == "2").then(pl.lit("3")).otherwise(pl.lit("1")).alias("reason_code"),
            pl.Series("breach_count", random.integers(3, 7, len(listed))),
            moments(random, day).dt.date().alias("listed_date"),
            pl.when(released)
            .then(pl.lit(day).dt.offset_by(f"{self._rates['blacklist_days']}d"))
            .alias("released_date"),
        )


def _none(name: str, kind: pl.DataType) -> pl.Expr:
    return pl.lit(None, kind).alias(name)


def _session(prefix: str, moment: pl.Expr, owner: str) -> pl.Expr:
    """Number of the half-day session of a doctor or a room."""
    half = pl.when(moment.dt.hour() < 13).then(pl.lit("A")).otherwise(pl.lit("P"))
    return pl.concat_str(pl.lit(prefix), moment.dt.strftime("%Y%m%d"), half, owner)
