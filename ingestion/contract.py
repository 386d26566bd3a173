"""What a feed contract may say.

Belongs here: the Pydantic model of `sites/<site>/contracts/<member>/<feed>.yml` and of the
default mappings in `ingestion/formats/profiles/`. Not here: reading bytes (`formats/`) or casting
(`conform.py`).
"""

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ingestion.entity import entities
from ingestion.yaml_file import read_yaml

CONTRACT_DIR = Path(__file__).parent.parent / "sites" / "demo" / "contracts"
PROFILE_DIR = Path(__file__).parent / "formats" / "profiles"

Format = Literal[
    "hl7v2", "hl7v3", "cda", "fhir", "dicom", "ecg", "tabular", "database", "jsonlines", "xml_table"
]

PERSON_FIELDS = (
    "local_id", "person_name", "sex_code", "birth_date", "id_number",
    "health_card_number", "insurance_number", "phone", "address",
)  # fmt: skip


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldMap(_Strict):
    """Where one entity column comes from.

    `from` names a source field (a header, an HL7 path, a CDA path, a DICOM keyword) or several,
    the first non-empty of which wins; `value` is a constant; `code_map` is a crosswalk of the
    site or of `standards/crosswalks/`; `format` is a strptime pattern; `scale` multiplies into the
    column's unit.
    """

    source: str | list[str] | None = Field(default=None, alias="from")
    value: str | None = None
    code_map: str | None = None
    format: str | None = None
    scale: float | None = None
    required: bool = False

    @property
    def sources(self) -> tuple[str, ...]:
        if self.source is None:
            return ()
        return (self.source,) if isinstance(self.source, str) else tuple(self.source)


class RecordMap(_Strict):
    """How one kind of source record fills one entity.

    `each` names the repeating source unit (`row`, a segment such as `OBX`, a CDA path); `when`
    keeps only records whose source field has one of the values.
    """

    each: str = "row"
    when: dict[str, list[str]] = {}
    fields: dict[str, FieldMap] = {}


class Mapping(_Strict):
    """Record maps by entity plus the person block that all of a record's entities share."""

    person: dict[str, FieldMap] = {}
    records: dict[str, RecordMap] = {}

    @model_validator(mode="after")
    def _columns_exist(self) -> "Mapping":
        for name, record in self.records.items():
            if name not in entities():
                raise ValueError(f"unknown entity {name}")
            unknown = set(record.fields) - set(entities()[name].columns)
            if unknown:
                raise ValueError(f"{name} has no columns {sorted(unknown)}")
        unknown = set(self.person) - set(PERSON_FIELDS)
        if unknown:
            raise ValueError(f"unknown person fields {sorted(unknown)}")
        return self


class Location(_Strict):
    kind: Literal["directory"]
    pattern: str


class Arrives(_Strict):
    every: Literal["day", "week", "month"]
    by: str = "06:00"
    late_after: str = "6h"


class Contract(_Strict):
    """One feed of one member system.

    `serves` lists the feeds of the guideline that this one is (`standards/guideline.yml`). A
    standard message names a `profile` (default mapping) and, where the feed never sends some of the
    profile's entities, the `entities` it does send; a table gives `entity` and `fields` (and
    `person`), which is short for a mapping with one record kind.
    """

    feed: str = Field(pattern=r"^[a-z0-9_]+__[a-z0-9_]+__[a-z0-9_]+$")
    label_zh: str
    member: str
    owner: str
    serves: list[str] = []
    format: Format
    encoding: str | None = None
    options: dict[str, str | int | bool] = {}
    location: Location
    arrives: Arrives
    profile: str | None = None
    entities: list[str] = []
    entity: str | None = None
    fields: dict[str, FieldMap] = {}
    person: dict[str, FieldMap] = {}

    @model_validator(mode="after")
    def _one_mapping(self) -> "Contract":
        if (self.profile is None) == (self.entity is None):
            raise ValueError(f"{self.feed}: give either a profile or an entity with fields")
        self.mapping()
        return self

    def mapping(self) -> Mapping:
        """The full mapping: the profile, or the one record kind this contract spells out."""
        if self.profile is not None:
            whole = profile(self.format, self.profile)
            if not self.entities:
                return whole
            unknown = set(self.entities) - set(whole.records)
            if unknown:
                raise ValueError(f"{self.feed}: its profile does not fill {sorted(unknown)}")
            kept = {name: whole.records[name] for name in self.entities}
            return whole.model_copy(update={"records": kept})
        assert self.entity is not None
        return Mapping(person=self.person, records={self.entity: RecordMap(fields=self.fields)})


@cache
def profile(format_name: str, name: str) -> Mapping:
    """A default mapping of a standard message: `formats/profiles/<format>_<name>.yml`."""
    path = PROFILE_DIR / f"{format_name}_{name}.yml"
    return Mapping.model_validate(read_yaml(path))


def load_contracts(directory: Path = CONTRACT_DIR) -> dict[str, Contract]:
    """All contracts by feed name.

    Raises:
        pydantic.ValidationError: a contract breaks the model.
        ValueError: two contracts claim one feed.
    """
    found: dict[str, Contract] = {}
    for path in sorted(directory.glob("*/*.yml")):
        contract = Contract.model_validate(read_yaml(path))
        if contract.feed in found:
            raise ValueError(f"{path}: feed {contract.feed} is defined twice")
        found[contract.feed] = contract
    return found
