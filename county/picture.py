"""The county beside its reference ranges, in pictures (SVG).

Belongs here: what each picture shows. Not here: the measures (`watched.py`), how a mark is
written (`drawing.py`).
"""

from itertools import pairwise
from math import ceil

import numpy as np
import polars as pl

from county.drawing import (
    BAND,
    BLUE,
    GREEN,
    GRID,
    INK,
    ORANGE,
    PALE_INK,
    PAPER,
    RED,
    Axes,
    dot,
    legend,
    line,
    rect,
    sheet,
    text,
)
from county.reference_ranges import Curve, Measure, references
from county.watched import RESPIRATORY, County

_WIDTH, _HEIGHT = 720, 400
_BOX = (64.0, 96.0, 630.0, 256.0)


def pictures(county: County, values: dict[str, float]) -> dict[str, str]:
    """Name to SVG."""
    measures, curves = references()
    return {
        "ranges": _ranges([m for m in measures if m.id in values], values),
        "age": _age(county, curves["age"]),
        "prevalence": _prevalence(county, curves),
        "visits_by_age": _visits_by_age(county, curves["visits"]),
        "year": _year(county),
        "stay_days": _stay_days(county),
    }


def _ranges(measures: list[Measure], values: dict[str, float]) -> str:
    """One line a measure; all ranges are drawn equally wide."""
    left, width, row = 300, 240, 22
    marks, y, group = [], 76, ""
    for measure in measures:
        if measure.group_zh != group:
            group = measure.group_zh
            y += 14
            marks += [text(16, y + 4, group, weight=600), line([(60, y), (764, y)], GRID)]
            y += row
        low, high = measure.range
        value = values[measure.id]

        def at(amount: float, low: float = low, high: float = high) -> float:
            share = (amount - low) / (high - low)
            return left + width * (0.2 + 0.6 * min(1.3, max(-0.3, share)))

        marks += [
            text(left - 16, y + 4, measure.label_zh, anchor="end"),
            rect(at(low), y - 7, at(high) - at(low), 14, BAND),
        ]
        if measure.published is not None:
            x = at(measure.published)
            marks.append(line([(x, y - 9), (x, y + 9)], ORANGE, width=2.5))
        inside = measure.holds(value)
        marks += [
            dot(at(value), y, BLUE if inside else RED, 5),
            text(left + width + 60, y + 4, number(value), anchor="end", weight=600),
            text(left + width + 66, y + 4, measure.unit, color=PALE_INK),
            text(left + width + 110, y + 4, f"{low:g} – {high:g}", color=PALE_INK),
        ]
        y += row
    key = [
        rect(left, 44, 26, 12, BAND),
        text(left + 32, 54, "参考范围", color=PALE_INK),
        line([(left + 112, 41), (left + 112, 59)], ORANGE, width=2.5),
        text(left + 120, 54, "全国公布值", color=PALE_INK),
        dot(left + 208, 50, BLUE, 5),
        text(left + 218, 54, "本县", color=PALE_INK),
        dot(left + 268, 50, RED, 5),
        text(left + 278, 54, "本县，超出范围", color=PALE_INK),
    ]
    return sheet(780, y + 8, "本县与参考范围", key + marks)


def _age(county: County, reference: Curve) -> str:
    """Pyramid: men to the left, women to the right, the reference halved on both sides."""
    people, bands = county.people, len(reference.first_ages)
    shares = {
        sex: 100 * _by_band(people.filter(pl.col("sex") == sex)["age"], reference) / len(people)
        for sex in ("1", "2")
    }
    middle, step, base = 360.0, 17.0, 388.0
    scale = 250 / max(5.0, *(max(s) for s in shares.values()))
    marks = []
    for tick in range(6):
        for side in (-1, 1):
            x = middle + side * (28 + tick * scale)
            marks.append(line([(x, base), (x, base - bands * step)], GRID))
            marks.append(text(x, base + 18, str(tick), anchor="middle", color=PALE_INK))
    for side, sex, color in ((-1, "1", BLUE), (1, "2", GREEN)):
        outline = []
        for band, share in enumerate(shares[sex]):
            y = base - (band + 1) * step
            start = middle + side * 28 - (share * scale if side < 0 else 0)
            marks.append(rect(start, y + 1.5, share * scale, step - 3, color))
            x = middle + side * (28 + reference.values[band] / 2 * scale)
            outline += [(x, y + step), (x, y)]
        marks.append(line(outline, ORANGE, width=2))
    for band, first in enumerate(reference.first_ages):
        last = f"{first}–{first + 4}" if band < bands - 1 else f"{first}+"
        y = base - band * step - 4.5
        marks.append(text(middle, y, last, anchor="middle", size=10, color=PALE_INK))
    marks += [text(middle, base + 18, "占人口 %", anchor="middle", size=10, color=PALE_INK)]
    key = [("男", BLUE, "block"), ("女", GREEN, "block"), (reference.label_zh, ORANGE, "line")]
    return sheet(_WIDTH, 420, "常住人口年龄金字塔", legend(16, 54, key) + marks)


def _prevalence(county: County, curves: dict[str, Curve]) -> str:
    """Diagnosed by age, beside the surveys."""
    axes = Axes(_BOX, 80, 20, "%")
    first = curves["hypertension"].first_ages
    marks = axes.marks(_band_names(first))
    key = []
    for side, (name, label, color) in enumerate(
        (("hypertension", "高血压", BLUE), ("diabetes", "糖尿病", GREEN))
    ):
        curve = curves[name]
        everyone = _by_band(county.people["age"], curve)
        ill = _by_band(county.people.filter(pl.col(name))["age"], curve)
        for band, share in enumerate(100 * ill / np.maximum(everyone, 1)):
            x = axes.centre(band, len(first)) + (side - 0.5) * 38
            marks.append(axes.bar(x, 32, share, color))
            marks.append(
                text(x, axes.y(0) - 6, f"{share:.0f}", anchor="middle", size=11, color=PAPER)
            )
        marks += _reference(
            axes, [(side - 0.5) * 38 for _ in first], curve.values, ORANGE if side == 0 else RED
        )
        key += [(label, color, "block"), (curve.label_zh, ORANGE if side == 0 else RED, "dashes")]
    return sheet(_WIDTH, _HEIGHT, "慢病患病率，按年龄", legend(16, 54, key) + marks)


def _visits_by_age(county: County, curve: Curve) -> str:
    """Visits a head by age, against the mean of all ages."""
    heads = _by_band(county.people["age"], curve)
    visits = _by_band(county.visits["age"], curve)
    relative = visits / np.maximum(heads, 1) / (visits.sum() / heads.sum())
    axes = Axes(_BOX, 2.5, 0.5, "倍")
    count = len(curve.first_ages)
    marks = axes.marks(_band_names(curve.first_ages))
    for band, value in enumerate(relative):
        x = axes.centre(band, count)
        marks += [
            axes.bar(x, 44, value, BLUE),
            text(x, axes.y(0) - 6, f"{value:.2f}", anchor="middle", size=11, color=PAPER),
        ]
    mean = float(np.average(curve.values, weights=heads))
    marks += _reference(axes, [0.0] * count, [value / mean for value in curve.values], ORANGE)
    key = [("本县", BLUE, "block"), (curve.label_zh, ORANGE, "dashes")]
    return sheet(_WIDTH, _HEIGHT, "人均就诊，按年龄（全体平均＝1）", legend(16, 54, key) + marks)


def _year(county: County) -> str:
    """Visits of a day month by month, for each 10,000 people."""
    of_airways = pl.col("diagnosis_code").str.slice(0, 3).is_in(RESPIRATORY)
    unit = 10_000 / len(county.people)
    parts = [
        (
            scene.month,
            unit * len(scene.visits.filter(of_airways)) / len(scene.month.days),
            unit * len(scene.visits.filter(~of_airways)) / len(scene.month.days),
        )
        for scene in county.scenes
    ]
    step = 50
    axes = Axes(_BOX, step * ceil(max(a + b for _, a, b in parts) / step), step, "人次")
    marks = axes.marks([f"{month.number}月" for month, _, _ in parts])
    for position, (_, airways, others) in enumerate(parts):
        x = axes.centre(position, len(parts))
        marks += [
            axes.bar(x, 34, airways, ORANGE),
            axes.bar(x, 34, others, BLUE, base=airways),
            text(x, axes.y(airways) + 15, f"{airways:.0f}", anchor="middle", size=11,
                 color=PAPER),
            text(x, axes.y(airways + others) - 6, f"{airways + others:.0f}", anchor="middle",
                 size=11, color=INK),
        ]  # fmt: skip
    key = [("急性呼吸道感染", ORANGE, "block"), ("其他", BLUE, "block")]
    return sheet(_WIDTH, _HEIGHT, "日均诊疗人次，每万人口", legend(16, 54, key) + marks)


def _stay_days(county: County) -> str:
    """How long stays last, in hospitals and township centres."""
    longest = 30
    axes = Axes(_BOX, 20, 5, "%")
    marks = axes.marks([str(d) if d == 1 or d % 5 == 0 else "" for d in range(1, longest + 1)])
    key = []
    at_centre = pl.col("township").is_not_null()
    for side, (label, own, color) in enumerate(
        (("县级医院", ~at_centre, BLUE), ("乡镇卫生院", at_centre, GREEN))
    ):
        days = county.discharges.filter(own)["days"].to_numpy()
        shares = np.bincount(np.minimum(days, longest), minlength=longest + 1)[1:] / len(days)
        for day, share in enumerate(100 * shares):
            x = axes.centre(day, longest) + (side - 0.5) * 8
            marks.append(axes.bar(x, 7.5, min(share, 20), color))
        key.append((f"{label}（平均 {days.mean():.1f} 天）", color, "block"))
    marks.append(text(694, 388, "住院天数", anchor="end", color=PALE_INK))
    return sheet(_WIDTH, _HEIGHT, "出院患者住院天数分布", legend(16, 54, key) + marks)


def _reference(axes: Axes, shifts: list[float], values: list[float], color: str) -> list[str]:
    """A dashed line through the columns, with a dot in each."""
    count = len(values)
    points = [
        (axes.centre(n, count) + shift, axes.y(value))
        for n, (shift, value) in enumerate(zip(shifts, values, strict=True))
    ]
    return [line(points, color, width=2, dashed=True), *(dot(x, y, color, 3.5) for x, y in points)]


def _by_band(ages: pl.Series, curve: Curve) -> np.ndarray:
    """How many are in each age band of the curve."""
    bands = np.searchsorted(curve.first_ages, ages.to_numpy(), side="right") - 1
    return np.bincount(bands[bands >= 0], minlength=len(curve.first_ages)).astype(float)


def _band_names(first: list[int]) -> list[str]:
    names = [f"{low}–{high - 1}" for low, high in pairwise(first)]
    return [*names, f"{first[-1]}+"]


def number(value: float) -> str:
    """Three digits or so."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
