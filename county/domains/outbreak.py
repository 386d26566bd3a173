"""The one outbreak of the county: who falls ill in which school, and when.

Belongs here: the true cluster, drawn alike for every domain that sees a side of it. Not here: cards
and tests (`public_health/infectious/`), absence and drug sales (`public_health/health_signals/`).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from county.domains.schools import pupils
from county.roles import COUNTY, with_ids
from county.scene import Planted, Scene
from ingestion.yaml_file import read_yaml


@cache
def rates() -> dict[str, Any]:
    """What is assumed about the outbreak, from `outbreak.yml`."""
    loaded: dict[str, Any] = with_ids(read_yaml(Path(__file__).with_suffix(".yml")))
    return loaded


@dataclass(frozen=True, slots=True)
class Outbreak:
    """`cases`: columns of `pupils` and `onset_date`, in order of onset. `exposed`: all pupils."""

    event_id: str
    school_id: str
    school_name: str
    township: str
    exposed: int
    cases: pl.DataFrame

    @property
    def first(self) -> date:
        return date.fromisoformat(str(self.cases["onset_date"].min()))

    @property
    def last(self) -> date:
        return date.fromisoformat(str(self.cases["onset_date"].max()))


def outbreak(scene: Scene) -> Outbreak | None:
    """The outbreak, in the month in which it happens and where a village school has pupils."""
    month, given = scene.month, rates()
    if month.number != given["month"]:
        return None
    children = pupils(scene, scene.seed).filter(
        (pl.col("school_kind") == "primary") & (pl.col("organization_id") != pl.col("township"))
    )
    if children.is_empty():
        return None
    sizes = children.group_by("school_id").len().sort(["len", "school_id"], descending=True)
    school = children.filter(pl.col("school_id") == sizes["school_id"][0]).sort("person")
    random = scene.random("outbreak")
    wanted = round(len(school) * given["attack_rate"])
    size = min(len(school), max(given["least_cases"], min(wanted, given["most_cases"])))
    chosen = np.sort(random.choice(len(school), size, replace=False))
    # A point source and one generation of contacts: most onsets early, none after the span.
    offsets = np.floor(random.beta(1.6, 3.2, size) * given["span_days"]).astype(np.int64)
    first = date(month.year, month.number, given["first_day"])
    onset = pl.Series("onset_date", [first + timedelta(days=int(n)) for n in offsets])
    cases = school[chosen].with_columns(onset).sort("onset_date", "person")
    return Outbreak(
        f"TF{COUNTY}{month.compact}001",
        str(school["school_id"][0]),
        str(school["school_name"][0]),
        str(school["township"][0]),
        len(school),
        cases,
    )


def planted_rows(kind: str, rows: pl.DataFrame, key: str, where: pl.Expr) -> list[Planted]:
    """One planted fault of meaning for each row that the condition names."""
    return [Planted(kind, str(value)) for value in rows.filter(where)[key]]
