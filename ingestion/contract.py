"""What a feed contract may say.

Belongs here: the Pydantic model of `sites/<site>/contracts/<member>/<feed>.yml` and of the
default mappings in `ingestion/formats/profiles/`. Not here: finding a site's contracts (`site.py`),
reading bytes (`formats/`) or casting (`conform.py`).
"""

from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, model_validator

from ingestion.crosswalk import Codes
from ingestion.entity import entities
from ingestion.window import Window
from ingestion.yaml_file import read_yaml

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
    column's unit. `as_person`: the value is a member's number of a person, and silver gets the
    `source_person_id` that stands for it.
    """

    source: str | list[str] | None = Field(default=None, alias="from")
    value: str | None = None
    code_map: str | None = None
    format: str | None = None
    scale: float | None = None
    required: bool = False
    as_person: bool = False

    @property
    def sources(self) -> tuple[str, ...]:
        if self.source is None:
            return ()
        return (self.source,) if isinstance(self.source, str) else tuple(self.source)


class Event(_Strict):
    """What a message's event means beside the message's fields: columns it `sets`, columns that it
    `clears` whatever the message repeats, and columns it `needs`."""

    sets: dict[str, str] = {}
    clears: list[str] = []
    needs: list[str] = []


class RecordMap(_Strict):
    """How one kind of source record fills one entity.

    `each` names the repeating source unit (`row`, a segment such as `OBX`, a CDA path); `when`
    keeps only records whose source field has one of the values.

    A record that is `partial` speaks only of what it carries: an absent field keeps what was said
    before, the format's null (`""` in HL7 v2) deletes it, and only the key is required. `event`
    names the source field whose value is looked up in `events`. A record with one of the values of
    `retracts` takes back what its feed has said of the key and is itself no fact.
    """

    each: str = "row"
    when: dict[str, list[str]] = {}
    partial: bool = False
    event: str | None = None
    events: dict[str, Event] = {}
    retracts: dict[str, list[str]] = {}
    fields: dict[str, FieldMap] = {}

    @property
    def maps(self) -> list[FieldMap]:
        """Every field that a format reads for this entity alone."""
        more = [*([self.event] if self.event else []), *self.retracts]
        return [*self.fields.values(), *(FieldMap.model_validate({"from": path}) for path in more)]

    @property
    def set_by_event(self) -> dict[str, dict[str, str]]:
        """By column, what each event sets it to."""
        found: dict[str, dict[str, str]] = {}
        for name, event in self.events.items():
            for column, value in event.sets.items():
                found.setdefault(column, {})[name] = value
        return found

    def events_that(self, what: Literal["clears", "needs"], column: str) -> list[str]:
        """Events that empty a column, or cannot do without it."""
        return [name for name, event in self.events.items() if column in getattr(event, what)]


class Version(_Strict):
    """What a source says of the order in which it wrote: `at` (the message's own time; an entity's
    `version_time` goes before it) and `sequence` (a running number, asked between equal times)."""

    at: FieldMap = FieldMap()
    sequence: FieldMap = FieldMap()


class Mapping(_Strict):
    """Record maps by entity plus what all of a record's entities share: person and version."""

    person: dict[str, FieldMap] = {}
    version: Version = Version()
    records: dict[str, RecordMap] = {}

    @property
    def shared(self) -> list[FieldMap]:
        """Fields that every row needs, of whatever entity it is."""
        return [*self.person.values(), self.version.at, self.version.sequence]

    def unsaid(self, record: RecordMap) -> list[str]:
        """Sources that only count messages: a row under another number is the same row."""
        said = [*record.maps, *self.person.values(), self.version.at]
        known = {source for item in said for source in item.sources}
        return [source for source in self.version.sequence.sources if source not in known]

    @property
    def person_sources(self) -> list[str]:
        return [source for item in self.person.values() for source in item.sources]

    @model_validator(mode="after")
    def _columns_exist(self) -> "Mapping":
        for name, record in self.records.items():
            if name not in entities():
                raise ValueError(f"unknown entity {name}")
            events = record.events.values()
            columns = {*record.fields, *record.set_by_event}
            columns |= {c for event in events for c in (*event.clears, *event.needs)}
            if twice := set(record.fields) & set(record.set_by_event):
                raise ValueError(f"{name}: events and fields both set {sorted(twice)}")
            if record.partial and entities()[name].versions != "fields":
                raise ValueError(f"{name} keeps whole rows: its entity must say versions: fields")
            unknown = columns - set(entities()[name].columns)
            if unknown:
                raise ValueError(f"{name} has no columns {sorted(unknown)}")
        unknown = set(self.person) - set(PERSON_FIELDS)
        if unknown:
            raise ValueError(f"unknown person fields {sorted(unknown)}")
        return self


class Location(_Strict):
    kind: Literal["directory"]
    pattern: str


PERIOD = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=31)}


class Arrives(_Strict):
    """How often a feed comes, by when, and how long after that it is late (`6h`, `2d`).

    `starts` and `stops` are the first and the last day it is about: outside them nothing lacks.
    """

    every: Literal["day", "week", "month"]
    by: str = "06:00"
    late_after: str = Field(default="6h", pattern=r"^\d+[hd]$")
    starts: date | None = None
    stops: date | None = None

    @property
    def allowed(self) -> timedelta:
        """Without a file for longer than this the feed is late: a period and its grace."""
        number, unit = int(self.late_after[:-1]), self.late_after[-1]
        return PERIOD[self.every] + (
            timedelta(days=number) if unit == "d" else timedelta(hours=number)
        )


class Holds(_Strict):
    """What a file of a feed is: an `increment` (rows that are new or changed), or a `snapshot`, all
    rows of its `scope`: of the feed, or of the organizations, the months of the event, or both that
    the file speaks of. What a snapshot no longer holds lapses, unless that is more than
    `lapses_at_most` of what stood: then nothing does, and it waits in quarantine."""

    file: Literal["increment", "snapshot"] = "increment"
    scope: list[Literal["organization", "month"]] = []
    lapses_at_most: float = Field(default=0.5, ge=0, le=1)

    @property
    def is_snapshot(self) -> bool:
        return self.file == "snapshot"


class Contract(_Strict):
    """One feed of one member system. `codes` are the code lists and crosswalks of its site.

    `leads` names columns of its entities for which this feed is believed before others that tell of
    the same thing.

    `serves` lists the feeds of the guideline that this one is (`standards/guideline.yml`). A
    standard message names a `profile` (default mapping) and, where the feed never sends some of the
    profile's entities, the `entities` it does send; a table gives `entity` and `fields` (and
    `person`), which is short for a mapping with one record kind. `accepted` gives entities of this
    feed another window of days than their own.
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
    accepted: dict[str, Window] = {}
    version: Version = Version()
    leads: list[str] = []
    holds: Holds = Holds()
    codes: InstanceOf[Codes] = Field(default=Codes(), exclude=True, repr=False)

    @model_validator(mode="after")
    def _one_mapping(self) -> "Contract":
        if (self.profile is None) == (self.entity is None):
            raise ValueError(f"{self.feed}: give either a profile or an entity with fields")
        unknown = set(self.accepted) - set(self.mapping().records)
        if unknown:
            raise ValueError(f"{self.feed}: accepted names {sorted(unknown)}, which it never sends")
        columns = {c for name in self.mapping().records for c in entities()[name].columns}
        if unknown := set(self.leads) - columns:
            raise ValueError(f"{self.feed}: leads for {sorted(unknown)}, which it never sends")
        for name in self.mapping().records:
            entity = entities()[name]
            if "organization" in self.holds.scope and "organization_id" not in entity.columns:
                raise ValueError(f"{self.feed}: {name} names no organization to be the scope")
            if "month" in self.holds.scope and not entity.event_time:
                raise ValueError(f"{self.feed}: {name} has no event time to be the scope")
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
        record = RecordMap(fields=self.fields)
        return Mapping(person=self.person, version=self.version, records={self.entity: record})

    def window(self, entity: str) -> Window | None:
        """Days that rows of an entity may be about, around their arrival."""
        return self.accepted.get(entity, entities()[entity].window)

    def crosswalks(self) -> dict[str, dict[str, str]]:
        """The crosswalks that this feed's fields name, by name: source code to standard code.

        Raises:
            FileNotFoundError: the site has no such crosswalk, and no standard message has.
        """
        mapping = self.mapping()
        maps = [*mapping.person.values()]
        maps += [f for record in mapping.records.values() for f in record.maps]
        names = sorted({f.code_map for f in maps if f.code_map})
        return {name: self.codes.crosswalk(name) for name in names}

    def foreign_codes(self) -> list[str]:
        """Crosswalks that lead to codes which the column's code system lacks, a line each.

        Raises:
            FileNotFoundError, BadTable: a crosswalk is not there or cannot be read.
        """
        mapping, found = self.mapping(), []
        maps: list[tuple[str | None, FieldMap | None]] = [("sex", mapping.person.get("sex_code"))]
        for name, record in mapping.records.items():
            columns = entities()[name].columns
            maps += [(columns[c].code_system, f) for c, f in record.fields.items()]
        for system, field_map in maps:
            if not field_map or not field_map.code_map:
                continue
            codes = set(self.codes.crosswalk(field_map.code_map).values())
            lost = sorted(codes - set(self.codes.code_system(system))) if system else []
            if lost:
                found.append(f"对照表 {field_map.code_map} 的 {lost} 不在代码表 {system} 中")
        return found


@cache
def profile(format_name: str, name: str) -> Mapping:
    """A default mapping of a standard message: `formats/profiles/<format>_<name>.yml`."""
    path = PROFILE_DIR / f"{format_name}_{name}.yml"
    return Mapping.model_validate(read_yaml(path))
