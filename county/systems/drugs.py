"""A small drug list and the lines of a prescription. Codes are invented."""

from dataclasses import dataclass
from random import Random

import numpy as np
import polars as pl


@dataclass(frozen=True, slots=True)
class Drug:
    code: str
    name: str
    specification: str
    dose: str
    dose_unit: str
    per_day: int
    price: int
    is_tcm: bool = False
    is_essential: bool = True
    is_antibacterial: bool = False


WESTERN = (
    Drug("XA0001", "阿莫西林胶囊", "0.25g*24粒", "0.5", "g", 3, 1280, is_antibacterial=True),
    Drug("XA0002", "苯磺酸氨氯地平片", "5mg*14片", "5", "mg", 1, 1850),
    Drug("XA0003", "盐酸二甲双胍片", "0.5g*20片", "0.5", "g", 2, 960),
    Drug("XA0004", "布洛芬缓释胶囊", "0.3g*20粒", "0.3", "g", 2, 2130),
    Drug("XA0005", "奥美拉唑肠溶胶囊", "20mg*14粒", "20", "mg", 1, 2640),
    Drug("XA0006", "头孢呋辛酯片", "0.25g*12片", "0.25", "g", 2, 3480, is_antibacterial=True),
    Drug("XA0007", "厄贝沙坦氢氯噻嗪片", "150mg*7片", "1", "片", 1, 3320, is_essential=False),
    Drug("XA0008", "氯雷他定片", "10mg*6片", "10", "mg", 1, 1460),
)
CHINESE = (
    Drug("ZA0001", "感冒清热颗粒", "12g*10袋", "12", "g", 2, 1580, is_tcm=True),
    Drug("ZA0002", "复方丹参滴丸", "27mg*180丸", "10", "丸", 3, 2790, is_tcm=True),
    Drug("ZA0003", "祖卡木颗粒", "6g*12袋", "12", "g", 3, 3060, is_tcm=True),
    Drug("ZA0004", "六味地黄丸", "200丸", "8", "丸", 3, 1890, is_tcm=True),
    Drug("ZA0005", "独一味胶囊", "0.3g*36粒", "3", "粒", 3, 2450, is_tcm=True, is_essential=False),
)


@dataclass(frozen=True, slots=True)
class DrugLine:
    """One line; `amount` in fen."""

    drug: Drug
    quantity: int

    @property
    def amount(self) -> int:
        return self.drug.price * self.quantity


def lines(random: Random, choice: tuple[Drug, ...]) -> list[DrugLine]:
    """One to three different drugs."""
    chosen = random.sample(choice, random.randrange(1, 4))
    return [DrugLine(drug, random.randrange(1, 4)) for drug in chosen]


def prescribed(
    visits: pl.DataFrame, choice: tuple[Drug, ...], random: np.random.Generator
) -> pl.DataFrame:
    """One to three lines with different drugs for each visit, 18 minutes after its start."""
    count = len(visits)
    lines_each = random.integers(1, 4, count)
    first = random.integers(0, len(choice), count)
    step = random.integers(1, (len(choice) - 1) // 2 + 1, count)
    rows = np.repeat(np.arange(count), lines_each)
    order = np.arange(len(rows)) - np.repeat(np.cumsum(lines_each) - lines_each, lines_each)
    drugs = pl.DataFrame(
        {
            "drug_code": [d.code for d in choice],
            "drug_name": [d.name for d in choice],
            "specification": [d.specification for d in choice],
            "dose": [f"{d.dose}{d.dose_unit}" for d in choice],
            "frequency": [f"每日{d.per_day}次" for d in choice],
            "price_fen": [d.price for d in choice],
            "is_tcm": [d.is_tcm for d in choice],
            "is_essential": [d.is_essential for d in choice],
            "is_antibacterial": [d.is_antibacterial for d in choice],
        }
    )[(first[rows] + order * step[rows]) % len(choice)]
    visit = visits.select(
        "person", "encounter_id", "organization_id", "staff_id",
        pl.concat_str(pl.lit("CF"), "encounter_id").alias("prescription_id"),
        (pl.col("start") + pl.duration(minutes=18)).alias("prescribed"),
    )[rows]  # fmt: skip
    return (
        pl.concat([visit, drugs], how="horizontal")
        .with_columns(
            pl.Series("line", order + 1), pl.Series("quantity", random.integers(1, 4, len(rows)))
        )
        .with_columns((pl.col("price_fen") * pl.col("quantity")).alias("amount_fen"))
    )
