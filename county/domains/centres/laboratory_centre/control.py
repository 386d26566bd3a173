"""Quality of laboratories: control measurements under Westgard's rules, external assessment.

Belongs here: controls of the laboratory centre and of one township. Not here: patients' results.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from county.domains.centres.laboratory_centre.westgard import violated
from county.domains.centres.parts import crew, some_minutes_later
from county.domains.draws import Numbers, chance, serial
from county.domains.outbreak import planted_rows
from county.domains.picks import in_service, picked
from county.laboratory import PANELS
from county.months import Month
from county.roles import COUNTY_HOSPITAL, TCM_HOSPITAL, TOWNSHIP_A, TOWNSHIP_B
from county.scene import Export, Scene

CENTRE_CONTROLS = "county_hospital__lis__quality_control"
TOWN_CONTROLS = "township_a__lis__quality_control"
ASSESSMENT = "county_hospital__lis__external_assessment"
_LEVELS = {"low": 0.85, "high": 1.2}
_SPREAD = 0.025
_MEMORY = 9
_TESTS = {test.code: test for tests in PANELS.values() for test in tests}
_BENCHES: dict[str, dict[str, tuple[str, ...]]] = {
    CENTRE_CONTROLS: {
        "SHFX-01": ("2823-3", "2160-0", "14771-0", "14647-2"),
        "XQFX-01": ("718-7", "777-3"),
    },
    TOWN_CONTROLS: {"XQ-T01": ("6690-2", "718-7", "777-3")},
}
_PLACES = {CENTRE_CONTROLS: COUNTY_HOSPITAL, TOWN_CONTROLS: TOWNSHIP_A}
_PREFIX = {CENTRE_CONTROLS: "ZK", TOWN_CONTROLS: "TAZK"}
_ACTIONS = (
    "更换质控品后重测在控", "重新校准后重测在控", "更换试剂后重测在控", "维护仪器后重测在控",
)  # fmt: skip
_CHEMISTRY = ("生化全套", "常规化学室间质评", (COUNTY_HOSPITAL, TCM_HOSPITAL))
_BLOOD_COUNT = (
    "血常规",
    "全血细胞计数室间质评",
    (COUNTY_HOSPITAL, TOWNSHIP_A, TOWNSHIP_B),
)
_ORGANIZER = "自治区临床检验中心（虚构）"
_SAMPLES, _PASS_PERCENT = 5, 80


class Controls:
    """Control measurements month by month; the last runs count in the next month's rules."""

    def __init__(self, rates: dict[str, Any]) -> None:
        self._rates = rates
        self._before: dict[str, Numbers] = {}

    def month(self, scene: Scene) -> Iterator[Export]:
        random = scene.random("laboratory_control")
        for feed in _BENCHES:
            yield self._controls(scene, feed, random)
        if scene.month.number % 2 == 1:
            yield Export(ASSESSMENT, self._assessment(scene, random))

    def _controls(self, scene: Scene, feed: str, random: np.random.Generator) -> Export:
        rates = self._rates
        week = 7 if feed == CENTRE_CONTROLS else 5
        days = [day for day in scene.month.days if day.weekday() < week]
        bench = _series(_BENCHES[feed])
        shape = (len(days), len(bench))
        wanted = random.normal(0, 1, shape)
        wanted[random.random(shape) < rates["outliers"]] = 3.6
        drifting, first = random.integers(len(bench)), random.integers(0, len(days) - 4)
        wanted[first : first + rates["drift_days"], drifting] += rates["drift_sd"]
        mean, spread = bench["target_mean"].to_numpy(), bench["spread"].to_numpy()
        values = np.round(mean + wanted * spread, 2)
        cloned = np.zeros(shape, dtype=bool)
        if feed == TOWN_CONTROLS:
            column, start = random.integers(len(bench)), random.integers(0, len(days) - 6)
            run = slice(start + 1, start + rates["cloned_days"])
            values[run, column], cloned[run, column] = values[start, column], True
        deviation = (values - mean) / spread
        before = self._before.get(feed, np.zeros((0, len(bench))))
        rules = violated(deviation, before, len(_LEVELS))
        self._before[feed] = np.concatenate([before, deviation])[-_MEMORY:]
        rows = (
            pl.DataFrame({"day": days})
            .join(bench, how="cross", maintain_order="left_right")
            .with_columns(
                pl.Series("value_number", values.ravel()),
                pl.Series("westgard_rule_code", rules.ravel().tolist(), dtype=pl.String),
                pl.Series("is_cloned", cloned.ravel()),
            )
        )
        return self._handled(scene, feed, rows, random)

    def _handled(
        self, scene: Scene, feed: str, rows: pl.DataFrame, random: np.random.Generator
    ) -> Export:
        """With times, numbers and what was done about each loss of control."""
        size, month = len(rows), scene.month
        opened = pl.col("day").cast(pl.Datetime("us")) + timedelta(hours=8)
        measured = rows.select(opened + pl.duration(seconds=pl.col("minute") * 60)).to_series()
        measured = some_minutes_later(random, measured, 0, 0.9)
        lost = rows["westgard_rule_code"].is_not_null() & (rows["westgard_rule_code"] != "1-2s")
        forgotten = lost & chance(random, self._rates["unhandled"], size)
        if lost.any() and not forgotten.any():
            forgotten[int(lost.arg_true()[0])] = True
        acted = lost & ~forgotten
        members = pl.DataFrame({"s": _members(scene, feed)})
        rows = rows.with_columns(
            serial(_PREFIX[feed], month, size).alias("control_id"),
            pl.lit(_lot(month)).alias("lot_number"),
            measured.alias("measured_at"),
            lost.alias("is_out_of_control"),
            pl.when(acted)
            .then(picked(random, pl.DataFrame({"a": _ACTIONS}), size)["a"])
            .alias("action"),
            pl.when(acted).then(some_minutes_later(random, measured, 15, 150)).alias("action_at"),
            picked(random, members, size)["s"].alias("staff_id"),
        )
        planted = planted_rows(
            "out_of_control_without_action", rows, "control_id", pl.lit(forgotten)
        ) + planted_rows("cloned_control", rows, "control_id", pl.col("is_cloned"))
        return Export(feed, rows, planted)

    def _assessment(self, scene: Scene, random: np.random.Generator) -> pl.DataFrame:
        """One row per laboratory and test of the round that came back this month."""
        month = scene.month
        panel, programme, laboratories = _CHEMISTRY if month.number % 4 == 1 else _BLOOD_COUNT
        tests = pl.DataFrame(
            [(test.code, test.name) for test in PANELS[panel][:6]],
            schema=["test_code", "test_name"],
            orient="row",
        )
        rows = pl.DataFrame({"organization_id": laboratories}).join(
            tests, how="cross", maintain_order="left_right"
        )
        size = len(rows)
        good = pl.Series(random.binomial(_SAMPLES, self._rates["passed"], size))
        score = (good * 100 / _SAMPLES).round(1)
        sent = month.first - timedelta(days=26)
        return rows.with_columns(
            serial("ZP", month, size).alias("assessment_id"),
            pl.lit(_ORGANIZER).alias("organizer_name"),
            pl.lit(f"{programme}{month.label}").alias("round_code"),
            pl.lit(_SAMPLES).alias("sample_count"),
            good.alias("acceptable_count"),
            score.alias("score_percent"),
            (score >= _PASS_PERCENT).alias("is_passed"),
            pl.lit(sent).alias("reported_date"),
            pl.lit(month.first + timedelta(days=8)).alias("returned_date"),
        )


def _series(bench: dict[str, tuple[str, ...]]) -> pl.DataFrame:
    """One row per instrument, test and level, in the order of measurement of a day."""
    found: list[tuple[object, ...]] = []
    for instrument, codes in bench.items():
        for code in codes:
            test = _TESTS[code]
            assert test.low is not None
            assert test.high is not None
            for level, factor in _LEVELS.items():
                mean = round((test.low + test.high) / 2 * factor, 2)
                spread = round(max(mean * _SPREAD, 0.05), 3)
                found.append((instrument, code, test.name, test.unit, level, mean, spread,
                              10 + 2 * len(found)))  # fmt: skip
    return pl.DataFrame(
        found,
        schema=["instrument_id", "test_code", "test_name", "value_unit", "control_level_code",
                "target_mean", "spread", "minute"],
        orient="row",
    ).with_columns(pl.col("spread").alias("target_standard_deviation"))  # fmt: skip


def _members(scene: Scene, feed: str) -> list[str]:
    if feed == CENTRE_CONTROLS:
        return crew(scene, "laboratory")
    here = pl.col("organization_id") == _PLACES[feed]
    return in_service(scene, ["11", "21"]).filter(here)["staff_id"].to_list()


def _lot(month: Month) -> str:
    return f"QC{month.year % 100}{(month.number + 5) // 6}A"
