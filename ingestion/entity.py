"""What an entity file may say, and the Arrow schema derived from it.

Belongs here: the Pydantic model of `ingestion/entities/<entity>.yml` and everything derived from it
alone (schemas, zero-row frames). Not here: where source fields come from (`contract.py`) and how
values are cast (`conform.py`).
"""

from functools import cache
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ingestion.window import DEFAULT, Window, registers
from ingestion.yaml_file import read_yaml

ENTITY_DIR = Path(__file__).parent / "entities"
ZONE = "Asia/Shanghai"

ColumnType = Literal["string", "integer", "double", "money", "boolean", "date", "timestamp"]

POLARS_TYPE: dict[str, pl.DataType] = {
    "string": pl.String(),
    "integer": pl.Int64(),
    "double": pl.Float64(),
    "money": pl.Decimal(18, 2),  # yuan, never float
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us", ZONE),
}


class Column(BaseModel):
    """One canonical column. `privacy` is the GB/T 39725 class, 1 (public) to 5 (most sensitive).

    A value of a `code_system` must be one of its codes. One of a `terminology`, an official list
    that a county loads itself, is kept as it comes and is reported when the list lacks it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: ColumnType
    label_zh: str
    required: bool = False
    unit: str | None = None
    code_system: str | None = None
    terminology: str | None = None
    element: str | None = None
    privacy: int = Field(default=3, ge=1, le=5)
    minimum: float | None = None
    maximum: float | None = None
    free_text: bool = False


class Rule(BaseModel):
    """A row rule: a Polars SQL expression that must not be false. Null passes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    expression: str
    label_zh: str
    source: str


class Reference(BaseModel):
    """A column whose values name rows of other entities: what joins them, and how far they meet.

    `to` names one column, or several of which one has to hold the value. `of` is the column here
    that holds the `organization_id` of the row named, or several of which the first filled one
    counts; without it the value alone names the row.
    `expected` is the least share of filled values that must meet a row, `filled` the least share of
    rows that must have a value. A `critical` one stops publishing when it falls short.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    of: list[str] = []
    to: list[str] = Field(min_length=1)
    expected: float = Field(default=0.95, ge=0, le=1)
    filled: float = Field(default=0, ge=0, le=1)
    severity: Literal["critical", "warning"] = "warning"
    label_zh: str | None = None

    @field_validator("of", "to", mode="before")
    @classmethod
    def _one_or_several(cls, to: object) -> object:
        return [to] if isinstance(to, str) else to

    @property
    def targets(self) -> list[tuple[str, str]]:
        """Entity and column of each target."""
        return [(entity, column) for entity, _, column in (to.partition(".") for to in self.to)]


class Entity(BaseModel):
    """A canonical table of silver. Grain: one row per `key` and version received.

    `versions` says what wins: `rows`, the latest version of a key as it is; `fields`, for entities
    whose messages say a part, of each column what its feed said last.


    `accepted` is the window of its event time where the default does not fit (births, plans).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    entity: str
    label_zh: str
    grain: str
    person: bool = False
    key: list[str]
    event_time: str | None = None
    version_time: str | None = None
    versions: Literal["rows", "fields"] = "rows"
    accepted: Window | None = None
    columns: dict[str, Column]
    references: list[Reference] = []
    rules: list[Rule] = []

    @model_validator(mode="after")
    def _names_resolve(self) -> "Entity":
        known = set(self.columns)
        named = [*self.key, *(c for c in (self.event_time, self.version_time) if c)]
        named += [name for one in self.references for name in (one.column, *one.of)]
        missing = [name for name in named if name not in known]
        if missing:
            raise ValueError(
                f"{self.entity}: key, time or reference names unknown columns {missing}"
            )
        return self

    @model_validator(mode="after")
    def _lineage_keeps_its_names(self) -> "Entity":
        """A column named like one of the lineage would be overwritten by it."""
        taken = set(self.columns) & {*LINEAGE, *(["source_person_id"] if self.person else [])}
        if taken:
            raise ValueError(f"{self.entity}: silver itself has columns {sorted(taken)}")
        return self

    @property
    def window(self) -> Window | None:
        """Days its event time may lie on; None for registers and where nothing happens."""
        if not self.event_time or self.columns[self.event_time].type not in ("date", "timestamp"):
            return None
        return self.accepted or (None if self.entity in registers() else DEFAULT)

    @property
    def coded(self) -> dict[str, Column]:
        """Columns that hold a code of a code system; each has a `<name>_raw` companion."""
        return {name: column for name, column in self.columns.items() if column.code_system}

    def schema(self) -> dict[str, pl.DataType]:  # type: ignore[override]
        """Polars schema of the silver table: own columns, raw codes, person key, lineage."""
        schema: dict[str, pl.DataType] = {}
        for name, column in self.columns.items():
            schema[name] = POLARS_TYPE[column.type]
            if column.code_system:
                schema[raw_name(name)] = pl.String()
        if self.person:
            schema["source_person_id"] = pl.String()
        return schema | LINEAGE


VERSION: dict[str, pl.DataType] = {
    "version_at": pl.Datetime("us", ZONE),  # when the source says that it wrote this version
    "feed_sequence": pl.Int64(),  # its own running number, which decides between equal times
    "arrival_batch_id": pl.String(),  # the batch that brought the bytes: later ones sort later
}
"""What orders the versions of a row, beside its place in the arrival (`versions.py`)."""

LINEAGE: dict[str, pl.DataType] = {
    "feed": pl.String(),
    "member_id": pl.String(),
    "batch_id": pl.String(),
    "file_digest": pl.String(),
    "file_number": pl.Int64(),  # of the batch's files, which are taken by date, then name
    "record_number": pl.Int64(),
    "item_number": pl.Int64(),
    "received_at": pl.Datetime("us", ZONE),
    "row_digest": pl.UInt64(),
    **VERSION,
    "stated": pl.String(),  # the columns that the row speaks of, `,a,b,`; null: all of them
    "is_retracted": pl.Boolean(),  # true: the row takes back what its feed said of the key so far
}


def raw_name(column: str) -> str:
    """Name of the column that keeps the member's own code beside the mapped one."""
    return f"{column}_raw"


@cache
def entities() -> dict[str, Entity]:
    """All entities by name, from `ingestion/entities/*.yml`.

    Raises:
        pydantic.ValidationError: a file says something the model does not know.
        ValueError: a file's name differs from the entity it defines, or a reference names nothing.
    """
    found: dict[str, Entity] = {}
    for path in sorted(ENTITY_DIR.glob("*.yml")):
        entity = Entity.model_validate(read_yaml(path))
        if entity.entity != path.stem:
            raise ValueError(f"{path.name} defines {entity.entity}")
        found[entity.entity] = entity
    _require_targets(found)
    return found


def _require_targets(found: dict[str, Entity]) -> None:
    """Every reference names columns that are there."""
    for entity in found.values():
        for reference in entity.references:
            for target, column in reference.targets:
                needed = {column, *(["organization_id"] if reference.of else [])}
                if target not in found or needed - set(found[target].columns):
                    raise ValueError(f"{entity.entity}.{reference.column}: no {target}.{column}")
