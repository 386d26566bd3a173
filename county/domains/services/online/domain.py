"""Consultations of the internet hospital, sent as FHIR bundles.

Belongs here: who consults, for what, and which drugs they get. Not here: the bundles
(`county/systems/fhir_batch.py`), orders and payments (`internet_services/`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import codes, days, drawn, moments, serial, settled
from county.domains.picks import picked, team
from county.scene import Document, Scene
from county.systems.drugs import WESTERN
from county.systems.fhir_batch import BundleFiles, bundle, request

FEED = "consortium__internet_hospital__encounters"
_DOCTORS = ["11"]
_HYPERTENSION, _DIABETES = ("I10.x00", "特发性(原发性)高血压"), ("E11.900", "2型糖尿病")
_FOR_CHRONIC = {_HYPERTENSION[0]: "XA0002", _DIABETES[0]: "XA0003"}
_DRUGS = pl.DataFrame(
    {
        "drug_code": [drug.code for drug in WESTERN],
        "drug_name": [drug.name for drug in WESTERN],
        "dose": [drug.dose for drug in WESTERN],
        "dose_unit": [drug.dose_unit for drug in WESTERN],
        "per_day": [drug.per_day for drug in WESTERN],
    }
)
_FIRST_ROWS = 2  # encounter and diagnosis


class Domain:
    """The feed of on-line consultations."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._files = BundleFiles(FEED, "internet_encounters")

    def month(self, scene: Scene) -> Iterator[Document]:
        random = scene.random("online")
        visits = self._visits(scene, random)
        drugs = self._drugs(visits, random)
        texts = drugs.select("encounter_id", request().alias("requests"))
        grouped = texts.group_by("encounter_id", maintain_order=True).agg(
            pl.col("requests").str.join(""), pl.len().alias("drugs")
        )
        whole = visits.join(grouped, on="encounter_id", how="left", maintain_order="left")
        messages = whole.select(
            "moment",
            bundle().alias("text"),
            (pl.col("drugs").fill_null(0) + _FIRST_ROWS).cast(pl.Int64).alias("rows"),
        )
        yield from self._files.month(messages, scene.month, random)

    def _visits(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        rates, month = self._rates, scene.month
        people = settled(scene, first_age=3)
        chronic = people.select((pl.col("hypertension") | pl.col("diabetes")).cast(pl.Int8))
        weight = 1 + chronic.to_series().to_numpy() * (rates["chronic_weight"] - 1)
        found = drawn(random, people, rates["share"] * weight, least=6)
        size = len(found)
        doctor = picked(random, team(scene, _DOCTORS, "hospital"), size)
        moment = moments(random, days(random, month.first, month.last, size), opens=7, closes=22)
        low, high = rates["minutes"]
        lasted = pl.Series(random.integers(low, high, size)).cast(pl.Int64)
        complaint = codes(random, dict.fromkeys(rates["complaints"], 1.0), size)
        code = (
            pl.when(pl.col("hypertension"))
            .then(pl.lit(_HYPERTENSION[0]))
            .when(pl.col("diabetes"))
            .then(pl.lit(_DIABETES[0]))
            .otherwise(pl.lit(complaint))
        )
        names = dict([_HYPERTENSION, _DIABETES]) | rates["complaints"]
        frame = found.select(
            "person",
            doctor["organization_id"],
            doctor["staff_id"],
            doctor["department_name"],
            pl.lit("A99").alias("department_code"),
            serial("WZ", month, size).alias("encounter_id"),
            moment.alias("moment"),
            (pl.lit(moment) + pl.duration(minutes=pl.lit(lasted))).alias("end"),
            code.alias("diagnosis_code"),
        ).with_columns(
            pl.col("diagnosis_code").replace_strict(names).alias("diagnosis_name"),
            _written("moment").alias("started"),
            _written("end").alias("ended"),
        )
        known = scene.identify(FEED, frame)
        return known.with_columns(
            pl.when(pl.col("sex") == "1")
            .then(pl.lit("male"))
            .otherwise(pl.lit("female"))
            .alias("gender"),
            pl.col("birth").dt.strftime("%Y-%m-%d").alias("birth_day"),
        )

    def _drugs(self, visits: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        """Lines of the prescriptions; someone chronically ill gets the drug for it first."""
        size = len(visits)
        count = codes(random, self._rates["drugs"], size).cast(pl.Int64)
        first = pl.Series(random.integers(0, len(_DRUGS), size))
        other = pl.Series(random.integers(1, len(_DRUGS), size))
        steady = visits["diagnosis_code"].replace_strict(_FOR_CHRONIC, default=None)
        place = pl.DataFrame({"drug_code": steady}).join(
            _DRUGS.with_row_index("place"), on="drug_code", how="left", maintain_order="left"
        )["place"]
        start = pl.select(pl.coalesce(place.cast(pl.Int64), first)).to_series()
        lines = visits.select("encounter_id", "ended", "staff_id").with_columns(
            count.alias("count"), start.alias("start"), other.alias("other")
        )
        lines = lines.with_columns(pl.int_ranges("count").alias("number")).explode("number")
        lines = lines.filter(pl.col("number").is_not_null())
        chosen = (pl.col("start") + pl.col("number") * pl.col("other")) % len(_DRUGS)
        return lines.with_columns(
            chosen.cast(pl.Int64).alias("place"),
            pl.concat_str("encounter_id", pl.lit("-"), pl.col("number") + 1).alias("line"),
            pl.lit(pl.Series(random.integers(1, 4, len(lines)))).alias("quantity"),
        ).join(
            _DRUGS.with_row_index("place").with_columns(pl.col("place").cast(pl.Int64)),
            on="place",
            how="left",
            maintain_order="left",
        )


def _written(name: str) -> pl.Expr:
    """ISO 8601 with the county's offset."""
    return pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S+08:00")
