"""Remote consultation: requests of the townships and the county hospital, experts, results.

Belongs here: a consultation from request to rating, and who took part. Not here: the internet
hospital's own consultations (`services/online/`), referrals (`services/referral/`).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.centres.consultation.experts import Experts
from county.domains.draws import chance, codes, drawn, hours_later, minutes_later, serial
from county.domains.outbreak import planted_rows
from county.domains.picks import of_level, picked, team
from county.domains.waiting import Waiting
from county.roles import COUNTY_HOSPITAL
from county.scene import Export, Scene

CONSULTATIONS = "county_hospital__consultation__consultations"
PARTICIPANTS = "county_hospital__consultation__participants"
EXPERTS = "county_hospital__consultation__experts"
_ASKED = (
    "encounter_id", "organization_id", "person", "start", "staff_id", "diagnosis_code",
    "diagnosis_name",
)  # fmt: skip
_COLUMNS = (
    "consultation_id", "organization_id", "invited_organization_id", "invited_organization_name",
    "encounter_id", "mode_code", "level_code", "specialty_name", "priority_code", "reason",
    "requested_at", "reviewed_at", "review_result_code", "scheduled_at", "started_at", "ended_at",
    "opinion", "outcome_code", "is_medical_record_viewed", "is_health_record_viewed",
    "rating_points", "fee_fen", "invited_share_fen", "staff_id", "diagnosis_code",
    "diagnosis_name", "person", "expert_id", "expert_organization_id", "expert_staff_id",
    "sent_at",
)  # fmt: skip


class Domain:
    """Feeds of the consultation centre; a consultation is sent when it has ended."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._waiting = Waiting()
        self._experts = Experts(rates)

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("consultation")
        yield Export(EXPERTS, self._experts.register(scene))
        asked = self._held(self._reviewed(self._asked(scene, random), random), random)
        asked = asked.sort("requested_at", "encounter_id")
        asked = asked.with_columns(serial("HZ", scene.month, len(asked)).alias("consultation_id"))
        sent = self._waiting.due("sent", asked.select(_COLUMNS), "sent_at", scene.month)
        urgent = pl.col("reviewed_at").is_null() & (pl.col("priority_code") == "S")
        silent = pl.col("ended_at").is_not_null() & pl.col("opinion").is_null()
        planted = [
            *planted_rows("review_overdue", sent, "consultation_id", urgent),
            *planted_rows("result_missing", sent, "consultation_id", silent),
        ]
        yield Export(CONSULTATIONS, sent, planted)
        yield Export(PARTICIPANTS, self._participants(scene, sent, random))

    def _asked(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """Requests of the month with level and expert."""
        rates, month = self._rates, scene.month
        visits = of_level(scene, scene.visits, ["township"]).select(_ASKED)
        admitted = scene.stays.filter(
            pl.col("start").dt.date().is_between(month.first, month.last - timedelta(days=2))
        )
        township = of_level(scene, admitted, ["township"]).select(_ASKED)
        hospital = admitted.filter(pl.col("organization_id") == COUNTY_HOSPITAL).select(_ASKED)
        visits = drawn(random, visits, rates["township_visit"], least=3)
        township = drawn(random, township, rates["township_stay"], least=2)
        hospital = drawn(random, hospital, rates["hospital_stay"], least=2)
        up = codes(
            random,
            {"county_province": rates["province"], "county_prefecture": 1 - rates["province"]},
            len(hospital),
        )
        asked = pl.concat(
            [
                visits.with_columns(
                    hours_later(random, visits["start"], 0.15, 0.7).alias("requested_at"),
                    pl.lit("township_county").alias("level_code"),
                ),
                township.with_columns(
                    hours_later(random, township["start"], 3, 40).alias("requested_at"),
                    pl.lit("township_county").alias("level_code"),
                ),
                hospital.with_columns(
                    hours_later(random, hospital["start"], 3, 40).alias("requested_at"),
                    up.alias("level_code"),
                ),
            ]
        )
        return self._experts.addressed(asked, random)

    def _reviewed(self, asked: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        rates, size = self._rates, len(asked)
        priority = codes(random, rates["priorities"], size)
        waiting = chance(random, rates["unreviewed"], size)
        priority[0], waiting[0] = "S", True
        mode = codes(random, rates["modes"], size)
        reviewed = pl.lit(None, pl.Datetime("us"))
        for name, (least, most) in rates["review_hours"].items():
            moment = hours_later(random, asked["requested_at"], least, most)
            reviewed = pl.when(priority == name).then(moment).otherwise(reviewed)
        return asked.with_columns(
            priority.alias("priority_code"),
            pl.when(priority == "S").then(pl.lit("instant")).otherwise(mode).alias("mode_code"),
            picked(random, pl.DataFrame({"reason": rates["reasons"]}), size)["reason"],
            pl.when(~waiting).then(reviewed).alias("reviewed_at"),
            pl.when(~waiting)
            .then(codes(random, rates["reviews"], size))
            .alias("review_result_code"),
        )

    def _held(self, asked: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        """Adds appointment, course, result and fee of approved consultations."""
        rates, size = self._rates, len(asked)
        approved = pl.col("review_result_code") == "approved"
        instant = pl.col("mode_code") == "instant"
        minutes = random.integers(1, 4, size) * 24 * 60 + random.integers(19, 36, size) * 30
        slot = minutes_later(asked["reviewed_at"].dt.truncate("1d"), minutes)
        at_once = hours_later(random, asked["reviewed_at"], 0.1, 0.8)
        started = pl.when(instant).then(at_once).otherwise(hours_later(random, slot, -0.05, 0.4))
        held = asked.with_columns(
            pl.when(approved & ~instant).then(slot).alias("scheduled_at"),
            pl.when(approved).then(started).alias("started_at"),
        )
        held = held.with_columns(
            hours_later(random, held["started_at"], 0.25, 1.2).alias("ended_at")
        )
        ended = held["ended_at"].is_not_null()
        silent = chance(random, rates["result_missing"], size)
        if ended.any():
            silent[int(ended.arg_max() or 0)] = True
        opinion = picked(random, pl.DataFrame({"text": rates["opinions"]}), size)["text"]
        told = ended & ~silent
        experts = pl.when(pl.col("mode_code") == "multidisciplinary").then(3).otherwise(1)
        share = pl.col("level_code").replace_strict(rates["invited_share"], return_dtype=pl.Float64)
        points = codes(random, rates["ratings"], size).cast(pl.Int64)
        fee = pl.col("expert_fee_fen") * experts
        return held.with_columns(
            pl.when(told).then(opinion).alias("opinion"),
            pl.when(told).then(codes(random, rates["outcomes"], size)).alias("outcome_code"),
            pl.when(ended)
            .then(chance(random, rates["medical_record_viewed"], size))
            .alias("is_medical_record_viewed"),
            pl.when(ended)
            .then(chance(random, rates["health_record_viewed"], size))
            .alias("is_health_record_viewed"),
            pl.when(told & ~chance(random, rates["unrated"], size))
            .then(points)
            .alias("rating_points"),
            pl.when(ended).then(fee).alias("fee_fen"),
            pl.when(ended).then((fee * share).round(0).cast(pl.Int64)).alias("invited_share_fen"),
            pl.coalesce("ended_at", "reviewed_at", "requested_at").alias("sent_at"),
        )

    def _participants(
        self, scene: Scene, sent: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """Applicant and expert of every consultation that took place; several disciplines have
        two experts more, of whom one takes the chair, and a recorder."""
        held = sent.filter(pl.col("started_at").is_not_null())
        several = held.filter(pl.col("mode_code") == "multidisciplinary")
        parts = [
            _part(held, "applicant", "organization_id", staff="staff_id"),
            _part(held, "expert", "expert_organization_id", "expert_id", "expert_staff_id"),
        ]
        for role in ("chair", "expert"):
            other = self._experts.others(several, random)
            parts.append(
                _part(other, role, "expert_organization_id", "expert_id", "expert_staff_id")
            )
        recorder = picked(random, team(scene, ["21"], "hospital"), len(several))
        parts.append(
            _part(
                several.with_columns(
                    recorder["organization_id"].alias("recorder_of"),
                    recorder["staff_id"].alias("recorder"),
                ),
                "recorder",
                "recorder_of",
                staff="recorder",
            )
        )
        rows = pl.concat(parts).sort("consultation_id", maintain_order=True)
        number = pl.int_range(1, pl.len() + 1).over("consultation_id").cast(pl.String)
        return rows.with_columns(
            (pl.col("consultation_id") + "-" + number).alias("participant_id"),
            hours_later(random, rows["started_at"], -0.05, 0.05).alias("joined_at"),
            hours_later(random, rows["ended_at"], 0, 0.04).alias("left_at"),
        )


def _part(
    held: pl.DataFrame, role: str, organization: str, expert: str | None = None,
    staff: str | None = None,
) -> pl.DataFrame:  # fmt: skip
    none = pl.lit(None, pl.String)
    return held.select(
        "consultation_id",
        "started_at",
        "ended_at",
        pl.col(organization).alias("organization_id"),
        (pl.col(expert) if expert else none).alias("expert_id"),
        (pl.col(staff) if staff else none).alias("staff_id"),
        pl.lit(role).alias("role_code"),
    )
