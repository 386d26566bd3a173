"""How the imaging centre watches quality: scores of images and templates of reports.

Belongs here: registers and scores. Not here: requests and reports (`domain.py`).
"""

from datetime import date
from typing import Any

import numpy as np
import polars as pl

from county.domains.centres.parts import CENTRE, crew
from county.domains.draws import chance, codes, drawn, moments, serial, some_days
from county.domains.picks import picked
from county.scene import Scene

_OPENED, _REVISED = date(2025, 9, 1), 3
# Name, modality, body part, text; the last comes into use later.
_TEMPLATES = (
    ("胸部正位片正常模板", "DX", "胸部", "胸廓对称，双肺纹理清晰，心影大小形态正常，双膈面光整。"),
    ("胸部正位片肺炎模板", "DX", "胸部", "肺野见斑片状密度增高影，边缘模糊。"),
    ("腰椎正侧位片正常模板", "DX", "腰椎", "腰椎生理曲度存在，椎体及附件骨质未见异常。"),
    ("膝关节正侧位片模板", "DX", "膝关节", "膝关节诸骨骨质结构完整，关节间隙正常。"),
    ("腹部彩超正常模板", "US", "腹部", "肝脏形态大小正常，胆囊壁光滑，胰脾双肾未见异常。"),
    ("甲状腺彩超模板", "US", "甲状腺", "甲状腺双侧叶大小正常，回声均匀。"),
    ("头颅CT平扫模板", "CT", "头颅", "脑实质密度未见异常，脑室系统未见扩张，中线结构居中。"),
    ("胸部CT平扫模板", "CT", "胸部", "双肺野清晰，气管支气管通畅，纵隔未见肿大淋巴结。"),
)


def templates(scene: Scene) -> pl.DataFrame:
    """All templates in the first month; in a later month the first one's successor."""
    rows = pl.DataFrame(
        _TEMPLATES, schema=["template_name", "modality", "body_part", "content"], orient="row"
    ).with_columns(
        (pl.lit("MB") + (pl.int_range(pl.len()) + 1).cast(pl.String).str.zfill(4)).alias(
            "template_id"
        ),
        pl.lit("imaging").alias("service_code"),
        pl.lit(_OPENED).alias("valid_from_date"),
        pl.lit(None, pl.Date).alias("valid_to_date"),
    )
    index = scene.month.index
    if index == 0:
        return rows
    if index % _REVISED:
        return rows.head(0)
    turn = index // _REVISED
    changed = rows.slice((turn - 1) % len(rows), 1)
    ended = changed.with_columns(pl.lit(scene.month.first).alias("valid_to_date"))
    followed = changed.with_columns(
        (pl.col("template_id") + f"-{turn + 1}").alias("template_id"),
        (pl.col("content") + "请结合临床。").alias("content"),
        pl.lit(scene.month.first).alias("valid_from_date"),
    )
    return pl.concat([ended, followed]) if turn <= len(rows) else rows.head(0)


def scores(
    random: np.random.Generator, scene: Scene, asked: pl.DataFrame, rates: dict[str, Any]
) -> pl.DataFrame:
    """One row per scored X-ray image; `is_rounded` where the examiner gives only fives and tens."""
    taken = asked.filter((pl.col("modality") == "DX") & pl.col("examined_at").is_not_null())
    rows = drawn(random, taken, rates["scored"], least=rates["least"])
    size = len(rows)
    means = dict(rates["mean"])
    further = means.pop("further")
    mean = rows["organization_id"].replace_strict(means, default=further, return_dtype=pl.Float64)
    points = np.clip(random.normal(mean.to_numpy(), rates["spread"], size), 41, 99)
    careless = chance(random, rates["rounding_share"], size)
    members = crew(scene, "imaging")
    careful = picked(random, pl.DataFrame({"staff_id": members[1:]}), size)["staff_id"]
    day = rows.select(pl.col("examined_at").dt.date() + some_days(random, 1, 4, size)).to_series()
    points = np.where(careless.to_numpy(), np.round(points / 5) * 5, np.round(points))
    grades = rates["grades"]
    score = pl.col("score_points")
    grade = (
        pl.when(score >= grades["A"]).then(pl.lit("A"))
        .when(score >= grades["B"]).then(pl.lit("B"))
        .when(score >= grades["C"]).then(pl.lit("C"))
        .otherwise(pl.lit("D"))
    )  # fmt: skip
    rows = rows.with_columns(
        serial("YXZK", scene.month, size).alias("score_id"),
        pl.lit(CENTRE).alias("performing_organization_id"),
        pl.Series("score_points", points.astype(np.int64)),
        moments(random, day).alias("scored_at"),
        pl.when(careless).then(pl.lit(members[0])).otherwise(careful).alias("reviewer_staff_id"),
        careless.alias("is_rounded"),
    ).with_columns(grade.alias("grade_code"))
    flawed = pl.col("grade_code") != "A"
    return rows.with_columns(
        pl.when(flawed).then(codes(random, rates["defects"], size)).alias("defect_code"),
        (pl.col("grade_code") == "D").alias("is_retaken"),
    )
