"""The tables of libraries and marts: columns, types, Chinese labels, grain.

Belongs here: the Pydantic model and loader of `standards/tables/<schema>.yml`. Not here: the dbt
files made from it (`dbt_files.py`) and the entities, which lend their columns and labels.
"""

from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from ingestion.entity import entities
from ingestion.yaml_file import read_yaml

TABLE_DIR = Path(__file__).parent / "tables"

SQL_TYPE: dict[str, str] = {
    "string": "varchar",
    "integer": "bigint",
    "double": "double",
    "money": "decimal(18,2)",
    "decimal": "decimal(18,2)",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp with time zone",
}


class TableColumn(BaseModel):
    """One column. `type` is a key of `SQL_TYPE`; money is yuan."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["string", "integer", "double", "money", "decimal", "boolean", "date", "timestamp"]
    label_zh: str


class Table(BaseModel):
    """One table. With `entity`, its columns are the entity's own plus person and feed keys.

    `required` names the columns that are never null; the key, when left out.
    `relationships` maps a column to the model that must hold its value (a warning when not).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    label_zh: str
    grain: str
    key: list[str]
    required: list[str] = []
    entity: str | None = None
    columns: dict[str, TableColumn] = {}
    relationships: dict[str, str] = {}

    @model_validator(mode="after")
    def _key_exists(self) -> Self:
        unknown = {*self.key, *self.required, *self.relationships} - set(self.all_columns())
        if unknown:
            raise ValueError(f"{self.label_zh}: unknown columns {sorted(unknown)}")
        return self

    def all_columns(self) -> dict[str, TableColumn]:
        """Columns in order: the entity's, the person's keys, feed, received_at, then our own."""
        found: dict[str, TableColumn] = {}
        if self.entity is not None:
            entity = entities()[self.entity]
            for name, column in entity.columns.items():
                found[name] = TableColumn(type=column.type, label_zh=column.label_zh)
            if entity.person:
                found["source_person_id"] = TableColumn(type="string", label_zh="来源身份键")
                found["person_id"] = TableColumn(type="string", label_zh="人员键")
            found["feed"] = TableColumn(type="string", label_zh="数据源")
            found["received_at"] = TableColumn(type="timestamp", label_zh="到达时间")
        return found | self.columns

    def not_null(self) -> list[str]:
        return self.required or self.key


class TableSchema(BaseModel):
    """The content of one file: a database schema, the folder of its models and its tables.

    `shared` only holds YAML anchors.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_: str
    folder: str
    tables: dict[str, Table]

    @classmethod
    def from_yaml(cls, content: dict[str, Any]) -> Self:
        body = {k: v for k, v in content.items() if k not in ("schema", "shared")}
        return cls.model_validate(body | {"schema_": content["schema"]})


@cache
def table_schemas() -> dict[str, TableSchema]:
    """All schemas by name, from `standards/tables/*.yml`.

    Raises:
        pydantic.ValidationError: a file breaks the model.
        ValueError: a file is not named after its schema.
    """
    found: dict[str, TableSchema] = {}
    for path in sorted(TABLE_DIR.glob("*.yml")):
        schema = TableSchema.from_yaml(read_yaml(path))
        if schema.schema_ != path.stem:
            raise ValueError(f"{path.name} defines {schema.schema_}")
        found[schema.schema_] = schema
    return found
