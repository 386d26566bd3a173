"""Thresholds, windows and code sets that change over the years, each version with its first day.

Belongs here: the shape and loading of `standards/rules/` and of a county's own `rules/`. Not here:
how a measure uses them (`macros/rules.sql`). A rule is chosen by the day of the service, so a new
version never rewrites what an older one counted.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ingestion.yaml_file import read_yaml
from standards.catalogue import CONFIDENCE_NAME, STANDARDS_DIR, Confidence

FOR_EVER = date(9999, 12, 31)
EVERY_AGE = 200


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RuleValue(_Strict):
    """One number of a version, for people of `from_age` to `to_age` whole years."""

    parameter: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label_zh: str
    value: float
    unit: str
    from_age: int = Field(default=0, ge=0)
    to_age: int = Field(default=EVERY_AGE, le=EVERY_AGE)


class RuleVersion(_Strict):
    """What holds from a day on, until the day before the next version."""

    valid_from: date
    source: str = Field(min_length=1)
    confidence: Confidence
    values: list[RuleValue] = []
    codes: list[str] = []

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if bool(self.values) == bool(self.codes):
            raise ValueError("a version holds either values or codes")
        for one, other in pairwise(sorted(self.values, key=lambda v: (v.parameter, v.from_age))):
            if one.parameter == other.parameter and other.from_age <= one.to_age:
                raise ValueError(f"{one.parameter} has two values for the age of {other.from_age}")
        if len(set(self.codes)) < len(self.codes):
            raise ValueError("a code is named twice")
        return self


class Rule(_Strict):
    """One rule by its name in the YAML. `code_system` is that of the codes."""

    label_zh: str
    code_system: str | None = None
    versions: list[RuleVersion] = Field(min_length=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        days = [version.valid_from for version in self.versions]
        if days != sorted(set(days)):
            raise ValueError("versions are not in the order of their first days")
        if any(version.codes for version in self.versions) != bool(self.code_system):
            raise ValueError("codes need a code_system, and values have none")
        return self

    def periods(self) -> list[tuple[RuleVersion, date]]:
        """Every version with its last day."""
        ends = [v.valid_from - timedelta(days=1) for v in self.versions[1:]]
        return list(zip(self.versions, [*ends, FOR_EVER], strict=True))


def load_rules(*folders: Path) -> dict[str, Rule]:
    """All rules of `standards/rules/`, those of the given folders in the place of the same names.

    Raises:
        ValueError: a file breaks the shape, or one folder says a rule twice; names file and rule.
    """
    rules: dict[str, Rule] = {}
    for folder in (STANDARDS_DIR / "rules", *folders):
        here: dict[str, Rule] = {}
        for path in sorted(folder.glob("*.yml")):
            for name, body in read_yaml(path).items():
                if name in here:
                    raise ValueError(f"{path}：规则 {name} 重复定义")
                try:
                    here[name] = Rule.model_validate(body)
                except ValidationError as error:
                    first = error.errors()[0]
                    place = ".".join(map(str, (name, *first["loc"])))
                    raise ValueError(f"{path}：{place}：{first['msg']}") from error
        rules |= here
    return rules


def rule_rows(rules: Mapping[str, Rule]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of `rule_value` and `rule_code`: one for each number and code of a version."""
    values: list[dict[str, Any]] = []
    codes: list[dict[str, Any]] = []
    for name, rule in rules.items():
        for version, last_day in rule.periods():
            shared = {
                "rule_id": name,
                "rule_label_zh": rule.label_zh,
                "valid_from": version.valid_from,
                "valid_to": last_day,
                "source": version.source,
                "confidence": version.confidence,
                "confidence_name": CONFIDENCE_NAME[version.confidence],
            }
            values += [shared | value.model_dump() for value in version.values]
            codes += [shared | {"code_system": rule.code_system, "code": c} for c in version.codes]
    return values, codes
