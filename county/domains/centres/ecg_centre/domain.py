"""The ECG centre: electrocardiograms of township centres and what the centre reads in them.

Belongs here: registrations, reports, versions, critical findings, roster. Not here: the traces as
files (`electrocardiography/`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from county.domains.centres.parts import (
    CENTRE,
    amendments,
    crew,
    critical_values,
    pair,
    roster,
    some_minutes_later,
    township_visits,
    wait_of,
)
from county.domains.draws import chance, codes, doctors, drawn, normal, serial
from county.domains.outbreak import planted_rows
from county.domains.waiting import Waiting
from county.scene import Export, Scene

REQUESTS = "county_hospital__ecg_centre__requests"
REPORTS = "county_hospital__ecg_centre__reports"
VERSIONS = "county_hospital__ecg_centre__report_versions"
ALARMS = "county_hospital__ecg_centre__critical_values"
ROSTER = "county_hospital__ecg_centre__duty_roster"
_LIMITS = {
    "heart_rate": (42, 140), "pr": (100, 300), "qrs": (70, 150), "qtc": (350, 500),
    "axis": (-60, 130),
}  # fmt: skip
_NORMAL = "窦性心律，正常心电图"
_INFARCTION = "ST段抬高型心肌梗死"
_INFARCTION_TEXT = "Ⅱ、Ⅲ、aVF导联ST段弓背向上抬高，考虑急性下壁心肌梗死，请结合临床。"
# Name, text, heart rate.
_RHYTHMS = pl.DataFrame(
    [
        ("室性心动过速", "宽QRS波心动过速，考虑室性心动过速。", 172),
        ("三度房室传导阻滞", "三度房室传导阻滞，交界性逸搏心律。", 38),
        ("心房颤动伴快速心室率", "心房颤动伴快速心室率，平均心室率164次/分。", 164),
    ],
    schema=["rhythm_name", "rhythm_text", "rhythm_rate"],
    orient="row",
)


class Domain:
    """Feeds of the ECG centre."""

    def __init__(self, seed: int, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._waiting = Waiting()

    def month(self, scene: Scene) -> Iterator[Export]:
        rates, month = self._rates, scene.month
        random = scene.random("ecg_centre")
        asked = self._asked(scene, random)
        planted = planted_rows(
            "ecg_without_report", asked, "request_id", pl.col("status_code") == "IP"
        )
        yield Export(REQUESTS, asked, planted)
        reports = self._reports(scene, asked, random)
        due = self._waiting.due("reports", reports, "reported_at", month)
        yield Export(REPORTS, due)
        changed = amendments(random, scene, "ecg", due, rates)
        yield Export(VERSIONS, self._waiting.due("versions", changed, "changed_at", month))
        found = due.filter("is_critical").select(
            "person", "encounter_id", "requesting_organization_id", "report_id",
            pl.col("finding_name").alias("item_name"), pl.col("conclusion").alias("value_text"),
            pl.col("reported_at").alias("found_at"),
        )  # fmt: skip
        yield Export(ALARMS, *critical_values(random, scene, "ecg", found, rates["critical"]))
        yield Export(ROSTER, roster(scene, "ecg", ("day", "night", "standby")))

    def _asked(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """One row per electrocardiogram, with its state when the month is over."""
        rates = self._rates
        visits = township_visits(scene, first_age=rates["first_age"])
        chosen = drawn(random, visits, rates["share"], least=rates["least"])
        size = len(chosen)
        registered = some_minutes_later(random, chosen["start"], 3, 25)
        acquired = some_minutes_later(random, registered, 3, 20)
        quality = codes(random, rates["quality"], size)
        unread = chance(random, rates["unreported"], size)
        if size and not unread.any():
            unread[size - 1] = True
        return chosen.with_columns(
            serial("XDSQ", scene.month, size).alias("request_id"),
            pl.lit(CENTRE).alias("performing_organization_id"),
            ("XD-" + pl.col("organization_id").str.slice(6)).alias("device_id"),
            registered.alias("registered_at"),
            acquired.alias("acquired_at"),
            some_minutes_later(random, acquired, 0.2, 6).alias("uploaded_at"),
            pl.when(chance(random, rates["eighteen_leads"], size)).then(18).otherwise(12)
            .alias("lead_count"),
            quality.alias("acquisition_quality_code"),
            ((quality == "poor") | chance(random, rates["repeated"], size)).alias("is_repeated"),
            codes(random, rates["priorities"], size).alias("priority_code"),
            pl.when(unread).then(pl.lit("IP")).otherwise(pl.lit("CM")).alias("status_code"),
            doctors(random, scene, chosen["organization_id"]).alias("staff_id"),
        )  # fmt: skip

    def _reports(
        self, scene: Scene, asked: pl.DataFrame, random: np.random.Generator
    ) -> pl.DataFrame:
        rates = self._rates
        read = asked.filter(pl.col("status_code") == "CM")
        size = len(read)
        assigned = some_minutes_later(random, read["uploaded_at"], 0.2, 10)
        minutes = rates["report_minutes"]
        reported = wait_of(
            read["priority_code"],
            some_minutes_later(random, assigned, *minutes["routine"]),
            some_minutes_later(random, assigned, *minutes["urgent"]),
        )
        writer, reviewer = pair(random, crew(scene, "ecg"), size)
        rows = self._measured(read, random).with_columns(
            pl.col("request_id").str.replace("XDSQ", "XDBG").alias("report_id"),
            pl.col("organization_id").alias("requesting_organization_id"),
            pl.lit(CENTRE).alias("organization_id"),
            assigned.alias("assigned_at"),
            reported.alias("reported_at"),
            some_minutes_later(random, reported, 0.5, 20).alias("reviewed_at"),
            chance(random, rates["third_party"], size).alias("is_third_party"),
            writer.alias("reporter_staff_id"),
            reviewer.alias("reviewer_staff_id"),
        )
        third = pl.col("is_third_party")
        return rows.with_columns(
            pl.when(~third).then("reporter_staff_id").alias("reporter_staff_id")
        )

    def _measured(self, read: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        """With measurements, the conclusion they lead to, and the critical findings of a few."""
        rates, size = self._rates, len(read)
        numbers = {}
        for name, (low, high) in _LIMITS.items():
            mean, spread = rates[name]
            numbers[name] = normal(random, mean, spread, size, low=low, high=high)
        rows = read.with_columns(
            *(values.alias(name) for name, values in numbers.items())
        ).with_row_index("row")
        infarcted = drawn(random, rows, rates["infarction"], least=1)["row"]
        others = rows.filter(~pl.col("row").is_in(infarcted.implode()))
        critical = rates["critical"]
        odd = drawn(random, others, critical["share"], least=critical["least"])["row"]
        rhythms = _RHYTHMS.select(pl.all().gather(pl.Series(random.integers(0, 3, size))))
        infarction = pl.col("row").is_in(infarcted.implode())
        arrhythmia = pl.col("row").is_in(odd.implode())
        rate = pl.when(arrhythmia).then("rhythm_rate").otherwise("heart_rate")
        rows = rows.hstack(rhythms).with_columns(rate.alias("heart_rate"))
        usual = _statement()
        return rows.with_columns(
            pl.col("heart_rate").alias("heart_rate_per_minute"),
            pl.when(~arrhythmia).then("pr").alias("pr_interval_ms"),
            pl.col("qrs").alias("qrs_duration_ms"),
            (pl.col("qtc") * (60 / pl.col("heart_rate")).sqrt()).round(0).cast(pl.Int64)
            .alias("qt_interval_ms"),
            pl.col("qtc").alias("qtc_interval_ms"),
            pl.col("axis").alias("axis_degrees"),
            infarction.alias("is_infarction_suspected"),
            (infarction | arrhythmia).alias("is_critical"),
            pl.when(infarction).then(pl.lit(_INFARCTION))
            .when(arrhythmia).then("rhythm_name").alias("finding_name"),
            pl.when(infarction).then(pl.lit(_INFARCTION_TEXT))
            .when(arrhythmia).then("rhythm_text").otherwise(usual).alias("conclusion"),
        ).with_columns((pl.col("conclusion") != _NORMAL).alias("is_abnormal"))  # fmt: skip


def _statement() -> pl.Expr:
    """What the numbers alone say."""
    rhythm = (
        pl.when(pl.col("heart_rate") < 60).then(pl.lit("窦性心动过缓"))
        .when(pl.col("heart_rate") > 100).then(pl.lit("窦性心动过速"))
        .otherwise(pl.lit("窦性心律"))
    )  # fmt: skip
    found = (
        pl.when(pl.col("pr") > 200).then(pl.lit("一度房室传导阻滞"))
        .when(pl.col("qtc") > 460).then(pl.lit("QT间期延长"))
        .when(pl.col("axis") < -30).then(pl.lit("电轴左偏"))
        .when(pl.col("heart_rate").is_between(60, 100)).then(pl.lit("正常心电图"))
    )  # fmt: skip
    return pl.concat_str(rhythm, found, separator="，", ignore_nulls=True)
