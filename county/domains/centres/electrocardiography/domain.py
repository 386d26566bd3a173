"""Electrocardiograms: who is recorded, what is measured, in which system.

Belongs here: traces, their numbers and requests. Not here: files (`county/systems/ecg_batch.py`),
reports, and requests to the ECG centre.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import drawn, normal
from county.roles import COUNTY_HOSPITAL, TOWNSHIP_A, TOWNSHIP_B
from county.scene import Document, Export, Scene
from county.systems.ecg_batch import ROWS, AnnotatedFiles, WaveformFiles, aecg, waveform
from county.systems.message_files import MessageFiles

TRACES, WAVEFORMS = "county_hospital__ecg__traces", "township_b__ecg__waveforms"
REQUESTS = "county_hospital__ecg__requests"
_SITES = {TRACES: (COUNTY_HOSPITAL, TOWNSHIP_A), WAVEFORMS: (TOWNSHIP_B,)}
_DEVICE = {
    COUNTY_HOSPITAL: "YQ-ECG12",
    TOWNSHIP_A: "YQ-ECG6",
    TOWNSHIP_B: "YQ-ECG8D",
}
_MONTH_STEP, _FEED_STEP = 10_000_000, 5_000_000
_LIMITS = {
    "heart_rate": (38, 180), "pr": (90, 320), "qrs": (70, 170), "qtc": (340, 520),
    "p_axis": (-30, 120), "qrs_axis": (-90, 150), "t_axis": (-60, 150),
}  # fmt: skip


class Domain:
    """Feeds of the two ECG systems."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._files: dict[str, MessageFiles] = {
            TRACES: AnnotatedFiles(TRACES, "county_hospital_ecg"),
            WAVEFORMS: WaveformFiles(WAVEFORMS, "township_b_ecg"),
        }

    def month(self, scene: Scene) -> Iterator[Document | Export]:
        random = scene.random("electrocardiography")
        adults = scene.visits.join(
            scene.people.filter(pl.col("age") >= self._rates["first_age"]).select("person"),
            on="person", how="semi", maintain_order="left",
        )  # fmt: skip
        asked: list[pl.DataFrame] = []
        for order, (feed, sites) in enumerate(_SITES.items()):
            visits = adults.filter(pl.col("organization_id").is_in(sites))
            if visits.is_empty():
                continue
            first = (scene.month.index + 1) * _MONTH_STEP + order * _FEED_STEP
            traces = self._traces(scene, feed, visits, first, random)
            text = aecg() if feed == TRACES else waveform()
            messages = traces.select(
                "moment",
                pl.col("request_id").alias("name"),
                text.alias("text"),
                pl.lit(ROWS, pl.Int64).alias("rows"),
            )
            yield from self._files[feed].month(messages, scene.month, random)
            asked.append(traces)
        if asked:
            waited = pl.col("moment") - pl.duration(minutes=5)
            yield Export(REQUESTS, pl.concat(asked).with_columns(waited.alias("registered_at")))

    def _traces(
        self, scene: Scene, feed: str, visits: pl.DataFrame, first: int,
        random: np.random.Generator,
    ) -> pl.DataFrame:  # fmt: skip
        rates = self._rates
        share = visits["organization_id"].replace_strict(rates["share"], return_dtype=pl.Float64)
        found = drawn(random, visits, share.to_numpy(), least=4)
        size = len(found)
        numbers = {}
        for name, (low, high) in _LIMITS.items():
            mean, spread = rates[name]
            numbers[name] = normal(random, mean, spread, size, low=low, high=high)
        qt = np.round(numbers["qtc"].to_numpy() * np.sqrt(60 / numbers["heart_rate"].to_numpy()))
        least, most = rates["minutes"]
        waited = pl.Series(random.integers(least, most, size)).cast(pl.Int64)
        frame = found.select(
            "person",
            "organization_id",
            "encounter_id",
            "diagnosis_code",
            "diagnosis_name",
            (pl.col("start") + pl.duration(minutes=pl.lit(waited))).alias("moment"),
            pl.col("organization_id").replace_strict(_DEVICE).alias("device"),
            (pl.int_range(pl.len()) + first).cast(pl.String).alias("number"),
            pl.Series("qt", qt.astype(np.int64)),
            *(values.alias(name) for name, values in numbers.items()),
        ).with_columns((pl.lit("XD") + pl.col("number")).alias("request_id"))
        known = scene.identify(feed, frame)
        return known.with_columns(
            _statement().alias("statement"),
            pl.col("moment").dt.strftime("%Y%m%d%H%M%S").alias("recorded"),
            pl.col("birth").dt.strftime("%Y%m%d").alias("birth_day"),
            pl.when(pl.col("sex") == "1").then(pl.lit("M")).otherwise(pl.lit("F")).alias("gender"),
        )


def _statement() -> pl.Expr:
    """What the device would say of its own numbers."""
    rhythm = (
        pl.when(pl.col("heart_rate") < 60)
        .then(pl.lit("窦性心动过缓"))
        .when(pl.col("heart_rate") > 100)
        .then(pl.lit("窦性心动过速"))
        .otherwise(pl.lit("窦性心律"))
    )
    found = (
        pl.when(pl.col("pr") > 200)
        .then(pl.lit("一度房室传导阻滞"))
        .when(pl.col("qtc") > 460)
        .then(pl.lit("QT间期延长"))
        .when(pl.col("heart_rate").is_between(60, 100))
        .then(pl.lit("正常心电图"))
    )
    return pl.concat_str(rhythm, found, separator="，", ignore_nulls=True)
