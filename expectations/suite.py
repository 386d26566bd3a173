"""What a suite file may say: `expectations/<layer>/<table>.yml`. Not here: running it."""

from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

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
    label_zh: str = ""
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
    """All suites, by layer then table.

    Raises:
        pydantic.ValidationError: a file says something the model does not know.
        ValueError: a file stands in the wrong folder or under the wrong name.
    """
    found = []
    for layer in LAYERS:
        for path in sorted((directory / layer).glob("*.yml")):
            suite = Suite.model_validate(yaml.safe_load(path.read_text("utf-8")))
            if (suite.layer, suite.table) != (layer, path.stem):
                raise ValueError(f"{path}: defines {suite.layer}/{suite.table}")
            found.append(suite)
    return tuple(found)
