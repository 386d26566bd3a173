"""Village rooms as their townships manage them: staff, money, drugs and scores of each month.

Belongs here: what a township writes about its rooms. Not here: the rooms' own visits
(`county/services.py`), the county's ledger of public health money (`performance/public_funds/`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, days, lot, serial, some_days
from county.domains.picks import in_service, picked
from county.roles import TOWNSHIP_A
from county.scene import Export, Planted, Scene
from county.systems.drugs import CHINESE, WESTERN

_SYSTEMS = {"township_a": "township_a__village_management__{}", "": "consortium__village_cloud__{}"}
_OWN_SYSTEM = TOWNSHIP_A
_DRUGS = pl.DataFrame([asdict(drug) for drug in (*WESTERN, *CHINESE)])


class Domain:
    """Four feeds of the township with a system of its own and of the consortium's for the rest."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._seed = seed
        self._rates = rates
        names = ["item_code", "item_name", "dimension_code", "full_score"]
        self._items = pl.DataFrame(rates["items"], schema=names, orient="row")

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("village_management")
        rooms = scene.organizations.filter(pl.col("level") == "village").select(
            "organization_id", pl.col("parent").alias("managing_organization_id")
        )
        doctors = in_service(scene, ["60"]).select("staff_id", "organization_id", "person")
        doctors = doctors.join(rooms, on="organization_id", maintain_order="left")
        worked = self._worked(scene, doctors, random)
        drugs = self._drugs(scene, rooms, random)
        whole = {
            "staff": worked,
            "funds": self._funds(scene, worked, rooms),
            "drugs": drugs,
            "scores": self._scores(scene, worked, random),
        }
        for member, feed in _SYSTEMS.items():
            here = pl.col("managing_organization_id") == _OWN_SYSTEM
            for name, rows in whole.items():
                own = rows.filter(here if member else ~here)
                liars: Iterable[str] = (
                    own.filter("exaggerates")["staff_id"] if name == "staff" else ()
                )
                planted = [Planted("claimed_without_residents", key) for key in liars]
                yield Export(feed.format(name), own, planted)

    def _worked(
        self, scene: Scene, doctors: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """One row a doctor; in each system one claims many times the services of the others."""
        given, size = self._rates, len(doctors)
        length = len(scene.month.days)
        seen = scene.visits.group_by("staff_id").len("patient_visit_count")
        heads = scene.people.group_by("organization_id").len("heads")
        found = doctors.join(seen, on="staff_id", how="left", maintain_order="left").join(
            heads, on="organization_id", how="left", maintain_order="left"
        )
        low, high = given["leave_days"]
        leave = random.integers(low, high + 1, size)
        shut = random.random(size) < given["closed"]
        least, most = given["closed_days"]
        closed = np.where(shut, random.integers(least, most, size), 0)
        usual = found["heads"].fill_null(0).to_numpy() * given["services_per_resident"]
        services = random.poisson(usual) + 1
        home = random.binomial(services, given["home_share"])
        order = pl.int_range(pl.len()).over(pl.col("managing_organization_id") == _OWN_SYSTEM)
        exaggerates = order == scene.month.index % pl.len().over(
            pl.col("managing_organization_id") == _OWN_SYSTEM
        )
        factor = pl.when(exaggerates).then(given["exaggerated"]).otherwise(1)
        return found.with_columns(
            pl.lit(scene.month.first).alias("duty_month"),
            _fixed(doctors, given["qualified"], "qualified", self._seed)
            .alias("practitioner_kind_code"),
            _fixed(doctors, given["employment"], "employment", self._seed)
            .alias("employment_code"),
            pl.Series("leave_days", leave),
            pl.Series("closed_days", closed),
            (length - pl.Series(np.maximum(leave, closed)) - 4).alias("duty_days"),
            pl.col("patient_visit_count").fill_null(0),
            (pl.Series(services) * factor + exaggerates * 40).alias("public_health_service_count"),
            pl.Series("home_visit_count", home),
            pl.Series("training_hours", random.integers(0, given["training_hours"] * 2, size) / 2),
            pl.Series("is_insured", lot(doctors, "insured", self._seed) < given["insured"]),
            (pl.col("organization_id").str.slice(7).cast(pl.Int64) % given["substandard"] != 0)
            .alias("is_standard_room"),
            pl.lit(scene.month.last).alias("reported_date"),
            exaggerates.alias("exaggerates"),
        ).drop("person", "heads")  # fmt: skip

    def _funds(self, scene: Scene, worked: pl.DataFrame, rooms: pl.DataFrame) -> pl.DataFrame:
        """What each doctor is paid for the month, and the running costs of each room."""
        given, month = self._rates, scene.month
        services, visits = pl.col("public_health_service_count"), pl.col("patient_visit_count")

        def paid(
            rows: pl.DataFrame, kind: str, amount: pl.Expr, purpose: str, count: pl.Expr
        ) -> pl.DataFrame:
            return rows.select(
                "organization_id", "managing_organization_id",
                pl.lit(kind).alias("fund_kind_code"),
                amount.cast(pl.Int64).alias("amount_fen"), pl.lit(purpose).alias("purpose"),
                count.cast(pl.Int64).alias("service_count"), "staff_id",
            )  # fmt: skip

        nothing, every = pl.lit(None, pl.Int64), pl.lit(given["subsidy_fen"])
        places = rooms.with_columns(pl.lit(None, pl.String).alias("staff_id"))
        parts = [
            paid(worked, "3", every, "乡村医生定额补助", nothing),
            paid(worked, "1", services * given["service_fen"], "公共卫生劳务", services),
            paid(worked, "4", visits * given["visit_fee_fen"], "一般诊疗费", visits),
            paid(places, "5", pl.lit(given["room_fen"]), "村卫生室运行经费", nothing),
        ]
        rows = pl.concat(parts).filter(pl.col("amount_fen") > 0)
        expenses = {"3": "1", "1": "1", "4": "1", "5": "2"}
        return rows.with_columns(
            serial("CZ", month, len(rows)).alias("movement_id"),
            pl.col("managing_organization_id").alias("paying_organization_id"),
            pl.lit(month.year).alias("fund_year"),
            pl.lit("3").alias("movement_kind_code"),
            pl.col("fund_kind_code").replace_strict(expenses).alias("expenditure_class_code"),
            pl.when(pl.col("fund_kind_code") == "4").then(pl.lit("9")).otherwise(pl.lit("4"))
            .alias("fund_level_code"),
            pl.lit(month.last - timedelta(days=3)).alias("occurred_date"),
        )  # fmt: skip

    def _drugs(
        self, scene: Scene, rooms: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        given, month = self._rates, scene.month
        wanted = pl.concat([rooms] * given["drugs_per_room"]).sort("organization_id")
        size = len(wanted)
        low, high = given["packs"]
        packs = pl.Series(random.integers(low, high, size))
        left = pl.Series(random.uniform(0, 0.6, size))
        unified = chance(random, given["unified"], size)
        wanted = wanted.with_columns(picked(random, _DRUGS, size)).with_columns(
            pl.Series("_day", days(random, month.first, month.last, size))
        )
        return wanted.with_columns(
            serial("PS", month, size).alias("supply_id"),
            pl.when(unified).then("managing_organization_id").alias("supplying_organization_id"),
            unified.alias("is_unified"),
            packs.alias("supplied_quantity"),
            (packs * left).floor().cast(pl.Int64).alias("remaining_quantity"),
            pl.col("price").alias("unit_price_fen"),
            (pl.col("price") * packs).alias("amount_fen"),
            pl.col("_day").alias("supplied_date"),
            (pl.col("_day") + some_days(random, 200, 700, size)).alias("expires_date"),
        ).drop("_day", "price").rename({"code": "drug_code", "name": "drug_name"})  # fmt: skip

    def _scores(
        self, scene: Scene, worked: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        judged = worked.select("organization_id", "managing_organization_id", "staff_id").join(
            self._items, how="cross", maintain_order="left_right"
        )
        low, high = self._rates["reached"]
        reached = pl.Series(random.uniform(low, high, len(judged)))
        score = (pl.col("full_score") * reached).round(1)
        return judged.with_columns(
            (pl.lit(f"CK{scene.month.compact}") + pl.col("staff_id")).alias("assessment_id"),
            pl.lit("3").alias("assessment_kind_code"),
            pl.lit("month").alias("period_kind_code"),
            pl.lit(scene.month.first).alias("period_start_date"),
            pl.lit(scene.month.last).cast(pl.Datetime("us")).dt.offset_by("16h")
            .alias("assessed_at"),
            score.alias("score"),
            pl.when(score < pl.col("full_score") * 0.8)
            .then(pl.col("item_name") + pl.lit("未达要求"))
            .alias("finding"),
        )  # fmt: skip


def _fixed(doctors: pl.DataFrame, shares: dict[str, float], salt: str, seed: int) -> pl.Series:
    """A code for each doctor that stays the same in every month."""
    bounds = np.cumsum(list(shares.values()))
    places = np.digitize(lot(doctors, salt, seed), bounds[:-1])
    return pl.Series(np.array(list(shares), dtype=object)[places].tolist(), dtype=pl.String)
