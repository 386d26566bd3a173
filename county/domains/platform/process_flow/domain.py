"""The process engine's view of cases that run through several systems.

Belongs here: the event log of referrals and consultations. Not here: the cases themselves
(`services/referral/`, `centres/consultation/`), which this domain lets happen once more,
equal draw by draw.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains import rates_of
from county.domains.centres.consultation import domain as consultation
from county.domains.draws import drawn, serial
from county.domains.outbreak import planted_rows
from county.domains.services.referral import domain as referral
from county.roles import COUNTY_HOSPITAL
from county.scene import Export, Planted, Scene

EVENTS = "consortium__process_engine__events"
_STEP_OF_REFERRAL = {
    "1": "applied", "2": "accepted", "3": "refused", "4": "arrived", "5": "returned",
    "6": "closed", "7": "withdrawn", "8": "followed",
}  # fmt: skip
_STUCK = ("referral_never_returned", "referral_not_followed_up")


class Domain:
    """One feed; remembers when each referral was applied for."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._referral = referral.Domain(seed, rates_of("referral"))
        self._consultation = consultation.Domain(seed, rates_of("consultation"))
        self._applied = pl.DataFrame(schema={"case_id": pl.String, "applied_at": pl.Datetime("us")})

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("process_flow")
        sent = _exports(self._referral.month(scene))
        held = _exports(self._consultation.month(scene))
        steps = pl.concat(
            [
                self._referrals(sent[referral.EVENTS].rows, random),
                self._consultations(held[consultation.CONSULTATIONS].rows),
            ]
        ).sort("occurred_at", "case_id", "step_code")
        systems = self._rates["systems"]
        steps = steps.with_columns(
            serial("LC", scene.month, len(steps)).alias("process_event_id"),
            pl.col("process_code").replace_strict(systems, return_dtype=pl.String)
            .alias("system_name"),
        )  # fmt: skip
        stuck = [p.key for p in sent[referral.REFERRALS].planted if p.kind in _STUCK]
        first = (pl.col("step_code") == "applied") & pl.col("case_id").is_in(stuck)
        planted: list[Planted] = [
            *planted_rows("case_stuck", steps, "process_event_id", first),
            *planted_rows("step_out_of_order", steps, "process_event_id", pl.col("is_early")),
        ]
        yield Export(EVENTS, steps, planted)

    def _referrals(self, events: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        steps = events.select(
            "organization_id",
            pl.col("referral_id").alias("case_id"),
            pl.lit("referral").alias("process_code"),
            pl.col("event_kind_code").replace_strict(_STEP_OF_REFERRAL, return_dtype=pl.String)
            .alias("step_code"),
            "occurred_at", "staff_id",
        )  # fmt: skip
        new = steps.filter(pl.col("step_code") == "applied").select(
            "case_id", pl.col("occurred_at").alias("applied_at")
        )
        self._applied = pl.concat([self._applied, new])
        steps = steps.join(self._applied, on="case_id", how="left", maintain_order="left")
        accepted = steps.filter(pl.col("step_code") == "accepted").select(
            "case_id", pl.col("occurred_at").alias("accepted_at")
        )
        steps = steps.join(accepted, on="case_id", how="left", maintain_order="left")
        both = steps.filter(
            (pl.col("step_code") == "arrived")
            & (pl.col("accepted_at") < pl.col("occurred_at"))
            & (pl.col("accepted_at") - pl.col("applied_at") > timedelta(minutes=2))
        )
        early = drawn(random, both, self._rates["out_of_order"], least=1)["case_id"]
        swapped = (pl.col("step_code") == "arrived") & pl.col("case_id").is_in(early.to_list())
        limit = timedelta(hours=self._rates["limits_hours"]["accepted"])
        return steps.select(
            "organization_id", "case_id", "process_code", "step_code",
            pl.when(swapped).then(pl.col("accepted_at") - timedelta(minutes=1))
            .otherwise("occurred_at").alias("occurred_at"),
            pl.when(pl.col("step_code").is_in(["accepted", "refused"]))
            .then(pl.col("applied_at") + limit).alias("due_at"),
            "staff_id",
            swapped.alias("is_early"),
        )  # fmt: skip

    def _consultations(self, cases: pl.DataFrame) -> pl.DataFrame:
        hours = self._rates["limits_hours"]
        urgent = pl.col("priority_code") == "S"
        review = pl.when(urgent).then(hours["reviewed_urgent"]).otherwise(hours["reviewed"])
        asked = pl.col("requested_at")
        none = pl.lit(None, pl.Datetime("us"))
        centre = pl.lit(COUNTY_HOSPITAL)
        own = pl.col("organization_id")
        invited = pl.col("invited_organization_id")
        steps = (
            ("applied", "requested_at", own, none, "staff_id"),
            ("reviewed", "reviewed_at", centre, asked + pl.duration(hours=review), None),
            ("started", "started_at", invited, none, "expert_staff_id"),
            ("reported", "ended_at", invited, asked + timedelta(hours=hours["reported"]),
             "expert_staff_id"),
        )  # fmt: skip
        return pl.concat(
            [
                cases.filter(pl.col(moment).is_not_null()).select(
                    organization.alias("organization_id"),
                    pl.col("consultation_id").alias("case_id"),
                    pl.lit("consultation").alias("process_code"),
                    pl.lit(step).alias("step_code"),
                    pl.col(moment).cast(pl.Datetime("us")).alias("occurred_at"),
                    due.cast(pl.Datetime("us")).alias("due_at"),
                    (pl.col(staff) if staff else pl.lit(None, pl.String)).alias("staff_id"),
                    pl.lit(value=False).alias("is_early"),
                )
                for step, moment, organization, due, staff in steps
            ]
        )


def _exports(pieces: Iterable[object]) -> dict[str, Export]:
    """What a domain sends, by feed; what it says of the truth it has said already."""
    return {piece.feed: piece for piece in pieces if isinstance(piece, Export)}
