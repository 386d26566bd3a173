"""The electronic health card: who activates one, whom they authorise, where it is scanned.

Belongs here: the platform's own records. Not here: the card numbers in other systems
(`county/identities.py`).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import (
    before,
    chance,
    codes,
    days,
    drawn,
    hours_later,
    lot,
    moments,
    serial,
    settled,
)
from county.domains.picks import hospitals, of_level, picked
from county.domains.waiting import after
from county.scene import Export, Planted, Scene

EVENTS = "health_commission__card_platform__events"
SCANS = "health_commission__card_platform__scans"
IN_TWO_PLACES = "card_in_two_places"
_APPLIED, _ACTIVATED, _AUTHORISED, _REVOKED, _LOST = "1", "2", "3", "4", "5"
_ARCHIVES, _FAMILY_DOCTOR = "2", "4"
_FAMILY, _CARD, _SUCCESS, _REGISTRATION = "4", "1", "1", "1"


class Domain:
    """Keeps the holders and the authorisations of the last month."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._seed, self._rates = seed, rates
        self._holders = pl.DataFrame(schema={"person": pl.Int64, "since": pl.Datetime("us")})
        self._authorised = pl.DataFrame()

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("health_card")
        activated = self._activated(scene, random)
        self._holders = pl.concat(
            [self._holders, activated.select("person", pl.col("occurred_at").alias("since"))]
        )
        authorised = self._authorisations(scene, random)
        parts = [
            self._applied(scene, activated, random),
            activated,
            authorised,
            *self._undone(scene, random),
        ]
        self._authorised = authorised
        events = pl.concat(parts, how="diagonal").sort("occurred_at", "person", "event_code")
        events = events.with_columns(serial("EHC", scene.month, len(events)).alias("card_event_id"))
        yield Export(EVENTS, events)
        scans, planted = self._scans(scene, random)
        yield Export(SCANS, scans, planted)

    # events -----------------------------------------------------------------------------------

    def _activated(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """In the first month all earlier activations as well, later those of the month."""
        rates, month = self._rates, scene.month
        people = settled(scene)
        share = rates["held_at_start"] + rates["growth"] * (month.index + 1)
        draw = pl.Series("draw", lot(people, "card", self._seed))
        without = people.with_columns(draw).join(
            self._holders, on="person", how="anti", maintain_order="left"
        )
        next_ones = pl.col("draw").rank("ordinal") <= rates["least_new"]
        new = without.filter((pl.col("draw") < share) | next_ones)
        old = pl.lit(month.index == 0) & (pl.col("draw") < rates["held_at_start"])
        size = len(new)
        past = days(random, rates["first_cards"], before(month.first, 1), size)
        now = days(random, month.first, month.last, size)
        day = new.select(
            pl.when(old)
            .then(pl.max_horizontal(pl.lit(past), pl.col("birth") + timedelta(days=20)))
            .otherwise(pl.lit(now))
        ).to_series()
        day = pl.select(pl.min_horizontal(pl.lit(day), pl.lit(month.last))).to_series()
        dependent = (new["age"] < 14) | (new["age"] >= 75)
        by_family = dependent & chance(random, rates["by_family"], size)
        channel = codes(random, rates["channels"], size)
        return new.select(
            "person",
            pl.lit(_ACTIVATED).alias("event_code"),
            moments(random, day, opens=8, closes=21).alias("occurred_at"),
            pl.when(by_family).then(pl.lit(_FAMILY)).otherwise(channel).alias("channel_code"),
            codes(random, rates["checks"], size).alias("identity_check_code"),
            (~chance(random, rates["not_confirmed"], size)).alias("is_identity_confirmed"),
            pl.col("township").alias("organization_id"),
        )

    def _applied(
        self, scene: Scene, activated: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """The application just before each activation of the month."""
        new = activated.filter(pl.col("occurred_at").dt.date() >= scene.month.first)
        return new.with_columns(
            pl.lit(_APPLIED).alias("event_code"),
            hours_later(random, new["occurred_at"], -0.6, -0.02).alias("occurred_at"),
        )

    def _authorisations(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """Access to records at hospital visits, and for the family doctor's centre."""
        rates, month = self._rates, scene.month
        visits = self._holding(of_level(scene, scene.visits, ["hospital"]), "start")
        seen = drawn(random, visits, rates["archive_access"], least=3)
        old = self._holding(settled(scene).with_columns(first=pl.lit(month.first)), "first")
        given = drawn(random, old, rates["family_doctor"], least=2)
        day = days(random, month.first, month.last, len(given))
        access = pl.concat(
            [
                seen.select(
                    "person", "organization_id", pl.lit(_ARCHIVES).alias("scope"),
                    pl.col("start").alias("occurred_at"),
                    pl.lit(rates["archive_days"]).alias("days"),
                ),
                given.select(
                    "person", pl.col("township").alias("organization_id"),
                    pl.lit(_FAMILY_DOCTOR).alias("scope"),
                    moments(random, day, opens=8, closes=21).alias("occurred_at"),
                    pl.lit(365).alias("days"),
                ),
            ]
        )  # fmt: skip
        return access.select(
            "person", "organization_id", "occurred_at",
            pl.lit(_AUTHORISED).alias("event_code"),
            codes(random, rates["channels"], len(access)).alias("channel_code"),
            pl.col("organization_id").alias("authorised_organization_id"),
            pl.col("scope").alias("authorisation_scope_code"),
            (pl.col("occurred_at").dt.date() + pl.duration(days="days"))
            .alias("authorised_until_date"),
        )  # fmt: skip

    def _undone(self, scene: Scene, random: np.random.Generator) -> Iterator[pl.DataFrame]:
        """Authorisations of the last month taken back, and cards reported lost."""
        rates, month = self._rates, scene.month
        alive = settled(scene).select("person", "township")
        earlier = self._authorised
        if len(earlier):
            earlier = earlier.join(alive, on="person", how="semi", maintain_order="left")
            taken = drawn(random, earlier, rates["revoked"])
            day = days(random, month.first, month.last, len(taken))
            yield taken.with_columns(
                pl.lit(_REVOKED).alias("event_code"),
                moments(random, day, opens=8, closes=21).alias("occurred_at"),
                pl.lit(None, pl.Date).alias("authorised_until_date"),
            )
        held = alive.join(self._holders, on="person", how="semi", maintain_order="left")
        lost = drawn(random, held, rates["lost"])
        day = days(random, month.first, month.last, len(lost))
        yield lost.select(
            "person",
            pl.lit(_LOST).alias("event_code"),
            pl.lit("1").alias("channel_code"),
            moments(random, day, opens=8, closes=21).alias("occurred_at"),
        )

    def _holding(self, rows: pl.DataFrame, time: str) -> pl.DataFrame:
        """Rows of people whose card was active at the time."""
        held = rows.join(self._holders, on="person", maintain_order="left")
        hour = timedelta(hours=1)  # the card is shown before a visit begins
        return held.filter(pl.col(time).cast(pl.Datetime("us")) > pl.col("since") + hour)

    # scans ------------------------------------------------------------------------------------

    def _scans(
        self, scene: Scene, random: np.random.Generator
    ) -> tuple[pl.DataFrame, list[Planted]]:
        rates = self._rates
        late = after(scene.month) - timedelta(hours=2)
        levels = list(rates["scanned"])
        visits = of_level(scene, scene.visits.filter(pl.col("start") < late), levels)
        visits = self._holding(visits, "start")
        share = visits["level"].replace_strict(rates["scanned"], return_dtype=pl.Float64)
        seen = drawn(random, visits, share.to_numpy(), least=8)
        size = len(seen)
        first = seen.select(
            "person", "organization_id", "encounter_id", "start",
            codes(random, rates["credentials"], size).alias("credential_code"),
            pl.lit(_REGISTRATION).alias("purpose_code"),
            hours_later(random, seen["start"], -0.3, -0.02).alias("scanned_at"),
        )  # fmt: skip
        parts = [first]
        for purpose, step in rates["steps"].items():
            rows = drawn(random, first, step["share"])
            come = rows["start"].dt.offset_by(f"{step['minutes']}m")
            parts.append(
                rows.with_columns(
                    pl.lit(purpose).alias("purpose_code"),
                    hours_later(random, come, 0, 0.1).alias("scanned_at"),
                )
            )
        scans = pl.concat(parts)
        scans = scans.with_columns(codes(random, rates["results"], len(scans)).alias("result_code"))
        scans = pl.concat([scans, self._elsewhere(scene, scans, random)], how="diagonal")
        scans = scans.sort("scanned_at", "person", "purpose_code")
        home = scene.people.select("person", pl.col("township").alias("issuing_organization_id"))
        terminal = pl.lit(pl.Series(random.integers(1, 9, len(scans)).astype(str)))
        scans = scans.join(home, on="person", how="left", maintain_order="left").with_columns(
            serial("SM", scene.month, len(scans)).alias("scan_id"),
            (pl.col("organization_id").str.slice(6) + "-" + terminal).alias("terminal_id"),
            pl.Series("response_milliseconds", random.integers(60, 1800, len(scans))),
            pl.when(pl.col("result_code") == _SUCCESS).then("encounter_id").alias("encounter_id"),
        )
        planted = scans.filter(pl.col("is_elsewhere").fill_null(False))["scan_id"]
        return scans, [Planted(IN_TWO_PLACES, key) for key in planted]

    def _elsewhere(
        self, scene: Scene, scans: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """The same card at another hospital minutes after a scan: nobody is as fast as that."""
        cards = scans.filter(
            (pl.col("credential_code") == _CARD) & (pl.col("result_code") == _SUCCESS)
        )
        copied = drawn(random, cards, self._rates["in_two_places"], least=1)
        size = len(copied)
        places = hospitals(scene)["organization_id"]
        other = picked(random, hospitals(scene), size)["organization_id"]
        here = copied["organization_id"]
        turned = other.replace_strict(dict(zip(places, places[1:].append(places[:1]), strict=True)))
        return copied.with_columns(
            pl.when(pl.lit(other) == pl.lit(here)).then(pl.lit(turned)).otherwise(pl.lit(other))
            .alias("organization_id"),
            hours_later(random, copied["scanned_at"], 0.03, 0.12).alias("scanned_at"),
            pl.lit(None, pl.String).alias("encounter_id"),
            pl.lit(True).alias("is_elsewhere"),
        )  # fmt: skip
