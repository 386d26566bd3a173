"""The models of libraries and marts as the YAML beside them describes them.

Belongs here: the Pydantic model and loader of `models/<library>/<model>.yml` and
`marts/<area>/<model>.yml`. They are dbt's own property files: dbt reads columns, types, labels,
tests and contracts from them directly; what dbt has no word for (grain, unit, the entity that lends
the columns, the cockpit's metrics) stands in `config.meta`. Not here: files made from them
(`library_models.py`, `dictionary.py`) and what the cockpit makes of its part.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ingestion.entity import ColumnType, entities
from ingestion.yaml_file import read_yaml

PROJECT_DIR = Path(__file__).parent.parent
MODEL_FOLDERS = ("models", "marts")

DataType = Literal[
    "varchar", "bigint", "double", "decimal(18,2)", "boolean", "date", "timestamp with time zone"
]
SQL_TYPE: dict[ColumnType, DataType] = {
    "string": "varchar",
    "integer": "bigint",
    "double": "double",
    "money": "decimal(18,2)",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp with time zone",
}
"""What a column of an entity is in the warehouse. A `decimal(18,2)` in yuan is money."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnMeta(_Strict):
    """What dbt has no word for: the unit of a number, the code system of a code."""

    unit: str | None = None
    code_system: str | None = None


class ColumnConfig(_Strict):
    meta: ColumnMeta = ColumnMeta()


class ModelColumn(_Strict):
    """One column; `description` is its Chinese label."""

    name: str
    data_type: DataType
    description: str = Field(min_length=1)
    constraints: list[dict[str, Any]] = []
    data_tests: list[Any] = []
    config: ColumnConfig = ColumnConfig()

    @property
    def is_required(self) -> bool:
        return {"type": "not_null"} in self.constraints


class ModelMeta(_Strict):
    """`latest_of` names the entity whose latest versions the model holds: SQL, label, key and
    columns are written from it, and its grain is the entity's. `columns_of` names an entity that
    only lends the columns. What the columns refer to stands with the entity.

    `cockpit` is what Superset is told of the table: `dashboards/datasets.py` gives its shape.
    """

    grain: str = ""
    latest_of: str | None = None
    columns_of: str | None = None
    cockpit: dict[str, Any] = {}


class ModelConfig(_Strict):
    meta: ModelMeta


class Model(_Strict):
    """One table of a library or mart; `description` is its Chinese label."""

    name: str
    description: str = ""
    config: ModelConfig
    data_tests: list[Any] = []
    columns: list[ModelColumn] = []

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.entity and not self.columns:  # the rest has not been written yet
            return self
        if not (self.description and self.grain):
            raise ValueError(f"{self.name}: a description and config.meta.grain are needed")
        known = {column.name for column in self.columns}
        if unknown := set(self.key) - known:
            raise ValueError(f"{self.name}: unknown columns {sorted(unknown)}")
        return self

    @property
    def key(self) -> list[str]:
        """The columns of the model's uniqueness test; every model has exactly one."""
        (test,) = (t["unique_rows"] for t in self.data_tests if "unique_rows" in t)
        return list(test["arguments"]["columns"])

    @property
    def grain(self) -> str:
        meta = self.config.meta
        return meta.grain or (entities()[meta.latest_of].grain if meta.latest_of else "")

    @property
    def entity(self) -> str | None:
        """The entity that lends the columns."""
        return self.config.meta.latest_of or self.config.meta.columns_of


def property_files(project: Path = PROJECT_DIR) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every property file of libraries and marts with its content; staging is not described."""
    for folder in MODEL_FOLDERS:
        for path in sorted((project / folder).rglob("*.yml")):
            content = read_yaml(path)
            if "models" in content:
                yield path, content


@cache
def models() -> dict[str, Model]:
    """All models by name.

    Raises:
        pydantic.ValidationError: a file says something the model does not know.
        ValueError: a model is described twice, or away from its SQL.
    """
    found: dict[str, Model] = {}
    for path, content in property_files():
        for body in content["models"]:
            model = Model.model_validate(body)
            if model.name in found:
                raise ValueError(f"{path.name}: {model.name} is described twice")
            found[model.name] = model
    return found
