"""Two-way referral: applications up, down and out of the county, and every step after them.

Belongs here: referrals tied to visits and stays of both sides, and the planted ones that never came
back. Not here: bookings of ordinary visits (`booking/`).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, codes, doctors, drawn, hours_later, serial
from county.domains.picks import discharged, hospitals, of_level, picked
from county.domains.waiting import Waiting
from county.insurance import BEYOND
from county.scene import Export, Planted, Scene

REFERRALS = "consortium__referral__referrals"
EVENTS = "consortium__referral__events"
_APPLIED, _ACCEPTED, _REFUSED, _ARRIVED, _RETURNED, _CLOSED, _WITHDRAWN, _FOLLOWED = (
    "1", "2", "3", "4", "5", "6", "7", "8",
)  # fmt: skip
_COLUMNS = (
    "organization_id", "to_organization_id", "to_organization_name", "direction_code",
    "reason_code", "resource_kind_code", "encounter_id", "diagnosis_code", "diagnosis_name",
    "applied_at", "expected_date", "staff_id", "person", "arrived_at", "arrived_encounter_id",
    "ended_at", "outcome",
)  # fmt: skip


class Domain:
    """Feeds of the referral platform; steps that lie beyond the month wait for theirs."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._waiting = Waiting()

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("referral")
        parts = [
            self._arrived(scene, random),
            self._lost(scene, random),
            self._down(scene, random),
            self._outside(scene, random),
        ]
        referrals = pl.concat([part.select(_COLUMNS) for part in parts], how="vertical_relaxed")
        size = len(referrals)
        referrals = referrals.with_columns(
            serial("ZZ", scene.month, size).alias("referral_id"),
            codes(random, self._rates["urgencies"], size).alias("urgency_code"),
            chance(random, self._rates["record_shared"], size).alias("is_record_shared"),
        )
        planted = [
            Planted(kind, key)
            for outcome, kind in (
                ("never_returned", "referral_never_returned"),
                ("not_followed_up", "referral_not_followed_up"),
            )
            for key in referrals.filter(pl.col("outcome") == outcome)["referral_id"]
        ]
        yield Export(REFERRALS, referrals, planted)
        events = self._events(referrals, random)
        yield Export(EVENTS, self._waiting.due("events", events, "occurred_at", scene.month))

    def _arrived(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """Referred up and arrived; the sending side is the primary visit before, if there was one,
        else the institution at home."""
        columns = (
            "encounter_id", "organization_id", "person", "start", "diagnosis_code",
            "diagnosis_name",
        )  # fmt: skip
        names = scene.organizations.select("organization_id", "name", "level")
        visits = scene.visits.select(*columns, pl.lit("1").alias("resource_kind_code"))
        stays = scene.stays.select(*columns, pl.lit("6").alias("resource_kind_code"))
        settled_in = scene.month.first + timedelta(days=3)
        hospital = (
            pl.concat([visits, stays])
            .join(names, on="organization_id", maintain_order="left")
            .filter(
                (pl.col("level") == "hospital")
                & pl.col("start").dt.date().is_between(settled_in, scene.month.last)
            )
            .sort("start", "encounter_id")
        )
        chosen = drawn(random, hospital, self._rates["up_arrived"], least=5)
        before = (
            visits.join(
                scene.organizations.filter("is_primary_care").select("organization_id"),
                on="organization_id", how="semi", maintain_order="left",
            )
            .join(scene.visits.select("encounter_id", "staff_id"), on="encounter_id",
                  maintain_order="left")
            .select(
                "person", pl.col("start").alias("seen_at"),
                pl.col("organization_id").alias("seen_by"),
                pl.col("encounter_id").alias("seen_in"), pl.col("staff_id").alias("seen_doctor"),
            )
            .sort("seen_at")
        )  # fmt: skip
        home = scene.people.select("person", pl.col("organization_id").alias("home"))
        found = chosen.join_asof(
            before, left_on="start", right_on="seen_at", by="person", tolerance="10d",
            allow_exact_matches=False, check_sortedness=False,
        ).join(home, on="person", how="left", maintain_order="left")  # fmt: skip
        asked = hours_later(random, found["start"], -48, -2)
        direct = pl.col("seen_in").is_null()
        applied = (
            pl.when(direct)
            .then(pl.lit(asked))
            .otherwise(
                pl.min_horizontal(
                    pl.col("seen_at") + timedelta(minutes=20),
                    pl.col("start") - timedelta(minutes=1),
                )
            )
        )
        found = found.with_columns(
            applied.alias("applied_at"), pl.coalesce("seen_by", "home").alias("sender")
        )
        own = doctors(random, scene, found["sender"])
        outcome = chance(random, self._rates["never_returned"], len(found))
        outcome[0] = True
        return found.select(
            pl.col("sender").alias("organization_id"),
            pl.col("organization_id").alias("to_organization_id"),
            pl.col("name").alias("to_organization_name"),
            pl.lit("1").alias("direction_code"),
            codes(random, self._rates["up_reasons"], len(found)).alias("reason_code"),
            "resource_kind_code",
            pl.col("seen_in").alias("encounter_id"),
            "diagnosis_code", "diagnosis_name", "applied_at",
            pl.col("start").dt.date().alias("expected_date"),
            pl.coalesce("seen_doctor", pl.lit(own)).alias("staff_id"),
            "person",
            pl.col("start").alias("arrived_at"),
            pl.col("encounter_id").alias("arrived_encounter_id"),
            _never("ended_at"),
            pl.when(outcome).then(pl.lit("never_returned")).otherwise(pl.lit("returned"))
            .alias("outcome"),
        )  # fmt: skip

    def _lost(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """Referred up from a primary visit, then refused, withdrawn or simply not arrived."""
        primary = scene.organizations.filter("is_primary_care").select("organization_id")
        visits = scene.visits.join(primary, on="organization_id", how="semi", maintain_order="left")
        chosen = drawn(random, visits, self._rates["up_lost"], least=3)
        return self._sent(scene, chosen, random).with_columns(
            pl.lit("1").alias("direction_code"),
            codes(random, self._rates["up_reasons"], len(chosen)).alias("reason_code"),
            codes(random, self._rates["lost_outcomes"], len(chosen)).alias("outcome"),
        )

    def _sent(
        self, scene: Scene, chosen: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """Visits with a hospital that they are referred to."""
        asked = picked(random, hospitals(scene), len(chosen))
        return chosen.with_columns(
            asked["organization_id"].alias("to_organization_id"),
            asked["name"].alias("to_organization_name"),
            pl.lit("1").alias("resource_kind_code"),
            (pl.col("start") + timedelta(minutes=25)).alias("applied_at"),
            (pl.col("start").dt.date() + timedelta(days=2)).alias("expected_date"),
            _never("arrived_at"),
            pl.lit(None, pl.String).alias("arrived_encounter_id"),
            _never("ended_at"),
        )

    @staticmethod
    def _leaving(scene: Scene) -> pl.DataFrame:
        """Hospital stays that ended in the month with the patient alive."""
        alive = discharged(scene).filter(pl.col("discharge_mode") != "5")
        return of_level(scene, alive, ["hospital"])

    def _down(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """Discharged to the institution at home, which must follow the patient up."""
        stays = self._leaving(scene)
        advised = (stays["discharge_mode"] == "3").to_numpy()
        chosen = drawn(random, stays, np.where(advised, 1.0, self._rates["down"]), least=3)
        home = scene.people.select("person", pl.col("organization_id").alias("to_organization_id"))
        names = scene.organizations.select(
            pl.col("organization_id").alias("to_organization_id"),
            pl.col("name").alias("to_organization_name"),
        )
        chosen = chosen.join(home, on="person", maintain_order="left").join(
            names, on="to_organization_id", maintain_order="left"
        )
        forgotten = chance(random, self._rates["not_followed_up"], len(chosen))
        return chosen.with_columns(
            pl.lit("2").alias("direction_code"),
            codes(random, self._rates["down_reasons"], len(chosen)).alias("reason_code"),
            pl.lit(None, pl.String).alias("resource_kind_code"),
            (pl.col("end") - timedelta(hours=2)).alias("applied_at"),
            pl.col("end").dt.date().alias("expected_date"),
            (pl.col("end") + timedelta(hours=20)).alias("arrived_at"),
            pl.lit(None, pl.String).alias("arrived_encounter_id"),
            pl.col("end").alias("ended_at"),
            pl.when(forgotten)
            .then(pl.lit("not_followed_up"))
            .otherwise(pl.lit("followed_up"))
            .alias("outcome"),
        )

    def _outside(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        chosen = drawn(random, self._leaving(scene), self._rates["outside"], least=1)
        beyond = pl.DataFrame(BEYOND, schema=["code", "name", "area"], orient="row")
        asked = picked(random, beyond, len(chosen))
        return chosen.with_columns(
            asked["code"].alias("to_organization_id"),
            asked["name"].alias("to_organization_name"),
            pl.lit("4").alias("direction_code"),
            pl.lit("2").alias("reason_code"),
            pl.lit("6").alias("resource_kind_code"),
            (pl.col("end") - timedelta(hours=3)).alias("applied_at"),
            (pl.col("end").dt.date() + timedelta(days=1)).alias("expected_date"),
            _never("arrived_at"),
            pl.lit(None, pl.String).alias("arrived_encounter_id"),
            _never("ended_at"),
            pl.lit("2").alias("outcome"),
        )

    def _events(self, referrals: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        """All steps of new referrals, also those that lie in later months."""
        applied = referrals["applied_at"].cast(pl.Datetime("us"))
        answered = hours_later(random, applied, 0.2, 1.8)
        back = hours_later(random, applied, 120, 480)
        referrals = referrals.with_columns(
            applied.alias("applied_at"),
            pl.min_horizontal(pl.lit(answered), pl.coalesce("arrived_at", pl.lit(answered))).alias(
                "answered_at"
            ),
            pl.lit(back).alias("back_at"),
            codes(random, self._rates["refusals"], len(referrals)).alias("refusal_reason_code"),
        )
        outcome = pl.col("outcome")
        up_arrived = outcome.is_in(["returned", "never_returned"])
        down = outcome.is_in(["followed_up", "not_followed_up"])
        lost = [_REFUSED, _WITHDRAWN]
        followed = outcome == "followed_up"
        steps = [
            _step(referrals, _APPLIED, "applied_at", "organization_id"),
            _step(
                referrals.filter(~outcome.is_in(lost)),
                _ACCEPTED, "answered_at", "to_organization_id",
            ),
            _step(
                referrals.filter(outcome == _REFUSED),
                _REFUSED, "answered_at", "to_organization_id",
            ),
            _step(
                referrals.filter(outcome == _WITHDRAWN),
                _WITHDRAWN, "back_at", "organization_id",
            ),
            _step(
                referrals.filter(up_arrived | down), _ARRIVED, "arrived_at", "to_organization_id"
            ),
            _step(
                referrals.filter(outcome == "returned"), _RETURNED, "back_at", "to_organization_id"
            ),
            _step(referrals.filter(outcome == "returned"), _CLOSED, "back_at", "organization_id"),
            _step(referrals.filter(followed), _FOLLOWED, "back_at", "to_organization_id"),
            _step(referrals.filter(followed), _CLOSED, "back_at", "organization_id"),
        ]  # fmt: skip
        return pl.concat(steps)


def _never(name: str) -> pl.Expr:
    return pl.lit(None, pl.Datetime("us")).alias(name)


def _step(referrals: pl.DataFrame, kind: str, moment: str, organization: str) -> pl.DataFrame:
    arrived = pl.col("arrived_encounter_id") if kind == _ARRIVED else pl.lit(None, pl.String)
    refused = pl.col("refusal_reason_code") if kind == _REFUSED else pl.lit(None, pl.String)
    staff = pl.col("staff_id") if kind == _APPLIED else pl.lit(None, pl.String)
    closed = timedelta(hours=3 if kind == _CLOSED else 0)
    return referrals.select(
        (pl.col("referral_id") + "-" + kind).alias("referral_event_id"),
        pl.col(organization).alias("organization_id"),
        "referral_id",
        pl.lit(kind).alias("event_kind_code"),
        (pl.col(moment).cast(pl.Datetime("us")) + closed).alias("occurred_at"),
        arrived.alias("encounter_id"),
        refused.alias("refusal_reason_code"),
        staff.alias("staff_id"),
    )
