"""What a suite file may say: `expectations/<layer>/<table>.yml`. Not here: running it.

A suite says nothing of columns, labels or keys: those stand with the entity or the model, and
dbt's own tests hold keys, types and constraints.
"""

from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

from ingestion.entity import entities
from standards.model_files import models

SUITE_DIR = Path(__file__).parent
Layer = Literal["silver", "libraries", "marts"]
LAYERS: tuple[Layer, ...] = ("silver", "libraries", "marts")


class Expectation(BaseModel):
    """One Great Expectations expectation. `critical` stops what follows; `warning` is shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    type: str
    kwargs: dict[str, Any] = {}
    severity: Literal["critical", "warning"]
    label_zh: str


class Suite(BaseModel):
    """The table contract of one table. `key` names the columns that identify a failing row."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    layer: Layer
    key: list[str] = []
    expectations: list[Expectation]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "Suite":
        ids = [e.id for e in self.expectations]
        if len(ids) != len(set(ids)):
            raise ValueError(f"{self.layer}/{self.table}: expectation ids repeat")
        return self


@cache
def suites(directory: Path = SUITE_DIR) -> tuple[Suite, ...]:
    """All suites, by layer then table; failing rows are named by the key of the table.

    Raises:
        pydantic.ValidationError: a file says something the model does not know.
        KeyError: a file is not named after an entity or model.
    """
    found = []
    for layer in LAYERS:
        for path in sorted((directory / layer).glob("*.yml")):
            table = path.stem
            key = entities()[table].key if layer == "silver" else models()[table].key
            content = yaml.safe_load(path.read_text("utf-8"))
            known = {"table": table, "layer": layer, "key": key}
            found.append(Suite.model_validate(content | known))
    return tuple(found)
