"""What a physical examination measures and sums up.

Belongs here: vital signs, laboratory values and findings of people who are examined. Not here: who
is due (`domain.py`).
"""

from typing import Any

import numpy as np
import polars as pl

from county.domains.draws import Numbers, chance, codes, normal
from county.domains.public_health.mother_child import steady

_FINDINGS = (
    ("1", "is_pressure_high", "血压偏高"), ("2", "is_glucose_high", "空腹血糖升高"),
    ("3", "is_lipid_high", "血脂异常"), ("4", "is_liver_high", "转氨酶升高"),
    ("5", "is_kidney_high", "血肌酐升高"), ("6", "is_blood_low", "血红蛋白偏低"),
    ("7", "is_ecg_abnormal", "心电图异常"), ("8", "is_ultrasound_abnormal", "腹部超声异常"),
)  # fmt: skip
"""Finding (abnormal_finding), flag and words of the summary."""


def examined(
    random: np.random.Generator, rates: dict[str, Any], seed: int, people: pl.DataFrame
) -> pl.DataFrame:
    """Examinations of people (`person`, `sex`, `age`, `hypertension`, `diabetes`,
    `examined_date`), with `finding_code`, the first of the abnormal findings."""
    size = len(people)
    woman = (people["sex"] == "2").to_numpy()
    found = people.with_columns(
        *_body(random, rates, seed, people),
        *_laboratory(random, rates, seed, people),
        codes(random, rates["symptoms"], size).alias("symptom_text"),
        _smoking(random, rates, woman),
        codes(random, rates["exercise"], size).alias("exercise_code"),
        codes(random, {"1": 1 - rates["hearing_lost"], "2": rates["hearing_lost"]}, size)
        .alias("hearing_code"),
        codes(random, {"1": 0.93, "2": 0.07}, size).alias("motor_code"),
        codes(random, rates["urine_protein"], size).alias("urine_protein_code"),
        chance(random, rates["ecg_abnormal"], size).alias("is_ecg_abnormal"),
        chance(random, rates["ultrasound_abnormal"], size).alias("is_ultrasound_abnormal"),
    )  # fmt: skip
    return _summary(random, rates, found)


def _body(
    random: np.random.Generator, rates: dict[str, Any], seed: int, people: pl.DataFrame
) -> list[pl.Series]:
    size, given = len(people), rates["pressure"]
    woman = (people["sex"] == "2").to_numpy()
    mean = np.where(people["hypertension"], given["hypertensive"], given["healthy"])
    own = steady(people, "pressure", seed)
    upper = normal(random, mean + 6 * own, given["spread"] * 0.8, size, low=88, high=215)
    lower = upper * 0.42 + normal(random, 24, 6, size, low=10, high=40)
    height = np.round(166.5 - 11.5 * woman + 5.5 * steady(people, "height", seed), 1).clip(138, 192)
    index = (24.4 + 3.1 * steady(people, "mass", seed) + random.normal(0, 0.4, size)).clip(15.5, 40)
    weight = np.round(index * (height / 100) ** 2, 1)
    index = np.round(weight / (height / 100) ** 2, 1)
    return [
        normal(random, 36.5, 0.25, size, low=35.8, high=37.9, digits=1)
        .alias("temperature_celsius"),
        normal(random, 75, 9, size, low=48, high=128).alias("pulse_rate"),
        normal(random, 18, 1.4, size, low=13, high=26).alias("respiration_rate"),
        upper.alias("systolic_mmhg"),
        lower.cast(pl.Int64).alias("diastolic_mmhg"),
        pl.Series("height_cm", height), pl.Series("height_m", np.round(height / 100, 3)),
        pl.Series("weight_kg", weight), pl.Series("body_mass_index", index),
        normal(random, 34 + 2.1 * index, 4, size, low=55, high=140, digits=1).alias("waist_cm"),
    ]  # fmt: skip


def _laboratory(
    random: np.random.Generator, rates: dict[str, Any], seed: int, people: pl.DataFrame
) -> list[pl.Series]:
    size, columns = len(people), []
    for name, one in rates["laboratory"].items():
        own = 0.7 * steady(people, name, seed) + random.normal(0, 0.7, size)
        if "ratio" in one:
            value = one["mean"] * np.exp(one["ratio"] * own)
        else:
            value = one["mean"] + one["spread"] * own
        columns.append(_rounded(value, one).alias(name))
    sugar = rates["glucose"]
    mean = np.where(people["diabetes"], sugar["diabetic"], sugar["healthy"])
    ratio = np.where(people["diabetes"], sugar["ratio"][1], sugar["ratio"][0])
    glucose = mean * np.exp(ratio * random.normal(0, 1, size))
    glucose = np.round(glucose.clip(3.1, 26), 1)
    columns.append(pl.Series("fasting_glucose_mmol_per_l", glucose))
    columns.append(pl.Series("glucose_mg_per_dl", np.round(glucose / 0.0555).astype(np.int64)))
    return columns


def _rounded(value: Numbers, one: dict[str, Any]) -> pl.Series:
    limited = np.round(value.clip(one["low"], one["high"]), one["digits"])
    return pl.Series(limited.astype(np.int64) if one["digits"] == 0 else limited)


def _smoking(random: np.random.Generator, rates: dict[str, Any], woman: Numbers) -> pl.Series:
    found = [
        codes(random, {code: both[at] for code, both in rates["smoking"].items()}, len(woman))
        for at in (0, 1)
    ]
    picked = np.where(woman, found[1].to_numpy(), found[0].to_numpy())
    return pl.Series("smoking_code", picked.tolist(), dtype=pl.String)


def _summary(
    random: np.random.Generator, rates: dict[str, Any], found: pl.DataFrame
) -> pl.DataFrame:
    """Flags, words and advice that follow from the values."""
    limits, worst, size = rates["limits"], rates["critical"], len(found)
    found = found.with_columns(
        ((pl.col("systolic_mmhg") >= limits["systolic"])
         | (pl.col("diastolic_mmhg") >= limits["diastolic"])).alias("is_pressure_high"),
        (pl.col("fasting_glucose_mmol_per_l") >= limits["glucose"]).alias("is_glucose_high"),
        ((pl.col("cholesterol_mmol_per_l") >= limits["cholesterol"])
         | (pl.col("triglyceride_mmol_per_l") >= limits["triglyceride"])
         | (pl.col("ldl_cholesterol_mmol_per_l") >= limits["ldl"])).alias("is_lipid_high"),
        (pl.max_horizontal("alanine_transaminase_u_per_l", "aspartate_transaminase_u_per_l")
         > limits["transaminase"]).alias("is_liver_high"),
        (pl.col("creatinine_umol_per_l") > limits["creatinine"]).alias("is_kidney_high"),
        (pl.col("haemoglobin_g_per_l") < limits["haemoglobin"]).alias("is_blood_low"),
    )  # fmt: skip
    abnormal = pl.any_horizontal([flag for _, flag, _ in _FINDINGS])
    first = [pl.when(flag).then(pl.lit(code)) for code, flag, _ in _FINDINGS]
    words = [pl.when(flag).then(pl.lit(word)) for _, flag, word in _FINDINGS]
    critical = (
        (pl.col("systolic_mmhg") >= worst["systolic"])
        | (pl.col("fasting_glucose_mmol_per_l") >= worst["glucose"])
        | (pl.col("creatinine_umol_per_l") >= worst["creatinine"])
        | (pl.col("haemoglobin_g_per_l") <= worst["haemoglobin"])
    )
    return found.with_columns(
        abnormal.alias("is_abnormal"),
        pl.concat_str(words, separator="；", ignore_nulls=True).alias("abnormal_findings"),
        pl.coalesce(first).alias("finding_code"),
        critical.alias("is_critical"),
        (abnormal & chance(random, 0.5, size)).alias("is_recheck_advised"),
        (critical | (abnormal & chance(random, 0.06, size))).alias("is_referred"),
    )
