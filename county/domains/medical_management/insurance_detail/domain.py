"""The insurance bureau's details: fee and drug lines, entitlements, transfers, DRG cases.

Belongs here: retail drug lines and what insured people apply for. Not here: settlements themselves
(`county/insurance.py`), lines and groups of stays (`stays.py`).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import chance, codes, days, doctors, drawn, lot, moments, serial
from county.domains.medical_management.insurance_detail.stays import drg_cases, fee_items
from county.domains.medical_management.pharmacy.domain import drug_frame
from county.domains.picks import discharged, hospitals, of_level, picked
from county.insurance import BEYOND
from county.roles import COUNTY
from county.scene import Export, Scene

FEE_ITEMS = "insurance_bureau__settlement__fee_items"
DRUG_ITEMS = "insurance_bureau__settlement__drug_items"
SPECIAL = "insurance_bureau__benefits__special_diseases"
DUAL = "insurance_bureau__benefits__dual_channel"
TRANSFERS = "insurance_bureau__benefits__transfers"
DRG = "insurance_bureau__drg__cases"
_RETAIL_CLASS = "41"
_PHARMACIES = (
    (f"P{COUNTY}00101", "云泉惠民大药房（虚构）"), (f"P{COUNTY}00102", "云泉康泰药店（虚构）"),
)  # fmt: skip
_DISEASES = {"hypertension": "M03900", "diabetes": "M01600"}
# Negotiated drugs of the dual channel with a diagnosis each; codes are invented.
_NEGOTIATED = (
    ("XL01EBA001", "甲磺酸奥希替尼片", "C34.900"),
    ("XL01EXA002", "甲磺酸阿帕替尼片", "C16.900"),
    ("XA10BJS003", "司美格鲁肽注射液", "E11.900"),
    ("XL04ACG004", "司库奇尤单抗注射液", "L40.000"),
)


class Domain:
    """Detail feeds of the bureau."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._seed = seed
        self._drugs = drug_frame()

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("insurance_detail")
        insured = scene.people.filter(
            pl.col("insurance_type").is_not_null()
            & pl.col("died").is_null()
            & (pl.col("birth") < scene.month.first)
        )
        stays = of_level(
            scene, discharged(scene).filter(pl.col("fee_fen") > 0), ["hospital", "township"]
        ).join(scene.organizations.select("organization_id", "name"), on="organization_id",
               maintain_order="left")  # fmt: skip
        paid = stays.join(
            insured.select("person"), on="person", how="semi", maintain_order="left"
        ).join(scene.settlements, on="encounter_id", how="left", maintain_order="left")
        yield Export(FEE_ITEMS, fee_items(paid, self._drugs, self._rates, random))
        yield Export(DRUG_ITEMS, self._retail(scene, insured, random))
        yield Export(SPECIAL, self._special(scene, insured, random))
        yield Export(DUAL, self._dual(scene, insured, random))
        yield Export(TRANSFERS, self._transfers(scene, stays, random))
        yield Export(DRG, drg_cases(paid, self._rates["drg"], scene.month))

    def _retail(
        self, scene: Scene, insured: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """Drug lines of insured people at the county's pharmacies."""
        rates = self._rates["retail"]
        chronic = (insured["hypertension"] | insured["diabetes"]).to_numpy()
        buyers = drawn(random, insured, np.where(chronic, rates["chronic"], rates["others"]), 6)
        size = len(buyers)
        pharmacy = picked(
            random, pl.DataFrame(_PHARMACIES, schema=["code", "name"], orient="row"), size
        )
        drug = picked(random, self._drugs, size)
        quantity = pl.Series(random.integers(1, 4, size))
        amount = drug["price_fen"] * quantity
        day = days(random, scene.month.first, scene.month.last, size)
        essential = drug["is_essential"]
        return buyers.select(
            "person",
            serial("YPMX", scene.month, size).alias("drug_item_id"),
            serial("YD", scene.month, size).alias("settlement_id"),
            pharmacy["code"].alias("provider_code"),
            pharmacy["name"].alias("provider_name"),
            pl.lit(_RETAIL_CLASS).alias("service_class_code"),
            drug["drug_code"],
            drug["drug_name"],
            pl.when(essential).then(pl.lit("01")).otherwise(pl.lit("02")).alias("item_level_code"),
            quantity.alias("quantity"),
            drug["price_fen"].alias("unit_price_fen"),
            amount.alias("amount_fen"),
            (amount * rates["fund_share"]).round(0).cast(pl.Int64).alias("fund_paid_fen"),
            moments(random, day, opens=9, closes=21).alias("settled_at"),
            pl.lit(False).alias("is_negotiated_drug"),
            essential.alias("is_volume_purchased"),
        )

    def _special(
        self, scene: Scene, insured: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """Entitlements that stood at the start (first month), applications since."""
        rates, month = self._rates["special"], scene.month
        parts = []
        for disease, code in _DISEASES.items():
            sick = insured.filter(pl.col(disease)).with_columns(pl.lit(code).alias("disease_code"))
            had = lot(sick, f"special/{disease}", self._seed) < rates["approved"]
            if month.index == 0:
                old = sick.filter(pl.Series(had))
                applied = days(random, date(2023, 1, 1), date(2025, 11, 30), len(old))
                parts.append(old.with_columns(applied.alias("applied_date"), _state("2")))
            new = drawn(random, sick.filter(pl.Series(~had)), rates["new"], least=1)
            state = codes(random, rates["states"], len(new))
            applied = days(random, month.first, month.last, len(new))
            parts.append(new.with_columns(applied.alias("applied_date"), state.alias("state_code")))
        found = pl.concat(parts)
        size = len(found)
        approved = pl.col("state_code") == "2"
        decided = pl.col("applied_date") + pl.duration(
            days=pl.lit(pl.Series(random.integers(1, 12, size)))
        )
        return found.select(
            "person", "disease_code", "applied_date", "state_code",
            serial("MB", month, size).alias("application_id"),
            picked(random, hospitals(scene), size)["organization_id"]
            .alias("applied_hospital_code"),
            pl.when(pl.col("state_code") != "1").then(decided).alias("decided_date"),
            pl.when(approved).then(decided).alias("valid_from"),
            pl.lit(None, pl.Date).alias("valid_to"),
            pl.when(approved)
            .then(pl.col("disease_code").replace_strict(rates["annual_limit_fen"],
                                                        return_dtype=pl.Int64))
            .alias("annual_limit_fen"),
        )  # fmt: skip

    def _dual(
        self, scene: Scene, insured: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        rates, month = self._rates["dual_channel"], scene.month
        adults = insured.filter(pl.col("age") >= 18)
        found = drawn(random, adults, rates["applied"], least=3)
        size = len(found)
        drug = picked(
            random, pl.DataFrame(_NEGOTIATED, schema=["code", "name", "for"], orient="row"), size
        )
        state = codes(random, rates["states"], size)
        applied = days(random, month.first, month.last, size)
        decided = applied.dt.offset_by("3d")
        hospital = picked(random, hospitals(scene), size)["organization_id"]
        pharmacy = picked(random, pl.DataFrame({"code": [p[0] for p in _PHARMACIES]}), size)
        return found.select(
            "person",
            serial("SD", month, size).alias("application_id"),
            drug["code"].alias("drug_code"),
            drug["name"].alias("drug_name"),
            drug["for"].alias("diagnosis_code"),
            applied.alias("applied_date"),
            hospital.alias("applied_hospital_code"),
            doctors(random, scene, hospital).alias("staff_id"),
            pl.when(state != "1").then(pl.lit(decided)).alias("decided_date"),
            state.alias("state_code"),
            pharmacy["code"].alias("pharmacy_code"),
            pl.when(state == "2").then(pl.lit(decided)).alias("valid_from"),
            pl.when(state == "2").then(pl.lit(decided.dt.offset_by("180d"))).alias("valid_to"),
        )

    def _transfers(
        self, scene: Scene, stays: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        """Certificates for treatment beyond the county, written at discharge."""
        rates = self._rates["transfer"]
        advised = (stays["discharge_mode"] == "2").to_numpy()
        found = drawn(random, stays, np.where(advised, 0.9, rates["other_stays"]), least=2)
        size = len(found)
        beyond = picked(
            random, pl.DataFrame(BEYOND, schema=["code", "name", "area"], orient="row"), size
        )
        day = pl.col("end").dt.date()
        return found.select(
            "person", "encounter_id", "diagnosis_code", "diagnosis_name",
            serial("ZW", scene.month, size).alias("transfer_id"),
            pl.col("organization_id").alias("from_hospital_code"),
            beyond["code"].alias("to_hospital_code"),
            beyond["name"].alias("to_hospital_name"),
            beyond["area"].alias("to_area_code"),
            codes(random, rates["reasons"], size).alias("transfer_reason_code"),
            (pl.col("end") - timedelta(hours=1)).alias("issued_at"),
            day.alias("valid_from"),
            (day + timedelta(days=180)).alias("valid_to"),
            chance(random, rates["through_consortium"], size).alias("is_through_consortium"),
        )  # fmt: skip


def _state(code: str) -> pl.Expr:
    return pl.lit(code).alias("state_code")
