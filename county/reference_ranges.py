"""Reading of `plausibility.yml`: between which values a county's measures may lie.

Belongs here: what the file may say. Not here: the measures' values (`watched.py`).
"""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict


class Source(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    document: str
    year: int


class Measure(BaseModel):
    """One line of `plausibility.yml`: what is measured and between which values it may lie.

    `published` is the value of the source for the whole country, where it has one; `reason` says
    why the range lies where it does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    group_zh: str
    label_zh: str
    unit: str
    range: tuple[float, float]
    published: float | None = None
    source: Source | Literal["assumed"]
    confidence: Literal["verified", "from_memory"] | None = None
    reason: str
    least_months: int = 1

    def holds(self, value: float) -> bool:
        return self.range[0] <= value <= self.range[1]


class Curve(BaseModel):
    """A published curve a picture shows beside the county's; `values` in the unit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label_zh: str
    unit: str
    first_ages: list[int]
    values: list[float]
    source: Source
    confidence: Literal["verified", "from_memory"]


def references() -> tuple[list[Measure], dict[str, Curve]]:
    """The measures in the order of the page, and the curves by name."""
    content = yaml.safe_load(Path(__file__).with_name("plausibility.yml").read_text("utf-8"))
    curves = {name: Curve.model_validate(curve) for name, curve in content["curves"].items()}
    return [Measure.model_validate(entry) for entry in content["measures"]], curves
