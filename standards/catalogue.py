"""What the reference files of this folder may say: indicators, measures, code systems.

Belongs here: Pydantic models and loaders of `standards/indicators/`, `measures.yml` and
`code_systems/`. Not here: how a measure is counted (SQL under `marts/performance/evidence/`) and
how the reference becomes tables (`export.py`).
"""

from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ingestion.yaml_file import read_yaml

STANDARDS_DIR = Path(__file__).parent

Confidence = Literal["verified", "secondary", "own", "from_memory"]
"""`verified` only where the official text itself was read; `secondary` what others print of it;
`own` lists of ours, whatever they resemble; `from_memory` recalled, to be checked."""
Level = Literal["county", "consortium", "hospital", "township", "village", "professional", "bureau"]
Unit = Literal["ratio", "day", "yuan"]
Direction = Literal["higher_better", "lower_better", "monitor", "range"]

UNIT_NAME: dict[Unit, str] = {"ratio": "%", "day": "天", "yuan": "元"}
DIRECTION_NAME: dict[Direction, str] = {
    "higher_better": "越高越好",
    "lower_better": "越低越好",
    "monitor": "监测",
    "range": "适宜区间",
}
CONFIDENCE_NAME: dict[Confidence, str] = {
    "verified": "已核官方文本",
    "secondary": "见于二手来源",
    "own": "本平台自定",
    "from_memory": "据记忆待核",
}
STATE_NAME: dict[str, str] = {
    "ok": "正常",
    "partial": "数据不全",
    "no_feed": "无数据源",
    "not_applicable": "不适用",
    "below_quality_floor": "低于质量下限",
    "suppressed": "小样本屏蔽",
    "implausible": "超出合理范围",
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Measure(_Strict):
    """One thing that is counted. Its rows are in `evidence_model`.

    `additivity` says how months make a period: `sum` of them, or the `latest` one.
    """

    label_zh: str
    unit: Literal["visit", "stay", "day", "yuan", "person"]
    additivity: Literal["sum", "latest"]
    evidence_model: str


PLAUSIBLE_MAXIMUM: dict[Unit, float | None] = {"ratio": 1.0, "day": None, "yuan": None}


class Plausible(_Strict):
    """Bounds outside which a value is not believed: its state becomes `implausible`.

    `maximum` is 1 for a ratio when not said. `jump` widens the band between the lowest and highest
    of the organization's own twelve months before (six at least) by so many times its width; a
    month outside it, and a quarter away from it, has jumped. Null: no such bound.
    """

    minimum: float | None = 0
    maximum: float | None = None
    jump: float | None = 1.5


class Indicator(_Strict):
    """One indicator definition. Value = numerator / denominator, in `unit`.

    `applies_to` lists the organization levels it is stated for; county and consortium rows are
    rolled up from those. `requires` lists the entities without which it reads `no_feed`.
    `required_of` names the levels whose rows of an entity count, where not all do.
    `quality_floor` is the least share of usable rows, `min_denominator` the least cell shown,
    `completeness_floor` the least share of the rows due below which a value reads `partial`.
    `evaluated: whole_year` is stated for years only, and has a value when the year is over.
    `also_counts` are levels it is not stated for whose amounts count above them.
    """

    id: str = Field(pattern=r"^[A-Z0-9]+(-[A-Z0-9]+)+$")
    official_no: int | None = None
    name_zh: str
    name_en: str
    formula_zh: str
    numerator: str
    denominator: str
    unit: Unit
    direction: Direction
    applies_to: list[Level] = Field(min_length=1)
    also_counts: list[Level] = []
    requires: list[str] = Field(min_length=1)
    required_of: dict[str, list[Level]] = {}
    frequency: Literal["annual", "monthly", "daily"]
    evaluated: Literal["any_period", "whole_year"] = "any_period"
    target: str | None = None
    source: str = Field(min_length=1)
    confidence: Confidence
    certainty: Literal["high", "medium", "low"] | None = None
    definition_version: int = Field(ge=1)
    valid_from: date
    valid_to: date | None = None
    quality_floor: float = Field(default=0.9, ge=0, le=1)
    min_denominator: int = Field(default=0, ge=0)
    completeness_floor: float = Field(default=0.995, ge=0, le=1)
    plausible: Plausible = Plausible()
    notes: str | None = None

    @model_validator(mode="after")
    def _measures_exist(self) -> Self:
        unknown = {self.numerator, self.denominator} - set(measures())
        if unknown:
            raise ValueError(f"{self.id} names unknown measures {sorted(unknown)}")
        if strange := set(self.required_of) - set(self.requires):
            raise ValueError(f"{self.id}: required_of names {sorted(strange)}, not in requires")
        return self

    @property
    def plausible_maximum(self) -> float | None:
        """The largest value that is believed, None without a bound."""
        own = self.plausible.maximum
        return PLAUSIBLE_MAXIMUM[self.unit] if own is None else own


class IndicatorSystem(_Strict):
    """One evaluation system: the content of `standards/indicators/<system>.yml`."""

    system: str
    name_zh: str
    indicators: list[Indicator]


class CodeSystem(_Strict):
    """Where a list of codes comes from. The codes are in `code_systems/<id>.csv`."""

    label_zh: str
    standard: str
    confidence: Confidence
    source: str = Field(min_length=1)


class TerminologySystem(_Strict):
    """An official list that a county loads itself: `standards/terminologies.yml`."""

    label_zh: str
    standard: str
    pattern: str | None = None
    attributes: dict[str, list[str]] = {}


@cache
def terminologies() -> dict[str, TerminologySystem]:
    """All lists that a county may load beside the code systems, by id."""
    found = read_yaml(STANDARDS_DIR / "terminologies.yml")
    return {name: TerminologySystem.model_validate(body) for name, body in found.items()}


@cache
def measures() -> dict[str, Measure]:
    """All measures by id, from `measures.yml`."""
    found = read_yaml(STANDARDS_DIR / "measures.yml")
    return {name: Measure.model_validate(body) for name, body in found.items()}


def load_systems(directory: Path = STANDARDS_DIR / "indicators") -> list[IndicatorSystem]:
    """All evaluation systems with their indicators, in file order.

    Raises:
        pydantic.ValidationError: an entry breaks the model or names an unknown measure.
        ValueError: a file is not named after its system, or a version is defined twice.
    """
    systems: list[IndicatorSystem] = []
    seen: set[tuple[str, int]] = set()
    for path in sorted(directory.glob("*.yml")):
        system = IndicatorSystem.model_validate(read_yaml(path))
        if system.system != path.stem:
            raise ValueError(f"{path.name} defines {system.system}")
        for indicator in system.indicators:
            version = (indicator.id, indicator.definition_version)
            if version in seen:
                raise ValueError(f"{path.name}: {version} is defined twice")
            seen.add(version)
        systems.append(system)
    return systems


@cache
def code_systems() -> dict[str, CodeSystem]:
    """All code systems by id, from `code_systems/index.yml`."""
    path = STANDARDS_DIR / "code_systems" / "index.yml"
    found = read_yaml(path)
    return {name: CodeSystem.model_validate(body) for name, body in found.items()}
