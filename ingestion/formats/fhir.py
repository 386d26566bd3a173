"""FHIR R4 resources in JSON to source tables: bundles, single resources, one resource a line.

Belongs here: finding resources, following references, rows. Not here: bytes to objects
(`json_records.py`), the path language (`json_paths.py`), which path means what
(`profiles/fhir_*.yml`).

Beyond `json_paths.py` a path may
- follow references with `>`: `encounter>identifier.value`. A reference is looked up among the
  file's resources (full URL, `Type/id`, contained, conditional); one to a resource elsewhere stands
  for what it says itself: its id, identifier and display;
- start from `@patient` (whom the resource is about), `@report` (the diagnostic report that lists an
  observation) or `@bundle`;
- join values with `&`, a blank between them: `name.family&name.given`.

Source: HL7 FHIR R4 (4.0.1), Bundle, References, Search by reference.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial

import polars as pl

from ingestion.contract import Mapping, RecordMap
from ingestion.formats.json_paths import ITEM_NUMBER, Step, compile_path, first_text, nodes
from ingestion.formats.json_records import MAX_FILE_BYTES, Defect, records
from ingestion.formats.source import (
    Parsed,
    Problem,
    SourceFile,
    position_schema,
)

Resource = dict[str, object]
BUNDLE, REPORT, PATIENT = "Bundle", "DiagnosticReport", "Patient"
ROOTS = ("@patient.", "@report.", "@bundle.")
ABOUT = ("subject", "patient", "beneficiary")
JOIN = "&"
CONTEXT = frozenset({
    "Patient", "RelatedPerson", "Practitioner", "PractitionerRole", "Organization", "Location",
    "HealthcareService", "Endpoint", "Device", "Medication", "Substance", "Specimen", "Coverage",
    "MessageHeader", "Composition", "Provenance", "OperationOutcome", "Account", "EpisodeOfCare",
})  # fmt: skip
"""Kinds that only say who, where or with what about another resource of the same record."""


@dataclass(frozen=True)
class Place:
    """One resource where it stands: record of the file, entry of the bundle (both from 1)."""

    record: int
    entry: int
    resource: Resource
    bundle: Resource | None
    url: str | None


@dataclass
class Library:
    """The resources of one file, by everything a reference may call them."""

    by_name: dict[str, Resource] = field(default_factory=dict)
    by_identifier: dict[tuple[str, str, str], Resource] = field(default_factory=dict)
    reports: dict[int, Resource] = field(default_factory=dict)

    def add(self, place: Place) -> None:
        kind, number = _kind(place.resource), first_text(place.resource, compile_path("id"))
        if place.url:
            self.by_name.setdefault(place.url, place.resource)
        if number:
            self.by_name.setdefault(f"{kind}/{number}", place.resource)
        identifiers = place.resource.get("identifier")
        for one in identifiers if isinstance(identifiers, list) else [identifiers]:
            if isinstance(one, dict) and isinstance(one.get("value"), str):
                key = kind, str(one.get("system", "")), str(one["value"])
                self.by_identifier.setdefault(key, place.resource)

    def link_reports(self, places: Sequence[Place]) -> None:
        """Remember which report lists which observation."""
        for place in places:
            results = place.resource.get("result")
            if _kind(place.resource) == REPORT and isinstance(results, list):
                for one in results:
                    found = self.follow(one, place.resource)
                    if found is not None:
                        self.reports.setdefault(id(found), place.resource)

    def follow(self, reference: object, of: Resource) -> Resource | None:
        """What a reference refers to, or what it says itself of a resource that is elsewhere."""
        if not isinstance(reference, dict):
            return None
        text = reference.get("reference")
        text = text.partition("/_history/")[0] if isinstance(text, str) else ""
        if text.startswith("#"):
            contained = of.get("contained")
            for one in contained if isinstance(contained, list) else []:
                if isinstance(one, dict) and one.get("id") == text[1:]:
                    return one
        found = self.by_name.get(text) or self.by_name.get("/".join(text.split("/")[-2:]))
        if found is not None:
            return found
        kind, sign, query = text.partition("?identifier=")
        if sign:
            system, _, value = query.rpartition("|")
            known = self.by_identifier.get((kind, system, value))
            return known or _stub(kind, {"identifier": [{"system": system, "value": value}]})
        identifier = reference.get("identifier")
        if isinstance(identifier, dict):
            kind = str(reference.get("type", kind.split("/")[0]))
            key = kind, str(identifier.get("system", "")), str(identifier.get("value", ""))
            known = self.by_identifier.get(key)
            return known or _stub(kind, {"identifier": [identifier]})
        kind, _, number = text.rpartition("/")
        if number and not number.startswith("#"):
            return _stub(kind.rpartition("/")[2], {"id": number.removeprefix("urn:uuid:")})
        return None

    def patient(self, resource: Resource) -> Resource | None:
        """Whom a resource is about."""
        if _kind(resource) == PATIENT:
            return resource
        about = [resource.get(name) for name in ABOUT]
        participants = resource.get("participant")
        for one in participants if isinstance(participants, list) else []:
            about.append(one.get("actor") if isinstance(one, dict) else None)
        for reference in about:
            found = self.follow(reference, resource)
            if found is not None and _kind(found) in (PATIENT, ""):
                return found
        return None


class _Table:
    """Rows of one entity, as column lists."""

    def __init__(self, record: RecordMap, person: Sequence[str]) -> None:
        self.record = record
        self.kind, _, self.inside = record.each.partition(".")
        own = [source for item in record.maps for source in item.sources]
        self.paths = list(dict.fromkeys([*own, *person, *record.when]))
        for path in self.paths:
            _compiled(path)
        self._rows: list[list[str | None]] = []
        self._positions: list[tuple[int, int, int]] = []
        self._items: dict[tuple[int, int], int] = {}

    def add(self, file: int, place: Place, library: Library) -> bool:
        """Rows of one resource, if it is of the table's kind; whether there was one."""
        if _kind(place.resource) != self.kind:
            return False
        before = len(self._rows)
        inside = nodes(place.resource, self.inside) if self.inside else [place.resource]
        roots = {
            "": place.resource,
            "@patient.": library.patient(place.resource),
            "@report.": library.reports.get(id(place.resource)),
            "@bundle.": place.bundle,
        }
        for node in inside:
            item = self._items.get((file, place.record), 0) + 1
            row = [
                str(item) if path == ITEM_NUMBER else _value(path, node, roots, library)
                for path in self.paths
            ]
            found = dict(zip(self.paths, row, strict=True))
            if all(found[path] in wanted for path, wanted in self.record.when.items()):
                self._items[file, place.record] = item
                self._rows.append(row)
                self._positions.append((file, place.record, item))
        return len(self._rows) > before

    def frame(self) -> pl.DataFrame:
        schema = {path: pl.String() for path in self.paths} | position_schema()
        rows = [(*row, *at) for row, at in zip(self._rows, self._positions, strict=True)]
        return pl.DataFrame(rows, schema=schema, orient="row")


def read(
    files: Sequence[SourceFile],
    mapping: Mapping,
    *,
    encoding: str | None = None,
    options: dict[str, str | int | bool] | None = None,
) -> Parsed:
    """Read FHIR resources.

    Args:
        files: Bundles, single resources, arrays of them, or one resource a line.
        mapping: `each` is a resource type, or one with the path of an array in it
            (`Observation.component`); from such a row `/name` reaches the resource.
        encoding: FHIR is UTF-8; another one is accepted only when it is agreed here.
        options: `max_bytes`.

    Returns:
        One table an entity; `_record` is the line or array element, `_item` numbers the entity's
        rows in it. A resource that no table takes is a problem `not_taken`, unless it only tells
        about another one (`CONTEXT`, a report of observations) in a record that gave rows.

    Raises:
        ValueError: the mapping holds something that is no path.
    """
    limit = int((options or {}).get("max_bytes", MAX_FILE_BYTES))
    person = [source for item in mapping.shared for source in item.sources]
    tables = {entity: _Table(record, person) for entity, record in mapping.records.items()}
    problems: list[Problem] = []
    counts: list[int] = []
    for index, file in enumerate(files):
        places: list[Place] = []
        found_records = 0
        for number, one in records(file.data, encoding or "utf-8", max_bytes=limit):
            found_records = max(found_records, number)
            if not isinstance(one, dict):
                problems.append(Problem(index, number, 0, *one))
                continue
            for entry, found in _resources(number, one):
                if isinstance(found, Place):
                    places.append(found)
                else:
                    problems.append(Problem(index, number, entry, *found))
        counts.append(found_records)
        library = Library()
        for place in places:
            library.add(place)
        library.link_reports(places)
        for place in places:
            taken = [table.add(index, place, library) for table in tables.values()]
            if not any(taken) and not _tells_of_another(place.resource):
                kind = _kind(place.resource)
                detail = kind if kind.isalpha() and kind.isascii() else "?"
                problems.append(Problem(index, place.record, place.entry, "not_taken", detail[:40]))
    return Parsed({name: table.frame() for name, table in tables.items()}, problems, counts)


def _resources(number: int, record: Resource) -> Iterator[tuple[int, Place | Defect]]:
    """The resources of one record with their entry numbers; 0 for a resource of its own."""
    if not _kind(record):
        yield 0, ("unsupported_document", "no resourceType")
        return
    if _kind(record) != BUNDLE:
        yield 0, Place(number, 0, record, None, None)
        return
    entries = record.get("entry", [])
    if not isinstance(entries, list):
        yield 0, ("malformed_json", "entry is no array")
        return
    for at, entry in enumerate(entries, 1):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(resource, dict) or not _kind(resource):
            yield at, ("unsupported_document", "entry without a resource")
        elif _kind(resource) == BUNDLE:
            yield at, ("unsupported_document", "bundle in a bundle")
        else:
            url = entry.get("fullUrl")
            yield at, Place(number, at, resource, record, url if isinstance(url, str) else None)


def _kind(resource: Resource) -> str:
    kind = resource.get("resourceType")
    return kind if isinstance(kind, str) else ""


def _tells_of_another(resource: Resource) -> bool:
    return _kind(resource) in CONTEXT or (
        _kind(resource) == REPORT and bool(resource.get("result"))
    )


def _stub(kind: str, known: Resource) -> Resource:
    return {"resourceType": kind if kind.isalpha() else "", **known}


@cache
def _compiled(path: str) -> tuple[tuple[str, tuple[Step, ...]], ...]:
    """Roots and steps of a path's parts; the root is empty for the row, `/` for the resource."""
    parts = []
    for part in path.split(JOIN):
        root = next((one for one in (*ROOTS, "/") if part.startswith(one)), "")
        parts.append((root, compile_path(part.removeprefix(root))))
    return tuple(parts)


def _value(
    path: str, node: object, roots: dict[str, Resource | None], library: Library
) -> str | None:
    texts = []
    own = roots[""]
    for root, steps in _compiled(path):
        holder = own if root in ("", "/") else roots[root]
        start = node if root == "" else holder
        text = first_text(start, steps, partial(library.follow, of=holder or {}))
        if text is not None:
            texts.append(text)
    return " ".join(texts) or None
