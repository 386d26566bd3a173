"""What a layout of a table-writing system may say, and the reading of all layouts.

Belongs here: the sender's side of a table: file, headers, local codes, faults it may add. Not here:
writing it (`tables.py` and its neighbours).
"""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from county.domains import layout_files
from ingestion.yaml_file import read_yaml

_HERE = Path(__file__).parent
_FORMAT_OF = {"jsonl": "jsonlines", "db": "sqlite"}
FileKind = Literal["csv", "xlsx", "sqlite", "jsonlines", "xml", "dbf"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


PERSON_FIELDS = {
    "local_id": "local_id", "name": "person_name", "sex": "sex_code", "birth": "birth_date",
    "id_number": "id_number", "health_card": "health_card_number",
    "insurance_number": "insurance_number", "phone": "phone", "address": "address",
}  # fmt: skip
"""What the fields of a person in an export say of a person."""


class ColumnLayout(_Strict):
    """One header: a field of the export, written as it is, by `format` (dates and times) or by
    `codes` (canonical to local; booleans are `true` and `false`). `number` marks cells that
    workbooks, databases, DBF and JSON hold as numbers.

    What it means: `column` of the entity, which is the field's own name (`_yuan` for `_fen`) when
    it is not said, and `person`, a field of the person block, which `PERSON_FIELDS` have when it is
    not said. The column's value is `times` the written one, in another unit.
    """

    field: str
    column: str | None = None
    person: str | None = None
    times: float | None = None
    format: str | None = None
    codes: dict[str, str] | None = None
    number: bool = False

    def means(self, *, of_person: bool) -> tuple[str | None, str | None]:
        """The entity's column and the person's field, either of which may be none."""
        person = self.person or (PERSON_FIELDS.get(self.field) if of_person else None)
        if self.column or person:
            return self.column, person
        stem = self.field.removesuffix("_fen")
        return self.field if stem == self.field else f"{stem}_yuan", None


class RowFault(_Strict):
    """A broken copy of a row: `header` gets `value`; the pipeline must answer with `reason`.

    `only` names a header that must not be empty in the copied row.
    """

    kind: str
    header: str
    value: str
    reason: str
    only: str | None = None


class UnmappedCode(_Strict):
    """A local code nobody mapped, put into a true row whose `header` (and `only`) is filled."""

    header: str
    value: str
    only: str | None = None


def _spelled_out(columns: object) -> object:
    """A bare field name is short for `{field: name}`."""
    if not isinstance(columns, dict):
        return columns
    return {h: {"field": c} if isinstance(c, str) else c for h, c in columns.items()}


class Layout(_Strict):
    """How one feed's table is written.

    `file` is the path in the inbox, with `{month}` unless it is sent once; `format` follows from
    its extension when it is not named. A database has a `table` (several feeds may share the
    file), a workbook a `sheet` and perhaps a `title` row, XML a `root` and `row` element. JSON
    headers may be dotted paths.
    `files` lists the broken or repeated files that may follow a month's file. `by_day` names the
    field whose day decides the file of a row once the county sends day by day.
    """

    file: str
    format: FileKind = "csv"
    encoding: str = "utf-8"
    delimiter: str = ","
    sheet: str | None = None
    title: str | None = None
    table: str | None = None
    root: str | None = None
    row: str | None = None
    key: str
    columns: Annotated[dict[str, ColumnLayout], BeforeValidator(_spelled_out)]
    faults: list[RowFault] = []
    unmapped: UnmappedCode | None = None
    by_day: str | None = None
    files: list[Literal["duplicate", "wrong_encoding", "empty", "malformed"]] = Field(default=[])

    @model_validator(mode="before")
    @classmethod
    def _infer_format(cls, given: dict[str, object]) -> dict[str, object]:
        extension = str(given.get("file")).rsplit(".", 1)[-1]
        return {"format": _FORMAT_OF.get(extension, extension), **given}

    @model_validator(mode="after")
    def _headers_exist(self) -> "Layout":
        named = [self.key, *(f.header for f in self.faults), *(f.only for f in self.faults)]
        if self.unmapped:
            named += [self.unmapped.header, self.unmapped.only]
        unknown = {name for name in named if name is not None} - set(self.columns)
        if unknown:
            raise ValueError(f"{self.file} has no columns {sorted(unknown)}")
        needed = {"sqlite": ("table",), "xlsx": ("sheet",), "xml": ("root", "row")}
        lacking = [name for name in needed.get(self.format, ()) if getattr(self, name) is None]
        if lacking:
            raise ValueError(f"{self.file} needs {lacking}")
        if self.by_day and (self.format == "sqlite" or "{month}" not in self.file):
            raise ValueError(f"{self.file} cannot be sent by day")
        if "malformed" in self.files and self.format in ("csv", "jsonlines"):
            raise ValueError(f"{self.file}: a cut text table is still a table")
        if "wrong_encoding" in self.files and self.format != "csv":
            raise ValueError(f"{self.file}: only a text table can be in a wrong encoding")
        return self

    @property
    def of_person(self) -> bool:
        """Whether the rows are about people."""
        fields = {column.person or column.field for column in self.columns.values()}
        return bool(fields & {"local_id", "id_number"})

    @property
    def meanings(self) -> dict[str, str]:
        """Headers by the entity column they mean.

        Raises:
            ValueError: two headers mean one column.
        """
        found: dict[str, str] = {}
        for header, column in self.columns.items():
            name, _ = column.means(of_person=self.of_person)
            if name in found:
                raise ValueError(f"{self.file}: {header} and {found[name]} both mean {name}")
            if name is not None:
                found[name] = header
        return found

    @property
    def person_meanings(self) -> dict[str, str]:
        """Headers by the field of the person block they mean."""
        meant = ((h, c.means(of_person=self.of_person)[1]) for h, c in self.columns.items())
        return {person: header for header, person in meant if person is not None}

    def file_of(self, period: str) -> str:
        """The file of a compact month (`202601`) or day (`20260115`)."""
        return self.file.format(month=period)


@cache
def _read() -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for path in (_HERE / "layouts.yml", *layout_files()):
        for feed, body in (read_yaml(path) or {}).items():
            if feed in found:
                raise ValueError(f"{path.name}: {feed} has two layouts")
            found[feed] = body
    return found


@cache
def layout_of(feed: str) -> Layout:
    """The layout of one feed.

    Raises:
        KeyError: no file lays it out.
    """
    return Layout.model_validate(_read()[feed])


@cache
def layouts() -> dict[str, Layout]:
    """All layouts by feed: the core's and those of every domain.

    Raises:
        ValueError: two files lay out one feed.
    """
    return {feed: layout_of(feed) for feed in _read()}


@cache
def feeds_of_file(file: str) -> tuple[str, ...]:
    """Feeds whose tables stand in one file (pattern with `{month}`)."""
    return tuple(feed for feed, body in _read().items() if body.get("file") == file)
