"""Family doctor contracts: teams, packages, agreements with their payment, services with ratings.

Belongs here: who has an agreement with whom, and what is given under it. Not here: follow-ups of
chronic patients (`county/illness.py`), visits themselves (`county/services.py`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
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
from county.domains.picks import in_service
from county.domains.services.family_doctor.rendered import Fulfilment
from county.roles import TOWNSHIP_B
from county.scene import Export, Scene

_OWN_SYSTEM, _OWN_CENTRE = "township_b__family_doctor__{}", TOWNSHIP_B
_SHARED_SYSTEM = "consortium__family_doctor__{}"
_GENERAL, _ELDERLY, _CHILD, _HYPERTENSION, _DIABETES = "1", "2", "4", "5", "6"
_LEADER, _NURSE, _VILLAGE_DOCTOR = "1", "2", "4"


class Domain:
    """Keeps the latest agreement of each resident who ever signed."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._seed, self._rates = seed, rates
        self._packages = package_frame(rates["packages"])
        self._fulfilment = Fulfilment(rates, self._packages)
        self._latest = pl.DataFrame()

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("family_doctor")
        teams = team_frame(scene, self._rates)
        roster = teams
        if scene.month.index:  # one team of each system confirms its roster again
            turn = pl.col("team_id").rank("dense").over(_is_own()) - 1
            roster = teams.filter(turn == scene.month.index % (turn.max() + 1).over(_is_own()))
        else:
            yield Export(_SHARED_SYSTEM.format("packages"), self._packages)
        contracts = self._signed(scene, teams, random)
        self._latest = (
            pl.concat([self._latest, contracts]) if len(self._latest) else contracts
        ).unique("person", keep="last", maintain_order=True)
        services, planted = self._fulfilment.month(scene, self._latest, random)
        for system, rows in ((_SHARED_SYSTEM, ~_is_own()), (_OWN_SYSTEM, _is_own())):
            yield Export(system.format("teams"), roster.filter(rows))
            yield Export(system.format("contracts"), contracts.filter(rows))
            given = services.filter(rows)
            keys = set(given["service_id"])
            yield Export(
                system.format("services"), given, [fault for fault in planted if fault.key in keys]
            )

    def _signed(
        self, scene: Scene, teams: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """Agreements to send: in the first month all in force, later those signed in the month."""
        month, people = scene.month, with_population(settled(scene))
        if month.index == 0:
            # None ends in the first month, so that every end is seen coming.
            share = people["population_code"].replace_strict(
                self._rates["signed"], return_dtype=pl.Float64
            )
            first = people.filter(pl.Series(lot(people, "contract", self._seed)) < share)
            day = days(random, before(month.first, 333), month.last, len(first))
            parts = [first.with_columns(_previous(None), day.alias("from"))]
        else:
            ended = self._latest.select(
                "person", pl.col("contract_id").alias("previous"), "valid_to_date"
            )
            known = people.join(ended, on="person", how="left", maintain_order="left")
            due = pl.col("valid_to_date").is_between(month.first, month.last)
            again = drawn(random, known.filter(due), self._rates["renewed"], least=1)
            free = pl.col("valid_to_date").is_null() | (pl.col("valid_to_date") < month.first)
            new = [
                drawn(random, known.filter(free, own), self._rates["new_per_month"], least=2)
                for own in (~_is_own("township"), _is_own("township"))
            ]
            parts = [
                again.with_columns(
                    _previous("previous"), (pl.col("valid_to_date") + timedelta(days=1))
                    .alias("from"),
                ),
                *(
                    part.with_columns(
                        _previous(None),
                        days(random, month.first, month.last, len(part)).alias("from"),
                    )
                    for part in new
                ),
            ]  # fmt: skip
        columns = ("person", "township", "population_code", "previous_contract_id", "from")
        return self._agreed(
            scene, pl.concat([part.select(columns) for part in parts]), teams, random
        )

    def _agreed(
        self, scene: Scene, signing: pl.DataFrame, teams: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        rates, month, size = self._rates, scene.month, len(signing)
        renewal = pl.col("previous_contract_id").is_not_null()
        # Renewed in the last days of the old term, but within the month.
        lead = pl.duration(days=pl.lit(pl.Series(random.integers(1, 16, size))))
        signing = signing.with_columns(
            pl.when(renewal).then(pl.max_horizontal(pl.col("from") - lead, pl.lit(month.first)))
            .otherwise("from").alias("day")
        )  # fmt: skip
        signed = moments(random, signing["day"], opens=8, closes=19)
        paid = hours_later(random, signed, 0.02, 4)
        is_paid = ~chance(random, rates["unpaid"], size)
        channel = codes(random, rates["channels"], size)
        on_line = chance(random, rates["on_line"], size)
        leaders = teams.filter(pl.col("role_code") == _LEADER).select(
            pl.col("organization_id").alias("township"), "team_id", "staff_id",
            pl.int_range(pl.len()).over("organization_id").alias("place"),
            pl.len().over("organization_id").alias("teams"),
        )  # fmt: skip
        count = leaders.select("township", "teams").unique("township")
        prices = self._packages.unique("population_code").select(
            "population_code", "package_id", "fee_fen", "insurance_fen", "public_health_fen",
            "personal_fen",
        )  # fmt: skip
        return (
            signing.with_columns(
                serial("QY", month, size).alias("contract_id"),
                signed.alias("signed_at"),
                renewal.alias("is_renewal"),
                pl.col("from").alias("valid_from_date"),
                (pl.col("from") + timedelta(days=364)).alias("valid_to_date"),
                pl.when(on_line).then(pl.lit("2")).otherwise(pl.lit("1")).alias("sign_mode_code"),
                pl.when(is_paid).then(pl.lit(paid)).alias("paid_at"),
                pl.when(is_paid).then(channel).alias("payment_channel_code"),
            )
            .join(count, on="township", maintain_order="left")
            .with_columns((pl.col("person") % pl.col("teams")).alias("place"))
            .join(leaders.drop("teams"), on=["township", "place"], maintain_order="left")
            .join(prices, on="population_code", maintain_order="left")
            .drop("day", "from", "teams", "place")
            .rename({"township": "organization_id"})
        )


def _is_own(column: str = "organization_id") -> pl.Expr:
    return pl.col(column) == _OWN_CENTRE


def _previous(column: str | None) -> pl.Expr:
    found = pl.lit(None, pl.String) if column is None else pl.col(column)
    return found.alias("previous_contract_id")


def with_population(people: pl.DataFrame) -> pl.DataFrame:
    """People with the population under which they sign, the most demanding one first."""
    return people.with_columns(
        pl.when("diabetes").then(pl.lit(_DIABETES))
        .when("hypertension").then(pl.lit(_HYPERTENSION))
        .when(pl.col("age") >= 65).then(pl.lit(_ELDERLY))
        .when(pl.col("age") <= 6).then(pl.lit(_CHILD))
        .otherwise(pl.lit(_GENERAL)).alias("population_code")
    )  # fmt: skip


def package_frame(packages: dict[str, dict[str, Any]]) -> pl.DataFrame:
    """One row per package and item, with prices in fen."""
    return pl.DataFrame(
        [
            {
                "package_item_id": f"{package['id']}-{item}",
                "package_id": package["id"],
                "package_name": package["name"],
                "package_class_code": package["class"],
                "population_code": population,
                "item_code": item,
                "promised_count": count,
                "insurance_fen": package["insurance_fen"],
                "public_health_fen": package["public_health_fen"],
                "personal_fen": package["personal_fen"],
                "valid_from_date": date(2025, 1, 1),
                "valid_to_date": None,
            }
            for population, package in packages.items()
            for item, count in package["items"].items()
        ],
        schema_overrides={"valid_to_date": pl.Date},
    ).with_columns(
        (pl.col("insurance_fen") + pl.col("public_health_fen") + pl.col("personal_fen"))
        .alias("fee_fen")
    )  # fmt: skip


def team_frame(scene: Scene, rates: dict[str, Any]) -> pl.DataFrame:
    """One row per member: a physician leads, nurses and village doctors are shared out."""
    towns = scene.organizations.filter(pl.col("level") == "township")
    rooms = scene.organizations.filter(pl.col("level") == "village")
    staff = in_service(scene, ["11", "21", "60"]).join(
        pl.concat(
            [
                towns.select("organization_id", pl.col("organization_id").alias("centre"),
                             pl.col("name").alias("service_area")),
                rooms.select("organization_id", pl.col("parent").alias("centre"),
                             pl.col("name").alias("service_area")),
            ]
        ),
        on="organization_id", maintain_order="left",
    )  # fmt: skip
    place = pl.int_range(pl.len()).over("centre", "category")
    staff = staff.with_columns(place.alias("place"))
    physicians = staff.filter(pl.col("category") == "11")
    teams = physicians.group_by("centre", maintain_order=True).agg(
        pl.len().clip(upper_bound=rates["teams_most"]).cast(pl.Int64).alias("teams")
    )
    members = staff.join(teams, on="centre", maintain_order="left").filter(
        (pl.col("category") != "11") | (pl.col("place") < pl.col("teams"))
    )
    number = (pl.col("place") % pl.col("teams") + 1).cast(pl.String)
    names = towns.select(pl.col("organization_id").alias("centre"), pl.col("name").alias("town"))
    started = pl.lit(rates["started"], pl.Date)
    confirmed = before(scene.month.last, 5) if scene.month.index else scene.month.first
    return members.join(names, on="centre", maintain_order="left").select(
        ("TD" + pl.col("centre").str.slice(6) + number.str.zfill(2)).alias("team_id"),
        pl.col("centre").alias("organization_id"),
        (pl.col("town") + "第" + number + "家庭医生团队").alias("team_name"),
        "staff_id",
        pl.col("category").replace_strict(
            {"11": _LEADER, "21": _NURSE, "60": _VILLAGE_DOCTOR}, return_dtype=pl.String
        ).alias("role_code"),
        "service_area",
        pl.max_horizontal(pl.col("employed"), started).alias("joined_date"),
        pl.lit(None, pl.Date).alias("left_date"),
        pl.lit(confirmed).alias("confirmed_date"),
    )  # fmt: skip
